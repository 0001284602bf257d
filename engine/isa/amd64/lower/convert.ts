/**
 * Conversions between integers and floats.
 *
 * The processor's conversions are to signed integers and yield the lowest one when the value doesn't fit, so:
 * a 32-bit result comes from a 64-bit conversion where every f32 and f64 of interest fits; unsigned 64-bit
 * results are put together from a conversion of x and one of x - 2^63. Bounds are compared as floats. No branches
 * but to traps.
 */
import type { VReg } from "../../../machine/vcode.js";
import { Op, TrapKind, Type } from "../../../ssa/ops.js";
import { Amd64, Condition } from "../instructions.js";
import { takeLoad } from "./address.js";
import {
  addRows,
  andRows,
  floatOperation,
  floatOperationMemory,
  floatUnary,
  maxRows,
  minRows,
  mulRows,
  subRows,
} from "./float.js";
import { lowerCopyInt } from "./integer.js";
import type { Lowering } from "./lowering.js";

const i = Amd64;
const cc = Condition;

/** Upper words of f64 powers of two (lower word 0), and the bits of f32 ones. */
const power = {
  64: { 32: 0x41f00000, 63: 0x43e00000, 64: 0x43f00000, "-63": 0xc3e00000 | 0, "-1": 0xbff00000 | 0 },
  32: { 32: 0x4f800000, 63: 0x5f000000, 64: 0x5f800000, "-63": 0xdf000000 | 0, "-1": 0xbf800000 | 0 },
} as const;
/** 2^32, 2^63, 2^64; -63: -(2^63); -1: -1. */
type Bound = 32 | 63 | 64 | "-63" | "-1";

function boundAddress(c: Lowering, bound: Bound, width: 32 | 64): void {
  const bits = power[width][bound];
  c.poolAddress(width === 64 ? c.code.constant64(0, bits) : c.code.constant32(bits));
}

const widthOf = (c: Lowering, v: number): 32 | 64 => (c.type[v] === Type.f64 ? 64 : 32);

/** Compares a float register with a bound. */
function compareBound(c: Lowering, x: VReg, bound: Bound, width: 32 | 64): void {
  boundAddress(c, bound, width);
  if (width === 64) c.load1(c.avx ? i.vucomisd_rm : i.ucomisd_rm, x);
  else c.load1(c.avx ? i.vucomiss_rm : i.ucomiss_rm, x);
}

/** Sets the parity flag if x is NaN. */
function compareWithItself(c: Lowering, x: VReg, width: 32 | 64): void {
  if (width === 64) c.row2(c.avx ? i.vucomisd_rr : i.ucomisd_rr, x, x);
  else c.row2(c.avx ? i.vucomiss_rr : i.ucomiss_rr, x, x);
}

function trapWhen(c: Lowering, condition: number, kind: number): void {
  c.emit(i.trapif, kind, 0, condition);
}

function truncate64(c: Lowering, to: VReg, x: VReg, width: 32 | 64): VReg {
  c.row2(width === 64 ? i.cvttsd2si64_rr : i.cvttss2si64_rr, to, x);
  return to;
}

// ---------------------------------------------------------------- trapping

/** ftosi and ftoui. */
export function lowerFloatToInt(c: Lowering, v: number): void {
  const width = widthOf(c, c.a0[v]!);
  const signed = c.op[v] === Op.ftosi;
  const to = c.defined(v);
  const x = c.reg(c.a0[v]!);
  compareWithItself(c, x, width);
  trapWhen(c, cc.p, TrapKind.invalidConversion);
  if (c.type[v] === Type.i32) {
    const whole = truncate64(c, c.newInt(), x, width);
    const low = signed ? c.newInt() : to;
    // The 64-bit result is the 32-bit one, extended, or the value didn't fit.
    c.row2(signed ? i.movsx32to64_rr : i.mov32_rr, low, whole);
    c.row2(i.cmp64_rr, low, whole);
    trapWhen(c, cc.ne, TrapKind.conversionOverflow);
    if (signed) c.row2(i.mov32_rr, to, whole);
    return;
  }
  compareBound(c, x, signed ? 63 : 64, width);
  trapWhen(c, cc.ae, TrapKind.conversionOverflow);
  compareBound(c, x, signed ? "-63" : "-1", width);
  trapWhen(c, signed ? cc.b : cc.be, TrapKind.conversionOverflow);
  if (signed) truncate64(c, to, x, width);
  else truncateUnsigned64(c, to, x, width);
}

/**
 * to = x as an unsigned integer, for -1 < x < 2^64: below 2^63 the conversion of x, which isn't negative then; else
 * that is 2^63, and the conversion of x - 2^63 has the other bits.
 */
