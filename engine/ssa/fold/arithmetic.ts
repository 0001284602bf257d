/** Simplification of integer arithmetic, bit operations and shifts. See `folder.ts` for what a rule answers. */
import type { Value } from "../function.js";
import { Op, OpFlag, opFlags, Type } from "../ops.js";
import { evaluate32, result } from "./evaluate-integer.js";
import { type Folder, keep } from "./folder.js";

/** Any integer op of one or two operands that isn't a comparison. */
export function simplifyArithmetic(f: Folder, v: Value): number {
  const { func } = f;
  if (f.foldConstants(v)) return keep;
  const op = func.op[v]!;
  if ((opFlags[op]! & OpFlag.commutative) !== 0 && f.isConst(func.a0[v]!)) {
    const a = func.a0[v]!;
    func.a0[v] = func.a1[v]!;
    func.a1[v] = a;
  }
  if (func.type[v] === Type.ptr) return simplifyAddress(f, v);
  switch (op) {
    case Op.add:
    case Op.sub:
    case Op.mul:
      return simplifySum(f, v);
    case Op.and:
    case Op.or:
    case Op.xor:
      return simplifyBits(f, v);
    case Op.shl:
    case Op.sshr:
    case Op.ushr:
    case Op.rotl:
    case Op.rotr:
      return simplifyShift(f, v);
    case Op.sdiv:
    case Op.udiv:
    case Op.srem:
    case Op.urem:
      return simplifyDivision(f, v);
    case Op.sext8:
    case Op.sext16:
    case Op.sext32:
      return simplifyExtension(f, v);
    default:
      return keep;
  }
}

/** Addresses: the constant may be an i64, so only the zero is taken out. */
function simplifyAddress(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const isNeutral = (op === Op.add || op === Op.shl) && f.isZero(func.a1[v]!);
  return isNeutral && func.type[func.a0[v]!] === Type.ptr ? func.a0[v]! : keep;
}

/**
 * (x op c1) op c2 -> x op (c1 op c2), for associative ops. `x op c1` may stay for other users; there is no more
 * work than before.
 */
function reassociate(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const inner = func.a0[v]!;
  const c2 = func.a1[v]!;
  if (!f.isConst(c2) || func.op[inner] !== op || !f.isConst(func.a1[inner]!)) return keep;
  const c = f.combine(v, op, func.a1[inner]!, c2);
  return c === 0 ? keep : f.become(v, op, func.a0[inner]!, c);
}

function simplifySum(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const type = func.type[v] as Type;
  const a = func.a0[v]!;
  const b = func.a1[v]!;
  if (op === Op.sub) {
    if (a === b) return f.becomeConst(v, 0, 0);
    if (f.isZero(b)) return a;
    if (!f.isConst(b)) return keep;
    const zero = f.constant(v, type, 0, 0);
    return f.become(v, Op.add, a, f.combine(v, Op.sub, zero, b));
  }
  if (op === Op.add) return f.isZero(b) ? a : reassociate(f, v);
  if (f.isZero(b)) return f.becomeConst(v, 0, 0);
  if (f.isInt(b, 1, 0)) return a;
  if (f.isMinusOne(b)) return f.become(v, Op.sub, f.constant(v, type, 0, 0), a);
  const k = f.powerOfTwo(b);
  if (k > 0) return f.become(v, Op.shl, a, f.constant(v, type, k, 0));
  return reassociate(f, v);
}

function simplifyBits(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const a = func.a0[v]!;
  const b = func.a1[v]!;
  if (a === b) return op === Op.xor ? f.becomeConst(v, 0, 0) : a;
  if (f.isZero(b)) return op === Op.and ? f.becomeConst(v, 0, 0) : a;
  if (f.isMinusOne(b)) {
    if (op === Op.and) return a;
    if (op === Op.or) return f.becomeConst(v, -1, func.type[v] === Type.i32 ? 0 : -1);
  }
  if (op === Op.and && f.isConst(b)) {
    const ones = f.isInt(b, -1, 0) ? 2 ** 32 : lowOnes(f, b);
    if (f.bound(a) < ones) return a;
  }
  return reassociate(f, v);
}

/** 2^k where the lowest k bits of a constant are set and bit k isn't. */
function lowOnes(f: Folder, c: number): number {
  const lo = f.func.lo[c]!;
  if (lo !== -1) return 2 ** (31 - Math.clz32(~lo & -~lo));
  const hi = f.func.type[c] === Type.i32 ? 0 : f.func.hi[c]!;
  return hi === -1 ? 2 ** 64 : 2 ** (63 - Math.clz32(~hi & -~hi));
}

function simplifyShift(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const type = func.type[v] as Type;
  const width = type === Type.i32 ? 32 : 64;
  const a = func.a0[v]!;
  const b = func.a1[v]!;
  if (f.isZero(a) || (f.isMinusOne(a) && op !== Op.shl && op !== Op.ushr)) return a;
  if (!f.isConst(b)) return keep;
  const count = func.lo[b]! & (width - 1);
  if (count === 0) return a;
  if (count !== func.lo[b] || (width === 64 && func.hi[b] !== 0)) {
    return f.become(v, op, a, f.constant(v, type, count, 0));
  }
  if (op === Op.rotr) return f.become(v, Op.rotl, a, f.constant(v, type, width - count, 0));
  if (op === Op.ushr && f.bound(a) < 2 ** count) return f.becomeConst(v, 0, 0);
  if (op === Op.sshr && f.isNonNegative(a)) return f.become(v, Op.ushr, a, b);
  return simplifyTwoShifts(f, v, a, count, width);
}

