/**
 * Comparisons: for the flags, whose readers are in branch.ts and select.ts, and as values 0 or 1.
 *
 * `emitCondition` puts the comparison that an i32 value stands for into the flags, right before their reader, and
 * says which condition holds when the value isn't zero. Every comparison is one condition: after fcmp an unordered pair
 * has carry and overflow set, so that eq, mi, ls, gt and ge are false and their opposites true. Two comparisons joined by
 * "and" or "or" are a comparison and a conditional one.
 */
import { mayTakeIn } from "../../../machine/lower/matching.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Arm64, Condition, conditionalCompare, isAddImmediate, isLogicalImmediate } from "../instructions.js";
import type { Lowering } from "./lowering.js";
import { emitSources, type SourceRows, signedConstant } from "./operand.js";
import { emitVectorTest, isVectorTest } from "./vector-lanes.js";

const i = Arm64;
const cc = Condition;

const cmpRows: readonly [SourceRows, SourceRows] = [
  { rr: i.cmp32_rr, rs: i.cmp32_rs, rx: i.cmp32_rx },
  { rr: i.cmp64_rr, rs: i.cmp64_rs, rx: i.cmp64_rx },
];
const cmnRows: readonly [SourceRows, SourceRows] = [
  { rr: i.cmn32_rr, rs: i.cmn32_rs, rx: i.cmn32_rx },
  { rr: i.cmn64_rr, rs: i.cmn64_rs, rx: i.cmn64_rx },
];
const tstRows: readonly [SourceRows, SourceRows] = [
  { rr: i.tst32_rr, rs: i.tst32_rs, rx: 0 },
  { rr: i.tst64_rr, rs: i.tst64_rs, rx: 0 },
];

/** Condition of each integer comparison, from `eq` on, and of each float comparison, from `feq` on. */
const intConditions = [cc.eq, cc.ne, cc.lt, cc.le, cc.gt, cc.ge, cc.lo, cc.ls, cc.hi, cc.hs];
const floatConditions = [cc.eq, cc.ne, cc.mi, cc.ls, cc.gt, cc.ge];

/** What holds for (b, a) when the integer condition holds for (a, b). */
function mirrored(condition: number): number {
  switch (condition) {
    case cc.lt:
      return cc.gt;
    case cc.gt:
      return cc.lt;
    case cc.le:
      return cc.ge;
    case cc.ge:
      return cc.le;
    case cc.lo:
      return cc.hi;
    case cc.hi:
      return cc.lo;
    case cc.ls:
      return cc.hs;
    case cc.hs:
      return cc.ls;
    default:
      return condition;
  }
}

export const isIntComparison = (op: Op): boolean => op >= Op.eq && op <= Op.uge;
const isFloatComparison = (op: Op): boolean => op >= Op.feq && op <= Op.fge;
const isPlainComparison = (op: Op): boolean =>
  op === Op.eqz || isIntComparison(op) || isFloatComparison(op) || isVectorTest(op);
const isEquality = (condition: number): boolean => condition === cc.eq || condition === cc.ne;

/** Whether `v` is a comparison, or two of them joined, that is better made where it is read: its operands are there. */
export function isComparison(c: Lowering, v: number): boolean {
  return (isPlainComparison(c.op[v]!) || isJoined(c, v)) && c.blockOf[v] === c.block;
}

// ---------------------------------------------------------------- conditions

/** How many negations in a row are seen through. */
const negationReach = 4;

/** What remains of a condition without the negations before it. */
class Stripped {
  value = 0;
  inverted = false;
}
const stripped = new Stripped();

export function strip(c: Lowering, v: number): Stripped {
  stripped.inverted = false;
  for (let n = 0; n < negationReach; n++) {
    if (c.op[v] !== Op.eqz || c.blockOf[v] !== c.block || !isComparison(c, c.a0[v]!)) break;
    stripped.inverted = !stripped.inverted;
    v = c.a0[v]!;
  }
  stripped.value = v;
  return stripped;
}

