/**
 * Vector arithmetic lane by lane, comparisons, and bits. Most ops are one instruction whose name depends on the shape;
 * what the processor lacks is put together here.
 *
 * Sources: Intel SDM volume 2; for float minima and maxima, whose NaN and zero rules no instruction has, the method of
 * computing both orders and mending where they differ.
 */
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { isFloatShape, laneBits, Shape } from "../../../ssa/shapes.js";
import { Amd64 } from "../instructions.js";
import type { BinaryName, UnaryName } from "../vector-instructions.js";
import type { Lowering } from "./lowering.js";
import {
  binary,
  binaryConstant,
  binaryImmediate,
  binaryImmediateMemory,
  binaryMemory,
  constantVector,
  isOnes,
  lowerBinary,
  lowerUnary,
  newVector,
  ones,
  shift,
  splat8,
  splat32,
  splat64,
  takeVector,
  unaryImmediate,
  zeros,
} from "./vector-emit.js";

type ByShape = readonly (BinaryName | "")[];

/** Names by shape: i8x16, i16x8, i32x4, i64x2, f32x4, f64x2; "" where there is no single instruction. */
const binaryNames: Readonly<Record<number, ByShape>> = {
  [Op.vadd]: ["paddb", "paddw", "paddd", "paddq", "addps", "addpd"],
  [Op.vsub]: ["psubb", "psubw", "psubd", "psubq", "subps", "subpd"],
  [Op.vmul]: ["", "pmullw", "pmulld", "", "mulps", "mulpd"],
  [Op.vdiv]: ["", "", "", "", "divps", "divpd"],
  [Op.vaddsats]: ["paddsb", "paddsw"],
  [Op.vaddsatu]: ["paddusb", "paddusw"],
  [Op.vsubsats]: ["psubsb", "psubsw"],
  [Op.vsubsatu]: ["psubusb", "psubusw"],
  [Op.vmins]: ["pminsb", "pminsw", "pminsd"],
  [Op.vminu]: ["pminub", "pminuw", "pminud"],
  [Op.vmaxs]: ["pmaxsb", "pmaxsw", "pmaxsd"],
  [Op.vmaxu]: ["pmaxub", "pmaxuw", "pmaxud"],
  [Op.vavgru]: ["pavgb", "pavgw"],
  [Op.vdots]: ["", "", "pmaddwd"],
};
const equalNames = ["pcmpeqb", "pcmpeqw", "pcmpeqd", "pcmpeqq"] as const;
const greaterNames = ["pcmpgtb", "pcmpgtw", "pcmpgtd"] as const;
const subtractNames = ["psubb", "psubw", "psubd", "psubq"] as const;

const shapeOf = (c: Lowering, v: number): Shape => c.hi[v]! as Shape;

export function lowerLanes(c: Lowering, v: number): void {
  const op = c.op[v]!;
  const shape = shapeOf(c, v);
  const name = binaryNames[op]![shape]!;
  if (name === "") {
    if (op !== Op.vmul) c.bug(`shape ${shape} of op ${op}`);
    multiply64(c, v);
    return;
  }
  const commutes = op !== Op.vsub && op !== Op.vdiv && op !== Op.vsubsats && op !== Op.vsubsatu;
  lowerBinary(c, v, name, c.a0[v]!, c.a1[v]!, commutes);
}

/** Low products, and the cross products of the halves above them. */
function multiply64(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  const y = c.reg(c.a1[v]!);
  const high = binary(c, "pmuludq", shift(c, "psrlq", x, 32), y);
  const other = binary(c, "pmuludq", shift(c, "psrlq", y, 32), x);
  const cross = shift(c, "psllq", binary(c, "paddq", high, other), 32);
  binary(c, "paddq", cross, binary(c, "pmuludq", x, y), c.defined(v));
}

/** The only product out of range is that of two -32768. */
export function lowerQ15(c: Lowering, v: number): void {
  const product = lowerBinary(c, v, "pmulhrsw", c.a0[v]!, c.a1[v]!, true, newVector(c));
  const wrong = binaryConstant(c, "pcmpeqw", product, splat32(0x80008000));
  binary(c, "pxor", product, wrong, c.defined(v));
}

