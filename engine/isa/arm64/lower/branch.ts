/** Branches and traps on conditions; on a register or one of its bits they need no flags. */
import { isAllOnes, mayTakeIn, singleBit } from "../../../machine/lower/matching.js";
import { InstructionFlag } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { Arm64 } from "../instructions.js";
import { emitCondition, isComparison, isIntComparison, strip } from "./compare.js";
import type { Lowering } from "./lowering.js";

const i = Arm64;

// ---------------------------------------------------------------- tests of one register

/** A test that a branch or trap makes by itself: of a whole register or a bit, for zero or not. */
class RegisterTest {
  value = 0;
  is64 = false;
  /** Number of the bit, or -1. */
  bit = -1;
  whenZero = false;
}
const test = new RegisterTest();

/** Whether i32 value `v` isn't zero when a register, or a bit of one, is zero or isn't. */
function findRegisterTest(c: Lowering, v: number): boolean {
  const { value, inverted } = strip(c, v);
  const op = c.op[value]!;
  if (!isComparison(c, value)) return testZero(c, value, inverted);
  const x = c.a0[value]!;
  if (op === Op.eqz) return testZero(c, x, !inverted);
  if (!isIntComparison(op)) return false;
  const y = c.a1[value]!;
  if ((op === Op.eq || op === Op.ne) && c.isZero(y)) return testZero(c, x, (op === Op.eq) !== inverted);
  const below = (op === Op.slt && c.isZero(y)) || (op === Op.sle && isAllOnes(c, y));
  const notBelow = (op === Op.sge && c.isZero(y)) || (op === Op.sgt && isAllOnes(c, y));
  if (!below && !notBelow) return false;
  test.value = x;
  test.is64 = c.is64(x);
  test.bit = test.is64 ? 63 : 31;
  test.whenZero = notBelow !== inverted;
  return true;
}

function testZero(c: Lowering, v: number, whenZero: boolean): boolean {
  test.is64 = c.is64(v);
  if (!test.is64) v = c.low32(v);
  test.whenZero = whenZero;
  test.value = v;
  test.bit = -1;
  const op = c.op[v]!;
  if (!mayTakeIn(c, v) || c.is64(v) !== test.is64) return true;
  if (op === Op.sub || (op === Op.add && !c.isConstant(c.a1[v]!))) return false;
  if (op !== Op.and) return true;
  const mask = c.a1[v]!;
  if (!c.isConstant(mask)) return false;
  const bit = singleBit(c.lo[mask]!, test.is64 ? c.hi[mask]! : 0);
  if (bit < 0) return false;
  test.bit = bit;
  test.value = c.a0[v]!;
  return true;
}

// ---------------------------------------------------------------- readers

/** The terminator that goes to the first successor if i32 value `v` isn't zero. */
export function lowerBranch(c: Lowering, v: number): void {
  if (!findRegisterTest(c, v)) {
    emitCondition(c, v);
    c.emit(i.jcc, 0, 0, c.condition, InstructionFlag.terminator);
    return;
  }
  const { value, is64, bit, whenZero } = test;
  let row: number;
  if (bit >= 0) row = whenZero ? i.tbz : i.tbnz;
  else if (whenZero) row = is64 ? i.cbz64 : i.cbz32;
  else row = is64 ? i.cbnz64 : i.cbnz32;
  const x = c.operand(value, is64);
  c.emit(row, 0, 0, Math.max(bit, 0), InstructionFlag.terminator);
  c.rowArgs(row, x);
}

export function lowerBranchIfZero(c: Lowering, v: number): void {
  const x = c.reg32(v);
  c.emit(i.cbz32, 0, 0, 0, InstructionFlag.terminator);
  c.rowArgs(i.cbz32, x);
}

export function lowerTrapIf(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  if (c.isConstant(x) && c.lo[x] === 0) return;
  if (!findRegisterTest(c, x)) {
    emitCondition(c, x);
    c.emit(i.trapif, c.lo[v]!, 0, c.condition);
    return;
  }
  const { value, is64, bit, whenZero } = test;
  let row: number;
  if (bit >= 0) row = whenZero ? i.trapif_tbz : i.trapif_tbnz;
  else if (whenZero) row = is64 ? i.trapif_cbz64 : i.trapif_cbz32;
  else row = is64 ? i.trapif_cbnz64 : i.trapif_cbnz32;
  c.emit(row, c.lo[v]!, 0, Math.max(bit, 0));
  c.rowArgs(row, c.operand(value, is64));
}
