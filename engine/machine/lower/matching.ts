/**
 * What the matchers of all instruction sets ask of SSA rows: which may be taken in by their user, whether what they read
 * is still the same there, which bits matter.
 */
import { AliasClass, Op, Type } from "../../ssa/ops.js";
import type { LoweringState } from "./lowering-state.js";

/** Whether `v` is computed in this block for one user only, so that taking it in saves its instruction. */
export function mayTakeIn(c: LoweringState, v: number): boolean {
  return c.uses[v] === 1 && c.blockOf[v] === c.block && c.vregOf[v] === -1;
}

/** The constant shift count of a shift, or -1. */
export function shiftCount(c: LoweringState, v: number): number {
  const count = c.a1[v]!;
  return c.isConstant(count) ? c.lo[count]! & (c.type[v] === Type.i32 ? 31 : 63) : -1;
}

/** An upper bound of an i32 value taken as unsigned; looks at most `depth` rows deep. */
export function upperBound(c: LoweringState, v: number, depth: number): number {
  v = c.resolve(v);
  const any = 2 ** 32 - 1;
  if (c.type[v] !== Type.i32) return any;
  if (c.isConstant(v)) return c.lo[v]! >>> 0;
  const op = c.op[v]!;
  if (op === Op.load8u) return 255;
  if (op === Op.load16u) return 65535;
  if (op >= Op.eqz && op <= Op.uge) return 1;
  if (op >= Op.feq && op <= Op.fge) return 1;
  if (depth === 0) return any;
  switch (op) {
    case Op.and:
      return Math.min(upperBound(c, c.a0[v]!, depth - 1), upperBound(c, c.a1[v]!, depth - 1));
    case Op.add:
      return Math.min(any, wrapped(upperBound(c, c.a0[v]!, depth - 1) + upperBound(c, c.a1[v]!, depth - 1)));
    case Op.shl: {
      const count = shiftCount(c, v);
      return count < 0 ? any : wrapped(upperBound(c, c.a0[v]!, depth - 1) * 2 ** count);
    }
    case Op.ushr: {
      const count = shiftCount(c, v);
      return count < 0 ? any : Math.floor(upperBound(c, c.a0[v]!, depth - 1) / 2 ** count);
    }
    case Op.urem: {
      const divisor = c.a1[v]!;
      return c.isConstant(divisor) && c.lo[divisor] !== 0 ? (c.lo[divisor]! >>> 0) - 1 : any;
    }
    default:
      return any;
  }
}

const wrapped = (bound: number): number => (bound < 2 ** 32 ? bound : 2 ** 32 - 1);

/** Whether a number is a signed 32-bit one. */
export const isDisplacement = (n: number): boolean => n === (n | 0);

export function isAllOnes(c: LoweringState, v: number): boolean {
  return c.isConstant(v) && c.lo[v] === -1 && (c.type[v] === Type.i32 || c.hi[v] === -1);
}

/** The number of the only bit that is set in 64; -1 if there isn't exactly one. */
export function singleBit(lo: number, hi: number): number {
  const word = lo !== 0 ? lo : hi;
  if (word === 0 || (lo !== 0 && hi !== 0) || (word & (word - 1)) !== 0) return -1;
  return 31 - Math.clz32(word) + (lo !== 0 ? 0 : 32);
}

// ---------------------------------------------------------------- loads and stores

/** Bytes that a load or peek reads, if what it yields is what it reads; else 0. */
export function bytesRead(c: LoweringState, v: number): number {
  switch (c.op[v]) {
    case Op.load:
    case Op.peek:
      return c.type[v] === Type.i32 || c.type[v] === Type.f32 ? 4 : c.type[v] === Type.v128 ? 16 : 8;
    case Op.peek32:
      return 4;
    default:
      return 0;
  }
}

/** Whether what `v` (load or peek of this block) reads is the same at the row being lowered. */
export function mayMoveDown(c: LoweringState, v: number): boolean {
  if (c.op[v] === Op.peek || c.op[v] === Op.peek32) {
    if (c.hi[v] === AliasClass.invariant) return true;
    if (c.hi[v] === AliasClass.volatile) return false;
    if (c.hi[v] === AliasClass.record) return c.calls[v] === c.rootCalls;
  }
  return c.barriers[v] === c.rootBarriers;
}

/** Bytes that a store or poke writes of a value of type `type`. */
export function storedBytes(op: Op, type: Type): number {
  switch (op) {
    case Op.store8:
      return 1;
    case Op.store16:
      return 2;
    case Op.store32:
      return 4;
    default:
      return type === Type.i32 || type === Type.f32 ? 4 : type === Type.v128 ? 16 : 8;
  }
}

/** A value with the same low bytes: past extensions and masks that change only the rest. */
export function lowBits(c: LoweringState, v: number, bytes: number): number {
  const bits = bytes * 8;
  for (;;) {
    v = c.low32(v);
    if (!mayTakeIn(c, v)) return v;
    const op = c.op[v]!;
    const passes =
      (op === Op.sext8 && bits <= 8) ||
      (op === Op.sext16 && bits <= 16) ||
      (op === Op.sext && bits <= 32) ||
      (op === Op.sext32 && bits <= 32) ||
      (op === Op.and && c.isConstant(c.a1[v]!) && keepsLow(c.lo[c.a1[v]!]!, bits));
    if (!passes) return v;
    v = c.a0[v]!;
  }
}

const keepsLow = (mask: number, bits: number): boolean => ~mask << (32 - bits) === 0;

// ---------------------------------------------------------------- order of rows

/** How many rows before the reader an arithmetic row may stand for its flags to be used. */
const flagReach = 6;

/** Whether row `v` stands shortly before the row being lowered, with no user in between. */
export function isPostponable(c: LoweringState, v: number): boolean {
  const { previous } = c.func;
  let row = previous[c.row]!;
  for (let n = 0; n < flagReach && row !== -1; n++, row = previous[row]!) {
    if (row === v) return true;
    if (c.isUsedBy(v, row)) return false;
  }
  return false;
}

// ---------------------------------------------------------------- counts, slots

/** The count without what only affects bits that the processor ignores: masks, extensions. */
export function countOf(c: LoweringState, v: number, is64: boolean): number {
  const mask = is64 ? 63 : 31;
  for (;;) {
    v = c.low32(v);
    if (c.op[v] !== Op.and || !mayTakeIn(c, v) || !c.isConstant(c.a1[v]!)) return v;
    if ((c.lo[c.a1[v]!]! & mask) !== mask) return v;
    v = c.a0[v]!;
  }
}

/** Frame slots are 8 bytes; vectors take two, the first of even number. */
export function assignSlots(c: LoweringState): Int32Array {
  const types = c.func.slotTypes;
  const slots = new Int32Array(types.length);
  let next = 0;
  for (let k = 0; k < types.length; k++) {
    if (types[k] === Type.v128) next = (next + 1) & -2;
    slots[k] = next;
    next += types[k] === Type.v128 ? 2 : 1;
  }
  c.code.reservedSlots = next;
  return slots;
}