// ---------------------------------------------------------------- bits

const bitNames: Readonly<Record<number, BinaryName>> = {
  [Op.vand]: "pand",
  [Op.vor]: "por",
  [Op.vxor]: "pxor",
};

export function lowerBits(c: Lowering, v: number): void {
  lowerBinary(c, v, bitNames[c.op[v]!]!, c.a0[v]!, c.a1[v]!, true);
}

/** The instruction inverts its first operand. */
export function lowerAndNot(c: Lowering, v: number): void {
  lowerBinary(c, v, "pandn", c.a1[v]!, c.a0[v]!, false);
}

export function lowerNot(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  binary(c, "pxor", x, ones(c), c.defined(v));
}

export function lowerBitselect(c: Lowering, v: number): void {
  const [whenSet, whenClear, mask] = [c.a0[v]!, c.a1[v]!, c.a2[v]!];
  const to = c.defined(v);
  if (c.avx && isMask(c, mask, 8, 3)) {
    blend(c, to, c.reg(whenClear), whenSet, c.reg(mask));
    return;
  }
  const bits = c.reg(mask);
  const set = binary(c, "pand", bits, c.reg(whenSet));
  const clear = takeVector(c, whenClear)
    ? binaryMemory(c, "pandn", bits)
    : binary(c, "pandn", bits, c.reg(whenClear));
  binary(c, "por", set, clear, to);
}

function blend(c: Lowering, to: VReg, whenClear: VReg, whenSet: number, mask: VReg): void {
  if (takeVector(c, whenSet)) {
    c.load3(Amd64.vpblendvb_rrmr, to, whenClear, mask);
    return;
  }
  c.emit(Amd64.vpblendvb_rrrr);
  c.rowArgs(Amd64.vpblendvb_rrrr, to, whenClear, c.reg(whenSet), mask);
}

/** Whether each lane of `bits` bits of `v` is all ones or zeros; looks at most `depth` rows deep. */
export function isMask(c: Lowering, v: number, bits: number, depth: number): boolean {
  const op = c.op[v]!;
  if (op >= Op.veq && op <= Op.vgeu) return laneBits[c.hi[v]!]! >= bits;
  if (c.isConstant(v)) return c.lo[v] === 0 || isOnes(c, v);
  if (depth === 0) return false;
  if (op === Op.vnot) return isMask(c, c.a0[v]!, bits, depth - 1);
  if (op === Op.vand || op === Op.vor || op === Op.vxor || op === Op.vandnot) {
    return isMask(c, c.a0[v]!, bits, depth - 1) && isMask(c, c.a1[v]!, bits, depth - 1);
  }
  return false;
}

// ---------------------------------------------------------------- comparisons

/** Predicates of cmpps and cmppd. */
const predicate = { eq: 0, lt: 1, le: 2, unordered: 3, ne: 4, notLt: 5, ge: 13, gt: 14 } as const;

export function lowerCompareLanes(c: Lowering, v: number): void {
  if (isFloatShape(shapeOf(c, v))) compareFloats(c, v);
  else compareIntegers(c, v);
}

function compareFloats(c: Lowering, v: number): void {
  const name = c.hi[v] === Shape.f32x4 ? "cmpps" : "cmppd";
  const to = c.defined(v);
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  const op = c.op[v]!;
  const commutes = op === Op.veq || op === Op.vne;
  let test: number = op === Op.veq ? predicate.eq : predicate.ne;
  if (!commutes) {
    test = op === Op.vgt ? predicate.lt : predicate.le;
    [x, y] = [y, x];
  }
  if (x !== y && takeVector(c, y)) {
    binaryImmediateMemory(c, name, c.reg(x), test, to);
    return;
  }
  if ((commutes || c.avx) && x !== y && takeVector(c, x)) {
    if (!commutes) test = op === Op.vgt ? predicate.gt : predicate.ge;
    binaryImmediateMemory(c, name, c.reg(y), test, to);
    return;
  }
  const left = c.reg(x);
  binaryImmediate(c, name, left, c.reg(y), test, to);
}

