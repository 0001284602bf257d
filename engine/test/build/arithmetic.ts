/**
 * The meaning of the pure SSA ops, for tests: written from the op table and the Wasm specification, and for
 * clarity, not speed.
 *
 * Values: an i32 is a signed number, an i64 a signed bigint, an f32 its bits as a signed number, an f64 its
 * bits as a signed bigint, a ptr or ref a non-negative number.
 */
import { Op, TrapKind, Type, trapNames } from "../../ssa/ops.js";

export type Word = number | bigint;

export class InterpretedTrap extends Error {
  /** The byte offset that the trapping row says it stems from; set where it is known. */
  offset = -1;

  constructor(readonly kind: number) {
    super(`trap: ${trapNames[kind]}`);
  }
}

const view = new DataView(new ArrayBuffer(8));

export function floatOf(type: number, bits: Word): number {
  if (type === Type.f32) {
    view.setInt32(0, bits as number);
    return view.getFloat32(0);
  }
  view.setBigInt64(0, bits as bigint);
  return view.getFloat64(0);
}

export function bitsOf(type: number, x: number): Word {
  // JavaScript may hand a signalling NaN through; an arithmetic result is never one.
  if (Number.isNaN(x)) return type === Type.f32 ? 0x7fc00000 : 0x7ff8000000000000n;
  if (type === Type.f32) {
    view.setFloat32(0, x);
    return view.getInt32(0);
  }
  view.setFloat64(0, x);
  return view.getBigInt64(0);
}

function isWide(type: number): boolean {
  return type === Type.i64;
}

/** A bigint as an i32 or i64. */
function integer(type: number, x: bigint): Word {
  return isWide(type) ? BigInt.asIntN(64, x) : Number(BigInt.asIntN(32, x));
}

function width(type: number): bigint {
  return isWide(type) ? 64n : 32n;
}

function unsigned(type: number, x: Word): bigint {
  return type === Type.i32 || isWide(type) ? BigInt.asUintN(Number(width(type)), BigInt(x)) : BigInt(x);
}

function leadingZeros(type: number, x: bigint): bigint {
  let count = 0n;
  for (let bit = width(type) - 1n; bit >= 0n && ((x >> bit) & 1n) === 0n; bit--) count++;
  return count;
}

function trailingZeros(type: number, x: bigint): bigint {
  let count = 0n;
  while (count < width(type) && ((x >> count) & 1n) === 0n) count++;
  return count;
}

function ones(x: bigint): bigint {
  let count = 0n;
  for (let rest = x; rest !== 0n; rest >>= 1n) count += rest & 1n;
  return count;
}

function divide(op: number, type: number, a: Word, b: Word): bigint {
  if (BigInt(b) === 0n) throw new InterpretedTrap(TrapKind.integerDivideByZero);
  if (op === Op.udiv) return unsigned(type, a) / unsigned(type, b);
  if (op === Op.urem) return unsigned(type, a) % unsigned(type, b);
  if (op === Op.srem) return BigInt(a) % BigInt(b);
  const quotient = BigInt(a) / BigInt(b);
  if (quotient === 1n << (width(type) - 1n)) throw new InterpretedTrap(TrapKind.integerOverflow);
  return quotient;
}

/** Integer ops of one or two operands, result of the row's type; undefined for another op. */
function integerOp(op: number, type: number, a: Word, b: Word): bigint | undefined {
  const x = BigInt(a);
  const y = b === undefined ? 0n : BigInt(b);
  const u = unsigned(type, a);
  const count = y & (width(type) - 1n);
  switch (op) {
    case Op.add:
      return x + y;
    case Op.sub:
      return x - y;
    case Op.mul:
      return x * y;
    case Op.sdiv:
    case Op.udiv:
    case Op.srem:
    case Op.urem:
      return divide(op, type, a, b);
    case Op.and:
      return x & y;
    case Op.or:
      return x | y;
    case Op.xor:
      return x ^ y;
    case Op.shl:
      return x << count;
    case Op.sshr:
      return x >> count;
    case Op.ushr:
      return u >> count;
    case Op.rotl:
      return (u << count) | (u >> (width(type) - count));
    case Op.rotr:
      return (u >> count) | (u << (width(type) - count));
    case Op.clz:
      return leadingZeros(type, u);
    case Op.ctz:
      return trailingZeros(type, u);
    case Op.popcnt:
      return ones(u);
    case Op.sext8:
      return BigInt.asIntN(8, x);
    case Op.sext16:
      return BigInt.asIntN(16, x);
    case Op.sext32:
      return BigInt.asIntN(32, x);
  }
  return undefined;
}

function integerComparison(op: number, type: number, a: Word, b: Word): boolean | undefined {
  const x = BigInt(a);
  const y = b === undefined ? 0n : BigInt(b);
  const u = unsigned(type, a);
  const w = b === undefined ? 0n : unsigned(type, b);
  switch (op) {
    case Op.eqz:
      return x === 0n;
    case Op.eq:
      return x === y;
    case Op.ne:
      return x !== y;
    case Op.slt:
      return x < y;
    case Op.sle:
      return x <= y;
    case Op.sgt:
      return x > y;
    case Op.sge:
      return x >= y;
    case Op.ult:
      return u < w;
    case Op.ule:
      return u <= w;
    case Op.ugt:
      return u > w;
    case Op.uge:
      return u >= w;
  }
  return undefined;
}

