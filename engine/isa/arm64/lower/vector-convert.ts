/** Vector conversions: between lane widths, and between integers and floats. */

import { mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Shape } from "../../../ssa/shapes.js";
import { Arm64 } from "../instructions.js";
import { takeLoad } from "./address.js";
import type { Lowering } from "./lowering.js";
import { binary, newVector, unary } from "./vector-emit.js";

const i = Arm64;

/** By the result's shape, of narrowed lanes i8x16 and i16x8. */
const narrowRows: Readonly<Record<number, readonly (readonly [low: number, high: number])[]>> = {
  [Op.vnarrows]: [
    [i.sqxtn_8h, i.sqxtn2_8h],
    [i.sqxtn_4s, i.sqxtn2_4s],
  ],
  [Op.vnarrowu]: [
    [i.sqxtun_8h, i.sqxtun2_8h],
    [i.sqxtun_4s, i.sqxtun2_4s],
  ],
};

export function lowerNarrow(c: Lowering, v: number): void {
  const [low, high] = narrowRows[c.op[v]!]![c.hi[v]!]!;
  const lower = unary(c, low, c.reg(c.a0[v]!));
  binary(c, high, lower, c.reg(c.a1[v]!), c.defined(v));
}

/** By the result's shape less one: i16x8, i32x4, i64x2. */
const extendRows: Readonly<Record<number, readonly [number, number, number]>> = {
  [Op.vextlows]: [i.sxtl_8h, i.sxtl_4s, i.sxtl_2d],
  [Op.vextlowu]: [i.uxtl_8h, i.uxtl_4s, i.uxtl_2d],
  [Op.vexthighs]: [i.sxtl2_8h, i.sxtl2_4s, i.sxtl2_2d],
  [Op.vexthighu]: [i.uxtl2_8h, i.uxtl2_4s, i.uxtl2_2d],
};
const extendAddRows: Readonly<Record<number, readonly [number, number]>> = {
  [Op.vextadds]: [i.saddlp_8h, i.saddlp_4s],
  [Op.vextaddu]: [i.uaddlp_8h, i.uaddlp_4s],
};
const extendMulRows: Readonly<Record<number, readonly [number, number, number]>> = {
  [Op.vextmullows]: [i.smull_8h, i.smull_4s, i.smull_2d],
  [Op.vextmullowu]: [i.umull_8h, i.umull_4s, i.umull_2d],
  [Op.vextmulhighs]: [i.smull2_8h, i.smull2_4s, i.smull2_2d],
  [Op.vextmulhighu]: [i.umull2_8h, i.umull2_4s, i.umull2_2d],
};

/** vextlow and vexthigh, signed and unsigned. */
export function lowerExtendLanes(c: Lowering, v: number): void {
  const row = extendRows[c.op[v]!]![c.hi[v]! - 1]!;
  const isLow = c.op[v] === Op.vextlows || c.op[v] === Op.vextlowu;
  unary(c, row, isLow ? lowHalf(c, c.a0[v]!) : c.reg(c.a0[v]!), c.defined(v));
}

/** A register whose lower 64 bits are those of `v`: of a load of just these, that load. */
function lowHalf(c: Lowering, v: number): VReg {
  if (c.op[v] !== Op.vscalar || c.type[c.a0[v]!] !== Type.f64 || !mayTakeIn(c, v)) return c.reg(v);
  const x = c.a0[v]!;
  if (!takeLoad(c, x, 3)) return c.reg(v);
  const half = newVector(c);
  c.load1(i.ldr_d, half);
  return half;
}

export function lowerExtendAdd(c: Lowering, v: number): void {
  unary(c, extendAddRows[c.op[v]!]![c.hi[v]! - 1]!, c.reg(c.a0[v]!), c.defined(v));
}

export function lowerExtendMul(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  binary(c, extendMulRows[c.op[v]!]![c.hi[v]! - 1]!, x, c.reg(c.a1[v]!), c.defined(v));
}

/** vsitof and vuitof: i32x4 to f32x4, or its lower half to f64x2. */
export function lowerIntegersToFloats(c: Lowering, v: number): void {
  const signed = c.op[v] === Op.vsitof;
  const x = c.reg(c.a0[v]!);
  if (c.hi[v] === Shape.f32x4) unary(c, signed ? i.scvtf_4s : i.ucvtf_4s, x, c.defined(v));
  else {
    const wide = unary(c, signed ? i.sxtl_2d : i.uxtl_2d, x);
    unary(c, signed ? i.scvtf_2d : i.ucvtf_2d, wide, c.defined(v));
  }
}

/** Saturating; two doubles by way of 64-bit integers, which saturate again. */
export function lowerFloatsToIntegers(c: Lowering, v: number): void {
  const signed = c.op[v] === Op.vftosisat;
  const x = c.reg(c.a0[v]!);
  if (c.hi[v] === Shape.f32x4) unary(c, signed ? i.fcvtzs_4s : i.fcvtzu_4s, x, c.defined(v));
  else {
    const wide = unary(c, signed ? i.fcvtzs_2d : i.fcvtzu_2d, x);
    unary(c, signed ? i.sqxtn_2d : i.uqxtn_2d, wide, c.defined(v));
  }
}

export function lowerDemoteLanes(c: Lowering, v: number): void {
  unary(c, i.fcvtn_2s, c.reg(c.a0[v]!), c.defined(v));
}

export function lowerPromoteLanes(c: Lowering, v: number): void {
  unary(c, i.fcvtl_2d, lowHalf(c, c.a0[v]!), c.defined(v));
}