function truncateUnsigned64(c: Lowering, to: VReg, x: VReg, width: 32 | 64): void {
  const reduced = c.newFloat();
  boundAddress(c, 63, width);
  floatOperationMemory(c, subRows[width], reduced, x);
  const low = truncate64(c, c.newInt(), x, width);
  const high = truncate64(c, c.newInt(), reduced, width);
  const isHigh = c.newInt();
  const bits = c.newInt();
  c.row2(i.sar64_ri, isHigh, low, 63);
  c.row3(i.and64_rr, bits, isHigh, high);
  c.row3(i.or64_rr, to, bits, low);
}

// ---------------------------------------------------------------- saturating

/** ftosisat and ftouisat. */
export function lowerFloatToIntSaturating(c: Lowering, v: number): void {
  const width = widthOf(c, c.a0[v]!);
  const signed = c.op[v] === Op.ftosisat;
  const to = c.defined(v);
  const x = c.reg(c.a0[v]!);
  if (c.type[v] === Type.i32) {
    const wide = width === 64 ? x : toDouble(c, x);
    if (signed) saturateSigned32(c, to, wide);
    else saturateUnsigned32(c, to, wide);
  } else if (signed) saturateSigned64(c, to, x, width);
  else saturateUnsigned64(c, to, x, width);
}

function toDouble(c: Lowering, x: VReg): VReg {
  const wide = c.newFloat();
  c.row2(c.avx ? i.vcvtss2sd_rr : i.cvtss2sd_rr, wide, x);
  return wide;
}

/** NaN becomes +0 by a mask, then the value is brought between the bounds, which f64 holds exactly. */
function saturateSigned32(c: Lowering, to: VReg, x: VReg): void {
  const ordered = c.newFloat();
  const number = c.newFloat();
  const above = c.newFloat();
  const between = c.newFloat();
  c.row3(c.avx ? i.vcmpsd_rrri : i.cmpsd_rri, ordered, x, x, 7);
  floatOperation(c, andRows, number, ordered, x);
  c.poolAddress(c.code.constant64(0, 0xc1e00000));
  floatOperationMemory(c, maxRows[64], above, number);
  c.poolAddress(c.code.constant64(0xffc00000, 0x41dfffff));
  floatOperationMemory(c, minRows[64], between, above);
  c.row2(i.cvttsd2si32_rr, to, between);
}

/** max(x, 0), where maxss and maxsd give the second operand, 0, for NaN. */
function clampBelow(c: Lowering, x: VReg, width: 32 | 64): VReg {
  const zero = c.newFloat();
  const positive = c.newFloat();
  c.row1(i.fzero, zero);
  floatOperation(c, maxRows[width], positive, x, zero);
  return positive;
}

function saturateUnsigned32(c: Lowering, to: VReg, x: VReg): void {
  const positive = clampBelow(c, x, 64);
  const between = c.newFloat();
  c.poolAddress(c.code.constant64(0xffe00000, 0x41efffff));
  floatOperationMemory(c, minRows[64], between, positive);
  c.row2(i.cvttsd2si64_rr, to, between);
}

/** Below the range the conversion itself gives the lowest integer; above it and for NaN others are chosen. */
function saturateSigned64(c: Lowering, to: VReg, x: VReg, width: 32 | 64): void {
  const whole = truncate64(c, c.newInt(), x, width);
  const highest = c.ownInteger(-1, 0x7fffffff);
  const zero = c.ownInteger(0);
  const bounded = c.newInt();
  compareBound(c, x, 63, width);
  c.row3(i.cmov64_rr, bounded, whole, highest, cc.ae);
  compareWithItself(c, x, width);
  c.row3(i.cmov64_rr, to, bounded, zero, cc.p);
}

function saturateUnsigned64(c: Lowering, to: VReg, x: VReg, width: 32 | 64): void {
  const positive = clampBelow(c, x, width);
  const whole = c.newInt();
  truncateUnsigned64(c, whole, positive, width);
  const highest = c.ownInteger(-1, -1);
  compareBound(c, positive, 64, width);
  c.row3(i.cmov64_rr, to, whole, highest, cc.ae);
}

// ---------------------------------------------------------------- integer to float

/** to = x (signed) as a float of the width. */
function fromSigned(c: Lowering, to: VReg, x: VReg, width: 32 | 64, is64: boolean): VReg {
  if (width === 64) {
    if (is64) c.row2(c.avx ? i.vcvtsi2sd64_rr : i.cvtsi2sd64_rr, to, x);
    else c.row2(c.avx ? i.vcvtsi2sd32_rr : i.cvtsi2sd32_rr, to, x);
  } else if (is64) c.row2(c.avx ? i.vcvtsi2ss64_rr : i.cvtsi2ss64_rr, to, x);
  else c.row2(c.avx ? i.vcvtsi2ss32_rr : i.cvtsi2ss32_rr, to, x);
  return to;
}

