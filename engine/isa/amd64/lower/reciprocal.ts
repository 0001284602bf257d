/**
 * Division by constants without a division: see division.ts. The factors are explained in machine/lower/reciprocal.ts.
 */
import { divisorOf, isPowerOf2, log2, reciprocal } from "../../../machine/lower/reciprocal.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { Amd64, operandWords } from "../instructions.js";
import type { Lowering } from "./lowering.js";

const i = Amd64;

/**
 * Lowers `v`, a division or remainder by a constant that isn't zero. Never declines but for -1, whose overflow
 * must be found at run time, and magnitudes beyond what a signed reciprocal covers.
 */
export function divideByConstant(c: Lowering, v: number, is64: boolean): boolean {
  const op = c.op[v]!;
  const isUnsigned = op === Op.udiv || op === Op.urem;
  const d = divisorOf(c, v, !isUnsigned);
  return isUnsigned ? unsigned(c, v, is64, d) : signed(c, v, is64, d);
}

/** What the steps below emit, by width. */
function rowsOf(is64: boolean) {
  return is64
    ? { add: i.add64_rr, sub: i.sub64_rr, shr: i.shr64_ri, sar: i.sar64_ri, neg: i.neg64_r, mov: i.mov64_rr }
    : { add: i.add32_rr, sub: i.sub32_rr, shr: i.shr32_ri, sar: i.sar32_ri, neg: i.neg32_r, mov: i.mov32_rr };
}

function shift(c: Lowering, row: number, x: VReg, count: number): VReg {
  if (count === 0) return x;
  const to = c.newInt();
  c.row2(row, to, x, count);
  return to;
}

function binary(c: Lowering, row: number, x: VReg, y: VReg): VReg {
  const to = c.newInt();
  c.row3(row, to, x, y);
  return to;
}

function integer(c: Lowering, n: bigint): VReg {
  return c.ownInteger(Number(BigInt.asIntN(32, n)), Number(BigInt.asIntN(32, n >> 32n)));
}

/** The upper half of a 64-bit product. */
function upperProduct(c: Lowering, row: number, m: bigint, x: VReg): VReg {
  const low = c.newInt();
  const high = c.newInt();
  c.row3(row, low, high, integer(c, m));
  c.arg(x, operandWords[row]![3]!);
  return high;
}

/** Ends with v = quotient, or v = x - quotient * d. */
function finish(c: Lowering, v: number, is64: boolean, x: VReg, quotient: VReg, d: bigint): void {
  const to = c.defined(v);
  const op = c.op[v]!;
  const rows = rowsOf(is64);
  if (op === Op.udiv || op === Op.sdiv) {
    c.move(to, quotient);
    return;
  }
  c.row3(rows.sub, to, x, timesConstant(c, is64, quotient, d));
}

function timesConstant(c: Lowering, is64: boolean, x: VReg, d: bigint): VReg {
  const product = c.newInt();
  if (d > 0n && isPowerOf2(d)) c.row2(is64 ? i.shl64_ri : i.shl32_ri, product, x, log2(d));
  else if (!is64 || BigInt.asIntN(32, d) === d) {
    c.row2(is64 ? i.imul64_rri : i.imul32_rri, product, x, Number(BigInt.asIntN(32, d)));
  } else c.row3(i.imul64_rr, product, x, integer(c, d));
  return product;
}

// ---------------------------------------------------------------- unsigned

function unsigned(c: Lowering, v: number, is64: boolean, d: bigint): boolean {
  const x = is64 ? c.reg(c.a0[v]!) : c.reg32(c.a0[v]!);
  if (isPowerOf2(d)) {
    unsignedPowerOf2(c, v, is64, x, log2(d));
    return true;
  }
  finish(c, v, is64, x, is64 ? unsigned64(c, x, d) : unsigned32(c, c.reg(c.a0[v]!), d), d);
  return true;
}

function unsignedPowerOf2(c: Lowering, v: number, is64: boolean, x: VReg, n: number): void {
  const to = c.defined(v);
  const rows = rowsOf(is64);
  if (c.op[v] === Op.udiv) {
    if (n === 0) c.row2(rows.mov, to, x);
    else c.row2(rows.shr, to, x, n);
    return;
  }
  if (n === 0) c.row1(i.mov32_ri, to, 0);
  else if (n <= 32) c.row2(i.and32_ri, to, x, n === 32 ? -1 : 2 ** n - 1);
  else c.row3(i.and64_rr, to, x, integer(c, (1n << BigInt(n)) - 1n));
}

/** x has its upper half zero. */
function unsigned32(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 32n);
  if (m >> 32n !== 0n) return upperProduct(c, i.mul64_wide, (1n << 64n) / d + 1n, x);
  const product = c.newInt();
  if (m < 1n << 31n) c.row2(i.imul64_rri, product, x, Number(m));
  else c.row3(i.imul64_rr, product, integer(c, m), x);
  return shift(c, i.shr64_ri, product, 32 + s);
}