function floatComparison(op: number, x: number, y: number): boolean | undefined {
  switch (op) {
    case Op.feq:
      return x === y;
    case Op.fne:
      return x !== y;
    case Op.flt:
      return x < y;
    case Op.fle:
      return x <= y;
    case Op.fgt:
      return x > y;
    case Op.fge:
      return x >= y;
  }
  return undefined;
}

function nearest(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const down = Math.floor(x);
  const rest = x - down;
  const rounded = rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
  return rounded === 0 && x < 0 ? -0 : rounded;
}

function floatOp(op: number, x: number, y: number): number | undefined {
  switch (op) {
    case Op.fadd:
      return x + y;
    case Op.fsub:
      return x - y;
    case Op.fmul:
      return x * y;
    case Op.fdiv:
      return x / y;
    case Op.fmin:
      return Math.min(x, y);
    case Op.fmax:
      return Math.max(x, y);
    case Op.fsqrt:
      return Math.sqrt(x);
    case Op.fceil:
      return Math.ceil(x);
    case Op.ffloor:
      return Math.floor(x);
    case Op.ftrunc:
      return Math.trunc(x);
    case Op.fnearest:
      return nearest(x);
  }
  return undefined;
}

/** fabs, fneg and fcopysign work on the sign bit alone. */
function signOp(op: number, type: number, a: Word, b: Word): Word {
  const bits = type === Type.f32 ? 32 : 64;
  const sign = 1n << BigInt(bits - 1);
  const x = BigInt.asUintN(bits, BigInt(a));
  let result = x & ~sign;
  if (op === Op.fneg) result |= ~x & sign;
  if (op === Op.fcopysign) result |= BigInt(b) & sign;
  return bits === 32 ? Number(BigInt.asIntN(32, result)) : BigInt.asIntN(64, result);
}

/** Float to integer; the bounds are the first integers out of range. */
function truncate(op: number, type: number, from: number, a: Word): Word {
  const x = Math.trunc(floatOf(from, a));
  const isSigned = op === Op.ftosi || op === Op.ftosisat;
  const saturates = op === Op.ftosisat || op === Op.ftouisat;
  const bits = Number(width(type));
  const above = 2 ** (isSigned ? bits - 1 : bits);
  const below = isSigned ? -(2 ** (bits - 1)) : 0;
  if (Number.isNaN(x)) {
    if (saturates) return integer(type, 0n);
    throw new InterpretedTrap(TrapKind.invalidConversion);
  }
  if (x < above && x >= below) return integer(type, BigInt(x));
  if (!saturates) throw new InterpretedTrap(TrapKind.integerOverflow);
  return integer(type, x < 0 ? BigInt(below) : BigInt(above) - 1n);
}

/** Integer to float with one rounding: an i64 to f32 goes by a double rounded to odd. */
function convert(op: number, type: number, from: number, a: Word): Word {
  const x = op === Op.uitof ? unsigned(from, a) : BigInt(a);
  const magnitude = x < 0n ? -x : x;
  if (type === Type.f64 || magnitude < 1n << 53n) return bitsOf(type, Number(x));
  const odd = (magnitude >> 11n) | ((magnitude & 0x7ffn) === 0n ? 0n : 1n);
  const rounded = Number(odd) * 2048;
  return bitsOf(type, x < 0n ? -rounded : rounded);
}

function bitcast(type: number, from: number, a: Word): Word {
  if (type === Type.i64 && (from === Type.ptr || from === Type.ref)) return BigInt(a);
  if (type === Type.ptr || type === Type.ref) return Number(a);
  return a;
}

function conversion(op: number, type: number, from: number, a: Word): Word | undefined {
  switch (op) {
    case Op.wrap:
      return Number(BigInt.asIntN(32, a as bigint));
    case Op.sext:
      return BigInt(a);
    case Op.zext:
      return type === Type.ptr ? (a as number) >>> 0 : BigInt((a as number) >>> 0);
    case Op.ftosi:
    case Op.ftoui:
    case Op.ftosisat:
    case Op.ftouisat:
      return truncate(op, type, from, a);
    case Op.sitof:
    case Op.uitof:
      return convert(op, type, from, a);
    case Op.promote:
    case Op.demote:
      return bitsOf(type, floatOf(from, a));
    case Op.bitcast:
      return bitcast(type, from, a);
  }
  return undefined;
}

/**
 * A pure op on values; undefined if the op is no arithmetic.
 * @param from type of the first operand
 */
export function evaluate(
  op: number,
  type: number,
  from: number,
  a: Word,
  b: Word,
  c: Word,
): Word | undefined {
  if (op === Op.select) return a !== 0 ? b : c;
  if (op === Op.fabs || op === Op.fneg || op === Op.fcopysign) return signOp(op, type, a, b);
  const converted = conversion(op, type, from, a);
  if (converted !== undefined) return converted;
  if (from === Type.f32 || from === Type.f64) {
    const y = b === undefined ? 0 : floatOf(from, b);
    const compared = floatComparison(op, floatOf(from, a), y);
    if (compared !== undefined) return compared ? 1 : 0;
    const result = floatOp(op, floatOf(from, a), y);
    return result === undefined ? undefined : bitsOf(type, result);
  }
  const compared = integerComparison(op, from, a, b);
  if (compared !== undefined) return compared ? 1 : 0;
  if (type === Type.ptr) return op === Op.add ? Number(a) + Number(b) : undefined;
  const result = integerOp(op, type, a, b);
  return result === undefined ? undefined : integer(type, result);
}
