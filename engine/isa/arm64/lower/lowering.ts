/**
 * The state of one function's lowering to arm64 (see machine/lower/lowering-state.ts for the method): constants, shared
 * addresses, the address of a memory access.
 */
import { classOf } from "../../../machine/abi.js";
import { LoweringState, noRegister } from "../../../machine/lower/lowering-state.js";
import type { BlockPlan } from "../../../machine/lower/plan-blocks.js";
import type { LowerOptions } from "../../../machine/target.js";
import { InstructionFlag, RegisterClass, Rematerializable, use, type VReg } from "../../../machine/vcode.js";
import type { SsaFunction } from "../../../ssa/function.js";
import { Type } from "../../../ssa/ops.js";
import {
  AddressBase,
  Arm64,
  address,
  Extend,
  extendedBy,
  floatImmediate,
  IndexExtend,
  mayFault,
  operandWords,
} from "../instructions.js";
import { Arm64VCode } from "../virtual-code.js";
import { emitWords, type Words } from "./vector-emit.js";

const addressUse = use();
/** How many of the block's last shared addresses are looked through. */
const sumReach = 24;

/** An address that several accesses of a block share: base + (index << shift), or base + offset. */
interface SharedSum {
  readonly epoch: number;
  readonly entry: number;
  readonly base: VReg;
  readonly index: VReg;
  readonly shift: number;
  readonly offset: number;
}

/** A constant that lowering itself wants: a vector, or a float in the lowest words. */
interface OwnConstant {
  readonly type: Type;
  readonly words: Words;
}

export class Lowering extends LoweringState<Arm64VCode> {
  // -- the address of the next access, see `linearAddress` and `recordAddress`
  base: VReg = noRegister;
  index: VReg = noRegister;
  /** How an index is read, and whether it is multiplied with the access's width. */
  extend: IndexExtend = IndexExtend.uxtx;
  scaled = false;
  displacement = 0;
  special: AddressBase = AddressBase.none;
  addressFaults = false;
  addressSource = -1;

  /** The condition that the flags have been set for, see compare.ts. */
  condition = 0;

  private readonly sums: SharedSum[] = [];
  /** Constants that no row of the function has, see `ownWords` and `ownFloat`; and their numbers by what they are. */
  private readonly own: OwnConstant[] = [];
  private readonly ownNumbers = new Map<string, number>();

  constructor(func: SsaFunction, options: LowerOptions, plan: BlockPlan) {
    super(func, options, plan, new Arm64VCode(), operandWords);
  }

  // ---------------------------------------------------------------- constants

  override emitConstant(register: VReg, v: number): void {
    if (v < 0) {
      const n = -1 - v;
      if (n & 1) this.emitOwn(register, this.own[n >> 1]!);
      else this.emitSum(register, this.sums[n >> 1]!);
      return;
    }
    const lo = this.lo[v]!;
    const hi = this.hi[v]!;
    switch (this.type[v]) {
      case Type.i32:
        this.emitInteger(register, lo, 0);
        return;
      case Type.v128:
        emitWords(this, register, this.vectorWords(v));
        return;
      case Type.f32:
      case Type.f64:
        this.emitFloat(register, lo, hi, this.type[v] === Type.f64);
        return;
      default:
        this.emitInteger(register, lo, hi);
    }
  }

  /** All constants but the zero that has a register of its own take an instruction at least. */
  protected override isWorthKeeping(v: number): boolean {
    return !this.isZero(v) || this.type[v] === Type.v128;
  }

  /** No instruction but loads reads the pool. */
  protected override isInPool(): boolean {
    return false;
  }

  private vectorWords(v: number): Words {
    const { vectors } = this.func;
    const at = 4 * this.lo[v]!;
    return [vectors[at]!, vectors[at + 1]!, vectors[at + 2]!, vectors[at + 3]!];
  }

  /** In one instruction: zero, one of fmov's 256 numbers, or read from the constant pool. */
  emitFloat(register: VReg, lo: number, hi: number, is64: boolean): void {
    if (lo === 0 && (!is64 || hi === 0)) {
      this.row1(Arm64.fzero, register);
      return;
    }
    const bits = floatImmediate(lo, hi, is64);
    if (bits !== -1) {
      this.row1(is64 ? Arm64.fmov_d_imm : Arm64.fmov_s_imm, register, bits);
      return;
    }
    this.poolAddress(is64 ? this.code.constant64(lo, hi) : this.code.constant32(lo));
    this.load1(is64 ? Arm64.ldr_d : Arm64.ldr_s, register);
  }

  /** A float that lowering wants: in a register that the loop around keeps, or in one of its own, defined here. */
  ownFloat(lo: number, hi: number, is64: boolean): VReg {
    return this.ownOf(is64 ? Type.f64 : Type.f32, [lo, hi, 0, 0]);
  }

