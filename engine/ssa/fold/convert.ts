/** Simplification of conversions, floating-point ops, and stores of converted values. */
import type { Value } from "../function.js";
import { Op, OpFlag, opFlags, Type } from "../ops.js";
import { constantToTheRight } from "./compare.js";
import { floatFromBits } from "./evaluate-float.js";
import { again, type Folder, keep } from "./folder.js";

export function simplifyConversion(f: Folder, v: Value): number {
  const { func } = f;
  if (f.foldConstants(v)) return keep;
  const op = func.op[v]!;
  const a = func.a0[v]!;
  const inner = func.op[a]!;
  const x = func.a0[a]!;
  switch (op) {
    case Op.wrap:
      if (inner === Op.zext || inner === Op.sext) return x;
      if (inner === Op.sext32) return f.become(v, Op.wrap, x);
      if (inner === Op.and && f.isConst(func.a1[a]!) && func.lo[func.a1[a]!] === -1)
        return f.become(v, Op.wrap, x);
      return keep;
    case Op.zext:
      return inner === Op.wrap && func.type[v] === Type.i64 && f.bound(x) <= 0xffffffff ? x : keep;
    case Op.sext:
      if (f.isNonNegative(a)) return f.become(v, Op.zext, a);
      return inner === Op.wrap ? f.become(v, Op.sext32, x) : keep;
    case Op.bitcast:
      return simplifyBitcast(f, v);
    default:
      return keep;
  }
}

function simplifyBitcast(f: Folder, v: Value): number {
  const { func } = f;
  const a = func.a0[v]!;
  if (func.op[a] === Op.bitcast && func.type[func.a0[a]!] === func.type[v]) return func.a0[a]!;
  const type = func.type[v]!;
  const isNumber = type !== Type.ref && type !== Type.ptr;
  if (func.op[a] === Op.load && f.uses[a] === 1 && isNumber) {
    func.type[a] = type;
    return a;
  }
  return keep;
}

/**
 * Float rules keep every bit: `x + -0`, `x * 1` and the like would let a signalling NaN through unquieted, so they
 * stay.
 */
export function simplifyFloat(f: Folder, v: Value): number {
  const { func } = f;
  if (f.foldConstants(v)) return keep;
  const op = func.op[v]!;
  const a = func.a0[v]!;
  if ((opFlags[op]! & OpFlag.commutative) !== 0 && f.isConst(a)) {
    func.a0[v] = func.a1[v]!;
    func.a1[v] = a;
  }
  const inner = func.op[a]!;
  switch (op) {
    case Op.fneg:
      return inner === Op.fneg ? func.a0[a]! : keep;
    case Op.fabs:
      if (inner === Op.fabs) return a;
      return inner === Op.fneg || inner === Op.fcopysign ? f.become(v, Op.fabs, func.a0[a]!) : keep;
    case Op.fcopysign:
      return a === func.a1[v]! ? a : keep;
    case Op.fdiv:
      return divideByPowerOfTwo(f, v);
    default:
      return keep;
  }
}

/** x / 2^k is x * 2^-k exactly, as long as both are normal numbers. */
function divideByPowerOfTwo(f: Folder, v: Value): number {
  const { func } = f;
  const c = func.a1[v]!;
  if (!f.isConst(c)) return keep;
  const type = func.type[v] as Type;
  const lo = func.lo[c]!;
  const hi = func.hi[c]!;
  const single = type === Type.f32;
  const mantissa = single ? lo & 0x7fffff : (hi & 0xfffff) | lo;
  if (mantissa !== 0) return keep;
  const bias = single ? 127 : 1023;
  const exponent = single ? (lo >>> 23) & 0xff : (hi >>> 20) & 0x7ff;
  const reciprocal = 2 * bias - exponent;
  if (exponent === 0 || reciprocal <= 0 || reciprocal > 2 * bias) return keep;
  const sign = (single ? lo : hi) & -0x80000000;
  const top = sign | (reciprocal << (single ? 23 : 20));
  return f.become(v, Op.fmul, func.a0[v]!, f.constant(v, type, single ? top : 0, single ? 0 : top));
}

export function simplifyFloatCompare(f: Folder, v: Value): number {
  const { func } = f;
  if (f.foldConstants(v)) return keep;
  constantToTheRight(f, v);
  const c = func.a1[v]!;
  if (!f.isConst(c)) return keep;
  if (!Number.isNaN(floatFromBits(func.type[c] as Type, func.lo[c]!, func.hi[c]!))) return keep;
  return f.becomeConst(v, func.op[v] === Op.fne ? 1 : 0, 0);
}

/** A store of fewer bits than its value has needs no mask or extension before it. */
export function simplifyStore(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const value = func.a2[v]!;
  const inner = func.op[value]!;
  const x = func.a0[value]!;
  if (op === Op.store) {
    if (inner === Op.bitcast && func.type[x] !== Type.ref && func.type[x] !== Type.ptr) func.a2[v] = f.use(x);
    return keep;
  }
  const bits = op === Op.store8 ? 8 : op === Op.store16 ? 16 : 32;
  let skips = false;
  if (inner === Op.and && f.isConst(func.a1[value]!)) {
    const mask = bits === 32 ? -1 : (1 << bits) - 1;
    skips = (func.lo[func.a1[value]!]! & mask) === mask;
  } else if (inner === Op.sext8) skips = bits === 8;
  else if (inner === Op.sext16) skips = bits <= 16;
  else if (inner === Op.sext32) skips = true;
  else if ((inner === Op.zext || inner === Op.sext || inner === Op.wrap) && bits < 32) skips = true;
  if (!skips) return keep;
  func.a2[v] = f.use(x);
  return again;
}
