/** Bitwise operations: masks, inverted and shifted sources, bit fields cut out and inserted. */
import { isAllOnes, mayTakeIn, shiftCount } from "../../../machine/lower/matching.js";
import { Op } from "../../../ssa/ops.js";
import { Arm64, bitField, isLogicalImmediate } from "../instructions.js";
import { type Field, fieldOf } from "./bit-field.js";
import type { Lowering } from "./lowering.js";
import { emitSources, leftShift, type Pair, type SourceRows } from "./operand.js";

const i = Arm64;
const andRows: Pair<SourceRows> = [
  { rr: i.and32_rr, rs: i.and32_rs, rx: 0 },
  { rr: i.and64_rr, rs: i.and64_rs, rx: 0 },
];
const orrRows: Pair<SourceRows> = [
  { rr: i.orr32_rr, rs: i.orr32_rs, rx: 0 },
  { rr: i.orr64_rr, rs: i.orr64_rs, rx: 0 },
];
const eorRows: Pair<SourceRows> = [
  { rr: i.eor32_rr, rs: i.eor32_rs, rx: 0 },
  { rr: i.eor64_rr, rs: i.eor64_rs, rx: 0 },
];
const bicRows: Pair<SourceRows> = [
  { rr: i.bic32_rr, rs: i.bic32_rs, rx: 0 },
  { rr: i.bic64_rr, rs: i.bic64_rs, rx: 0 },
];
const ornRows: Pair<SourceRows> = [
  { rr: i.orn32_rr, rs: i.orn32_rs, rx: 0 },
  { rr: i.orn64_rr, rs: i.orn64_rs, rx: 0 },
];
const eonRows: Pair<SourceRows> = [
  { rr: i.eon32_rr, rs: i.eon32_rs, rx: 0 },
  { rr: i.eon64_rr, rs: i.eon64_rs, rx: 0 },
];

const at = (is64: boolean): 0 | 1 => (is64 ? 1 : 0);

interface LogicalRows {
  readonly sources: Pair<SourceRows>;
  readonly inverted: Pair<SourceRows>;
  readonly ri: Pair<number>;
}
const and: LogicalRows = { sources: andRows, inverted: bicRows, ri: [i.and32_ri, i.and64_ri] };
const orr: LogicalRows = { sources: orrRows, inverted: ornRows, ri: [i.orr32_ri, i.orr64_ri] };
const eor: LogicalRows = { sources: eorRows, inverted: eonRows, ri: [i.eor32_ri, i.eor64_ri] };

/** v = x op y: with a mask, with y or x inverted, or with a shifted source. */
function bitwise(c: Lowering, v: number, rows: LogicalRows, x: number, y: number): void {
  const is64 = c.is64(v);
  if (c.isConstant(y) && isLogicalImmediate(c.lo[y]!, c.hi[y]!, is64)) {
    c.emit(rows.ri[at(is64)], c.hi[y]!, 0, c.lo[y]!);
    c.rowArgs(rows.ri[at(is64)], c.defined(v), c.operand(x, is64));
  } else if (isInverted(c, y)) {
    emitSources(c, rows.inverted[at(is64)], c.defined(v), x, c.a0[y]!, is64, false);
  } else if (isInverted(c, x)) {
    emitSources(c, rows.inverted[at(is64)], c.defined(v), y, c.a0[x]!, is64, false);
  } else emitSources(c, rows.sources[at(is64)], c.defined(v), x, y, is64, true);
}

const isInverted = (c: Lowering, v: number): boolean =>
  c.op[v] === Op.xor && mayTakeIn(c, v) && isAllOnes(c, c.a1[v]!);

export function lowerAnd(c: Lowering, v: number): void {
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (c.isConstant(x)) [x, y] = [y, x];
  if (c.isConstant(y) && (maskField(c, v, x, y) || maskLow(c, v, x, y))) return;
  bitwise(c, v, and, x, y);
}

/** Masks of shifted values: bit fields. */
function maskField(c: Lowering, v: number, x: number, mask: number): boolean {
  const is64 = c.is64(v);
  if (!is64) x = c.low32(x);
  const isRight = c.op[x] === Op.ushr || c.op[x] === Op.sshr;
  const count = isRight ? shiftCount(c, x) : leftShift(c, x);
  if (count <= 0 || !mayTakeIn(c, x) || c.is64(x) !== is64) return false;
  const field = fieldOf(c.lo[mask]!, is64 ? c.hi[mask]! : 0);
  if (field === null) return false;
  const row = isRight ? (is64 ? i.ubfx64 : i.ubfx32) : is64 ? i.ubfiz64 : i.ubfiz32;
  if (field.lowest !== (isRight ? 0 : count)) return false;
  if (isRight && count + field.width > (is64 ? 64 : 32)) return false;
  c.row2(row, c.defined(v), c.operand(c.a0[x]!, is64), bitField(count, field.width));
  return true;
}

