/**
 * The state of the type checker in a function body: the operand stack, the control stack, the locals.
 *
 * The algorithm is the one of the core specification's appendix "Validation Algorithm": operands are types on
 * a stack, each open block remembers the stack's height where it began, and after an unconditional branch the
 * stack is polymorphic: operands below the block's own are of `UNKNOWN` type. Here both stacks are columns of
 * typed arrays, reused from body to body; the innermost block's height and reachability are kept in `base`
 * and `unreachable`. Operands are checked and popped in place, so nothing is allocated but in errors.
 *
 * Invariant: `operands` has room for one more operand per byte left of the body; an instruction that pushes
 * more than one calls `reserve`.
 */
import { limitExceeded, missingOperand, typeMismatch } from "./errors.js";
import { LIMITS } from "./limits.js";
import { opcodeName } from "./opcode-columns.js";
import { ByteReader } from "./reader.js";
import { type FunctionBody, type LocalRun, ValType, valTypeName } from "./types.js";
import type { ValidationContext } from "./validation-context.js";

/** The type of an operand that unreachable code makes up: it fits everywhere. */
export const UNKNOWN = 0;

export class BodyState extends ByteReader {
  /** Where the opcode being checked stands; errors are placed there. */
  at = 0;

  operands = new Uint8Array(1024);
  height = 0;
  /** The operand stack's height where the innermost block began. */
  base = 0;
  unreachable = false;

  /** The control stack: opcode, block type id, height at the start, unreachable (of all but the innermost). */
  frameOpcode = new Uint8Array(64);
  frameType = new Int32Array(64);
  frameBase = new Int32Array(64);
  frameUnreachable = new Uint8Array(64);
  depth = 0;

  /**
   * Types of the first locals, parameters first. No more are spelled out than the body has bytes; the others,
   * which a hostile body can declare 50,000 of in 4 bytes, are looked up in the runs.
   */
  locals = new Uint8Array(256);
  /** How many of `locals` are spelled out, and how many there are. */
  expandedLocals = 0;
  localCount = 0;

  /** Facts gathered. */
  flags = 0;
  loopCount = 0;
  branchCount = 0;
  callCount = 0;
  maxOperands = 0;
  maxDepth = 0;

  /** br_table: the last check that saw each block type as a label's parameters or results. */
  private checkedAsResults = new Int32Array(0);
  private checkedAsParams = new Int32Array(0);
  private check = 0;

  /** The body's runs of locals, and the index that follows each, once that is needed. */
  private runs: readonly LocalRun[] = [];
  private runEnds: Int32Array | null = null;

  constructor(readonly context: ValidationContext) {
    super(context.module.bytes);
  }

  /** Prepares for a body: stacks empty but for the function's own block. */
  begin(body: FunctionBody): void {
    const { pool } = this.context;
    const type = this.context.functionTypes[body.functionIndex];
    this.runs = body.locals;
    this.runEnds = null;
    this.functionIndex = body.functionIndex;
    this.position = body.codeStart;
    this.at = body.codeStart;
    this.end = body.end;
    this.height = 0;
    this.depth = 0;
    this.unreachable = false;
    this.flags = 0;
    this.loopCount = 0;
    this.branchCount = 0;
    this.callCount = 0;
    this.maxOperands = 0;
    this.maxDepth = 0;
    this.reserve(0);
    this.expandLocals(body, pool.paramStart[type], pool.paramCount[type]);
    this.pushFrame(0, type);
  }

  private expandLocals(body: FunctionBody, paramStart: number, paramCount: number): void {
    const all = paramCount + body.localCount;
    const expanded = Math.min(all, Math.max(paramCount, body.end - body.start));
    if (this.locals.length < expanded) this.locals = new Uint8Array(expanded * 2);
    const { locals } = this;
    const { types } = this.context.pool;
    for (let i = 0; i < paramCount; i++) locals[i] = types[paramStart + i];
    let next = paramCount;
    for (const { count, type } of body.locals) {
      locals.fill(type, next, Math.min(next + count, expanded));
      next += count;
      if (next >= expanded) break;
    }
    this.expandedLocals = expanded;
    this.localCount = all;
  }

  /** The type of a local that exists. */
  localType(index: number): number {
    return index < this.expandedLocals ? this.locals[index] : this.distantLocal(index);
  }

