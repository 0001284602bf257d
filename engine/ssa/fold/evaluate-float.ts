/**
 * Evaluates floating-point ops and conversions on constants (WebAssembly specification 4.3.3 and 4.3.4). f32
 * arithmetic in doubles and rounded once more is exact for + - * / and square root, since 53 >= 2 * 24 + 2
 * (Figueroa, "When is double rounding innocuous?"). An op whose result would be a NaN answers false: which NaN is
 * the processor's choice, and both tiers must agree. Sign operations work on bits and so fold NaNs too.
 */
import { Op, Type } from "../ops.js";
import { result } from "./evaluate-integer.js";

const bytes = new ArrayBuffer(8);
const words = new Int32Array(bytes);
const singles = new Float32Array(bytes);
const doubles = new Float64Array(bytes);

export function floatFromBits(type: Type, lo: number, hi: number): number {
  words[0] = lo;
  if (type === Type.f32) return singles[0]!;
  words[1] = hi;
  return doubles[0]!;
}

/** Leaves the bits of `x` in `result`; false if it is a NaN. */
function setFloat(type: Type, x: number): boolean {
  if (Number.isNaN(x)) return false;
  if (type === Type.f32) {
    singles[0] = x;
    result.hi = 0;
  } else {
    doubles[0] = x;
    result.hi = words[1]!;
  }
  result.lo = words[0]!;
  return true;
}

function setInt(value: number): boolean {
  result.lo = value | 0;
  result.hi = 0;
  return true;
}

/** An arithmetic op of f32 or f64. */
export function evaluateFloat(
  op: Op,
  type: Type,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
): boolean {
  if (op === Op.fneg || op === Op.fabs || op === Op.fcopysign)
    return evaluateSign(op, type, aLo, aHi, bLo, bHi);
  const a = floatFromBits(type, aLo, aHi);
  const b = floatFromBits(type, bLo, bHi);
  switch (op) {
    case Op.fadd:
      return setFloat(type, a + b);
    case Op.fsub:
      return setFloat(type, a - b);
    case Op.fmul:
      return setFloat(type, a * b);
    case Op.fdiv:
      return setFloat(type, a / b);
    case Op.fmin:
      return setFloat(type, Math.min(a, b));
    case Op.fmax:
      return setFloat(type, Math.max(a, b));
    case Op.fsqrt:
      return setFloat(type, Math.sqrt(a));
    case Op.fceil:
      return setFloat(type, Math.ceil(a));
    case Op.ffloor:
      return setFloat(type, Math.floor(a));
    case Op.ftrunc:
      return setFloat(type, Math.trunc(a));
    case Op.fnearest:
      return setFloat(type, nearest(a));
    default:
      return false;
  }
}

function evaluateSign(op: Op, type: Type, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  const single = type === Type.f32;
  const top = single ? aLo : aHi;
  const sign = -0x80000000;
  let changed: number;
  if (op === Op.fneg) changed = top ^ sign;
  else if (op === Op.fabs) changed = top & ~sign;
  else changed = (top & ~sign) | ((single ? bLo : bHi) & sign);
  result.lo = single ? changed : aLo;
  result.hi = single ? 0 : changed;
  return true;
}

/** Rounds to the nearest integer, ties to even, keeping the sign of zero. */
export function nearest(x: number): number {
  if (!(Math.abs(x) < 2 ** 52)) return x;
  const down = Math.floor(x);
  const above = x - down;
  const rounded = above < 0.5 || (above === 0.5 && down % 2 === 0) ? down : down + 1;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

/** A comparison of two f32 or f64; the result is 0 or 1. */
export function evaluateFloatCompare(
  op: Op,
  type: Type,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
): boolean {
  const a = floatFromBits(type, aLo, aHi);
  const b = floatFromBits(type, bLo, bHi);
  switch (op) {
    case Op.feq:
      return setInt(a === b ? 1 : 0);
    case Op.fne:
      return setInt(a !== b ? 1 : 0);
    case Op.flt:
      return setInt(a < b ? 1 : 0);
    case Op.fle:
      return setInt(a <= b ? 1 : 0);
    case Op.fgt:
      return setInt(a > b ? 1 : 0);
    case Op.fge:
      return setInt(a >= b ? 1 : 0);
    default:
      return false;
  }
}

/** A conversion from type `from` to type `to`. */
export function evaluateConversion(op: Op, from: Type, to: Type, lo: number, hi: number): boolean {
  switch (op) {
    case Op.wrap:
      return setInt(lo);
    case Op.zext:
      return setInt(lo);
    case Op.sext:
      result.lo = lo;
      result.hi = lo >> 31;
      return true;
    case Op.bitcast:
      result.lo = lo;
      result.hi = from === Type.i32 || from === Type.f32 ? 0 : hi;
      return true;
    case Op.promote:
    case Op.demote:
      return setFloat(to, floatFromBits(from, lo, hi));
    case Op.sitof:
      return setFloat(to, from === Type.i32 ? lo : fromInt64(to, lo, hi, true));
    case Op.uitof:
      return setFloat(to, from === Type.i32 ? lo >>> 0 : fromInt64(to, lo, hi, false));
    default:
      return toInt(op, to, Math.trunc(floatFromBits(from, lo, hi)));
  }
}

/** A 64-bit integer as a double that rounds to the right value of type `to`. */
function fromInt64(to: Type, lo: number, hi: number, isSigned: boolean): number {
  if (to === Type.f64) return (isSigned ? hi : hi >>> 0) * 2 ** 32 + (lo >>> 0);
  let magnitudeLo = lo;
  let magnitudeHi = hi;
  const negative = isSigned && hi < 0;
  if (negative) {
    magnitudeLo = -lo | 0;
    magnitudeHi = lo === 0 ? -hi | 0 : ~hi;
  }
  // Rounding to 53 and then to 24 bits could be wrong by one: below 2^53 the first step is exact, and above the
  // low 11 bits only matter as "not zero", which one sticky bit keeps.
  let x = (magnitudeHi >>> 0) * 2 ** 32;
  if (magnitudeHi >>> 0 >= 2 ** 21) {
    const sticky = (magnitudeLo & 0x7ff) !== 0 ? 0x800 : 0;
    x += ((magnitudeLo & ~0x7ff) | sticky) >>> 0;
  } else x += magnitudeLo >>> 0;
  return negative ? -x : x;
}

/** `t`: the truncated operand, maybe a NaN or infinite. */
function toInt(op: Op, to: Type, t: number): boolean {
  const saturates = op === Op.ftosisat || op === Op.ftouisat;
  const isSigned = op === Op.ftosi || op === Op.ftosisat;
  if (!saturates && op !== Op.ftosi && op !== Op.ftoui) return false;
  const bits = to === Type.i32 ? 32 : 64;
  const least = isSigned ? -(2 ** (bits - 1)) : 0;
  const bound = isSigned ? 2 ** (bits - 1) : 2 ** bits; // first value that is too large
  const fits = t >= least && t < bound;
  if (!fits) {
    if (!saturates) return false;
    const high = t >= bound;
    if (Number.isNaN(t) || (!high && !isSigned)) result.lo = result.hi = 0;
    else {
      const top = isSigned ? (high ? 0x7fffffff : -0x80000000) : -1;
      result.lo = bits === 32 ? top : high ? -1 : 0;
      result.hi = bits === 32 ? 0 : top;
    }
    return true;
  }
  result.hi = bits === 32 ? 0 : Math.floor(t / 2 ** 32) | 0;
  result.lo = bits === 32 ? t | 0 : (t - Math.floor(t / 2 ** 32) * 2 ** 32) | 0;
  return true;
}