/** A shift by a constant of a shift by a constant. */
function simplifyTwoShifts(f: Folder, v: Value, a: number, count: number, width: number): number {
  const { func } = f;
  const op = func.op[v]!;
  const type = func.type[v] as Type;
  const inner = func.op[a]!;
  if (inner !== Op.shl && inner !== Op.sshr && inner !== Op.ushr && inner !== Op.rotl) return keep;
  if (!f.isConst(func.a1[a]!)) return keep;
  const x = func.a0[a]!;
  const innerCount = func.lo[func.a1[a]!]! & (width - 1);
  if (op === inner) {
    let sum = innerCount + count;
    if (op === Op.rotl) sum &= width - 1;
    else if (op === Op.sshr) sum = Math.min(sum, width - 1);
    else if (sum >= width) return f.becomeConst(v, 0, 0);
    return f.become(v, op, x, f.constant(v, type, sum, 0));
  }
  if (inner !== Op.shl || count !== innerCount) return keep;
  if (op === Op.ushr) return f.become(v, Op.and, x, ones(f, v, type, width - count));
  if (op !== Op.sshr) return keep;
  if (width - count === 8) return f.become(v, Op.sext8, x);
  if (width - count === 16) return f.become(v, Op.sext16, x);
  return width - count === 32 ? f.become(v, Op.sext32, x) : keep;
}

/** A constant of `count` low ones, 0 < count < width. */
function ones(f: Folder, before: Value, type: Type, count: number): Value {
  const lo = count >= 32 ? -1 : (1 << count) - 1;
  return f.constant(before, type, lo, count <= 32 ? 0 : (1 << (count - 32)) - 1);
}

function simplifyDivision(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const type = func.type[v] as Type;
  const a = func.a0[v]!;
  const b = func.a1[v]!;
  const isQuotient = op === Op.sdiv || op === Op.udiv;
  if (!f.isConst(b) || f.isZero(b)) return keep;
  if (f.isInt(b, 1, 0)) return isQuotient ? a : f.becomeConst(v, 0, 0);
  if (op === Op.srem && f.isMinusOne(b)) return f.becomeConst(v, 0, 0);
  if ((op === Op.sdiv || op === Op.srem) && f.isNonNegative(a) && f.isNonNegative(b)) {
    return f.become(v, op === Op.sdiv ? Op.udiv : Op.urem, a, b);
  }
  if (op !== Op.udiv && op !== Op.urem) return keep;
  if (f.bound(b) < 2 ** 53 && f.bound(a) < f.unsignedOf(b)) return isQuotient ? f.becomeConst(v, 0, 0) : a;
  const k = f.powerOfTwo(b);
  if (k < 0) return keep;
  if (isQuotient) return f.become(v, Op.ushr, a, f.constant(v, type, k, 0));
  return f.become(v, Op.and, a, ones(f, v, type, k));
}

const extensionBits = (op: Op): number =>
  op === Op.sext8 ? 8 : op === Op.sext16 ? 16 : op === Op.sext32 ? 32 : 0;

function simplifyExtension(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const bits = extensionBits(op);
  const a = func.a0[v]!;
  if (f.bound(a) < 2 ** (bits - 1)) return a;
  const inner = func.op[a]!;
  const innerBits = extensionBits(inner);
  if (innerBits !== 0) return innerBits <= bits ? a : f.become(v, op, func.a0[a]!);
  if (inner === Op.and && f.isConst(func.a1[a]!)) {
    const mask = func.lo[func.a1[a]!]!;
    const covered = bits === 32 ? mask === -1 : evaluate32(Op.ctz, ~mask, 0) && result.lo >= bits;
    return covered ? f.become(v, op, func.a0[a]!) : keep;
  }
  if (inner === Op.load8s && bits >= 8) return a;
  if (inner === Op.load16s && bits >= 16) return a;
  if (inner === Op.load32s) return bits === 32 ? a : keep;
  if (bits === 32 && inner === Op.sext) return a;
  if (bits === 32 && inner === Op.zext) return f.become(v, Op.sext, func.a0[a]!);
  return signedLoad(f, a, bits);
}

/** sextN(loadNu) -> loadNs, where nothing else reads the load. */
function signedLoad(f: Folder, load: number, bits: number): number {
  const { func } = f;
  const unsignedOp = bits === 8 ? Op.load8u : bits === 16 ? Op.load16u : Op.load32u;
  if (func.op[load] !== unsignedOp || f.uses[load] !== 1) return keep;
  func.op[load] = bits === 8 ? Op.load8s : bits === 16 ? Op.load16s : Op.load32s;
  f.noteBound(load as Value);
  return load;
}