  /** The same for a vector. */
  ownWords(words: Words): VReg {
    return this.ownOf(Type.v128, words);
  }

  private ownOf(type: Type, words: Words): VReg {
    const key = `${type}:${words}`;
    let n = this.ownNumbers.get(key);
    if (n === undefined) {
      n = this.own.push({ type, words }) - 1;
      this.ownNumbers.set(key, n);
    }
    const kept = this.keptConstant(-2 - 2 * n, classOf(type));
    if (kept !== noRegister) return kept;
    const register = this.newOf(type);
    this.code.vregRematerializable[register] = Rematerializable.byInstruction;
    this.emitOwn(register, this.own[n]!);
    return register;
  }

  private emitOwn(register: VReg, { type, words }: OwnConstant): void {
    if (type === Type.v128) emitWords(this, register, words);
    else this.emitFloat(register, words[0], words[1], type === Type.f64);
  }

  override emitInteger(register: VReg, lo: number, hi: number): void {
    const row = hi === 0 ? Arm64.mov32_ri : Arm64.mov64_ri;
    this.emit(row, hi, 0, lo);
    this.arg(register, operandWords[row]![0]!);
  }

  // ---------------------------------------------------------------- shared addresses

  /** base + (index << shift), of which the low 32 bits of the index count. */
  indexedSum(base: VReg, index: VReg, shift: number): VReg {
    return this.sharedSum(base, index, shift, 0);
  }

  /** base + an unsigned 32-bit offset. */
  offsetSum(base: VReg, offset: number): VReg {
    return this.sharedSum(base, noRegister, 0, offset);
  }

  private sharedSum(base: VReg, index: VReg, shift: number, offset: number): VReg {
    const { sums } = this;
    const end = Math.max(0, sums.length - sumReach);
    for (let k = sums.length - 1; k >= end && sums[k]!.epoch === this.epoch; k--) {
      const sum = sums[k]!;
      if (sum.base !== base || sum.index !== index || sum.shift !== shift || sum.offset !== offset) continue;
      const known = this.shared(sum.entry);
      if (known !== noRegister) return known;
    }
    const register = this.newInt();
    const entry = this.share(register, -1 - 2 * sums.length);
    sums.push({ epoch: this.epoch, entry, base, index, shift, offset });
    return register;
  }

  private emitSum(register: VReg, sum: SharedSum): void {
    if (sum.index === noRegister) this.row2(Arm64.add64_const, register, sum.base, sum.offset | 0);
    else this.row3(Arm64.add64_rx, register, sum.base, sum.index, extendedBy(Extend.uxtw, sum.shift));
  }

  // ---------------------------------------------------------------- emission

  override move(to: VReg, from: VReg): void {
    const isInt = this.code.vregClass[to] === RegisterClass.int;
    const opcode = isInt ? Arm64.mov64_rr : Arm64.mov_q;
    this.emit(opcode, 0, 0, 0, InstructionFlag.move);
    this.arg(to, operandWords[opcode]![0]!);
    this.arg(from, operandWords[opcode]![1]!);
  }

  /** An access at the address found last without a register of its own: a store of zero. */
  memory0(opcode: number): void {
    this.emitMemory(opcode, 0);
    this.addressArgs();
  }

  /** A load into, or store of, a register at the address found last. */
  load1(opcode: number, x: VReg, imm2 = 0): void {
    this.emitMemory(opcode, imm2);
    this.arg(x, operandWords[opcode]![0]!);
    this.addressArgs();
  }

  private emitMemory(opcode: number, imm2: number): void {
    const rowSource = this.rowSource;
    if (this.addressSource !== -1) this.rowSource = this.addressSource;
    const word = address(
      this.base !== noRegister,
      this.index !== noRegister,
      this.extend,
      this.scaled,
      this.special,
    );
    this.emit(opcode, this.displacement, word, imm2, this.addressFaults ? mayFault : 0);
    this.rowSource = rowSource;
  }

  addressArgs(): void {
    if (this.base !== noRegister) this.arg(this.base, addressUse);
    if (this.index !== noRegister) this.arg(this.index, addressUse);
  }

  clearAddress(): void {
    this.base = noRegister;
    this.index = noRegister;
    this.extend = IndexExtend.uxtx;
    this.scaled = false;
    this.displacement = 0;
    this.special = AddressBase.none;
    this.addressFaults = false;
    this.addressSource = -1;
  }

  /** The address of a constant of the pool. */
  poolAddress(constant: number): void {
    this.clearAddress();
    this.special = AddressBase.constant;
    this.displacement = constant;
  }

  /** An address in a stack area or the context. */
  specialAddress(special: AddressBase, displacement: number): void {
    this.clearAddress();
    this.special = special;
    this.displacement = displacement;
  }
}
