/**
 * Conversions between integers and floats.
 *
 * The processor's conversions saturate and make 0 of NaN, as Wasm's saturating ones do. The trapping ones rule out what
 * doesn't fit: a 32-bit result is the 64-bit one, extended, or the value was out of range (every f32 and f64 that
 * is out of the range of 64 bits saturates to what isn't a 32-bit number); for 64 bits the bounds are compared as floats.
 */
import type { VReg } from "../../../machine/vcode.js";
import { Op, TrapKind, Type } from "../../../ssa/ops.js";
import { Arm64, Condition, Extend, extendedBy } from "../instructions.js";
import { takeLoad } from "./address.js";
import { lowerCopyInt } from "./extend.js";
import type { Lowering } from "./lowering.js";

const i = Arm64;
const cc = Condition;

/** Rows from a float to an integer: [from f32, from f64] of [32, 64 bits]. */
const signedRows = [
  [i.fcvtzs32_s, i.fcvtzs64_s],
  [i.fcvtzs32_d, i.fcvtzs64_d],
] as const;
const unsignedRows = [
  [i.fcvtzu32_s, i.fcvtzu64_s],
  [i.fcvtzu32_d, i.fcvtzu64_d],
] as const;
/** Rows from an integer of [32, 64 bits] to [f32, f64]. */
const fromSignedRows = [
  [i.scvtf_s32, i.scvtf_d32],
  [i.scvtf_s64, i.scvtf_d64],
] as const;
const fromUnsignedRows = [
  [i.ucvtf_s32, i.ucvtf_d32],
  [i.ucvtf_s64, i.ucvtf_d64],
] as const;

/** Upper words of f64 bounds (lower word 0), and the bits of f32 ones. */
const bounds = {
  "2^63": { f64: 0x43e00000, f32: 0x5f000000 },
  "2^64": { f64: 0x43f00000, f32: 0x5f800000 },
  "-2^63": { f64: 0xc3e00000 | 0, f32: 0xdf000000 | 0 },
  "-1": { f64: 0xbff00000 | 0, f32: 0xbf800000 | 0 },
} as const;

function trapWhen(c: Lowering, condition: number, kind: number): void {
  c.emit(i.trapif, kind, 0, condition);
}

function compareBound(c: Lowering, x: VReg, bound: keyof typeof bounds, isDouble: boolean): void {
  const { f64, f32 } = bounds[bound];
  const limit = isDouble ? c.ownFloat(0, f64, true) : c.ownFloat(f32, 0, false);
  c.row2(isDouble ? i.fcmp_d : i.fcmp_s, x, limit);
}

/** ftosi and ftoui, which trap. */
export function lowerFloatToInt(c: Lowering, v: number): void {
  const isDouble = c.type[c.a0[v]!] === Type.f64;
  const signed = c.op[v] === Op.ftosi;
  const rows = (signed ? signedRows : unsignedRows)[isDouble ? 1 : 0];
  const to = c.defined(v);
  const x = c.reg(c.a0[v]!);
  c.row2(isDouble ? i.fcmp_d : i.fcmp_s, x, x);
  trapWhen(c, cc.vs, TrapKind.invalidConversion);
  if (c.type[v] === Type.i32) {
    const whole = c.newInt();
    c.row2(signedRows[isDouble ? 1 : 0][1], whole, x);
    c.row2(i.cmp64_rx, whole, whole, extendedBy(signed ? Extend.sxtw : Extend.uxtw, 0));
    trapWhen(c, cc.ne, TrapKind.conversionOverflow);
    c.row2(i.mov32_rr, to, whole);
    return;
  }
  compareBound(c, x, signed ? "2^63" : "2^64", isDouble);
  trapWhen(c, cc.ge, TrapKind.conversionOverflow);
  compareBound(c, x, signed ? "-2^63" : "-1", isDouble);
  trapWhen(c, signed ? cc.mi : cc.ls, TrapKind.conversionOverflow);
  c.row2(rows[1], to, x);
}

export function lowerFloatToIntSaturating(c: Lowering, v: number): void {
  const rows = c.op[v] === Op.ftosisat ? signedRows : unsignedRows;
  const from = c.type[c.a0[v]!] === Type.f64 ? 1 : 0;
  c.row2(rows[from][c.type[v] === Type.i32 ? 0 : 1], c.defined(v), c.reg(c.a0[v]!));
}

/** sitof and uitof. */
export function lowerIntToFloat(c: Lowering, v: number): void {
  const is64 = c.is64(c.a0[v]!);
  const rows = c.op[v] === Op.sitof ? fromSignedRows : fromUnsignedRows;
  const x = c.operand(c.a0[v]!, is64);
  c.row2(rows[is64 ? 1 : 0][c.type[v] === Type.f64 ? 1 : 0], c.defined(v), x);
}

export function lowerPromote(c: Lowering, v: number): void {
  c.row2(i.fcvt_ds, c.defined(v), c.reg(c.a0[v]!));
}

export function lowerDemote(c: Lowering, v: number): void {
  c.row2(i.fcvt_sd, c.defined(v), c.reg(c.a0[v]!));
}

export function lowerBitcast(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const to = c.type[v]!;
  const from = c.type[x]!;
  const toFloat = to === Type.f32 || to === Type.f64;
  const fromFloat = from === Type.f32 || from === Type.f64;
  const is64 = c.is64(v);
  if (toFloat && !fromFloat) {
    if (takeLoad(c, x, is64 ? 3 : 2)) c.load1(is64 ? i.ldr_d : i.ldr_s, c.defined(v));
    else c.row2(is64 ? i.fmov_dx : i.fmov_sw, c.defined(v), c.operand(x, is64));
  } else if (!toFloat && fromFloat) {
    if (takeLoad(c, x, is64 ? 3 : 2)) c.load1(is64 ? i.ldr64 : i.ldr32, c.defined(v));
    else c.row2(is64 ? i.fmov_xd : i.fmov_ws, c.defined(v), c.reg(x));
  } else if (toFloat) c.move(c.defined(v), c.reg(x));
  else lowerCopyInt(c, v);
}
