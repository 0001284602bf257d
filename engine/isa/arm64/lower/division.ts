/**
 * Division and remainder. The processor's division by zero gives 0 and its overflow the lowest integer: where Wasm
 * traps is ruled out before. By a constant other than zero there is no division: see reciprocal.ts.
 */

import type { VReg } from "../../../machine/vcode.js";
import { Op, TrapKind } from "../../../ssa/ops.js";
import { Arm64, Condition, conditionalCompare } from "../instructions.js";
import type { Lowering } from "./lowering.js";
import { divideByConstant } from "./reciprocal.js";

const i = Arm64;

export function lowerDivision(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const op = c.op[v]!;
  const divisor = c.a1[v]!;
  if (c.isConstant(divisor) && !c.isZero(divisor) && divideByConstant(c, v, is64)) return;
  const signed = op === Op.sdiv || op === Op.srem;
  const isQuotient = op === Op.sdiv || op === Op.udiv;
  const to = c.defined(v);
  const x = c.operand(c.a0[v]!, is64);
  const y = c.operand(divisor, is64);
  const test = is64 ? i.trapif_cbz64 : i.trapif_cbz32;
  c.emit(test, TrapKind.integerDivideByZero);
  c.rowArgs(test, y);
  if (op === Op.sdiv) trapOverflow(c, x, y, is64);
  const quotient = isQuotient ? to : c.newInt();
  const row = signed ? (is64 ? i.sdiv64_rr : i.sdiv32_rr) : is64 ? i.udiv64_rr : i.udiv32_rr;
  c.row3(row, quotient, x, y);
  // The lowest integer divided by -1 is itself here, which leaves 0 as it must.
  if (!isQuotient) c.row4(is64 ? i.msub64 : i.msub32, to, quotient, y, x);
}

/** Traps if y is -1 and x the lowest integer: then, and only then, y + 1 is zero and x - 1 overflows. */
function trapOverflow(c: Lowering, x: VReg, y: VReg, is64: boolean): void {
  c.row1(is64 ? i.cmn64_ri : i.cmn32_ri, y, 1);
  c.row1(is64 ? i.ccmp64_ri : i.ccmp32_ri, x, conditionalCompare(Condition.eq, 0, 1));
  c.emit(i.trapif, TrapKind.integerOverflow, 0, Condition.vs);
}
