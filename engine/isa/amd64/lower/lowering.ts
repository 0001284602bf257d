/**
 * The state of one function's lowering to amd64 (see machine/lower/lowering-state.ts for the method): which optional
 * instructions there are, constants, the address of a memory operand.
 */
import { LoweringState, noRegister } from "../../../machine/lower/lowering-state.js";
import type { BlockPlan } from "../../../machine/lower/plan-blocks.js";
import type { LowerOptions } from "../../../machine/target.js";
import { InstructionFlag, RegisterClass, use, type VReg } from "../../../machine/vcode.js";
import type { SsaFunction } from "../../../ssa/function.js";
import { Op, Type } from "../../../ssa/ops.js";
import { AddressBase, Amd64, address, mayFault, operandWords } from "../instructions.js";
import { Amd64VCode } from "../virtual-code.js";

const addressUse = use();

export class Lowering extends LoweringState<Amd64VCode> {
  readonly avx: boolean;
  readonly avx2: boolean;
  /** Of an instruction in two forms: 0 the SSE one, 1 the VEX one. */
  readonly form: 0 | 1;
  readonly bmi1: boolean;
  readonly bmi2: boolean;
  readonly lzcnt: boolean;
  readonly popcnt: boolean;

  // -- the address of the next memory operand, see `linearAddress` and `recordAddress`
  base: VReg = noRegister;
  index: VReg = noRegister;
  scale = 0;
  displacement = 0;
  special: AddressBase = AddressBase.none;
  addressFaults = false;
  addressSource = -1;

  // -- the condition in the flags, see compare.ts
  condition = 0;
  conditionIsPair = false;

  constructor(func: SsaFunction, options: LowerOptions, plan: BlockPlan) {
    super(func, options, plan, new Amd64VCode(), operandWords);
    const { features } = options;
    this.avx = features.has("avx");
    this.form = this.avx ? 1 : 0;
    this.avx2 = this.avx && features.has("avx2");
    this.bmi1 = features.has("bmi1");
    this.bmi2 = features.has("bmi2");
    this.lzcnt = features.has("lzcnt") || features.has("abm");
    this.popcnt = features.has("popcnt");
  }

  /** Whether constant `v` can be an immediate: 32 bits, sign-extended for 64-bit instructions. */
  isImmediate(v: number): boolean {
    if (this.op[v] !== Op.const) return false;
    return this.type[v] === Type.i32 || this.hi[v] === this.lo[v]! >> 31;
  }

  // ---------------------------------------------------------------- constants

  /** Defines `register` as constant `v`; a negative one is the pool's constant -1 - v, of 16 bytes. */
  override emitConstant(register: VReg, v: number): void {
    if (v < 0) {
      this.poolAddress(-1 - v);
      this.load1(Amd64.movups_rm, register);
      return;
    }
    const lo = this.lo[v]!;
    const hi = this.hi[v]!;
    switch (this.type[v]) {
      case Type.i32:
        this.emitInteger(register, lo, 0);
        return;
      case Type.v128:
        this.emitVector(register, v);
        return;
      case Type.f32:
      case Type.f64:
        if (!this.isInPool(v)) this.row1(Amd64.fzero, register);
        else {
          this.constantAddress(v);
          this.load1(this.type[v] === Type.f32 ? Amd64.movss_rm : Amd64.movsd_rm, register);
        }
        return;
      default:
        this.emitInteger(register, lo, hi);
    }
  }

  /** Integers are immediates, of which only those of 64 bits are long. */
  protected override isWorthKeeping(v: number): boolean {
    const type = this.type[v]!;
    if (type === Type.f32 || type === Type.f64 || type === Type.v128) return true;
    return type !== Type.i32 && this.hi[v] !== 0 && this.hi[v] !== this.lo[v]! >> 31;
  }

  protected override isInPool(v: number): boolean {
    if (v < 0) return true;
    switch (this.type[v]) {
      case Type.v128:
        return this.lo[v]! > 1;
      case Type.f32:
        return this.lo[v] !== 0;
      case Type.f64:
        return this.lo[v] !== 0 || this.hi[v] !== 0;
      default:
        return false;
    }
  }

