/** Floating-point arithmetic. With AVX the result has a register of its own; SSE overwrites the left operand. */
import { noRegister } from "../../../machine/lower/lowering-state.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Amd64 } from "../instructions.js";
import { takeFloatOperand } from "./address.js";
import { prefersRight } from "./integer.js";
import type { Lowering } from "./lowering.js";

interface FloatRows {
  readonly rr: number;
  readonly rm: number;
  readonly rrr: number;
  readonly rrm: number;
}

const i = Amd64;
const rows32: readonly FloatRows[] = [
  { rr: i.addss_rr, rm: i.addss_rm, rrr: i.vaddss_rrr, rrm: i.vaddss_rrm },
  { rr: i.subss_rr, rm: i.subss_rm, rrr: i.vsubss_rrr, rrm: i.vsubss_rrm },
  { rr: i.mulss_rr, rm: i.mulss_rm, rrr: i.vmulss_rrr, rrm: i.vmulss_rrm },
  { rr: i.divss_rr, rm: i.divss_rm, rrr: i.vdivss_rrr, rrm: i.vdivss_rrm },
];
const rows64: readonly FloatRows[] = [
  { rr: i.addsd_rr, rm: i.addsd_rm, rrr: i.vaddsd_rrr, rrm: i.vaddsd_rrm },
  { rr: i.subsd_rr, rm: i.subsd_rm, rrr: i.vsubsd_rrr, rrm: i.vsubsd_rrm },
  { rr: i.mulsd_rr, rm: i.mulsd_rm, rrr: i.vmulsd_rrr, rrm: i.vmulsd_rrm },
  { rr: i.divsd_rr, rm: i.divsd_rm, rrr: i.vdivsd_rrr, rrm: i.vdivsd_rrm },
];
export const maxRows = {
  32: { rr: i.maxss_rr, rm: i.maxss_rm, rrr: i.vmaxss_rrr, rrm: i.vmaxss_rrm },
  64: { rr: i.maxsd_rr, rm: i.maxsd_rm, rrr: i.vmaxsd_rrr, rrm: i.vmaxsd_rrm },
} as const;
export const minRows = {
  64: { rr: i.minsd_rr, rm: i.minsd_rm, rrr: i.vminsd_rrr, rrm: i.vminsd_rrm },
} as const;
export const subRows = { 32: rows32[1]!, 64: rows64[1]! } as const;
export const addRows = { 32: rows32[0]!, 64: rows64[0]! } as const;
export const mulRows = { 32: rows32[2]!, 64: rows64[2]! } as const;
export const andRows: FloatRows = { rr: i.andps_rr, rm: i.andps_rm, rrr: i.vandps_rrr, rrm: i.vandps_rrm };
const orRows: FloatRows = { rr: i.orps_rr, rm: i.orps_rm, rrr: i.vorps_rrr, rrm: i.vorps_rrm };
const xorRows: FloatRows = { rr: i.xorps_rr, rm: i.xorps_rm, rrr: i.vxorps_rrr, rrm: i.vxorps_rrm };

/** to = x op y */
export function floatOperation(c: Lowering, rows: FloatRows, to: VReg, x: VReg, y: VReg): void {
  c.row3(c.avx ? rows.rrr : rows.rr, to, x, y);
}
/** to = x op the memory operand found last */
export function floatOperationMemory(c: Lowering, rows: FloatRows, to: VReg, x: VReg): void {
  c.load2(c.avx ? rows.rrm : rows.rm, to, x);
}

export function lowerFloatBinary(c: Lowering, v: number): void {
  const is64 = c.type[v] === Type.f64;
  const rows = (is64 ? rows64 : rows32)[c.op[v]! - Op.fadd]!;
  const commutes = c.op[v] === Op.fadd || c.op[v] === Op.fmul;
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (x !== y && takeFloatOperand(c, y)) {
    floatOperationMemory(c, rows, c.defined(v), c.reg(x));
    return;
  }
  if (x !== y && commutes && takeFloatOperand(c, x)) {
    floatOperationMemory(c, rows, c.defined(v), c.reg(y));
    return;
  }
  if (commutes && prefersRight(c, v, x, y)) [x, y] = [y, x];
  const left = c.reg(x);
  floatOperation(c, rows, c.defined(v), left, c.reg(y));
}