  /** The type of a local which is not spelled out: found in the runs. Not hot: only odd bodies have such. */
  private distantLocal(index: number): number {
    this.runEnds ??= endsOfRuns(this.runs, this.localCount);
    const ends = this.runEnds;
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (index < ends[middle]) high = middle;
      else low = middle + 1;
    }
    return this.runs[low].type;
  }

  /** Room for `count` operands more, and for one per byte left. */
  reserve(count: number): void {
    const wanted = this.height + count;
    if (wanted > LIMITS.operands) {
      throw limitExceeded(this.place(this.at), "operands on the stack", LIMITS.operands, wanted);
    }
    const needed = wanted + (this.end - this.position) + 1;
    if (this.operands.length >= needed) return;
    const grown = new Uint8Array(Math.max(needed, this.operands.length * 2));
    grown.set(this.operands.subarray(0, this.height));
    this.operands = grown;
  }

  push(type: number): void {
    const height = this.height;
    this.operands[height] = type;
    this.height = height + 1;
    if (height >= this.maxOperands) this.maxOperands = height + 1;
  }

  pop(expected: number): void {
    const top = this.height - 1;
    if (top >= this.base && this.operands[top] === expected) this.height = top;
    else this.popOther(expected);
  }

  private popOther(expected: number): void {
    const top = this.height - 1;
    if (top < this.base) {
      if (!this.unreachable) throw missingOperand(this.place(this.at), this.where(), valTypeName(expected));
      return;
    }
    if (this.operands[top] !== UNKNOWN) throw this.mismatch(expected, this.operands[top]);
    this.height = top;
  }

  /** Pops an operand of whatever type and returns that; `UNKNOWN` in unreachable code. */
  popAny(): number {
    const top = this.height - 1;
    if (top < this.base) {
      if (!this.unreachable) throw missingOperand(this.place(this.at), this.where(), "an operand");
      return UNKNOWN;
    }
    this.height = top;
    return this.operands[top];
  }

  /** Pops `count` operands of the types that the pool has from `start` on, the last one first. */
  popTypes(start: number, count: number): void {
    const { types } = this.context.pool;
    const bottom = this.height - count;
    if (bottom >= this.base && sameBytes(this.operands, bottom, types, start, count)) {
      this.height = bottom;
      return;
    }
    for (let i = start + count - 1; i >= start; i--) this.pop(types[i]);
  }

  pushTypes(start: number, count: number): void {
    if (count > 1) this.reserve(count);
    const { types } = this.context.pool;
    const { operands, height } = this;
    for (let i = 0; i < count; i++) operands[height + i] = types[start + i];
    this.height = height + count;
    if (this.height > this.maxOperands) this.maxOperands = this.height;
  }

  /** Checks the topmost operands as `popTypes` does, and leaves them. */
  peekTypes(start: number, count: number): void {
    const { types } = this.context.pool;
    const { operands, base } = this;
    const bottom = this.height - count;
    if (bottom >= base && sameBytes(operands, bottom, types, start, count)) return;
    let top = this.height - 1;
    for (let i = start + count - 1; i >= start; i--, top--) {
      const expected = types[i];
      if (top >= base) {
        const found = operands[top];
        if (found !== expected && found !== UNKNOWN) throw this.mismatch(expected, found);
      } else if (!this.unreachable) {
        throw missingOperand(this.place(this.at), this.where(), valTypeName(expected));
      }
    }
  }

  /** Opens a block whose parameters, if it has any, are popped already. */
  pushFrame(opcode: number, type: number): void {
    const depth = this.depth;
    if (depth === this.frameType.length) this.growFrames();
    if (depth > 0) this.frameUnreachable[depth - 1] = this.unreachable ? 1 : 0;
    this.frameOpcode[depth] = opcode;
    this.frameType[depth] = type;
    this.frameBase[depth] = this.height;
    this.base = this.height;
    this.unreachable = false;
    this.depth = depth + 1;
    if (depth >= this.maxDepth) this.maxDepth = depth + 1;
  }

  /** Closes the innermost block; what it leaves on the stack is the caller's to set. */
  popFrame(): void {
    const depth = this.depth - 1;
    this.depth = depth;
    if (depth === 0) return;
    this.base = this.frameBase[depth - 1];
    this.unreachable = this.frameUnreachable[depth - 1] === 1;
  }

  private growFrames(): void {
    const length = this.frameType.length * 2;
    this.frameOpcode = grow(this.frameOpcode, new Uint8Array(length));
    this.frameUnreachable = grow(this.frameUnreachable, new Uint8Array(length));
    this.frameType = grow(this.frameType, new Int32Array(length));
    this.frameBase = grow(this.frameBase, new Int32Array(length));
  }

  /** The rest of the block can't be reached: drops its operands and makes the stack polymorphic. */
  setUnreachable(): void {
    this.height = this.base;
    this.unreachable = true;
  }

  /** Begins a series of `firstCheck`s: a label type is worth checking once in it. */
  beginChecks(): void {
    const { size } = this.context.pool;
    if (this.checkedAsResults.length < size) {
      this.checkedAsResults = new Int32Array(size);
      this.checkedAsParams = new Int32Array(size);
    }
    this.check++;
  }

  /** Whether this label type is seen for the first time since `beginChecks`. */
  firstCheck(type: number, asParams: boolean): boolean {
    const checked = asParams ? this.checkedAsParams : this.checkedAsResults;
    if (checked[type] === this.check) return false;
    checked[type] = this.check;
    return true;
  }

  /** The name of the instruction being checked, for messages. */
  where(): string {
    const byte = this.bytes[this.at];
    if (byte !== 0xfc && byte !== 0xfd) return opcodeName(byte);
    const reader = new ByteReader(this.bytes, this.at + 1, this.end, this.functionIndex);
    return opcodeName((byte << 8) | (reader.u32() & 0xff));
  }

  mismatch(expected: number, found: number): Error {
    return typeMismatch(this.place(this.at), this.where(), valTypeName(expected), valTypeName(found));
  }

  /** Whether this is a number or vector type, which `select` takes without being told. */
  static isNumeric(type: number): boolean {
    return type >= ValType.v128;
  }
}

/** The index that follows each run, when `all` locals end with the last one. */
function endsOfRuns(runs: readonly LocalRun[], all: number): Int32Array {
  const ends = new Int32Array(runs.length);
  let next = all;
  for (let i = runs.length - 1; i >= 0; i--) {
    ends[i] = next;
    next -= runs[i].count;
  }
  return ends;
}

/** Types are compared a thousand at a time where a hostile body wants it: this loop is all there is to that. */
function sameBytes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

function grow<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