  /**
   * Makes constant `v` the memory operand of the row being lowered; false if it is better in a register: zero, all bits
   * set, or kept by the loop around.
   */
  takeConstant(v: number): boolean {
    if (!this.isInPool(v) || this.keepsConstant(v)) return false;
    this.constantAddress(v);
    return true;
  }

  /** The register in which the loop around keeps a 16-byte constant of the pool; none if there is no such loop. */
  keptVector(constant: number): VReg {
    return this.keptConstant(-1 - constant, RegisterClass.vector);
  }

  private emitVector(register: VReg, v: number): void {
    if (this.lo[v] === 0) this.row1(Amd64.fzero, register);
    else if (this.lo[v] === 1) this.row1(Amd64.vones, register);
    else {
      this.constantAddress(v);
      this.load1(Amd64.movups_rm, register);
    }
  }

  override emitInteger(register: VReg, lo: number, hi: number): void {
    if (hi === 0) this.row1(Amd64.mov32_ri, register, lo);
    else if (hi === lo >> 31) this.row1(Amd64.mov64_ri, register, lo);
    else {
      this.emit(Amd64.mov64_abs, hi, 0, lo);
      this.arg(register, operandWords[Amd64.mov64_abs]![0]!);
    }
  }

  /** The address of a float or vector constant in the constant pool. */
  constantAddress(v: number): void {
    const lo = this.lo[v]!;
    if (this.type[v] === Type.v128) {
      const { vectors } = this.func;
      const [w0, w1, w2, w3] = [0, 1, 2, 3].map((k) => vectors[4 * lo + k]!) as [
        number,
        number,
        number,
        number,
      ];
      this.poolAddress(this.code.constant128(w0, w1, w2, w3));
      return;
    }
    this.poolAddress(
      this.type[v] === Type.f32 ? this.code.constant32(lo) : this.code.constant64(lo, this.hi[v]!),
    );
  }

  /** The address of a constant of the pool. */
  poolAddress(constant: number): void {
    this.clearAddress();
    this.special = AddressBase.constant;
    this.displacement = constant;
  }

  // ---------------------------------------------------------------- emission

  /** A copy that allocation may remove. */
  override move(to: VReg, from: VReg): void {
    const isInt = this.code.vregClass[to] === RegisterClass.int;
    const opcode = isInt ? Amd64.mov64_rr : Amd64.movaps_rr;
    this.emit(opcode, 0, 0, 0, InstructionFlag.move);
    this.arg(to, operandWords[opcode]![0]!);
    this.arg(from, operandWords[opcode]![1]!);
  }

  /** Instructions with the memory operand at the address found last, and up to two register operands. */
  memory0(opcode: number, imm2 = 0): void {
    this.emitMemory(opcode, imm2);
    this.addressArgs();
  }
  load1(opcode: number, x: VReg, imm2 = 0): void {
    this.emitMemory(opcode, imm2);
    this.arg(x, operandWords[opcode]![0]!);
    this.addressArgs();
  }
  load2(opcode: number, x: VReg, y: VReg, imm2 = 0): void {
    const words = operandWords[opcode]!;
    this.emitMemory(opcode, imm2);
    this.arg(x, words[0]!);
    this.arg(y, words[1]!);
    this.addressArgs();
  }

  /** An instruction with three register operands and the memory operand at the address found last. */
  load3(opcode: number, x: VReg, y: VReg, z: VReg): void {
    this.emitMemory(opcode, 0);
    this.rowArgs(opcode, x, y, z);
    this.addressArgs();
  }

  /** The address word of the address found last. */
  addressWord(): number {
    return address(this.base !== noRegister, this.index !== noRegister, this.scale, this.special);
  }

  private emitMemory(opcode: number, imm2: number): void {
    const rowSource = this.rowSource;
    if (this.addressSource !== -1) this.rowSource = this.addressSource;
    this.emit(opcode, this.displacement, this.addressWord(), imm2, this.addressFaults ? mayFault : 0);
    this.rowSource = rowSource;
  }

  addressArgs(): void {
    if (this.base !== noRegister) this.arg(this.base, addressUse);
    if (this.index !== noRegister) this.arg(this.index, addressUse);
  }

  clearAddress(): void {
    this.base = noRegister;
    this.index = noRegister;
    this.scale = 0;
    this.displacement = 0;
    this.special = AddressBase.none;
    this.addressFaults = false;
    this.addressSource = -1;
  }
}
