/**
 * The state of one function's lowering that no instruction set changes, and what all families of ops share: virtual
 * registers of values, constants, emission. Each instruction set derives its own from it.
 *
 * Lowering matches trees from the bottom up (Aho, Ganapathi and Tjiang: "Code generation using tree matching and
 * dynamic programming", 1989, by greedy choice): blocks are taken after all blocks they dominate, rows from last
 * to first. A row whose value nobody has asked for, and that has no effect, is not emitted: its users have taken
 * it into an addressing mode, a memory operand, a compare-and-branch. What one row emits is a *root*: a run of
 * instructions in execution order. The roots are gathered backward and copied out in order at the end.
 *
 * What must hold: operands of a row are asked for by `reg`, `reg32` and the matchers before or while the row's
 * instructions are emitted; nothing that changes the flags stands between a comparison and its reader.
 */
import { countUses } from "../../ssa/analysis/use-counts.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import type { SsaFunction } from "../../ssa/function.js";
import { Op, opArity, opIsList, Type } from "../../ssa/ops.js";
import { classOf } from "../abi.js";
import type { LowerOptions } from "../target.js";
import { RegisterClass, Rematerializable, type VCode, type VReg } from "../vcode.js";
import { IntList } from "./int-list.js";
import { KeptConstants, nothingKept } from "./kept-constants.js";
import type { BlockPlan } from "./plan-blocks.js";

export const noRegister = -1 as VReg;
/** A constant that was last wanted more than this many roots further down gets a register of its own again. */
const constantReach = 40;
/** How many conversions in a row are seen through: more than compilers write, few enough to stay linear. */
const chainReach = 8;

/**
 * The growing columns of `Lowering`, kept from one function to the next: most functions are small, and making
 * these lists anew would cost as much as lowering such a function.
 */
class Lists {
  readonly all: IntList[] = [];
  readonly opcode = this.add();
  readonly flags = this.add();
  readonly imm0 = this.add();
  readonly imm1 = this.add();
  readonly imm2 = this.add();
  readonly source = this.add();
  readonly operandStart = this.add();
  readonly operandVReg = this.add();
  readonly operandWord = this.add();
  readonly rootStart = this.add();
  readonly rootConstant = this.add();
  readonly constantNext = this.add();
  readonly constantInstruction = this.add();
  readonly constantVReg = this.add();
  readonly constantValue = this.add();

  private add(): IntList {
    const list = new IntList();
    this.all.push(list);
    return list;
  }

  /** Empties all lists; what a huge function made them is given back. */
  clear(): void {
    for (let k = 0; k < this.all.length; k++) this.all[k]!.clear();
  }
}
const lists = new Lists();

export abstract class LoweringState<Code extends VCode = VCode> {
  // -- the function's columns
  readonly op: Uint16Array;
  readonly type: Uint8Array;
  readonly a0: Int32Array;
  readonly a1: Int32Array;
  readonly a2: Int32Array;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly blockOf: Int32Array;
  readonly uses: Int32Array;
  /** Value -> the parameter of a loop that it is the next value of, or 0. */
  readonly nextOf: Int32Array;

  // -- per value
  readonly vregOf: Int32Array;
  /** 1: another row has emitted it. */
  readonly folded: Uint8Array;
  /** Rows before it in its block that loads may not pass; and that peeks of runtime records may not pass. */
  readonly barriers: Int32Array;
  readonly calls: Int32Array;
  private readonly constantEpoch: Int32Array;
  private readonly constantRoot: Int32Array;

  // -- instructions, root by root, in the order of emission
  readonly opcode = lists.opcode;
  readonly flags = lists.flags;
  readonly imm0 = lists.imm0;
  readonly imm1 = lists.imm1;
  readonly imm2 = lists.imm2;
  readonly source = lists.source;
  readonly operandStart = lists.operandStart;
  readonly operandVReg = lists.operandVReg;
  readonly operandWord = lists.operandWord;
  /** First instruction of each root. */
  readonly rootStart = lists.rootStart;
  /** Root -> the first constant to be defined before it, -1 none; next in the chain by constant. */
  readonly rootConstant = lists.rootConstant;
  readonly constantNext = lists.constantNext;
  readonly constantInstruction = lists.constantInstruction;
  readonly constantVReg = lists.constantVReg;
  readonly constantValue = lists.constantValue;

  /** Number of each slot of the function in the frame. */
  slots: Int32Array = new Int32Array(0);

  /** Constants in no block, for what lowering needs itself: vectors of zeros and of ones. */
  readonly zeroVector: number;
  readonly onesVector: number;