/** 64-bit masks whose upper half is zero: of the lower half of the operand only. */
function maskLow(c: Lowering, v: number, x: number, mask: number): boolean {
  if (!c.is64(v) || c.hi[mask] !== 0) return false;
  const lo = c.lo[mask]!;
  if (lo === -1) {
    c.row2(i.mov32_rr, c.defined(v), c.reg32(x));
    return true;
  }
  if (!isLogicalImmediate(lo, 0, false)) return false;
  c.row2(i.and32_ri, c.defined(v), c.reg32(x), lo);
  return true;
}

export function lowerOr(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const y = c.a1[v]!;
  const is64 = c.is64(v);
  if (concatenate(c, v, x, y, is64) || concatenate(c, v, y, x, is64)) return;
  if (insertField(c, v, x, y, is64) || insertField(c, v, y, x, is64)) return;
  bitwise(c, v, orr, x, y);
}

/** (x << n) | (y >> width - n): the middle of both side by side. */
function concatenate(c: Lowering, v: number, upper: number, lower: number, is64: boolean): boolean {
  const left = leftShift(c, upper);
  if (left <= 0 || c.op[lower] !== Op.ushr || shiftCount(c, lower) !== (is64 ? 64 : 32) - left) return false;
  if (!mayTakeIn(c, upper) || !mayTakeIn(c, lower)) return false;
  const n = c.operand(c.a0[upper]!, is64);
  const m = c.operand(c.a0[lower]!, is64);
  c.row3(is64 ? i.extr64_rri : i.extr32_rri, c.defined(v), n, m, shiftCount(c, lower));
  return true;
}

/** What a row puts into a field of zeros: the low `width` bits of `from`, from bit `lowest` on. */
interface Insertion extends Field {
  readonly from: number;
}

function insertionOf(c: Lowering, v: number, is64: boolean): Insertion | null {
  const size = is64 ? 64 : 32;
  if (c.op[v] === Op.and) {
    const kept = maskOf(c, v, is64);
    if (kept === null) return null;
    const inner = c.a0[v]!;
    if (kept.lowest === 0) return { ...kept, from: inner };
    return leftShift(c, inner) === kept.lowest && mayTakeIn(c, inner)
      ? { ...kept, from: c.a0[inner]! }
      : null;
  }
  const lowest = leftShift(c, v);
  if (lowest <= 0) return null;
  const inner = c.a0[v]!;
  const kept = c.op[inner] === Op.and && mayTakeIn(c, inner) ? maskOf(c, inner, is64) : null;
  if (kept !== null && kept.lowest === 0 && lowest + kept.width <= size) {
    return { lowest, width: kept.width, from: c.a0[inner]! };
  }
  return { lowest, width: size - lowest, from: inner };
}

/** The field that the constant mask of an `and` keeps. */
function maskOf(c: Lowering, v: number, is64: boolean): Field | null {
  const mask = c.a1[v]!;
  return c.isConstant(mask) ? fieldOf(c.lo[mask]!, is64 ? c.hi[mask]! : 0) : null;
}

/** (x & mask) | y, where y has bits only where the mask has none: y's source is inserted. */
function insertField(c: Lowering, v: number, x: number, y: number, is64: boolean): boolean {
  if (c.op[x] !== Op.and || !c.isConstant(c.a1[x]!) || !mayTakeIn(c, y)) return false;
  const insertion = insertionOf(c, y, is64);
  if (insertion === null) return false;
  const { from, lowest, width } = insertion;
  const mask = c.a1[x]!;
  const bits = BigInt.asUintN(64, (BigInt(is64 ? c.hi[mask]! : 0) << 32n) | BigInt(c.lo[mask]! >>> 0));
  const field = ((1n << BigInt(width)) - 1n) << BigInt(lowest);
  if ((bits & field) !== 0n) return false;
  // What the mask clears is overwritten, all of it: then it needs no instruction.
  const isExact = (bits | field) === (1n << (is64 ? 64n : 32n)) - 1n;
  const old = c.operand(isExact && mayTakeIn(c, x) ? c.a0[x]! : x, is64);
  const row = is64 ? i.bfi64 : i.bfi32;
  c.row3(row, c.defined(v), old, c.operand(from, is64), bitField(lowest, width));
  return true;
}

export function lowerXor(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const x = c.a0[v]!;
  if (!isAllOnes(c, c.a1[v]!)) {
    bitwise(c, v, eor, x, c.a1[v]!);
    return;
  }
  c.row2(is64 ? i.mvn64_r : i.mvn32_r, c.defined(v), c.operand(x, is64));
}
