/**
 * Between single values and the lanes of vectors, and tests of whole vectors. What a load brings goes straight into
 * lanes, and what a store takes comes straight out of one.
 */
import { mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { laneBits, Shape } from "../../../ssa/shapes.js";
import { Amd64, Condition } from "../instructions.js";
import { takeLoad, takePartialLoad } from "./address.js";
import type { Lowering } from "./lowering.js";
import { isMask } from "./vector.js";
import {
  binary,
  inRegisters,
  newVector,
  splatWords,
  takeVector,
  unaryImmediate,
  unaryMemory,
  zeros,
} from "./vector-emit.js";

const i = Amd64;

// ---------------------------------------------------------------- the same value in all lanes

export function lowerSplat(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const to = c.defined(v);
  if (c.isConstant(x)) {
    if (c.isZero(x)) c.row1(i.fzero, to);
    else c.emitConstant(to, -1 - c.code.constant128(...splatWords(c, v)));
    return;
  }
  switch (c.hi[v]) {
    case Shape.i8x16:
      splatBytes(c, x, to);
      return;
    case Shape.i16x8:
      splatHalves(c, x, to);
      return;
    case Shape.i32x4:
    case Shape.f32x4:
      splatSingles(c, x, to);
      return;
    default:
      splatDoubles(c, x, to);
  }
}

/** The low 32 bits of an integer in a vector register. */
function moved32(c: Lowering, x: number): VReg {
  const to = newVector(c);
  c.row2(i.movd_xr, to, c.reg32(x));
  return to;
}

function splatBytes(c: Lowering, x: number, to: VReg): void {
  if (c.avx2) {
    if (takePartialLoad(c, x, Op.load8u)) c.load1(i.vpbroadcastb_rm, to);
    else c.row2(i.vpbroadcastb_rr, to, moved32(c, x));
  } else {
    const low = moved32(c, x);
    binary(c, "pshufb", low, zeros(c), to);
  }
}

function splatHalves(c: Lowering, x: number, to: VReg): void {
  if (c.avx2) {
    if (takePartialLoad(c, x, Op.load16u)) c.load1(i.vpbroadcastw_rm, to);
    else c.row2(i.vpbroadcastw_rr, to, moved32(c, x));
  } else unaryImmediate(c, "pshufd", unaryImmediate(c, "pshuflw", moved32(c, x), 0), 0, to);
}

function splatSingles(c: Lowering, x: number, to: VReg): void {
  if (takeLoad(c, x, 4)) {
    if (c.avx) {
      c.load1(i.vbroadcastss_rm, to);
      return;
    }
    const low = newVector(c);
    c.load1(i.movss_rm, low);
    unaryImmediate(c, "pshufd", low, 0, to);
  } else if (c.type[x] === Type.i32) unaryImmediate(c, "pshufd", moved32(c, x), 0, to);
  else if (c.avx) {
    const low = c.reg(x);
    inRegisters(c, i.vshufps_rrri, 0, to, low, low);
  } else inRegisters(c, i.pshufd_rri, 0, to, c.reg(x));
}

function splatDoubles(c: Lowering, x: number, to: VReg): void {
  if (takeLoad(c, x, 8)) unaryMemory(c, "movddup", to);
  else if (c.type[x] === Type.i64) {
    const low = newVector(c);
    c.row2(i.movq_xr, low, c.reg(x));
    binary(c, "punpcklqdq", low, low, to);
  } else inRegisters(c, c.avx ? i.vmovddup_rr : i.movddup_rr, 0, to, c.reg(x));
}

// ---------------------------------------------------------------- one lane

/** A scalar load clears what is above. */
export function lowerScalar(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const to = c.defined(v);
  const single = c.type[x] === Type.f32;
  if (c.isZero(x)) c.row1(i.fzero, to);
  else if (c.isConstant(x)) {
    c.constantAddress(x);
    c.load1(single ? i.movss_rm : i.movsd_rm, to);
  } else if (takeLoad(c, x, single ? 4 : 8)) c.load1(single ? i.movss_rm : i.movsd_rm, to);
  else if (!single) inRegisters(c, i.movq_xx, 0, to, c.reg(x));
  else {
    const low = c.reg(x);
    inRegisters(c, c.avx ? i.vinsertps_rrri : i.insertps_rri, 14, to, low, low);
  }
}

export function lowerExtract(c: Lowering, v: number): void {
  const lane = c.lo[v]!;
  const x = c.reg(c.a0[v]!);
  const to = c.defined(v);
  const signed = c.op[v] === Op.vextracts;
  const raw = signed ? c.newInt() : to;
  switch (c.hi[v]) {
    case Shape.i8x16:
      c.row2(i.pextrb_rri, raw, x, lane);
      if (signed) c.row2(i.movsx8to32_rr, to, raw);
      return;
    case Shape.i16x8:
      c.row2(i.pextrw_rri, raw, x, lane);
      if (signed) c.row2(i.movsx16to32_rr, to, raw);
      return;
    case Shape.i32x4:
      if (lane === 0) c.row2(i.movd_rx, to, x);
      else c.row2(i.pextrd_rri, to, x, lane);
      return;
    case Shape.i64x2:
      if (lane === 0) c.row2(i.movq_rx, to, x);
      else c.row2(i.pextrq_rri, to, x, lane);
      return;
    case Shape.f32x4:
      // The rest of a float's register doesn't matter.
      if (lane === 0) c.row2(i.movaps_rr, to, x);
      else unaryImmediate(c, "pshufd", x, lane, to);
      return;
    default:
      if (lane === 0) c.row2(i.movaps_rr, to, x);
      else unaryImmediate(c, "pshufd", x, 0xee, to);
  }
}

export function lowerReplace(c: Lowering, v: number): void {
  const lane = c.lo[v]!;
  const y = c.a1[v]!;
  const to = c.defined(v);
  switch (c.hi[v]) {
    case Shape.i8x16:
      insert(c, v, takePartialLoad(c, y, Op.load8u), [
        i.pinsrb_rri,
        i.pinsrb_rmi,
        i.vpinsrb_rrri,
        i.vpinsrb_rrmi,
      ]);
      return;
    case Shape.i16x8:
      insert(c, v, takePartialLoad(c, y, Op.load16u), [
        i.pinsrw_rri,
        i.pinsrw_rmi,
        i.vpinsrw_rrri,
        i.vpinsrw_rrmi,
      ]);
      return;
    case Shape.i32x4:
      insert(c, v, takeLoad(c, y, 4), [i.pinsrd_rri, i.pinsrd_rmi, i.vpinsrd_rrri, i.vpinsrd_rrmi]);
      return;
    case Shape.i64x2:
      insert(c, v, takeLoad(c, y, 8), [i.pinsrq_rri, i.pinsrq_rmi, i.vpinsrq_rrri, i.vpinsrq_rrmi]);
      return;
    case Shape.f32x4:
      if (takeLoad(c, y, 4))
        c.load2(c.avx ? i.vinsertps_rrmi : i.insertps_rmi, to, c.reg(c.a0[v]!), lane << 4);
      else {
        const vector = c.reg(c.a0[v]!);
        inRegisters(c, c.avx ? i.vinsertps_rrri : i.insertps_rri, lane << 4, to, vector, c.reg(y));
      }
      return;
    default:
      replaceHalf(c, v, lane, to);
  }
}

/** Rows: SSE with a register, with memory; VEX likewise. */
function insert(
  c: Lowering,
  v: number,
  fromMemory: boolean,
  rows: readonly [number, number, number, number],
): void {
  const vector = c.reg(c.a0[v]!);
  const to = c.defined(v);
  if (fromMemory) c.load2(rows[c.avx ? 3 : 1]!, to, vector, c.lo[v]!);
  else c.row3(rows[c.avx ? 2 : 0]!, to, vector, c.operand(c.a1[v]!, c.is64(c.a1[v]!)), c.lo[v]!);
}

function replaceHalf(c: Lowering, v: number, lane: number, to: VReg): void {
  const y = c.a1[v]!;
  if (takeLoad(c, y, 8)) {
    const row = lane === 0 ? (c.avx ? i.vmovlps_rrm : i.movlps_rm) : c.avx ? i.vmovhps_rrm : i.movhps_rm;
    c.load2(row, to, c.reg(c.a0[v]!));
    return;
  }
  const vector = c.reg(c.a0[v]!);
  if (lane === 0) inRegisters(c, c.avx ? i.vblendpd_rrri : i.blendpd_rri, 1, to, vector, c.reg(y));
  else inRegisters(c, c.avx ? i.vpunpcklqdq_rrr : i.punpcklqdq_rr, 0, to, vector, c.reg(y));
}

/** Stores the lane that `value` extracts at the address found last, if nothing else wants it. */
export function storeLane(c: Lowering, value: number, bytes: number): boolean {
  if (c.op[value] !== Op.vextractu && c.op[value] !== Op.vextracts) return false;
  if (!mayTakeIn(c, value)) return false;
  const lane = c.lo[value]!;
  const x = c.a0[value]!;
  switch (c.hi[value]) {
    case Shape.i8x16:
      if (bytes !== 1) return false;
      c.load1(i.pextrb_mri, c.reg(x), lane);
      return true;
    case Shape.i16x8:
      if (bytes !== 2) return false;
      c.load1(i.pextrw_mri, c.reg(x), lane);
      return true;
    case Shape.i32x4:
    case Shape.f32x4:
      if (bytes !== 4) return false;
      if (lane === 0) c.load1(i.movss_mr, c.reg(x));
      else c.load1(i.pextrd_mri, c.reg(x), lane);
      return true;
    default:
      if (bytes !== 8) return false;
      c.load1(lane === 0 ? i.movsd_mr : i.movhps_mr, c.reg(x));
      return true;
  }
}

// ---------------------------------------------------------------- tests

export const isVectorTest = (op: Op): boolean => op === Op.vanytrue || op === Op.valltrue;

/** Sets the flags; `c.condition` then says the test's result. */
export function emitVectorTest(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const isAny = c.op[v] === Op.vanytrue;
  if (isMask(c, x, isAny ? 8 : laneBits[c.hi[v]!]!, 3)) {
    // Each byte's highest bit: shorter and sooner there than ptest's flags.
    const bits = c.newInt();
    c.row2(i.pmovmskb_rr, bits, c.reg(x));
    if (isAny) c.row2(i.test32_rr, bits, bits);
    else c.row1(i.cmp32_ri, bits, 0xffff);
    c.condition = isAny ? Condition.ne : Condition.e;
    return;
  }
  if (isAny) {
    c.condition = Condition.ne;
    // ptest is itself an "and".
    if (c.op[x] === Op.vand && mayTakeIn(c, x)) testBits(c, c.a0[x]!, c.a1[x]!);
    else testBits(c, x, x);
    return;
  }
  const lanes = c.reg(x);
  const names = ["pcmpeqb", "pcmpeqw", "pcmpeqd", "pcmpeqq"] as const;
  const zero = binary(c, names[c.hi[v] as 0]!, lanes, zeros(c));
  const bits = c.newInt();
  c.row2(i.pmovmskb_rr, bits, zero);
  c.row2(i.test32_rr, bits, bits);
  c.condition = Condition.e;
}

function testBits(c: Lowering, x: number, y: number): void {
  if (x !== y && c.emittedAgain === 0 && takeVector(c, y)) c.load1(i.ptest_rm, c.reg(x));
  else {
    const left = c.reg(x);
    c.row2(i.ptest_rr, left, c.reg(y));
  }
}

export function lowerBitmask(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  const to = c.defined(v);
  switch (c.hi[v]) {
    case Shape.i8x16:
      c.row2(i.pmovmskb_rr, to, x);
      return;
    case Shape.i16x8:
      c.row2(i.pmovmskb_rr, to, binary(c, "packsswb", x, zeros(c)));
      return;
    case Shape.i32x4:
      c.row2(i.movmskps_rr, to, x);
      return;
    default:
      c.row2(i.movmskpd_rr, to, x);
  }
}