/** Emits what sets the flags; `c.condition` then holds when i32 value `v` isn't zero. */
export function emitCondition(c: Lowering, v: number): void {
  const { value, inverted } = strip(c, v);
  if (isComparison(c, value)) emitComparison(c, value);
  else compareWithZero(c, value, cc.ne);
  if (inverted) c.condition ^= 1;
}

/** Emits the comparison `v` for its flags. */
function emitComparison(c: Lowering, v: number): void {
  const op = c.op[v]!;
  if (op === Op.eqz) compareWithZero(c, c.a0[v]!, cc.eq);
  else if (isIntComparison(op)) compareIntegers(c, c.a0[v]!, c.a1[v]!, intConditions[op - Op.eq]!);
  else if (isFloatComparison(op)) compareFloats(c, c.a0[v]!, c.a1[v]!, floatConditions[op - Op.feq]!);
  else if (isVectorTest(op)) emitVectorTest(c, v);
  else emitJoined(c, v);
}

// ---------------------------------------------------------------- integers

function compareIntegers(c: Lowering, x: number, y: number, condition: number): void {
  if (c.isConstant(x) && !c.isConstant(y)) {
    [x, y] = [y, x];
    condition = mirrored(condition);
  }
  if (c.isZero(y)) {
    compareWithZero(c, x, condition);
    return;
  }
  c.condition = condition;
  const is64 = c.is64(x);
  const n = signedConstant(c, y);
  if (isAddImmediate(n)) c.row1(is64 ? i.cmp64_ri : i.cmp32_ri, c.operand(x, is64), n);
  else if (isAddImmediate(-n)) c.row1(is64 ? i.cmn64_ri : i.cmn32_ri, c.operand(x, is64), -n);
  else emitSources(c, cmpRows[is64 ? 1 : 0], null, x, y, is64, false);
}

/** Sets the flags as a comparison of `v` with zero does, or so that `c.condition` says the same. */
function compareWithZero(c: Lowering, v: number, condition: number): void {
  c.condition = condition;
  const is64 = c.is64(v);
  if (!is64) v = c.low32(v);
  if (mayTakeIn(c, v) && c.is64(v) === is64) {
    const op = c.op[v]!;
    if (op === Op.and && testBits(c, v, is64)) return;
    if (isEquality(condition) && op === Op.sub && !c.isZero(c.a0[v]!)) {
      compareIntegers(c, c.a0[v]!, c.a1[v]!, condition);
      return;
    }
    if (isEquality(condition) && op === Op.add && !c.isConstant(c.a1[v]!)) {
      emitSources(c, cmnRows[is64 ? 1 : 0], null, c.a0[v]!, c.a1[v]!, is64, true);
      return;
    }
  }
  c.row1(is64 ? i.cmp64_ri : i.cmp32_ri, c.operand(v, is64), 0);
}

/** The flags of x & y, which is wanted for nothing else: as of a comparison with zero, but that carry is clear. */
function testBits(c: Lowering, v: number, is64: boolean): boolean {
  const unsigned =
    c.condition === cc.hs || c.condition === cc.lo || c.condition === cc.hi || c.condition === cc.ls;
  if (unsigned) return false;
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (c.isConstant(x)) [x, y] = [y, x];
  if (!c.isConstant(y)) {
    emitSources(c, tstRows[is64 ? 1 : 0], null, x, y, is64, true);
    return true;
  }
  if (!isLogicalImmediate(c.lo[y]!, c.hi[y]!, is64)) {
    c.row2(tstRows[is64 ? 1 : 0].rr, c.operand(x, is64), c.reg(y));
    return true;
  }
  const row = is64 ? i.tst64_ri : i.tst32_ri;
  c.emit(row, c.hi[y]!, 0, c.lo[y]!);
  c.rowArgs(row, c.operand(x, is64));
  return true;
}

// ---------------------------------------------------------------- floats

function compareFloats(c: Lowering, x: number, y: number, condition: number): void {
  const is64 = c.type[x] === Type.f64;
  c.condition = condition;
  if (isZeroFloat(c, y)) {
    c.row1(is64 ? i.fcmpz_d : i.fcmpz_s, c.reg(x));
    return;
  }
  const left = c.reg(x);
  c.row2(is64 ? i.fcmp_d : i.fcmp_s, left, c.reg(y));
}

