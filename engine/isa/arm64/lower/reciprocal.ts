/** Division by constants without a division. The factors are explained in machine/lower/reciprocal.ts. */
import { divisorOf, isPowerOf2, log2, reciprocal } from "../../../machine/lower/reciprocal.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { Arm64, Shift, shiftedBy } from "../instructions.js";
import type { Lowering } from "./lowering.js";

const i = Arm64;

/**
 * Lowers `v`, a division or remainder by a constant that isn't zero. Never declines but for -1, whose overflow
 * must be found at run time.
 */
export function divideByConstant(c: Lowering, v: number, is64: boolean): boolean {
  const op = c.op[v]!;
  const isUnsigned = op === Op.udiv || op === Op.urem;
  const d = divisorOf(c, v, !isUnsigned);
  return isUnsigned ? unsigned(c, v, is64, d) : signed(c, v, is64, d);
}

function shift(c: Lowering, row: number, x: VReg, count: number): VReg {
  if (count === 0) return x;
  const to = c.newInt();
  c.row2(row, to, x, count);
  return to;
}

function binary(c: Lowering, row: number, x: VReg, y: VReg, imm2 = 0): VReg {
  const to = c.newInt();
  c.row3(row, to, x, y, imm2);
  return to;
}

function integer(c: Lowering, n: bigint): VReg {
  return c.ownInteger(Number(BigInt.asIntN(32, n)), Number(BigInt.asIntN(32, n >> 32n)));
}

/** Ends with v = quotient, or v = x - quotient * d. */
function finish(c: Lowering, v: number, is64: boolean, x: VReg, quotient: VReg, d: bigint): void {
  const to = c.defined(v);
  const op = c.op[v]!;
  if (op === Op.udiv || op === Op.sdiv) {
    c.move(to, quotient);
    return;
  }
  c.row4(is64 ? i.msub64 : i.msub32, to, quotient, integer(c, is64 ? d : BigInt.asUintN(32, d)), x);
}

// ---------------------------------------------------------------- unsigned

function unsigned(c: Lowering, v: number, is64: boolean, d: bigint): boolean {
  if (isPowerOf2(d)) {
    unsignedPowerOf2(c, v, is64, c.operand(c.a0[v]!, is64), log2(d));
    return true;
  }
  const x = c.reg(c.a0[v]!);
  finish(c, v, is64, x, is64 ? unsigned64(c, x, d) : unsigned32(c, x, d), d);
  return true;
}

function unsignedPowerOf2(c: Lowering, v: number, is64: boolean, x: VReg, n: number): void {
  const to = c.defined(v);
  if (c.op[v] === Op.udiv) {
    if (n === 0) c.row2(is64 ? i.mov64_rr : i.mov32_rr, to, x);
    else c.row2(is64 ? i.lsr64_ri : i.lsr32_ri, to, x, n);
    return;
  }
  if (n === 0) {
    c.emitInteger(to, 0, 0);
    return;
  }
  const row = is64 ? i.and64_ri : i.and32_ri;
  const mask = (1n << BigInt(n)) - 1n;
  c.emit(row, Number(BigInt.asIntN(32, mask >> 32n)), 0, Number(BigInt.asIntN(32, mask)));
  c.rowArgs(row, to, x);
}

/** x has its upper half zero. */
function unsigned32(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 32n);
  if (m >> 32n !== 0n) return binary(c, i.umulh, x, integer(c, (1n << 64n) / d + 1n));
  return shift(c, i.lsr64_ri, binary(c, i.umull, x, integer(c, m)), 32 + s);
}

function unsigned64(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 64n);
  if (m >> 64n === 0n) return shift(c, i.lsr64_ri, binary(c, i.umulh, x, integer(c, m)), s);
  if ((d & 1n) === 0n) {
    // Dividing by the powers of two in d first leaves room for the reciprocal's last bit.
    let twos = 0;
    while (((d >> BigInt(twos)) & 1n) === 0n) twos++;
    const narrow = reciprocal(d >> BigInt(twos), 64n - BigInt(twos));
    const half = shift(c, i.lsr64_ri, x, twos);
    // floor(m * y / 2^(64 - twos + s)): m has at most 65 - twos bits, the shift is made up to 64 by scaling m.
    const scale = narrow.s - twos;
    if (scale >= 0) return shift(c, i.lsr64_ri, binary(c, i.umulh, half, integer(c, narrow.m)), scale);
    return binary(c, i.umulh, half, integer(c, narrow.m << BigInt(-scale)));
  }
  // m = 2^64 + r: (x * r >> 64) + x may overflow, so the sum is halved while it is made.
  const high = binary(c, i.umulh, x, integer(c, m & ((1n << 64n) - 1n)));
  const rest = binary(c, i.sub64_rr, x, high);
  return shift(c, i.lsr64_ri, binary(c, i.add64_rs, high, rest, shiftedBy(Shift.lsr, 1)), s - 1);
}

