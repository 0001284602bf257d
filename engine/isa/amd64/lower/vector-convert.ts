/**
 * Vector ops between lanes of different widths or kinds: narrowing, widening, pairwise sums, products in twice the
 * width, conversions between integers and floats.
 */
import { noRegister } from "../../../machine/lower/lowering-state.js";
import { mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Shape } from "../../../ssa/shapes.js";
import type { BinaryName, UnaryName } from "../vector-instructions.js";
import type { Lowering } from "./lowering.js";
import {
  binary,
  binaryConstant,
  binaryImmediate,
  binaryImmediateMemory,
  constantVector,
  lowerBinary,
  lowerUnary,
  shift,
  splat8,
  splat16,
  splat32,
  splat64,
  takeScalar,
  unary,
  unaryImmediate,
  unaryMemory,
  zeros,
} from "./vector-emit.js";
import { shuffledWords } from "./vector-shuffle.js";

// ---------------------------------------------------------------- narrowing and widening

export function lowerNarrow(c: Lowering, v: number): void {
  const bytes = c.hi[v] === Shape.i8x16;
  const signed = c.op[v] === Op.vnarrows;
  const name = bytes ? (signed ? "packsswb" : "packuswb") : signed ? "packssdw" : "packusdw";
  lowerBinary(c, v, name, c.a0[v]!, c.a1[v]!, false);
}

/** By the result's shape. */
const signedExtensions: readonly UnaryName[] = ["pmovsxbw", "pmovsxbw", "pmovsxwd", "pmovsxdq"];
const unsignedExtensions: readonly UnaryName[] = ["pmovzxbw", "pmovzxbw", "pmovzxwd", "pmovzxdq"];
const interleaveHigh: readonly BinaryName[] = ["punpckhbw", "punpckhbw", "punpckhwd", "punpckhdq"];
const interleaveLow: readonly BinaryName[] = ["punpcklbw", "punpcklbw", "punpcklwd", "punpckldq"];

export function lowerExtendLow(c: Lowering, v: number): void {
  if (c.hi[v] === Shape.i32x4 && extendBytes(c, v)) return;
  const names = c.op[v] === Op.vextlows ? signedExtensions : unsignedExtensions;
  lowerUnary(c, names[c.hi[v]!]!, c.a0[v]!, true, c.defined(v));
}

/** Four bytes to 32 bits by way of 16, in one instruction. What has been extended with zeros isn't negative. */
function extendBytes(c: Lowering, v: number): boolean {
  const inner = c.a0[v]!;
  const innerOp = c.op[inner];
  if ((innerOp !== Op.vextlowu && innerOp !== c.op[v]) || c.hi[inner] !== Shape.i16x8) return false;
  if (!mayTakeIn(c, inner)) return false;
  const name = innerOp === Op.vextlowu ? "pmovzxbd" : "pmovsxbd";
  const x = c.a0[inner]!;
  const to = c.defined(v);
  if (takeScalar(c, x, Type.f32)) unaryMemory(c, name, to);
  else unary(c, name, c.reg(x), to);
  return true;
}

export function lowerExtendHigh(c: Lowering, v: number): void {
  extendHigh(c, c.hi[v]!, c.op[v] === Op.vexthighs, c.reg(c.a0[v]!), c.defined(v));
}

/** Lanes are put above zeros or above themselves, then shifted down. */
function extendHigh(c: Lowering, shape: number, signed: boolean, x: VReg, to?: VReg): VReg {
  if (!signed) return binary(c, interleaveHigh[shape]!, x, zeros(c), to);
  if (shape === Shape.i64x2) return unary(c, "pmovsxdq", unaryImmediate(c, "pshufd", x, 0xee), to);
  const doubled = binary(c, interleaveHigh[shape]!, x, x);
  return shift(c, shape === Shape.i16x8 ? "psraw" : "psrad", doubled, shape === Shape.i16x8 ? 8 : 16, to);
}

export function lowerExtendAdd(c: Lowering, v: number): void {
  const signed = c.op[v] === Op.vextadds;
  const x = c.reg(c.a0[v]!);
  const to = c.defined(v);
  if (c.hi[v] === Shape.i16x8) {
    // Unsigned bytes times signed ones.
    if (signed) binary(c, "pmaddubsw", constantVector(c, splat8(1)), x, to);
    else binaryConstant(c, "pmaddubsw", x, splat8(1), to);
  } else if (signed) binaryConstant(c, "pmaddwd", x, splat16(1), to);
  else {
    const odd = shift(c, "psrld", x, 16);
    binary(c, "paddd", binaryConstant(c, "pand", x, splat32(0xffff)), odd, to);
  }
}