  // -- the row being lowered
  row = 0;
  /** Block (of SSA) of the root. */
  block = 0;
  rootBarriers = 0;
  rootCalls = 0;
  rowSource = -1;
  /** Not zero: what is matched now may be emitted once more elsewhere, so no load may be taken in. */
  emittedAgain = 0;
  /** Counts up where shared constants end: at calls and at the ends of blocks. */
  protected epoch = 0;
  private readonly blockConstants: number[] = [];
  /** Block -> its innermost loop. */
  private readonly loopOf: Int32Array;
  /** Null if no loop keeps any. */
  private readonly kept: KeptConstants | null;
  /** The loop that keeps constants for the block being lowered, or -1. */
  private keepingLoop = -1;

  constructor(
    readonly func: SsaFunction,
    readonly options: LowerOptions,
    plan: BlockPlan,
    readonly code: Code,
    /** Operand words of each row of the instruction table, without those of an address. */
    protected readonly operandWords: readonly (readonly number[])[],
  ) {
    lists.clear();
    this.loopOf = plan.loops.loopOf;
    this.kept = options.keepConstants && plan.loops.headers.length > 0 ? new KeptConstants(func, plan) : null;
    this.zeroVector = func.newRow(Op.const, Type.v128, 0, 0, 0, 0, 0, -1);
    this.onesVector = func.newRow(Op.const, Type.v128, 0, 0, 0, 1, 0, -1);
    this.op = func.op;
    this.type = func.type;
    this.a0 = func.a0;
    this.a1 = func.a1;
    this.a2 = func.a2;
    this.lo = func.lo;
    this.hi = func.hi;
    this.blockOf = func.blockOf;
    this.uses = countUses(func);
    const rows = func.rowCount;
    this.nextOf = new Int32Array(rows);
    this.vregOf = new Int32Array(rows).fill(-1);
    this.folded = new Uint8Array(rows);
    this.barriers = new Int32Array(rows);
    this.calls = new Int32Array(rows);
    this.constantEpoch = new Int32Array(rows).fill(-1);
    this.constantRoot = new Int32Array(rows);
  }

  bug(detail: string): never {
    throw new EngineBug("lower", this.func.index, this.func.name, detail);
  }

  // ---------------------------------------------------------------- roots

  /** Begins SSA block `b`, or (-1) a block on an edge. */
  startBlock(b: number): void {
    this.block = b;
    this.keepingLoop = b === -1 || this.kept === null ? -1 : this.kept.loopFor(b);
  }

  /** Begins the instructions of row `v`. */
  startRoot(v: number): void {
    this.row = v;
    this.rootStart.push(this.opcode.count);
    this.rootConstant.push(-1);
    this.rootBarriers = this.barriers[v]!;
    this.rootCalls = this.calls[v]!;
    this.rowSource = this.func.source[v]!;
  }

  /** Whether `row` has `v` among its operands. */
  isUsedBy(v: number, row: number): boolean {
    const arity = opArity[this.op[row]!]!;
    if (arity > 0 && this.a0[row] === v) return true;
    if (opIsList[this.op[row]!] === 1) {
      const { pool } = this.func;
      const end = this.a1[row]! + this.a2[row]!;
      for (let k = this.a1[row]!; k < end; k++) if (pool[k] === v) return true;
      return false;
    }
    return (arity > 1 && this.a1[row] === v) || (arity > 2 && this.a2[row] === v);
  }

  /** Begins a root that stems from no row. */
  startFreeRoot(): void {
    this.rootStart.push(this.opcode.count);
    this.rootConstant.push(-1);
    this.rowSource = -1;
  }

  /** Constants asked for from here on (earlier in the code) get new registers. */
  separateConstants(): void {
    this.epoch++;
  }

