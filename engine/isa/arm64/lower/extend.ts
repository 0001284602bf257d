/** Integers counted, extended and cut. */
import { mayMoveDown, mayTakeIn, shiftCount } from "../../../machine/lower/matching.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Arm64, bitField } from "../instructions.js";
import { linearAddress, takeLoad } from "./address.js";
import type { Lowering } from "./lowering.js";

const i = Arm64;

// ---------------------------------------------------------------- counting bits

export function lowerClz(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  c.row2(is64 ? i.clz64_r : i.clz32_r, c.defined(v), c.operand(c.a0[v]!, is64));
}

export function lowerCtz(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const reversed = c.newInt();
  c.row2(is64 ? i.rbit64_r : i.rbit32_r, reversed, c.operand(c.a0[v]!, is64));
  c.row2(is64 ? i.clz64_r : i.clz32_r, c.defined(v), reversed);
}

/** Integer registers have no such instruction: the bytes' counts in a vector register, added up. */
export function lowerPopcnt(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const bytes = c.newFloat();
  const counts = c.newFloat();
  const sum = c.newFloat();
  c.row2(is64 ? i.fmov_dx : i.fmov_sw, bytes, c.operand(c.a0[v]!, is64));
  c.row2(i.cnt_8b, counts, bytes);
  c.row2(i.addv_8b, sum, counts);
  c.row2(i.fmov_ws, c.defined(v), sum);
}

// ---------------------------------------------------------------- extensions

/** sext8, sext16, sext32 within a type; of a value shifted right, a bit field. */
export function lowerExtend(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const op = c.op[v]!;
  const width = op === Op.sext8 ? 8 : op === Op.sext16 ? 16 : 32;
  const x = c.resolve(c.a0[v]!);
  if ((c.op[x] === Op.ushr || c.op[x] === Op.sshr) && mayTakeIn(c, x) && c.is64(x) === is64) {
    const count = shiftCount(c, x);
    if (count > 0 && count + width <= (is64 ? 64 : 32)) {
      const from = c.operand(c.a0[x]!, is64);
      c.row2(is64 ? i.sbfx64 : i.sbfx32, c.defined(v), from, bitField(count, width));
      return;
    }
  }
  c.row2(extendRow(op, is64), c.defined(v), c.reg32(c.a0[v]!));
}

function extendRow(op: Op, is64: boolean): number {
  if (op === Op.sext8) return is64 ? i.sxtb64 : i.sxtb32;
  if (op === Op.sext16) return is64 ? i.sxth64 : i.sxth32;
  return i.sxtw;
}

/** i32 to i64; of a load, the load that extends. */
export function lowerSext(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  if (extendedLoad(c, v, x)) return;
  if (mayTakeIn(c, x) && c.type[x] === Type.i32) {
    const op = c.op[x]!;
    if (op === Op.sext8 || op === Op.sext16) {
      c.row2(extendRow(op, true), c.defined(v), c.reg32(c.a0[x]!));
      return;
    }
    const count = op === Op.sshr ? shiftCount(c, x) : -1;
    if (count > 0) {
      c.row2(i.sbfx64, c.defined(v), c.reg32(c.a0[x]!), bitField(count, 32 - count));
      return;
    }
  }
  c.row2(i.sxtw, c.defined(v), c.reg32(x));
}

/** v = the sign extension of the load x. */
function extendedLoad(c: Lowering, v: number, x: number): boolean {
  if (takeLoad(c, x, 2)) {
    c.load1(i.ldrsw, c.defined(v));
    return true;
  }
  const op = c.op[x];
  if ((op !== Op.load8s && op !== Op.load16s) || !mayTakeIn(c, x) || !mayMoveDown(c, x)) return false;
  c.folded[x] = 1;
  linearAddress(c, x, op === Op.load8s ? 0 : 1);
  c.load1(op === Op.load8s ? i.ldrsb64 : i.ldrsh64, c.defined(v));
  return true;
}

/** i64 to i32; of a value shifted right, a bit field. */
export function lowerWrap(c: Lowering, v: number): void {
  const x = c.resolve(c.a0[v]!);
  if (c.op[x] === Op.ushr && mayTakeIn(c, x) && shiftCount(c, x) > 0) {
    const count = shiftCount(c, x);
    const from = c.reg(c.a0[x]!);
    if (count >= 32) c.row2(i.lsr64_ri, c.defined(v), from, count);
    else c.row2(i.ubfx64, c.defined(v), from, bitField(count, 32));
    return;
  }
  c.row2(i.mov32_rr, c.defined(v), c.reg32(x));
}

/** zext and bitcast only come here where `resolve` doesn't see through them. */
export function lowerCopyInt(c: Lowering, v: number): void {
  c.move(c.defined(v), c.reg(c.a0[v]!));
}
