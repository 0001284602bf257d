/**
 * Integer arithmetic but division and shifts: immediates, shifted and extended sources, products with sums, bit fields.
 */
import { isAllOnes, mayMoveDown, mayTakeIn, shiftCount } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import {
  AddressBase,
  Arm64,
  bitField,
  Extend,
  extendedBy,
  isAddImmediate,
  isLogicalImmediate,
  Shift,
  shiftedBy,
} from "../instructions.js";
import { linearAddress, takeLoad } from "./address.js";
import { type Field, fieldOf } from "./bit-field.js";
import type { Lowering } from "./lowering.js";
import { emitSources, leftShift, powerOf2, type SourceRows } from "./operand.js";

const i = Arm64;
/** Rows by [32, 64 bits]. */
type Pair<T> = readonly [T, T];
const addRows: Pair<SourceRows> = [
  { rr: i.add32_rr, rs: i.add32_rs, rx: i.add32_rx },
  { rr: i.add64_rr, rs: i.add64_rs, rx: i.add64_rx },
];
const subRows: Pair<SourceRows> = [
  { rr: i.sub32_rr, rs: i.sub32_rs, rx: i.sub32_rx },
  { rr: i.sub64_rr, rs: i.sub64_rs, rx: i.sub64_rx },
];
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

/** A constant as a signed number if it is one of 32 bits, else NaN. */
export function signedConstant(c: Lowering, v: number): number {
  if (!c.isConstant(v)) return Number.NaN;
  const lo = c.lo[v]!;
  return c.type[v] === Type.i32 || c.hi[v] === lo >> 31 ? lo : Number.NaN;
}

// ---------------------------------------------------------------- sums

/** to = x + n, without a register for n if two additions hold it and moving it to a register would take two too. */
function addConstant(c: Lowering, to: VReg, x: VReg, n: number, is64: boolean): boolean {
  const size = Math.abs(n);
  const row = n < 0 ? (is64 ? i.sub64_ri : i.sub32_ri) : is64 ? i.add64_ri : i.add32_ri;
  if (isAddImmediate(size)) {
    c.row2(row, to, x, size);
    return true;
  }
  if (!(size > 0xffff && size < 1 << 24)) return false;
  const partly = c.newInt();
  c.row2(row, partly, x, size & 0xfff000);
  c.row2(row, to, partly, size & 0xfff);
  return true;
}

/** Whether `addConstant` has a form for a number. */
function isAddend(n: number): boolean {
  const size = Math.abs(n);
  return isAddImmediate(size) || (size > 0xffff && size < 1 << 24);
}

/** v = a + x or a - x where x is a product that is wanted only here. */
function multiplyAdd(c: Lowering, v: number, x: number, a: number, subtract: boolean): boolean {
  if (c.op[x] !== Op.mul || !mayTakeIn(c, x) || powerOf2(c, c.a1[x]!) !== -1) return false;
  if (addMultiple(c, v, c.a0[x]!, a, signedConstant(c, c.a1[x]!), subtract)) return true;
  const is64 = c.is64(v);
  if (is64 && isSextPair(c, x)) {
    const left = c.reg32(c.a0[c.a0[x]!]!);
    const right = c.reg32(c.a0[c.a1[x]!]!);
    c.row4(subtract ? i.smsubl : i.smaddl, c.defined(v), left, right, c.reg(a));
    return true;
  }
  const left = c.operand(c.a0[x]!, is64);
  const right = c.operand(c.a1[x]!, is64);
  const row = subtract ? (is64 ? i.msub64 : i.msub32) : is64 ? i.madd64 : i.madd32;
  c.row4(row, c.defined(v), left, right, c.operand(a, is64));
  return true;
}

/** Whether both factors of a product are sign-extended i32 values, so that one instruction extends and multiplies. */
function isSextPair(c: Lowering, v: number): boolean {
  return c.op[c.a0[v]!] === Op.sext && c.op[c.a1[v]!] === Op.sext;
}

export function lowerAdd(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (c.isConstant(x)) [x, y] = [y, x];
  const n = signedConstant(c, y);
  if (isAddend(n)) {
    addConstant(c, c.defined(v), c.operand(x, is64), n, is64);
    return;
  }
  if (multiplyAdd(c, v, y, x, false) || multiplyAdd(c, v, x, y, false)) return;
  emitSources(c, addRows[at(is64)], c.defined(v), x, y, is64, true);
}

export function lowerSub(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const x = c.a0[v]!;
  const y = c.a1[v]!;
  if (c.isZero(x)) {
    negate(c, v, y, is64);
    return;
  }
  const n = signedConstant(c, y);
  if (isAddend(n)) {
    addConstant(c, c.defined(v), c.operand(x, is64), -n, is64);
    return;
  }
  if (multiplyAdd(c, v, y, x, true)) return;
  emitSources(c, subRows[at(is64)], c.defined(v), x, y, is64, false);
}

