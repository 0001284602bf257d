/** Shifts and rotations. With BMI2 a variable count may be in any register and the flags stay; else it is in cl. */
import { countOf, mayTakeIn, shiftCount } from "../../../machine/lower/matching.js";
import { Op } from "../../../ssa/ops.js";
import { Amd64 } from "../instructions.js";
import { takeLoad } from "./address.js";
import type { Lowering } from "./lowering.js";

interface ShiftRows {
  readonly ri: number;
  readonly cl: number;
  /** BMI2: value in a register, in memory. 0: there is none. */
  readonly xl: number;
  readonly ml: number;
}

const i = Amd64;
const shl32: ShiftRows = { ri: i.shl32_ri, cl: i.shl32_cl, xl: i.shlx32_xl, ml: i.shlx32_ml };
const shl64: ShiftRows = { ri: i.shl64_ri, cl: i.shl64_cl, xl: i.shlx64_xl, ml: i.shlx64_ml };
const shr32: ShiftRows = { ri: i.shr32_ri, cl: i.shr32_cl, xl: i.shrx32_xl, ml: i.shrx32_ml };
const shr64: ShiftRows = { ri: i.shr64_ri, cl: i.shr64_cl, xl: i.shrx64_xl, ml: i.shrx64_ml };
const sar32: ShiftRows = { ri: i.sar32_ri, cl: i.sar32_cl, xl: i.sarx32_xl, ml: i.sarx32_ml };
const sar64: ShiftRows = { ri: i.sar64_ri, cl: i.sar64_cl, xl: i.sarx64_xl, ml: i.sarx64_ml };

function shiftRows(op: Op, is64: boolean): ShiftRows {
  if (op === Op.shl) return is64 ? shl64 : shl32;
  if (op === Op.ushr) return is64 ? shr64 : shr32;
  return is64 ? sar64 : sar32;
}

export function lowerShift(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const x = c.a0[v]!;
  const rows = shiftRows(c.op[v]!, is64);
  const constant = shiftCount(c, v);
  if (constant >= 0) {
    shiftByConstant(c, v, x, constant, rows.ri, is64);
    return;
  }
  const count = countOf(c, c.a1[v]!, is64);
  if (!c.bmi2) {
    const value = c.operand(x, is64);
    c.row3(rows.cl, c.defined(v), value, c.reg(count));
    return;
  }
  if (takeLoad(c, x, is64 ? 8 : 4)) {
    c.load2(rows.ml, c.defined(v), c.reg(count));
    return;
  }
  const value = c.operand(x, is64);
  c.row3(rows.xl, c.defined(v), value, c.reg(count));
}

function shiftByConstant(c: Lowering, v: number, x: number, count: number, ri: number, is64: boolean): void {
  const to = c.defined(v);
  if (count === 0) {
    c.row2(is64 ? Amd64.mov64_rr : Amd64.mov32_rr, to, c.operand(x, is64));
    return;
  }
  if (!is64 && signExtension(c, v, x, count)) return;
  if (c.op[v] === Op.shl && count <= 3 && c.livesOn(x)) {
    c.clearAddress();
    const from = c.operand(x, is64);
    c.index = from;
    if (count === 1) c.base = from;
    else c.scale = count;
    c.load1(is64 ? Amd64.lea64 : Amd64.lea32, to);
    return;
  }
  c.row2(ri, to, c.operand(x, is64), count);
}

/** (x << 24) >> 24 and (x << 16) >> 16, as compilers before the sign-extension operators wrote them. */
function signExtension(c: Lowering, v: number, x: number, count: number): boolean {
  if (c.op[v] === Op.shl || (count !== 24 && count !== 16)) return false;
  if (c.op[x] !== Op.shl || shiftCount(c, x) !== count || !mayTakeIn(c, x)) return false;
  const from = c.reg32(c.a0[x]!);
  const signed = c.op[v] === Op.sshr;
  if (count === 24) c.row2(signed ? Amd64.movsx8to32_rr : Amd64.movzx8_rr, c.defined(v), from);
  else c.row2(signed ? Amd64.movsx16to32_rr : Amd64.movzx16_rr, c.defined(v), from);
  return true;
}

export function lowerRotate(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const x = c.a0[v]!;
  const left = c.op[v] === Op.rotl;
  const constant = shiftCount(c, v);
  if (constant >= 0) {
    rotateByConstant(c, v, x, left ? -constant & (is64 ? 63 : 31) : constant, is64);
    return;
  }
  const value = c.operand(x, is64);
  const count = c.reg(countOf(c, c.a1[v]!, is64));
  const row = left ? (is64 ? Amd64.rol64_cl : Amd64.rol32_cl) : is64 ? Amd64.ror64_cl : Amd64.ror32_cl;
  c.row3(row, c.defined(v), value, count);
}

/** A rotation to the right by a constant. */
function rotateByConstant(c: Lowering, v: number, x: number, count: number, is64: boolean): void {
  const to = c.defined(v);
  if (count === 0) {
    c.row2(is64 ? Amd64.mov64_rr : Amd64.mov32_rr, to, c.operand(x, is64));
    return;
  }
  if (c.bmi2 && takeLoad(c, x, is64 ? 8 : 4)) {
    c.load1(is64 ? Amd64.rorx64_rmi : Amd64.rorx32_rmi, to, count);
    return;
  }
  const from = c.operand(x, is64);
  if (c.bmi2 && c.livesOn(x)) c.row2(is64 ? Amd64.rorx64_rri : Amd64.rorx32_rri, to, from, count);
  else c.row2(is64 ? Amd64.ror64_ri : Amd64.ror32_ri, to, from, count);
}