// ---------------------------------------------------------------- products

export function lowerExtendMul(c: Lowering, v: number): void {
  const op = c.op[v]!;
  const shape = c.hi[v]!;
  const low = op === Op.vextmullows || op === Op.vextmullowu;
  const signed = op === Op.vextmullows || op === Op.vextmulhighs;
  const to = c.defined(v);
  if (shape === Shape.i16x8) {
    const [x, y] = [c.a0[v]!, c.a1[v]!];
    const left = extended(c, shape, low, signed, x);
    binary(c, "pmullw", left, x === y ? left : extended(c, shape, low, signed, y), to);
    return;
  }
  if (shape === Shape.i64x2) {
    multiplyPairs(c, v, low, signed, to);
    return;
  }
  const x = c.reg(c.a0[v]!);
  const y = c.reg(c.a1[v]!);
  const lower = binary(c, "pmullw", x, y);
  const upper = binary(c, signed ? "pmulhw" : "pmulhuw", x, y);
  binary(c, (low ? interleaveLow : interleaveHigh)[shape]!, lower, upper, to);
}

/** The instruction multiplies lanes 0 and 2; the lanes between them are ignored. */
function multiplyPairs(c: Lowering, v: number, low: boolean, signed: boolean, to: VReg): void {
  const [x, y] = [c.a0[v]!, c.a1[v]!];
  const left = spread(c, x, low);
  binary(c, signed ? "pmuldq" : "pmuludq", left, x === y ? left : spread(c, y, low), to);
}

/** The lower or upper two lanes of 32 bits as lanes 0 and 2. A shuffle of `v` itself is done along with it. */
function spread(c: Lowering, v: number, low: boolean): VReg {
  let [first, second] = low ? [0, 1] : [2, 3];
  const groups = c.op[v] === Op.vshuffle && mayTakeIn(c, v) ? shuffledWords(c, v) : null;
  if (groups?.every((group) => group < 4)) {
    [first, second] = [groups[first]!, groups[second]!];
    v = c.a0[v]!;
  }
  const x = c.reg(v);
  if (first === 0 && second === 2) return x;
  return unaryImmediate(c, "pshufd", x, first | (first << 2) | (second << 4) | (second << 6));
}

function extended(c: Lowering, shape: number, low: boolean, signed: boolean, x: number): VReg {
  if (!low) return extendHigh(c, shape, signed, c.reg(x));
  return unary(c, (signed ? signedExtensions : unsignedExtensions)[shape]!, c.reg(x));
}

// ---------------------------------------------------------------- integers to floats

/** 2^52 as f64: below it the unit is 1, so an integer put into its lowest bits is that integer plus 2^52. */
const exponent52 = 0x43300000;

export function lowerIntegersToFloats(c: Lowering, v: number): void {
  const single = c.hi[v] === Shape.f32x4;
  const to = c.defined(v);
  if (c.op[v] === Op.vsitof) {
    lowerUnary(c, single ? "cvtdq2ps" : "cvtdq2pd", c.a0[v]!, !single, to);
    return;
  }
  if (hasClearSigns(c, c.a0[v]!)) {
    lowerUnary(c, single ? "cvtdq2ps" : "cvtdq2pd", c.a0[v]!, !single, to);
    return;
  }
  const x = c.reg(c.a0[v]!);
  if (single) unsignedToSingles(c, x, to);
  else {
    const raised = binaryConstant(c, "punpckldq", x, splat32(exponent52));
    binaryConstant(c, "subpd", raised, splat64(0, exponent52), to);
  }
}

/** Whether the lanes of 32 bits are seen to be non-negative, so that signed and unsigned are the same. */
function hasClearSigns(c: Lowering, v: number): boolean {
  if (c.hi[v] !== Shape.i32x4) return false;
  const op = c.op[v];
  if (op === Op.vextlowu || op === Op.vexthighu) return true;
  return op === Op.vshru && c.isConstant(c.a1[v]!) && (c.lo[c.a1[v]!]! & 31) !== 0;
}