/** Zeros of both signs compare alike. */
function isZeroFloat(c: Lowering, v: number): boolean {
  if (!c.isConstant(v)) return false;
  const top = c.type[v] === Type.f64 ? c.hi[v]! : c.lo[v]!;
  return (top & 0x7fffffff) === 0 && (c.type[v] === Type.f32 || c.lo[v] === 0);
}

// ---------------------------------------------------------------- two comparisons

/** Whether `v` is two comparisons joined, of which the second can be made on condition. */
export function isJoined(c: Lowering, v: number): boolean {
  if ((c.op[v] !== Op.and && c.op[v] !== Op.or) || c.type[v] !== Type.i32) return false;
  const x = c.a0[v]!;
  const y = c.a1[v]!;
  if (x === y || !mayTakeIn(c, x) || !mayTakeIn(c, y)) return false;
  if (!isPlainComparison(c.op[x]!) || !isPlainComparison(c.op[y]!)) return false;
  return isSecond(c, x) || isSecond(c, y);
}

const isSecond = (c: Lowering, v: number): boolean => c.op[v] === Op.eqz || isIntComparison(c.op[v]!);

/** Flags (N 8, Z 4, C 2, V 1) with which a condition holds, by its number; its opposite's are those with which it doesn't. */
const flagsOf = [4, 0, 2, 0, 8, 0, 1, 0, 2, 0, 0, 8, 0, 4] as const;

/** The first comparison, then the second if the first doesn't decide. */
function emitJoined(c: Lowering, v: number): void {
  let first = c.a0[v]!;
  let second = c.a1[v]!;
  if (!isSecond(c, second) || isEasySecond(c, first)) {
    if (isSecond(c, first)) [first, second] = [second, first];
  }
  emitComparison(c, first);
  const isAnd = c.op[v] === Op.and;
  const decided = isAnd ? c.condition : c.condition ^ 1;
  emitSecond(c, second, decided, isAnd);
}

/** Whether a comparison is one with a constant that a conditional comparison can hold. */
function isEasySecond(c: Lowering, v: number): boolean {
  if (c.op[v] === Op.eqz) return true;
  return isIntComparison(c.op[v]!) && Math.abs(signedConstant(c, c.a1[v]!)) <= 31;
}

/** Compares if condition `when` holds; else the flags say no (`isAnd`) or yes. */
function emitSecond(c: Lowering, v: number, when: number, isAnd: boolean): void {
  const op = c.op[v]!;
  let x = c.a0[v]!;
  let y = op === Op.eqz ? -1 : c.a1[v]!;
  let condition: number = op === Op.eqz ? cc.eq : intConditions[op - Op.eq]!;
  if (y !== -1 && c.isConstant(x) && !c.isConstant(y)) {
    [x, y] = [y, x];
    condition = mirrored(condition);
  }
  const is64 = c.is64(x);
  const flags = flagsOf[isAnd ? condition ^ 1 : condition]!;
  const n = y === -1 ? 0 : signedConstant(c, y);
  c.condition = condition;
  if (n >= 0 && n <= 31) {
    c.row1(
      is64 ? i.ccmp64_ri : i.ccmp32_ri,
      c.operand(x, is64),
      conditionalCompare(when as Condition, flags, n),
    );
  } else if (n < 0 && n >= -31) {
    c.row1(
      is64 ? i.ccmn64_ri : i.ccmn32_ri,
      c.operand(x, is64),
      conditionalCompare(when as Condition, flags, -n),
    );
  } else {
    const left = c.operand(x, is64);
    const right = c.operand(y, is64);
    c.row2(is64 ? i.ccmp64_rr : i.ccmp32_rr, left, right, conditionalCompare(when as Condition, flags));
  }
}

// ---------------------------------------------------------------- values

/** A comparison whose 0 or 1 is wanted in a register. */
export function lowerComparison(c: Lowering, v: number): void {
  const to = c.defined(v);
  const { value, inverted } = strip(c, v);
  emitComparison(c, value);
  c.row1(i.cset32, to, c.condition ^ (inverted ? 1 : 0));
}
