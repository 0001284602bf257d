/** Integer sums and products: immediates, shifted and extended sources, products with sums, multiples by shifts. */
import { mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { AddressBase, Arm64, Extend, extendedBy, isAddImmediate, Shift, shiftedBy } from "../instructions.js";
import type { Lowering } from "./lowering.js";
import { emitSources, leftShift, type Pair, powerOf2, type SourceRows, signedConstant } from "./operand.js";

const i = Arm64;
const addRows: Pair<SourceRows> = [
  { rr: i.add32_rr, rs: i.add32_rs, rx: i.add32_rx },
  { rr: i.add64_rr, rs: i.add64_rs, rx: i.add64_rx },
];
const subRows: Pair<SourceRows> = [
  { rr: i.sub32_rr, rs: i.sub32_rs, rx: i.sub32_rx },
  { rr: i.sub64_rr, rs: i.sub64_rs, rx: i.sub64_rx },
];
const at = (is64: boolean): 0 | 1 => (is64 ? 1 : 0);

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
