/** Floating-point arithmetic: one instruction for each op but copysign. */
import { mayTakeIn } from "../../../machine/lower/matching.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Arm64 } from "../instructions.js";
import type { Lowering } from "./lowering.js";

const i = Arm64;
/** Rows by [f32, f64]. fmin and fmax are Wasm's: NaN if either is NaN, -0 below +0. */
const binaryRows: Readonly<Record<number, readonly [number, number]>> = {
  [Op.fadd]: [i.fadd_s, i.fadd_d],
  [Op.fsub]: [i.fsub_s, i.fsub_d],
  [Op.fmul]: [i.fmul_s, i.fmul_d],
  [Op.fdiv]: [i.fdiv_s, i.fdiv_d],
  [Op.fmin]: [i.fmin_s, i.fmin_d],
  [Op.fmax]: [i.fmax_s, i.fmax_d],
};
const unaryRows: Readonly<Record<number, readonly [number, number]>> = {
  [Op.fabs]: [i.fabs_s, i.fabs_d],
  [Op.fneg]: [i.fneg_s, i.fneg_d],
  [Op.fsqrt]: [i.fsqrt_s, i.fsqrt_d],
  [Op.fceil]: [i.frintp_s, i.frintp_d],
  [Op.ffloor]: [i.frintm_s, i.frintm_d],
  [Op.ftrunc]: [i.frintz_s, i.frintz_d],
  [Op.fnearest]: [i.frintn_s, i.frintn_d],
};

/** 0 for f32, 1 for f64. */
const widthOf = (c: Lowering, v: number): 0 | 1 => (c.type[v] === Type.f64 ? 1 : 0);

export function lowerFloatBinary(c: Lowering, v: number): void {
  const left = c.reg(c.a0[v]!);
  c.row3(binaryRows[c.op[v]!]![widthOf(c, v)], c.defined(v), left, c.reg(c.a1[v]!));
}

export function lowerFloatUnary(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const width = widthOf(c, v);
  if (c.op[v] === Op.fneg && c.op[x] === Op.fmul && mayTakeIn(c, x)) {
    // fnmul is the product with its sign inverted, a NaN's too.
    const left = c.reg(c.a0[x]!);
    c.row3(width === 1 ? i.fnmul_d : i.fnmul_s, c.defined(v), left, c.reg(c.a1[x]!));
    return;
  }
  c.row2(unaryRows[c.op[v]!]![width], c.defined(v), c.reg(x));
}

/** The sign bit is shifted down and inserted over the other's; a constant sign is set or cleared. */
export function lowerCopysign(c: Lowering, v: number): void {
  const is64 = c.type[v] === Type.f64;
  const x = c.reg(c.a0[v]!);
  const sign = c.a1[v]!;
  const to = c.defined(v);
  if (!c.isConstant(sign)) {
    const bit = c.newFloat();
    c.row2(is64 ? i.ushr_2d : i.ushr_2s, bit, c.reg(sign), is64 ? 63 : 31);
    c.row3(is64 ? i.sli_2d : i.sli_2s, to, x, bit, is64 ? 63 : 31);
    return;
  }
  const negative = (is64 ? c.hi[sign]! : c.lo[sign]!) < 0;
  const magnitude = negative ? c.newFloat() : to;
  c.row2(is64 ? i.fabs_d : i.fabs_s, magnitude, x);
  if (negative) c.row2(is64 ? i.fneg_d : i.fneg_s, to, magnitude);
}
