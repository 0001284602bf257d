/**
 * Evaluates integer ops on constants, with the exact semantics of the WebAssembly specification (section 4.3.2,
 * "Integer Operations"). 64-bit values are pairs of signed 32-bit halves; the result is left in `result`.
 * Ops that would trap answer false.
 */
import { Op } from "../ops.js";

/** Where evaluations leave their bits. */
export const result = { lo: 0, hi: 0 };

function set(lo: number, hi: number): true {
  result.lo = lo | 0;
  result.hi = hi | 0;
  return true;
}

/** Number of trailing zero bits of a 32-bit word; 32 for 0. */
export function trailingZeros(x: number): number {
  return x === 0 ? 32 : 31 - Math.clz32(x & -x);
}

export function populationCount(x: number): number {
  let n = x - ((x >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** i32 op with one or two operands; comparisons too. */
export function evaluate32(op: Op, a: number, b: number): boolean {
  const ua = a >>> 0;
  const ub = b >>> 0;
  switch (op) {
    case Op.add:
      return set(a + b, 0);
    case Op.sub:
      return set(a - b, 0);
    case Op.mul:
      return set(Math.imul(a, b), 0);
    case Op.sdiv:
      return b !== 0 && !(b === -1 && a === -0x80000000) && set(a / b, 0);
    case Op.udiv:
      return b !== 0 && set(ua / ub, 0);
    case Op.srem:
      return b !== 0 && set(b === -1 ? 0 : a % b, 0);
    case Op.urem:
      return b !== 0 && set(ua % ub, 0);
    case Op.and:
      return set(a & b, 0);
    case Op.or:
      return set(a | b, 0);
    case Op.xor:
      return set(a ^ b, 0);
    case Op.shl:
      return set(a << b, 0);
    case Op.sshr:
      return set(a >> b, 0);
    case Op.ushr:
      return set(a >>> b, 0);
    case Op.rotl:
      return set((a << b) | (a >>> -b), 0);
    case Op.rotr:
      return set((a >>> b) | (a << -b), 0);
    case Op.clz:
      return set(Math.clz32(a), 0);
    case Op.ctz:
      return set(trailingZeros(a), 0);
    case Op.popcnt:
      return set(populationCount(a), 0);
    case Op.sext8:
      return set((a << 24) >> 24, 0);
    case Op.sext16:
      return set((a << 16) >> 16, 0);
    default:
      return compare(op, a === b, a < b, ua < ub);
  }
}

/** A comparison, given whether the operands are equal, signed less, unsigned less; `eqz` compares with zero. */
function compare(op: Op, equal: boolean, less: boolean, below: boolean): boolean {
  switch (op) {
    case Op.eqz:
    case Op.eq:
      return set(equal ? 1 : 0, 0);
    case Op.ne:
      return set(equal ? 0 : 1, 0);
    case Op.slt:
      return set(less ? 1 : 0, 0);
    case Op.sle:
      return set(less || equal ? 1 : 0, 0);
    case Op.sgt:
      return set(less || equal ? 0 : 1, 0);
    case Op.sge:
      return set(less ? 0 : 1, 0);
    case Op.ult:
      return set(below ? 1 : 0, 0);
    case Op.ule:
      return set(below || equal ? 1 : 0, 0);
    case Op.ugt:
      return set(below || equal ? 0 : 1, 0);
    case Op.uge:
      return set(below ? 0 : 1, 0);
    default:
      return false;
  }
}

/** i64 op with one or two operands; comparisons too (their result is an i32 in `result.lo`). */
export function evaluate64(op: Op, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  switch (op) {
    case Op.add:
      return add64(aLo, aHi, bLo, bHi);
    case Op.sub:
      return subtract64(aLo, aHi, bLo, bHi);
    case Op.mul:
      return multiply64(aLo, aHi, bLo, bHi);
    case Op.sdiv:
    case Op.udiv:
    case Op.srem:
    case Op.urem:
      return divide64(op, aLo, aHi, bLo, bHi);
    case Op.and:
      return set(aLo & bLo, aHi & bHi);
    case Op.or:
      return set(aLo | bLo, aHi | bHi);
    case Op.xor:
      return set(aLo ^ bLo, aHi ^ bHi);
    case Op.shl:
    case Op.sshr:
    case Op.ushr:
      return shift64(op, aLo, aHi, bLo & 63);
    case Op.rotl:
      return rotateLeft64(aLo, aHi, bLo & 63);
    case Op.rotr:
      return rotateLeft64(aLo, aHi, -bLo & 63);
    case Op.clz:
      return set(aHi === 0 ? 32 + Math.clz32(aLo) : Math.clz32(aHi), 0);
    case Op.ctz:
      return set(aLo === 0 ? 32 + trailingZeros(aHi) : trailingZeros(aLo), 0);
    case Op.popcnt:
      return set(populationCount(aLo) + populationCount(aHi), 0);
    case Op.sext8:
      return set((aLo << 24) >> 24, (aLo << 24) >> 31);
    case Op.sext16:
      return set((aLo << 16) >> 16, (aLo << 16) >> 31);
    case Op.sext32:
      return set(aLo, aLo >> 31);
    default: {
      const equal = aLo === bLo && aHi === bHi;
      const lowBelow = aLo >>> 0 < bLo >>> 0;
      const less = aHi < bHi || (aHi === bHi && lowBelow);
      const below = aHi >>> 0 < bHi >>> 0 || (aHi === bHi && lowBelow);
      return compare(op, equal, less, below);
    }
  }
}

function add64(aLo: number, aHi: number, bLo: number, bHi: number): true {
  const lo = (aLo >>> 0) + (bLo >>> 0);
  return set(lo, aHi + bHi + (lo > 0xffffffff ? 1 : 0));
}

function subtract64(aLo: number, aHi: number, bLo: number, bHi: number): true {
  return set(aLo - bLo, aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0));
}

function multiply64(aLo: number, aHi: number, bLo: number, bHi: number): true {
  const a0 = aLo & 0xffff;
  const a1 = aLo >>> 16;
  const b0 = bLo & 0xffff;
  const b1 = bLo >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const middle2 = a0 * b1 + (middle & 0xffff);
  const carry = a1 * b1 + Math.floor(middle / 65536) + Math.floor(middle2 / 65536);
  return set(Math.imul(aLo, bLo), (carry | 0) + Math.imul(aLo, bHi) + Math.imul(aHi, bLo));
}

function shift64(op: Op, lo: number, hi: number, count: number): true {
  if (count === 0) return set(lo, hi);
  const few = count < 32;
  if (op === Op.shl)
    return few ? set(lo << count, (hi << count) | (lo >>> (32 - count))) : set(0, lo << count);
  const fill = op === Op.sshr ? hi >> 31 : 0;
  if (!few) return set(op === Op.sshr ? hi >> count : hi >>> count, fill);
  return set((lo >>> count) | (hi << (32 - count)), op === Op.sshr ? hi >> count : hi >>> count);
}

function rotateLeft64(lo: number, hi: number, count: number): true {
  shift64(Op.shl, lo, hi, count);
  const leftLo = result.lo;
  const leftHi = result.hi;
  if (count === 0) return true;
  shift64(Op.ushr, lo, hi, 64 - count);
  return set(result.lo | leftLo, result.hi | leftHi);
}

function negate64(): void {
  subtract64(0, 0, result.lo, result.hi);
}

function divide64(op: Op, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  if (bLo === 0 && bHi === 0) return false;
  if (op === Op.udiv || op === Op.urem) return divideUnsigned(op === Op.udiv, aLo, aHi, bLo, bHi);
  const minusOne = bLo === -1 && bHi === -1;
  if (minusOne && aLo === 0 && aHi === -0x80000000) return op === Op.srem && set(0, 0);
  const isQuotient = op === Op.sdiv;
  set(aLo, aHi);
  if (aHi < 0) negate64();
  const positiveLo = result.lo;
  const positiveHi = result.hi;
  set(bLo, bHi);
  if (bHi < 0) negate64();
  divideUnsigned(isQuotient, positiveLo, positiveHi, result.lo, result.hi);
  if (isQuotient ? aHi < 0 !== bHi < 0 : aHi < 0) negate64();
  return true;
}

/** Shift-and-subtract, one quotient bit at a time: constants are few. */
function divideUnsigned(quotient: boolean, aLo: number, aHi: number, bLo: number, bHi: number): true {
  let qLo = 0;
  let qHi = 0;
  let rLo = 0;
  let rHi = 0;
  for (let i = 63; i >= 0; i--) {
    const out = rHi < 0; // the bit that the shift pushes out makes the remainder larger than any divisor
    rHi = (rHi << 1) | (rLo >>> 31);
    rLo = (rLo << 1) | ((i >= 32 ? aHi >>> (i - 32) : aLo >>> i) & 1);
    const fits = out || rHi >>> 0 > bHi >>> 0 || (rHi === bHi && rLo >>> 0 >= bLo >>> 0);
    if (!fits) continue;
    subtract64(rLo, rHi, bLo, bHi);
    rLo = result.lo;
    rHi = result.hi;
    if (i >= 32) qHi |= 1 << (i - 32);
    else qLo |= 1 << i;
  }
  return quotient ? set(qLo, qHi) : set(rLo, rHi);
}
