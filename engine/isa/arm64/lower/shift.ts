/**
 * Shifts and rotations. The processor takes counts in registers modulo the width, as Wasm does. A shift of a shifted or
 * masked value by a constant is a bit field.
 */
import { countOf, mayTakeIn, shiftCount } from "../../../machine/lower/matching.js";
import { Op } from "../../../ssa/ops.js";
import { Arm64, bitField } from "../instructions.js";
import { fieldOf } from "./bit-field.js";
import type { Lowering } from "./lowering.js";

const i = Arm64;

function registerRow(op: Op, is64: boolean): number {
  if (op === Op.shl) return is64 ? i.lsl64_rr : i.lsl32_rr;
  if (op === Op.ushr) return is64 ? i.lsr64_rr : i.lsr32_rr;
  return is64 ? i.asr64_rr : i.asr32_rr;
}

function constantRow(op: Op, is64: boolean): number {
  if (op === Op.shl) return is64 ? i.lsl64_ri : i.lsl32_ri;
  if (op === Op.ushr) return is64 ? i.lsr64_ri : i.lsr32_ri;
  return is64 ? i.asr64_ri : i.asr32_ri;
}

export function lowerShift(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const x = c.a0[v]!;
  const count = shiftCount(c, v);
  if (count < 0) {
    const value = c.operand(x, is64);
    c.row3(registerRow(c.op[v]!, is64), c.defined(v), value, c.reg(countOf(c, c.a1[v]!, is64)));
  } else if (count === 0) {
    c.row2(is64 ? i.mov64_rr : i.mov32_rr, c.defined(v), c.operand(x, is64));
  } else if (!shiftedTwice(c, v, x, count, is64) && !shiftedMask(c, v, x, count, is64)) {
    c.row2(constantRow(c.op[v]!, is64), c.defined(v), c.operand(x, is64), count);
  }
}

/** (x << n) >> count: a field from bit count - n on, or one that ends up at bit n - count. */
function shiftedTwice(c: Lowering, v: number, x: number, count: number, is64: boolean): boolean {
  if (!is64) x = c.low32(x);
  if (c.op[v] === Op.shl || c.op[x] !== Op.shl || !mayTakeIn(c, x) || c.is64(x) !== is64) return false;
  const left = shiftCount(c, x);
  if (left <= 0) return false;
  const size = is64 ? 64 : 32;
  const signed = c.op[v] === Op.sshr;
  const from = c.operand(c.a0[x]!, is64);
  if (count >= left) {
    const row = signed ? (is64 ? i.sbfx64 : i.sbfx32) : is64 ? i.ubfx64 : i.ubfx32;
    c.row2(row, c.defined(v), from, bitField(count - left, size - count));
  } else {
    const row = signed ? (is64 ? i.sbfiz64 : i.sbfiz32) : is64 ? i.ubfiz64 : i.ubfiz32;
    c.row2(row, c.defined(v), from, bitField(left - count, size - left));
  }
  return true;
}

/** (x & mask) >> count and (x & mask) << count, with masks that are one run of ones. */
function shiftedMask(c: Lowering, v: number, x: number, count: number, is64: boolean): boolean {
  if (!is64) x = c.low32(x);
  if (c.op[x] !== Op.and || !mayTakeIn(c, x) || c.is64(x) !== is64 || !c.isConstant(c.a1[x]!)) return false;
  const mask = c.a1[x]!;
  const field = fieldOf(c.lo[mask]!, is64 ? c.hi[mask]! : 0);
  if (field === null) return false;
  const size = is64 ? 64 : 32;
  const end = field.lowest + field.width;
  if (c.op[v] === Op.shl) {
    if (field.lowest !== 0) return false;
    const row = is64 ? i.ubfiz64 : i.ubfiz32;
    c.row2(
      row,
      c.defined(v),
      c.operand(c.a0[x]!, is64),
      bitField(count, Math.min(field.width, size - count)),
    );
    return true;
  }
  // Nothing of the field may be left behind below, and its highest bit must not be a sign.
  if (field.lowest > count || end <= count || (c.op[v] === Op.sshr && end === size)) return false;
  const row = is64 ? i.ubfx64 : i.ubfx32;
  c.row2(row, c.defined(v), c.operand(c.a0[x]!, is64), bitField(count, end - count));
  return true;
}

export function lowerRotate(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const left = c.op[v] === Op.rotl;
  const value = c.operand(c.a0[v]!, is64);
  const constant = shiftCount(c, v);
  const to = c.defined(v);
  if (constant >= 0) {
    const count = left ? -constant & (is64 ? 63 : 31) : constant;
    if (count === 0) c.row2(is64 ? i.mov64_rr : i.mov32_rr, to, value);
    else c.row2(is64 ? i.ror64_ri : i.ror32_ri, to, value, count);
    return;
  }
  let count = c.reg(countOf(c, c.a1[v]!, is64));
  if (left) {
    const negated = c.newInt();
    c.row2(i.neg32_r, negated, count);
    count = negated;
  }
  c.row3(is64 ? i.ror64_rr : i.ror32_rr, to, value, count);
}