/** Both halves of 16 bits are exact, and so is the upper one times 2^16: only the sum is rounded. */
function unsignedToSingles(c: Lowering, x: VReg, to: VReg): void {
  const upper = unary(c, "cvtdq2ps", shift(c, "psrld", x, 16));
  const lower = unary(c, "cvtdq2ps", binaryConstant(c, "pand", x, splat32(0xffff)));
  binary(c, "addps", binaryConstant(c, "mulps", upper, splat32(0x47800000)), lower, to);
}

// ---------------------------------------------------------------- floats to integers

/** 2^31 and 2^32 - 1, as f32 and f64. */
const single31 = 0x4f000000;
const double31 = splat64(0xffc00000, 0x41dfffff);
const double32 = splat64(0xffe00000, 0x41efffff);

/** Predicates of cmpps. */
const equal = 0;
const lessOrEqual = 2;
const notLess = 5;

export function lowerFloatsToIntegers(c: Lowering, v: number): void {
  const signed = c.op[v] === Op.vftosisat;
  const x = c.reg(c.a0[v]!);
  const to = c.defined(v);
  if (c.hi[v] === Shape.f32x4) {
    if (signed) singlesToSigned(c, x, to);
    else singlesToUnsigned(c, x, to);
  } else if (signed) doublesToSigned(c, x, to);
  else doublesToUnsigned(c, x, to);
}

/** Out of range the instruction gives 0x80000000: right if too small; inverted if too large; NaN becomes 0 before. */
function singlesToSigned(c: Lowering, x: VReg, to: VReg): void {
  const number = binary(c, "pand", x, binaryImmediate(c, "cmpps", x, x, equal));
  const tooLarge = compareSingles(c, number, single31, notLess);
  binary(c, "pxor", unary(c, "cvttps2dq", number), tooLarge, to);
}

/** All ones in the lanes of x that are so to the f32 of the given bits. */
function compareSingles(c: Lowering, x: VReg, bits: number, test: number): VReg {
  const constant = c.code.constant128(...splat32(bits));
  const kept = c.keptVector(constant);
  if (kept !== noRegister) return binaryImmediate(c, "cmpps", x, kept, test);
  c.poolAddress(constant);
  return binaryImmediateMemory(c, "cmpps", x, test);
}

/**
 * Up to 2^31 directly; what is above is converted apart and added: 0x80000000 + (x - 2^31), the latter at most
 * 0x7fffffff. max(x, 0) is 0 for NaN.
 */
function singlesToUnsigned(c: Lowering, x: VReg, to: VReg): void {
  const zero = zeros(c);
  const positive = binary(c, "maxps", x, zero);
  const limit = constantVector(c, splat32(single31));
  const above = binary(c, "subps", positive, limit);
  const tooLarge = binaryImmediate(c, "cmpps", limit, above, lessOrEqual);
  const rest = binary(c, "pxor", unary(c, "cvttps2dq", above), tooLarge);
  const base = unary(c, "cvttps2dq", positive);
  binary(c, "paddd", base, binary(c, "pmaxsd", rest, zero), to);
}

/** min(x, limit) with a limit of 0 where x is NaN, since minpd then gives its second operand. */
function doublesToSigned(c: Lowering, x: VReg, to: VReg): void {
  const limit = binaryConstant(c, "pand", binaryImmediate(c, "cmppd", x, x, equal), double31);
  unary(c, "cvttpd2dq", binary(c, "minpd", x, limit), to);
}

/** Whole numbers below 2^32 plus 2^52 have the integer in their lower halves. */
function doublesToUnsigned(c: Lowering, x: VReg, to: VReg): void {
  const zero = zeros(c);
  const bounded = binaryConstant(c, "minpd", binary(c, "maxpd", x, zero), double32);
  const whole = unaryImmediate(c, "roundpd", bounded, 11);
  const raised = binaryConstant(c, "addpd", whole, splat64(0, exponent52));
  binaryImmediate(c, "shufps", raised, zero, 0x88, to);
}

export function lowerDemoteLanes(c: Lowering, v: number): void {
  lowerUnary(c, "cvtpd2ps", c.a0[v]!, false, c.defined(v));
}

export function lowerPromoteLanes(c: Lowering, v: number): void {
  lowerUnary(c, "cvtps2pd", c.a0[v]!, true, c.defined(v));
}