export function lowerSignedToFloat(c: Lowering, v: number): void {
  const width = widthOf(c, v);
  const is64 = c.is64(c.a0[v]!);
  if (takeLoad(c, c.a0[v]!, is64 ? 8 : 4)) {
    const row =
      width === 64
        ? is64
          ? c.avx
            ? i.vcvtsi2sd64_rm
            : i.cvtsi2sd64_rm
          : c.avx
            ? i.vcvtsi2sd32_rm
            : i.cvtsi2sd32_rm
        : is64
          ? c.avx
            ? i.vcvtsi2ss64_rm
            : i.cvtsi2ss64_rm
          : c.avx
            ? i.vcvtsi2ss32_rm
            : i.cvtsi2ss32_rm;
    c.load1(row, c.defined(v));
    return;
  }
  fromSigned(c, c.defined(v), c.operand(c.a0[v]!, is64), width, is64);
}

export function lowerUnsignedToFloat(c: Lowering, v: number): void {
  const width = widthOf(c, v);
  const to = c.defined(v);
  const x = c.reg(c.a0[v]!);
  if (!c.is64(c.a0[v]!)) fromSigned(c, to, x, width, true);
  else if (width === 64) unsignedToDouble(c, to, x);
  else unsignedToSingle(c, to, x);
}

/** upper half * 2^32 + lower half: the first is exact, so that the sum is rounded once. */
function unsignedToDouble(c: Lowering, to: VReg, x: VReg): void {
  const high = c.newInt();
  const low = c.newInt();
  const scaled = c.newFloat();
  c.row2(i.shr64_ri, high, x, 32);
  c.row2(i.mov32_rr, low, x);
  const highFloat = fromSigned(c, c.newFloat(), high, 64, true);
  const lowFloat = fromSigned(c, c.newFloat(), low, 64, true);
  boundAddress(c, 32, 64);
  floatOperationMemory(c, mulRows[64], scaled, highFloat);
  floatOperation(c, addRows[64], to, scaled, lowFloat);
}

/**
 * From 2^63 up: half the integer, its lowest bit kept as a sticky bit so that rounding goes the same way, then
 * doubled.
 */
function unsignedToSingle(c: Lowering, to: VReg, x: VReg): void {
  const half = c.newInt();
  const lowest = c.newInt();
  const sticky = c.newInt();
  const chosen = c.newInt();
  c.row2(i.shr64_ri, half, x, 1);
  c.row2(i.and32_ri, lowest, x, 1);
  c.row3(i.or64_rr, sticky, half, lowest);
  c.row2(i.test64_rr, x, x);
  c.row3(i.cmov64_rr, chosen, x, sticky, cc.s);
  const single = fromSigned(c, c.newFloat(), chosen, 32, true);
  const doubled = c.newFloat();
  floatOperation(c, addRows[32], doubled, single, single);
  c.row2(i.test64_rr, x, x);
  c.row3(i.fcmov32, to, single, doubled, cc.s);
}

// ---------------------------------------------------------------- the rest

export function lowerPromote(c: Lowering, v: number): void {
  floatUnary(c, v, c.avx ? i.vcvtss2sd_rr : i.cvtss2sd_rr, c.avx ? i.vcvtss2sd_rm : i.cvtss2sd_rm);
}

export function lowerDemote(c: Lowering, v: number): void {
  floatUnary(c, v, c.avx ? i.vcvtsd2ss_rr : i.cvtsd2ss_rr, c.avx ? i.vcvtsd2ss_rm : i.cvtsd2ss_rm);
}

export function lowerBitcast(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const to = c.type[v]!;
  const from = c.type[x]!;
  const toFloat = to === Type.f32 || to === Type.f64;
  const fromFloat = from === Type.f32 || from === Type.f64;
  const is64 = c.is64(v);
  if (toFloat && !fromFloat) {
    if (takeLoad(c, x, is64 ? 8 : 4)) c.load1(is64 ? i.movsd_rm : i.movss_rm, c.defined(v));
    else c.row2(is64 ? i.movq_xr : i.movd_xr, c.defined(v), c.operand(x, is64));
  } else if (!toFloat && fromFloat) {
    if (takeLoad(c, x, is64 ? 8 : 4)) c.load1(is64 ? i.mov64_rm : i.mov32_rm, c.defined(v));
    else c.row2(is64 ? i.movq_rx : i.movd_rx, c.defined(v), c.reg(x));
  } else if (toFloat) c.move(c.defined(v), c.reg(x));
  else lowerCopyInt(c, v);
}
