/**
 * Division and remainder. The divide instructions fault where Wasm traps or defines a result, so both are
 * ruled out before; by a constant other than zero there is nothing to rule out, and no division either: shifts for
 * powers of two, else multiplication by a scaled reciprocal (Granlund and Montgomery: "Division by Invariant
 * Integers using Multiplication", 1994; Warren: "Hacker's Delight", chapter 10).
 */
import type { VReg } from "../../../machine/vcode.js";
import { Op, TrapKind } from "../../../ssa/ops.js";
import { Amd64, Condition, operandWords } from "../instructions.js";
import type { Lowering } from "./lowering.js";
import { divideByConstant } from "./reciprocal.js";

const i = Amd64;
const cc = Condition;

export function lowerDivision(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const op = c.op[v]!;
  const divisor = c.a1[v]!;
  if (c.isConstant(divisor) && !c.isZero(divisor) && divideByConstant(c, v, is64)) return;
  const signed = op === Op.sdiv || op === Op.srem;
  const isQuotient = op === Op.sdiv || op === Op.udiv;
  const to = c.defined(v);
  const x = c.operand(c.a0[v]!, is64);
  let y = c.operand(divisor, is64);
  c.row2(is64 ? i.test64_rr : i.test32_rr, y, y);
  c.emit(i.trapif, TrapKind.integerDivideByZero, 0, cc.e);
  if (op === Op.sdiv) trapOverflow(c, x, y, is64);
  else if (op === Op.srem) y = harmlessDivisor(c, y, is64);
  const quotient = isQuotient ? to : c.newInt();
  const remainder = isQuotient ? c.newInt() : to;
  const upper = c.newInt();
  if (signed) c.row2(is64 ? i.cqo : i.cdq, upper, x);
  else {
    c.code.vregRematerializable[upper] = 1;
    c.row1(i.mov32_ri, upper, 0);
  }
  const row = signed ? (is64 ? i.idiv64 : i.idiv32) : is64 ? i.div64 : i.div32;
  divide(c, row, quotient, remainder, x, upper, y);
}

function divide(
  c: Lowering,
  row: number,
  quotient: VReg,
  remainder: VReg,
  x: VReg,
  upper: VReg,
  y: VReg,
): void {
  const words = operandWords[row]!;
  c.row3(row, quotient, remainder, x);
  c.arg(upper, words[3]!);
  c.arg(y, words[4]!);
}

/** Traps if x is the lowest integer and y is -1: rotated left by one, x is 1 then. */
function trapOverflow(c: Lowering, x: VReg, y: VReg, is64: boolean): void {
  const rotated = c.newInt();
  const isLowest = c.newInt();
  const isMinusOne = c.newInt();
  const both = c.newInt();
  c.row2(is64 ? i.rol64_ri : i.rol32_ri, rotated, x, 1);
  c.row2(is64 ? i.xor64_ri : i.xor32_ri, isLowest, rotated, 1);
  c.clearAddress();
  c.base = y;
  c.displacement = 1;
  c.load1(is64 ? i.lea64 : i.lea32, isMinusOne);
  c.row3(is64 ? i.or64_rr : i.or32_rr, both, isLowest, isMinusOne);
  c.emit(i.trapif, TrapKind.integerOverflow, 0, cc.e);
}

/** The divisor, or 1 in place of -1: both leave remainder 0, but dividing the lowest integer by -1 would fault. */
function harmlessDivisor(c: Lowering, y: VReg, is64: boolean): VReg {
  const one = c.ownInteger(1);
  const harmless = c.newInt();
  c.row1(is64 ? i.cmp64_ri : i.cmp32_ri, y, -1);
  c.row3(is64 ? i.cmov64_rr : i.cmov32_rr, harmless, y, one, cc.e);
  return harmless;
}