/** There is "equal" and signed "greater"; the others are their opposites, or come from a minimum or maximum. */
function compareIntegers(c: Lowering, v: number): void {
  const shape = shapeOf(c, v);
  const to = c.defined(v);
  const [x, y] = [c.a0[v]!, c.a1[v]!];
  switch (c.op[v]) {
    case Op.veq:
      lowerBinary(c, v, equalNames[shape as 0]!, x, y, true);
      return;
    case Op.vne:
      invert(c, lowerBinary(c, v, equalNames[shape as 0]!, x, y, true, newVector(c)), to);
      return;
    case Op.vgt:
      greater(c, v, x, y, to);
      return;
    case Op.vge:
      if (shape === Shape.i64x2) invert(c, greater(c, v, y, x, newVector(c)), to);
      else isExtreme(c, binaryNames[Op.vmins]![shape]! as BinaryName, shape, x, y, to);
      return;
    case Op.vgeu:
      isExtreme(c, binaryNames[Op.vminu]![shape]! as BinaryName, shape, x, y, to);
      return;
    default:
      invert(c, isExtreme(c, binaryNames[Op.vmaxu]![shape]! as BinaryName, shape, x, y, newVector(c)), to);
  }
}

function invert(c: Lowering, x: VReg, to: VReg): void {
  binary(c, "pxor", x, ones(c), to);
}

/** Where y is the smaller (or greater) of x and y. */
function isExtreme(c: Lowering, name: BinaryName, shape: Shape, x: number, y: number, to: VReg): VReg {
  const right = c.reg(y);
  const extreme = takeVector(c, x) ? binaryMemory(c, name, right) : binary(c, name, right, c.reg(x));
  return binary(c, equalNames[shape as 0]!, extreme, right, to);
}

function greater(c: Lowering, v: number, x: number, y: number, to: VReg): VReg {
  const shape = shapeOf(c, v);
  if (shape !== Shape.i64x2) return lowerBinary(c, v, greaterNames[shape as 0]!, x, y, false, to);
  if (!c.avx) return greater64(c, c.reg(x), c.reg(y), to);
  if (takeVector(c, y)) c.load2(Amd64.vpcmpgtq_rrm, to, c.reg(x));
  else {
    const left = c.reg(x);
    c.row3(Amd64.vpcmpgtq_rrr, to, left, c.reg(y));
  }
  return to;
}

/** The upper halves decide; where they are equal, the borrow of y - x does. */
function greater64(c: Lowering, x: VReg, y: VReg, to: VReg): VReg {
  const borrow = binary(c, "pand", binary(c, "psubq", y, x), binary(c, "pcmpeqd", x, y));
  const either = binary(c, "por", borrow, binary(c, "pcmpgtd", x, y));
  return unaryImmediate(c, "pshufd", either, 0xf5, to);
}

/** All ones in the 64-bit lanes that are negative. */
export function negative64(c: Lowering, x: VReg): VReg {
  if (!c.avx) return unaryImmediate(c, "pshufd", shift(c, "psrad", x, 31), 0xf5);
  const to = newVector(c);
  c.row3(Amd64.vpcmpgtq_rrr, to, zeros(c), x);
  return to;
}

// ---------------------------------------------------------------- one operand

const absNames: readonly UnaryName[] = ["pabsb", "pabsw", "pabsd"];

export function lowerSign(c: Lowering, v: number): void {
  const shape = shapeOf(c, v);
  const x = c.a0[v]!;
  const to = c.defined(v);
  const isAbs = c.op[v] === Op.vabs;
  if (isFloatShape(shape)) floatSign(c, shape, isAbs, c.reg(x), to);
  else if (!isAbs) {
    const zero = zeros(c);
    const name = subtractNames[shape as 0]!;
    if (takeVector(c, x)) binaryMemory(c, name, zero, to);
    else binary(c, name, zero, c.reg(x), to);
  } else if (shape !== Shape.i64x2) lowerUnary(c, absNames[shape]!, x, false, to);
  else {
    const value = c.reg(x);
    const sign = negative64(c, value);
    binary(c, "psubq", binary(c, "pxor", value, sign), sign, to);
  }
}