function negate(c: Lowering, v: number, x: number, is64: boolean): void {
  const count = mayTakeIn(c, x) && c.is64(x) === is64 ? leftShift(c, x) : -1;
  if (count > 0) {
    const from = c.operand(c.a0[x]!, is64);
    c.row2(is64 ? i.neg64_rs : i.neg32_rs, c.defined(v), from, shiftedBy(Shift.lsl, count));
  } else if (c.op[x] === Op.mul && mayTakeIn(c, x)) {
    const left = c.operand(c.a0[x]!, is64);
    c.row3(is64 ? i.mneg64_rr : i.mneg32_rr, c.defined(v), left, c.operand(c.a1[x]!, is64));
  } else c.row2(is64 ? i.neg64_r : i.neg32_r, c.defined(v), c.operand(x, is64));
}

export function lowerOffset(c: Lowering, v: number): void {
  const pointer = c.a0[v]!;
  if (c.op[pointer] === Op.ctx) c.specialAddress(AddressBase.context, c.lo[v]!);
  else {
    c.clearAddress();
    c.base = c.reg(pointer);
    c.displacement = c.lo[v]!;
  }
  c.load1(i.lea64, c.defined(v));
}

export function lowerElement(c: Lowering, v: number): void {
  const base = c.reg(c.a0[v]!);
  const scale = c.lo[v]!;
  const to = c.defined(v);
  if (scale <= 4) c.row3(i.add64_rx, to, base, c.reg32(c.a1[v]!), extendedBy(Extend.uxtw, scale));
  else c.row3(i.add64_rs, to, base, c.reg(c.a1[v]!), shiftedBy(Shift.lsl, scale));
}

// ---------------------------------------------------------------- products

export function lowerMul(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (c.isConstant(x)) [x, y] = [y, x];
  if (multiplyByConstant(c, v, x, signedConstant(c, y), is64)) return;
  if (is64 && isSextPair(c, v)) {
    const left = c.reg32(c.a0[x]!);
    c.row3(i.smull, c.defined(v), left, c.reg32(c.a0[y]!));
    return;
  }
  const left = c.operand(x, is64);
  c.row3(is64 ? i.mul64_rr : i.mul32_rr, c.defined(v), left, c.operand(y, is64));
}

/** n if a number is 2^n, else -1. */
const exponent = (n: number): number => (n > 0 && (n & (n - 1)) === 0 ? 31 - Math.clz32(n) : -1);

/** A factor (2^sum + 1) * 2^shift; null for another. */
function sumFactor(factor: number): { sum: number; shift: number } | null {
  if (!(factor > 2)) return null;
  const shift = 31 - Math.clz32(factor & -factor);
  const sum = exponent((factor >> shift) - 1);
  return sum < 1 ? null : { sum, shift };
}

/** Factors 2^n, (2^n + 1) * 2^m, 1 - 2^n and -2^n. */
function multiplyByConstant(c: Lowering, v: number, x: number, factor: number, is64: boolean): boolean {
  if (Number.isNaN(factor) || factor === 0) return false;
  const byShift = exponent(factor);
  const bySum = sumFactor(factor);
  const byDifference = exponent(1 - factor);
  const byNegation = exponent(-factor);
  if (byShift < 0 && bySum === null && byDifference < 1 && byNegation < 0) return false;
  const from = c.operand(x, is64);
  const to = c.defined(v);
  if (byShift === 0) c.row2(is64 ? i.mov64_rr : i.mov32_rr, to, from);
  else if (byShift > 0) c.row2(is64 ? i.lsl64_ri : i.lsl32_ri, to, from, byShift);
  else if (bySum !== null) {
    const odd = bySum.shift === 0 ? to : c.newInt();
    c.row3(addRows[at(is64)].rs, odd, from, from, shiftedBy(Shift.lsl, bySum.sum));
    if (bySum.shift > 0) c.row2(is64 ? i.lsl64_ri : i.lsl32_ri, to, odd, bySum.shift);
  } else if (byDifference >= 1) {
    c.row3(subRows[at(is64)].rs, to, from, from, shiftedBy(Shift.lsl, byDifference));
  } else c.row2(is64 ? i.neg64_rs : i.neg32_rs, to, from, shiftedBy(Shift.lsl, byNegation));
  return true;
}

/** v = a + x * factor or a - x * factor, for a factor that is a sum of two powers of two, by shifted sources. */
function addMultiple(
  c: Lowering,
  v: number,
  x: number,
  a: number,
  factor: number,
  subtract: boolean,
): boolean {
  const parts = sumFactor(factor);
  if (parts === null) return false;
  const is64 = c.is64(v);
  const from = c.operand(x, is64);
  const odd = c.newInt();
  c.row3(addRows[at(is64)].rs, odd, from, from, shiftedBy(Shift.lsl, parts.sum));
  const rows = (subtract ? subRows : addRows)[at(is64)];
  const left = c.operand(a, is64);
  if (parts.shift === 0) c.row3(rows.rr, c.defined(v), left, odd);
  else c.row3(rows.rs, c.defined(v), left, odd, shiftedBy(Shift.lsl, parts.shift));
  return true;
}

