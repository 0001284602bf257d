/** One of two values by a condition, of which one may be changed on the way: x + 1, ~x, -x. */
import { isAllOnes, mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Arm64 } from "../instructions.js";
import { emitCondition } from "./compare.js";
import type { Lowering } from "./lowering.js";
import { signedConstant } from "./operand.js";
import { selectVector } from "./vector-lanes.js";

const i = Arm64;

export function lowerSelect(c: Lowering, v: number): void {
  const type = c.type[v]! as Type;
  const to = c.defined(v);
  const ifTrue = c.a1[v]!;
  const ifFalse = c.a2[v]!;
  if (type === Type.v128) {
    const taken = c.reg(ifTrue);
    const kept = c.reg(ifFalse);
    emitCondition(c, c.a0[v]!);
    selectVector(c, to, taken, kept);
    return;
  }
  if (type === Type.f32 || type === Type.f64) {
    const taken = c.reg(ifTrue);
    const kept = c.reg(ifFalse);
    emitCondition(c, c.a0[v]!);
    c.row3(type === Type.f64 ? i.fcsel_d : i.fcsel_s, to, taken, kept, c.condition);
    return;
  }
  selectInteger(c, v, to, ifTrue, ifFalse);
}

function selectInteger(c: Lowering, v: number, to: VReg, ifTrue: number, ifFalse: number): void {
  const is64 = c.is64(v);
  const isOne = (x: number): boolean => c.isConstant(x) && c.lo[x] === 1 && (!is64 || c.hi[x] === 0);
  if ((isOne(ifTrue) && c.isZero(ifFalse)) || (c.isZero(ifTrue) && isOne(ifFalse))) {
    emitCondition(c, c.a0[v]!);
    c.row1(i.cset32, to, c.condition ^ (isOne(ifTrue) ? 0 : 1));
    return;
  }
  if (c.isZero(ifTrue) || c.isZero(ifFalse)) {
    const kept = c.operand(c.isZero(ifTrue) ? ifFalse : ifTrue, is64);
    emitCondition(c, c.a0[v]!);
    const condition = c.condition ^ (c.isZero(ifTrue) ? 1 : 0);
    c.row2(is64 ? i.csel64_rz : i.csel32_rz, to, kept, condition);
    return;
  }
  if (changedSelect(c, v, to, ifTrue, ifFalse, 0) || changedSelect(c, v, to, ifFalse, ifTrue, 1)) return;
  const taken = c.operand(ifTrue, is64);
  const kept = c.operand(ifFalse, is64);
  emitCondition(c, c.a0[v]!);
  c.row3(is64 ? i.csel64 : i.csel32, to, taken, kept, c.condition);
}

/** One of two values, of which the second is x + 1, ~x or -x. */
function changedSelect(
  c: Lowering,
  v: number,
  to: VReg,
  plain: number,
  changed: number,
  invert: number,
): boolean {
  if (!mayTakeIn(c, changed)) return false;
  const is64 = c.is64(v);
  let row = 0;
  let from = c.a0[changed]!;
  if (c.op[changed] === Op.add && signedConstant(c, c.a1[changed]!) === 1) row = is64 ? i.csinc64 : i.csinc32;
  else if (c.op[changed] === Op.xor && isAllOnes(c, c.a1[changed]!)) row = is64 ? i.csinv64 : i.csinv32;
  else if (c.op[changed] === Op.sub && c.isZero(from)) {
    row = is64 ? i.csneg64 : i.csneg32;
    from = c.a1[changed]!;
  }
  if (row === 0) return false;
  const kept = c.operand(plain, is64);
  const other = c.operand(from, is64);
  emitCondition(c, c.a0[v]!);
  c.row3(row, to, kept, other, c.condition ^ invert);
  return true;
}