function unsigned64(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 64n);
  if (m >> 64n === 0n) return shift(c, i.shr64_ri, upperProduct(c, i.mul64_wide, m, x), s);
  if ((d & 1n) === 0n) {
    // Dividing by the powers of two in d first leaves room for the reciprocal's last bit.
    let twos = 0;
    while (((d >> BigInt(twos)) & 1n) === 0n) twos++;
    const odd = d >> BigInt(twos);
    const narrow = reciprocal(odd, 64n - BigInt(twos));
    const half = shift(c, i.shr64_ri, x, twos);
    // floor(m * y / 2^(64 - twos + s)): m has at most 65 - twos bits, the shift is made up to 64 by scaling m.
    const scale = narrow.s - twos;
    if (scale >= 0) return shift(c, i.shr64_ri, upperProduct(c, i.mul64_wide, narrow.m, half), scale);
    return upperProduct(c, i.mul64_wide, narrow.m << BigInt(-scale), half);
  }
  // m = 2^64 + r: (x * r >> 64) + x may overflow, so the sum is halved while it is made.
  const high = upperProduct(c, i.mul64_wide, m & ((1n << 64n) - 1n), x);
  const rest = shift(c, i.shr64_ri, binary(c, i.sub64_rr, x, high), 1);
  return shift(c, i.shr64_ri, binary(c, i.add64_rr, rest, high), s - 1);
}

// ---------------------------------------------------------------- signed

function signed(c: Lowering, v: number, is64: boolean, d: bigint): boolean {
  const magnitude = d < 0n ? -d : d;
  if (d === -1n) return false;
  const x = is64 ? c.reg(c.a0[v]!) : c.reg32(c.a0[v]!);
  if (isPowerOf2(magnitude)) {
    signedPowerOf2(c, v, is64, x, d, log2(magnitude));
    return true;
  }
  let quotient = is64 ? signed64(c, x, magnitude) : signed32(c, x, magnitude);
  if (d < 0n) {
    const negated = c.newInt();
    c.row2(rowsOf(is64).neg, negated, quotient);
    quotient = negated;
  }
  finish(c, v, is64, x, quotient, d);
  return true;
}

/** x / 2^n rounds towards zero if 2^n - 1 is added to negative x first. */
function signedPowerOf2(c: Lowering, v: number, is64: boolean, x: VReg, d: bigint, n: number): void {
  const rows = rowsOf(is64);
  const width = is64 ? 64 : 32;
  const to = c.defined(v);
  const isQuotient = c.op[v] === Op.sdiv;
  if (n === 0) {
    if (isQuotient) c.row2(rows.mov, to, x);
    else c.row1(i.mov32_ri, to, 0);
    return;
  }
  const sign = n === 1 ? x : shift(c, rows.sar, x, width - 1);
  const bias = shift(c, rows.shr, sign, width - n);
  const biased = binary(c, rows.add, bias, x);
  if (!isQuotient) {
    // x - ((x + bias) with its low n bits cleared)
    const cleared = shift(c, is64 ? i.shl64_ri : i.shl32_ri, shift(c, rows.shr, biased, n), n);
    c.row3(rows.sub, to, x, cleared);
    return;
  }
  if (d > 0n) {
    c.row2(rows.sar, to, biased, n);
    return;
  }
  c.row2(rows.neg, to, shift(c, rows.sar, biased, n));
}

/** m < 2^(N-1 + 1), so that it is an unsigned N-bit number: the bound above with N - 1 in place of N. */
function signed32(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 31n);
  const wide = c.newInt();
  c.row2(i.movsx32to64_rr, wide, x);
  const product = c.newInt();
  if (m < 1n << 31n) c.row2(i.imul64_rri, product, wide, Number(m));
  else c.row3(i.imul64_rr, product, wide, integer(c, m));
  const quotient = shift(c, i.sar64_ri, product, 31 + s);
  return binary(c, i.add32_rr, shift(c, i.shr64_ri, product, 63), quotient);
}

function signed64(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 63n);
  // floor(m * x / 2^(63 + s)) is the upper half shifted by s - 1.
  if (s === 0) {
    const doubled = upperProduct(c, i.imul64_wide, m << 1n, x);
    return binary(c, i.add64_rr, shift(c, i.shr64_ri, x, 63), doubled);
  }
  // As a signed factor, m from 2^63 up stands for m - 2^64: the missing x is added.
  let high = upperProduct(c, i.imul64_wide, m, x);
  if (m >> 63n !== 0n) high = binary(c, i.add64_rr, high, x);
  const quotient = shift(c, i.sar64_ri, high, s - 1);
  return binary(c, i.add64_rr, shift(c, i.shr64_ri, x, 63), quotient);
}