function floatSign(c: Lowering, shape: Shape, isAbs: boolean, x: VReg, to: VReg): void {
  const single = shape === Shape.f32x4;
  if (isAbs) binaryConstant(c, "pand", x, single ? splat32(0x7fffffff) : splat64(-1, 0x7fffffff), to);
  else binaryConstant(c, "pxor", x, single ? splat32(0x80000000) : splat64(0, 0x80000000), to);
}

export function lowerSqrtLanes(c: Lowering, v: number): void {
  lowerUnary(c, c.hi[v] === Shape.f32x4 ? "sqrtps" : "sqrtpd", c.a0[v]!, false, c.defined(v));
}

/** Immediates of roundps and roundpd, from `vceil` on. */
const roundings = [10, 9, 11, 8];

export function lowerRoundLanes(c: Lowering, v: number): void {
  const name = c.hi[v] === Shape.f32x4 ? "roundps" : "roundpd";
  unaryImmediate(c, name, c.reg(c.a0[v]!), roundings[c.op[v]! - Op.vceil]!, c.defined(v));
}

/** How many bits are set in each number of four bits. */
const bitsOfNibble = [0x02010100, 0x03020201, 0x03020201, 0x04030302] as const;

export function lowerPopcntLanes(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  const table = constantVector(c, bitsOfNibble);
  const low = binaryConstant(c, "pand", x, splat8(15));
  const high = binaryConstant(c, "pand", shift(c, "psrlw", x, 4), splat8(15));
  binary(c, "paddb", binary(c, "pshufb", table, low), binary(c, "pshufb", table, high), c.defined(v));
}

// ---------------------------------------------------------------- float minima and maxima

/** minps gives its second operand when either is NaN or both are zero: with a1 first that is Wasm's pmin. */
export function lowerPseudoMinMax(c: Lowering, v: number): void {
  const single = c.hi[v] === Shape.f32x4;
  const isMin = c.op[v] === Op.vpmin;
  const name = single ? (isMin ? "minps" : "maxps") : isMin ? "minpd" : "maxpd";
  lowerBinary(c, v, name, c.a1[v]!, c.a0[v]!, false);
}

export function lowerFloatMinMaxLanes(c: Lowering, v: number): void {
  const single = c.hi[v] === Shape.f32x4;
  const x = c.reg(c.a0[v]!);
  const y = c.reg(c.a1[v]!);
  if (c.op[v] === Op.vmin) minimum(c, single, x, y, c.defined(v));
  else maximum(c, single, x, y, c.defined(v));
}

/** The bits of both orders: of zeros the minus sign; where either is NaN, all bits are set before some are cleared. */
function minimum(c: Lowering, single: boolean, x: VReg, y: VReg, to: VReg): void {
  const name = single ? "minps" : "minpd";
  const either = binary(c, "por", binary(c, name, x, y), binary(c, name, y, x));
  const nan = unordered(c, single, either);
  clearPayload(c, single, nan, binary(c, "por", either, nan), to);
}

/** Where both orders differ (zeros of two signs, NaNs), the difference is subtracted: -0 - -0 is +0. */
function maximum(c: Lowering, single: boolean, x: VReg, y: VReg, to: VReg): void {
  const name = single ? "maxps" : "maxpd";
  const first = binary(c, name, x, y);
  const difference = binary(c, "pxor", first, binary(c, name, y, x));
  const either = binary(c, "por", first, difference);
  const mended = binary(c, single ? "subps" : "subpd", either, difference);
  clearPayload(c, single, unordered(c, single, mended), mended, to);
}

function unordered(c: Lowering, single: boolean, x: VReg): VReg {
  return binaryImmediate(c, single ? "cmpps" : "cmppd", x, x, predicate.unordered);
}

/** Of a NaN only the sign, the exponent and the highest bit of the payload stay: it is canonical. */
function clearPayload(c: Lowering, single: boolean, nan: VReg, x: VReg, to: VReg): void {
  binary(c, "pandn", shift(c, single ? "psrld" : "psrlq", nan, single ? 10 : 13), x, to);
}