export function lowerFloatMinMax(c: Lowering, v: number): void {
  const is64 = c.type[v] === Type.f64;
  const isMin = c.op[v] === Op.fmin;
  const left = c.reg(c.a0[v]!);
  const right = c.reg(c.a1[v]!);
  const row = isMin ? (is64 ? Amd64.fmin64 : Amd64.fmin32) : is64 ? Amd64.fmax64 : Amd64.fmax32;
  c.row3(row, c.defined(v), left, right);
}

/** to = x op the mask of the sign bit, or of all others, which is a 16-byte constant. */
function maskOperation(
  c: Lowering,
  rows: FloatRows,
  to: VReg,
  x: VReg,
  is64: boolean,
  ofSign: boolean,
): void {
  const word = ofSign ? 0x80000000 : 0x7fffffff;
  const rest = is64 ? (ofSign ? 0 : -1) : word;
  const mask = c.code.constant128(rest, word, rest, word);
  const kept = c.keptVector(mask);
  if (kept !== noRegister) {
    floatOperation(c, rows, to, x, kept);
    return;
  }
  c.poolAddress(mask);
  floatOperationMemory(c, rows, to, x);
}

export function lowerFloatSign(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  const isAbs = c.op[v] === Op.fabs;
  maskOperation(c, isAbs ? andRows : xorRows, c.defined(v), x, c.type[v] === Type.f64, !isAbs);
}

export function lowerCopysign(c: Lowering, v: number): void {
  const is64 = c.type[v] === Type.f64;
  const x = c.reg(c.a0[v]!);
  const sign = c.a1[v]!;
  const to = c.defined(v);
  if (c.isConstant(sign)) {
    const negative = (is64 ? c.hi[sign]! : c.lo[sign]!) < 0;
    maskOperation(c, negative ? orRows : andRows, to, x, is64, negative);
    return;
  }
  const magnitude = c.newFloat();
  const signBit = c.newFloat();
  const y = c.reg(sign);
  maskOperation(c, andRows, magnitude, x, is64, false);
  maskOperation(c, andRows, signBit, y, is64, true);
  floatOperation(c, orRows, to, magnitude, signBit);
}

/** Immediates of roundss and roundsd, from `fceil` on. */
const roundings = [10, 9, 11, 8];

export function lowerRound(c: Lowering, v: number): void {
  const is64 = c.type[v] === Type.f64;
  const mode = roundings[c.op[v]! - Op.fceil]!;
  const rr = is64 ? (c.avx ? i.vroundsd_rr : i.roundsd_rr) : c.avx ? i.vroundss_rr : i.roundss_rr;
  const rm = is64 ? (c.avx ? i.vroundsd_rm : i.roundsd_rm) : c.avx ? i.vroundss_rm : i.roundss_rm;
  floatUnary(c, v, rr, rm, mode);
}

/** v = op x, or op [m] */
export function floatUnary(c: Lowering, v: number, rr: number, rm: number, imm2 = 0): void {
  const x = c.a0[v]!;
  if (takeFloatOperand(c, x)) c.load1(rm, c.defined(v), imm2);
  else c.row2(rr, c.defined(v), c.reg(x), imm2);
}

export function lowerSqrt(c: Lowering, v: number): void {
  if (c.type[v] === Type.f64) {
    floatUnary(c, v, c.avx ? i.vsqrtsd_rr : i.sqrtsd_rr, c.avx ? i.vsqrtsd_rm : i.sqrtsd_rm);
  } else floatUnary(c, v, c.avx ? i.vsqrtss_rr : i.sqrtss_rr, c.avx ? i.vsqrtss_rm : i.sqrtss_rm);
}