// ---------------------------------------------------------------- bits

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

// ---------------------------------------------------------------- counting bits

export function lowerClz(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  c.row2(is64 ? i.clz64_r : i.clz32_r, c.defined(v), c.operand(c.a0[v]!, is64));
}

export function lowerCtz(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const reversed = c.newInt();
  c.row2(is64 ? i.rbit64_r : i.rbit32_r, reversed, c.operand(c.a0[v]!, is64));
  c.row2(is64 ? i.clz64_r : i.clz32_r, c.defined(v), reversed);
}

/** Integer registers have no such instruction: the bytes' counts in a vector register, added up. */
export function lowerPopcnt(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const bytes = c.newFloat();
  const counts = c.newFloat();
  const sum = c.newFloat();
  c.row2(is64 ? i.fmov_dx : i.fmov_sw, bytes, c.operand(c.a0[v]!, is64));
  c.row2(i.cnt_8b, counts, bytes);
  c.row2(i.addv_8b, sum, counts);
  c.row2(i.fmov_ws, c.defined(v), sum);
}

// ---------------------------------------------------------------- extensions

/** sext8, sext16, sext32 within a type; of a value shifted right, a bit field. */
export function lowerExtend(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const op = c.op[v]!;
  const width = op === Op.sext8 ? 8 : op === Op.sext16 ? 16 : 32;
  const x = c.resolve(c.a0[v]!);
  if ((c.op[x] === Op.ushr || c.op[x] === Op.sshr) && mayTakeIn(c, x) && c.is64(x) === is64) {
    const count = shiftCount(c, x);
    if (count > 0 && count + width <= (is64 ? 64 : 32)) {
      const from = c.operand(c.a0[x]!, is64);
      c.row2(is64 ? i.sbfx64 : i.sbfx32, c.defined(v), from, bitField(count, width));
      return;
    }
  }
  c.row2(extendRow(op, is64), c.defined(v), c.reg32(c.a0[v]!));
}

function extendRow(op: Op, is64: boolean): number {
  if (op === Op.sext8) return is64 ? i.sxtb64 : i.sxtb32;
  if (op === Op.sext16) return is64 ? i.sxth64 : i.sxth32;
  return i.sxtw;
}

/** i32 to i64; of a load, the load that extends. */
export function lowerSext(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  if (extendedLoad(c, v, x)) return;
  if (mayTakeIn(c, x) && c.type[x] === Type.i32) {
    const op = c.op[x]!;
    if (op === Op.sext8 || op === Op.sext16) {
      c.row2(extendRow(op, true), c.defined(v), c.reg32(c.a0[x]!));
      return;
    }
    const count = op === Op.sshr ? shiftCount(c, x) : -1;
    if (count > 0) {
      c.row2(i.sbfx64, c.defined(v), c.reg32(c.a0[x]!), bitField(count, 32 - count));
      return;
    }
  }
  c.row2(i.sxtw, c.defined(v), c.reg32(x));
}

/** v = the sign extension of the load x. */
function extendedLoad(c: Lowering, v: number, x: number): boolean {
  if (takeLoad(c, x, 2)) {
    c.load1(i.ldrsw, c.defined(v));
    return true;
  }
  const op = c.op[x];
  if ((op !== Op.load8s && op !== Op.load16s) || !mayTakeIn(c, x) || !mayMoveDown(c, x)) return false;
  c.folded[x] = 1;
  linearAddress(c, x, op === Op.load8s ? 0 : 1);
  c.load1(op === Op.load8s ? i.ldrsb64 : i.ldrsh64, c.defined(v));
  return true;
}

/** i64 to i32; of a value shifted right, a bit field. */
export function lowerWrap(c: Lowering, v: number): void {
  const x = c.resolve(c.a0[v]!);
  if (c.op[x] === Op.ushr && mayTakeIn(c, x) && shiftCount(c, x) > 0) {
    const count = shiftCount(c, x);
    const from = c.reg(c.a0[x]!);
    if (count >= 32) c.row2(i.lsr64_ri, c.defined(v), from, count);
    else c.row2(i.ubfx64, c.defined(v), from, bitField(count, 32));
    return;
  }
  c.row2(i.mov32_rr, c.defined(v), c.reg32(x));
}

/** zext and bitcast only come here where `resolve` doesn't see through them. */
export function lowerCopyInt(c: Lowering, v: number): void {
  c.move(c.defined(v), c.reg(c.a0[v]!));
}