  /**
   * Defines the constants of the block at `place`, now that their first users are known, and chains them to those; and
   * what the loops behind it keep, before its root `terminator`. Their instructions are in a root of their own that
   * belongs to no block.
   */
  finishConstants(place: number, terminator: number): void {
    const entries = this.blockConstants;
    const kept = this.kept === null ? nothingKept : this.kept.definedAt(place);
    for (let k = 0; k < kept.length; k++) this.share(kept[k]!.register, kept[k]!.value, terminator);
    if (entries.length > 0) this.startFreeRoot();
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const root = this.constantNext.get(entry);
      this.constantNext.set(entry, this.rootConstant.get(root));
      this.rootConstant.set(root, entry);
      this.constantInstruction.set(entry, this.opcode.count);
      this.emitConstant(this.constantVReg.get(entry) as VReg, this.constantValue.get(entry));
    }
    entries.length = 0;
    this.epoch++;
  }

  // ---------------------------------------------------------------- values

  /** Past conversions that change no bit of the register: zero extension, address or reference to integer. */
  resolve(v: number): number {
    for (let n = 0; n < chainReach; n++) {
      const op = this.op[v]!;
      if (op === Op.zext) v = this.a0[v]!;
      else if (op === Op.bitcast && this.isPlainCopy(v)) v = this.a0[v]!;
      else return v;
    }
    return v;
  }

  /** A bitcast between integer registers that neither makes nor hides a traced reference. */
  private isPlainCopy(v: number): boolean {
    const to = this.type[v]!;
    const from = this.type[this.a0[v]!]!;
    if (to === from) return true;
    return (
      (to === Type.i64 || to === Type.ptr) && (from === Type.i64 || from === Type.ptr || from === Type.ref)
    );
  }

  /** The register that holds value `v`, which becomes needed by this. */
  reg(v: number): VReg {
    v = this.resolve(v);
    if (this.op[v] === Op.const) return this.constant(v);
    const known = this.vregOf[v]!;
    if (known !== -1) return known as VReg;
    return (this.vregOf[v] = this.newOf(this.type[v]! as Type)) as VReg;
  }

  /** A register whose low 32 bits are those of value `v`; the others may be anything. */
  reg32(v: number): VReg {
    return this.reg(this.low32(v));
  }

  /** A value with the same low 32 bits. */
  low32(v: number): number {
    v = this.resolve(v);
    for (let n = 0; n < chainReach && this.op[v] === Op.wrap; n++) v = this.resolve(this.a0[v]!);
    return v;
  }

  /** `reg32` or `reg` by width. */
  operand(v: number, is64: boolean): VReg {
    return is64 ? this.reg(v) : this.reg32(v);
  }

  /** The register that the row of `v` defines. */
  defined(v: number): VReg {
    const known = this.vregOf[v]!;
    if (known !== -1) return known as VReg;
    return (this.vregOf[v] = this.newOf(this.type[v]! as Type)) as VReg;
  }

  newOf(type: Type): VReg {
    return this.code.newVReg(classOf(type), type === Type.ref);
  }
  newInt(): VReg {
    return this.code.newVReg(RegisterClass.int);
  }
  newFloat(): VReg {
    return this.code.newVReg(RegisterClass.float);
  }

  /** Whether the register of `v` is wanted after this row too, so that overwriting it would need a copy. */
  livesOn(v: number): boolean {
    v = this.resolve(v);
    if (this.op[v] === Op.const) return this.keepsConstant(v);
    return this.vregOf[v] !== -1 || this.loopOf[this.blockOf[v]!] !== this.loopOf[this.block];
  }

  is64(v: number): boolean {
    const type = this.type[v]!;
    return type !== Type.i32 && type !== Type.f32;
  }

  isConstant(v: number): boolean {
    return this.op[v] === Op.const;
  }

  isZero(v: number): boolean {
    return this.op[v] === Op.const && this.lo[v] === 0 && (this.type[v] === Type.i32 || this.hi[v] === 0);
  }

  // ---------------------------------------------------------------- constants

  private constant(v: number): VReg {
    if (!this.keepsConstant(v)) return this.blockConstant(v);
    return this.keptConstant(v, classOf(this.type[v]! as Type));
  }

  /** The register that passes `v` along an edge. A constant goes straight where it is wanted. */
  argument(v: number): VReg {
    v = this.resolve(v);
    return this.op[v] === Op.const ? this.blockConstant(v) : this.reg(v);
  }

  /**
   * The register in which the loop around the row being lowered keeps constant `v`, see `KeptConstants`; none if there
   * is no such loop, or if it keeps too many. A negative `v` as for `emitConstant`.
   */
  protected keptConstant(v: number, cls: RegisterClass): VReg {
    const loop = this.keepingLoop;
    if (this.kept === null || loop === -1) return noRegister;
    const known = this.kept.find(loop, v);
    if (known !== undefined) return known;
    if (!this.kept.hasRoom(loop)) return noRegister;
    const register = this.code.newVReg(cls);
    this.code.vregRematerializable[register] = this.isInPool(v)
      ? Rematerializable.fromPool
      : Rematerializable.byInstruction;
    this.kept.add(loop, v, register);
    return register;
  }

  /** Whether `reg(v)` of a constant gives a register that a loop keeps. */
  protected keepsConstant(v: number): boolean {
    const loop = this.keepingLoop;
    if (this.kept === null || loop === -1 || !this.isWorthKeeping(v)) return false;
    return this.kept.hasRoom(loop) || this.kept.find(loop, v) !== undefined;
  }

  private blockConstant(v: number): VReg {
    if (this.constantEpoch[v] === this.epoch) {
      const known = this.shared(this.constantRoot[v]!);
      if (known !== noRegister) return known;
    }
    const register = this.newOf(this.type[v]! as Type);
    this.code.vregRematerializable[register] = 1;
    this.constantRoot[v] = this.share(register, v);
    this.constantEpoch[v] = this.epoch;
    return register;
  }

  /** Has `register` defined by `emitConstant(register, v)` before the first of its users in the block. Gives its entry. */
  protected share(register: VReg, v: number, root = this.rootStart.count - 1): number {
    const entry = this.constantNext.count;
    // Until `finishConstants` the link holds the earliest root that wants the constant.
    this.constantNext.push(root);
    this.constantInstruction.push(-1);
    this.constantVReg.push(register);
    this.constantValue.push(v);
    this.blockConstants.push(entry);
    return entry;
  }

  /** The register of an entry of this epoch, wanted by the current root too; none if its other users are far away. */
  protected shared(entry: number): VReg {
    const root = this.rootStart.count - 1;
    if (root - this.constantNext.get(entry) > constantReach) return noRegister;
    this.constantNext.set(entry, root);
    return this.constantVReg.get(entry) as VReg;
  }

  /** Constant `v` in a register of its own, defined here. */
  ownConstant(v: number): VReg {
    const register = this.newOf(this.type[v]! as Type);
    this.code.vregRematerializable[register] = 1;
    this.emitConstant(register, v);
    return register;
  }

  /** A 64-bit integer in a register of its own, defined here. Keeps the flags. */
  ownInteger(lo: number, hi = 0): VReg {
    const register = this.newInt();
    this.code.vregRematerializable[register] = 1;
    this.emitInteger(register, lo, hi);
    return register;
  }

  /**
   * Defines `register` as constant `v`, keeping the flags; a negative `v` stands for something else that
   * the instruction set defines once for several users, see `share`.
   */
  abstract emitConstant(register: VReg, v: number): void;
  /** Whether constant `v` costs something to make, so that loops should keep it in a register. */
  protected abstract isWorthKeeping(v: number): boolean;
  /** Whether `emitConstant` reads `v` from the constant pool, where instructions can read it themselves. */
  protected abstract isInPool(v: number): boolean;
  /** Defines `register` as a 64-bit integer, keeping the flags. */
  abstract emitInteger(register: VReg, lo: number, hi: number): void;

  // ---------------------------------------------------------------- emission

  emit(opcode: number, imm0 = 0, imm1 = 0, imm2 = 0, flags = 0): void {
    this.opcode.push(opcode);
    this.flags.push(flags);
    this.imm0.push(imm0);
    this.imm1.push(imm1);
    this.imm2.push(imm2);
    this.source.push(this.rowSource);
    this.operandStart.push(this.operandVReg.count);
  }

  /** Adds an operand to the last instruction. */
  arg(v: VReg, word: number): void {
    this.operandVReg.push(v);
    this.operandWord.push(word);
  }

  /** Instructions with one to three register operands, in the order of their row. */
  row1(opcode: number, x: VReg, imm2 = 0): void {
    this.emit(opcode, 0, 0, imm2);
    this.arg(x, this.operandWords[opcode]![0]!);
  }
  row2(opcode: number, x: VReg, y: VReg, imm2 = 0): void {
    const words = this.operandWords[opcode]!;
    this.emit(opcode, 0, 0, imm2);
    this.arg(x, words[0]!);
    this.arg(y, words[1]!);
  }
  row3(opcode: number, x: VReg, y: VReg, z: VReg, imm2 = 0): void {
    const words = this.operandWords[opcode]!;
    this.emit(opcode, 0, 0, imm2);
    this.arg(x, words[0]!);
    this.arg(y, words[1]!);
    this.arg(z, words[2]!);
  }

  row4(opcode: number, x: VReg, y: VReg, z: VReg, w: VReg): void {
    this.emit(opcode);
    this.rowArgs(opcode, x, y, z, w);
  }

  /** A copy that allocation may remove. */
  abstract move(to: VReg, from: VReg): void;

  /** The operands of the last instruction, in the order of its row. */
  rowArgs(opcode: number, ...operands: VReg[]): void {
    const words = this.operandWords[opcode]!;
    for (let k = 0; k < operands.length; k++) this.arg(operands[k]!, words[k]!);
  }
}