// ---------------------------------------------------------------- signed

function signed(c: Lowering, v: number, is64: boolean, d: bigint): boolean {
  const magnitude = d < 0n ? -d : d;
  if (d === -1n) return false;
  const x = c.operand(c.a0[v]!, is64);
  if (isPowerOf2(magnitude)) {
    signedPowerOf2(c, v, is64, x, d, log2(magnitude));
    return true;
  }
  let quotient = is64 ? signed64(c, x, magnitude) : signed32(c, x, magnitude);
  if (d < 0n) {
    const negated = c.newInt();
    c.row2(is64 ? i.neg64_r : i.neg32_r, negated, quotient);
    quotient = negated;
  }
  finish(c, v, is64, x, quotient, d);
  return true;
}

/** x / 2^n rounds towards zero if 2^n - 1 is added to negative x first. */
function signedPowerOf2(c: Lowering, v: number, is64: boolean, x: VReg, d: bigint, n: number): void {
  const width = is64 ? 64 : 32;
  const to = c.defined(v);
  const isQuotient = c.op[v] === Op.sdiv;
  if (n === 0) {
    if (isQuotient) c.row2(is64 ? i.mov64_rr : i.mov32_rr, to, x);
    else c.emitInteger(to, 0, 0);
    return;
  }
  const sign = n === 1 ? x : shift(c, is64 ? i.asr64_ri : i.asr32_ri, x, width - 1);
  const biased = binary(c, is64 ? i.add64_rs : i.add32_rs, x, sign, shiftedBy(Shift.lsr, width - n));
  if (!isQuotient) {
    // x - ((x + bias) with its low n bits cleared)
    const cleared = c.newInt();
    const row = is64 ? i.and64_ri : i.and32_ri;
    const mask = -1n << BigInt(n);
    c.emit(row, Number(BigInt.asIntN(32, mask >> 32n)), 0, Number(BigInt.asIntN(32, mask)));
    c.rowArgs(row, cleared, biased);
    c.row3(is64 ? i.sub64_rr : i.sub32_rr, to, x, cleared);
  } else if (d > 0n) c.row2(is64 ? i.asr64_ri : i.asr32_ri, to, biased, n);
  else c.row2(is64 ? i.neg64_rs : i.neg32_rs, to, biased, shiftedBy(Shift.asr, n));
}

/** m is an unsigned 32-bit number: the product of 64 bits is whole. */
function signed32(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 31n);
  let product: VReg;
  if (m < 1n << 31n) product = binary(c, i.smull, x, integer(c, m));
  else {
    const wide = c.newInt();
    c.row2(i.sxtw, wide, x);
    product = binary(c, i.mul64_rr, wide, integer(c, m));
  }
  const quotient = shift(c, i.asr64_ri, product, 31 + s);
  return binary(c, i.add32_rs, quotient, x, shiftedBy(Shift.lsr, 31));
}

function signed64(c: Lowering, x: VReg, d: bigint): VReg {
  const { m, s } = reciprocal(d, 63n);
  const signBit = shiftedBy(Shift.lsr, 63);
  // floor(m * x / 2^(63 + s)) is the upper half shifted by s - 1.
  if (s === 0) return binary(c, i.add64_rs, binary(c, i.smulh, x, integer(c, m << 1n)), x, signBit);
  // As a signed factor, m from 2^63 up stands for m - 2^64: the missing x is added.
  let high = binary(c, i.smulh, x, integer(c, m));
  if (m >> 63n !== 0n) high = binary(c, i.add64_rr, high, x);
  return binary(c, i.add64_rs, shift(c, i.asr64_ri, high, s - 1), x, signBit);
}
