/**
 * Comparisons and what reads their flags: branches, traps, selections, 0-or-1 values.
 *
 * `emitCondition` puts the comparison that an i32 value stands for into the flags, right before their reader, and
 * says which condition holds when the value isn't zero. After ucomis "less" and "greater" read as unsigned
 * conditions that are false for NaN only when the greater side comes first, so `a < b` compares b with a;
 * equality needs the parity flag as well and so is a pair of conditions.
 */
import { isPostponable, mayTakeIn, singleBit } from "../../../machine/lower/matching.js";
import { InstructionFlag } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Amd64, Condition, conditionPair } from "../instructions.js";
import { takeFloatOperand, takeLoad, takePartialLoad } from "./address.js";
import { binaryRows, lowerWithFlags } from "./integer.js";
import type { Lowering } from "./lowering.js";
import { emitVectorTest, isVectorTest } from "./vector-lanes.js";

const cc = Condition;

/** Condition of each integer comparison, from `eq` on. */
const intConditions = [cc.e, cc.ne, cc.l, cc.le, cc.g, cc.ge, cc.b, cc.be, cc.a, cc.ae];
/** What holds for (b, a) when the condition holds for (a, b). */
function mirrored(condition: number): number {
  switch (condition) {
    case cc.l:
      return cc.g;
    case cc.g:
      return cc.l;
    case cc.le:
      return cc.ge;
    case cc.ge:
      return cc.le;
    case cc.b:
      return cc.a;
    case cc.a:
      return cc.b;
    case cc.be:
      return cc.ae;
    case cc.ae:
      return cc.be;
    default:
      return condition;
  }
}

/** The same order for operands whose sign bits are clear. */
function unsignedCondition(condition: number): number {
  switch (condition) {
    case cc.l:
      return cc.b;
    case cc.g:
      return cc.a;
    case cc.le:
      return cc.be;
    case cc.ge:
      return cc.ae;
    default:
      return condition;
  }
}

const isIntComparison = (op: Op): boolean => op >= Op.eq && op <= Op.uge;
const isFloatComparison = (op: Op): boolean => op >= Op.feq && op <= Op.fge;
const isComparison = (op: Op): boolean =>
  op === Op.eqz || isIntComparison(op) || isFloatComparison(op) || isVectorTest(op);

/** Turns the condition found last into its opposite. */
function invert(c: Lowering): void {
  if (!c.conditionIsPair) {
    c.condition ^= 1;
    return;
  }
  // not (p and q) is (not p or not q); bit 8 says "or".
  c.condition = (c.condition ^ 0x111) & 0x1ff;
}

/** Emits what sets the flags; `c.condition` then holds when i32 value `v` isn't zero. */
export function emitCondition(c: Lowering, v: number): void {
  let inverted = false;
  let shared = 0;
  c.conditionIsPair = false;
  for (let n = 0; n < negationReach && isNegation(c, v); n++) {
    if (c.uses[v] !== 1) shared = 1;
    inverted = !inverted;
    v = c.a0[v]!;
  }
  c.emittedAgain += shared;
  if (isComparison(c.op[v]!) && isFusible(c, v)) {
    const again = c.uses[v] !== 1 ? 1 : 0;
    c.emittedAgain += again;
    emitComparison(c, v);
    c.emittedAgain -= again;
  } else compareWithZero(c, v, cc.ne);
  c.emittedAgain -= shared;
  if (inverted) invert(c);
}

/** How many negations in a row are seen through. */
const negationReach = 4;

/** Whether `v` is the opposite of a comparison that can be made here. */
function isNegation(c: Lowering, v: number): boolean {
  return c.op[v] === Op.eqz && isFusible(c, v) && isComparison(c.op[c.a0[v]!]!) && isFusible(c, c.a0[v]!);
}

/** Whether a comparison is better made where it is read: it is cheap, and in this block its operands are there. */
function isFusible(c: Lowering, v: number): boolean {
  return c.blockOf[v] === c.block;
}

/** Emits the comparison `v` for its flags. */
export function emitComparison(c: Lowering, v: number): void {
  c.conditionIsPair = false;
  const op = c.op[v]!;
  if (op === Op.eqz) compareWithZero(c, c.a0[v]!, cc.e);
  else if (isIntComparison(op)) compareIntegers(c, c.a0[v]!, c.a1[v]!, intConditions[op - Op.eq]!);
  else if (isVectorTest(op)) emitVectorTest(c, v);
  else compareFloats(c, op, c.a0[v]!, c.a1[v]!);
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
  if (c.op[y] === Op.signature || c.op[x] === Op.signature) {
    if (c.op[y] === Op.signature) compareWithSignature(c, x, y);
    else compareWithSignature(c, y, x);
    return;
  }
  const is64 = c.is64(x);
  const bytes = is64 ? 8 : 4;
  if (c.isImmediate(y)) {
    if (!is64 && comparePart(c, x, c.lo[y]!, condition)) return;
    if (takeLoad(c, x, bytes)) c.memory0(is64 ? Amd64.cmp64_mi : Amd64.cmp32_mi, c.lo[y]!);
    else c.row1(is64 ? Amd64.cmp64_ri : Amd64.cmp32_ri, c.operand(x, is64), c.lo[y]!);
  } else if (x !== y && takeLoad(c, y, bytes)) {
    c.load1(is64 ? Amd64.cmp64_rm : Amd64.cmp32_rm, c.operand(x, is64));
  } else if (x !== y && takeLoad(c, x, bytes)) {
    c.load1(is64 ? Amd64.cmp64_mr : Amd64.cmp32_mr, c.operand(y, is64));
  } else {
    const left = c.operand(x, is64);
    c.row2(is64 ? Amd64.cmp64_rr : Amd64.cmp32_rr, left, c.operand(y, is64));
  }
}

function compareWithSignature(c: Lowering, x: number, signature: number): void {
  const type = c.lo[signature]!;
  if (takeLoad(c, x, 4)) c.memory0(Amd64.cmp32_m_signature, type);
  else c.row1(Amd64.cmp32_r_signature, c.reg32(x), type);
}

/** An 8-bit load against a constant in its range: compared in memory. */
function comparePart(c: Lowering, x: number, constant: number, condition: number): boolean {
  if (constant >= 0 && constant <= 255 && takePartialLoad(c, x, Op.load8u)) {
    c.condition = unsignedCondition(condition);
  } else if (constant >= -128 && constant <= 127 && takePartialLoad(c, x, Op.load8s)) {
    c.condition = condition;
  } else return false;
  c.memory0(Amd64.cmp8_mi, (constant << 24) >> 24);
  return true;
}

/** Sets the flags as a comparison of `v` with zero does, or so that `c.condition` says the same. */
function compareWithZero(c: Lowering, v: number, condition: number): void {
  c.condition = condition;
  const is64 = c.is64(v);
  const op = c.op[v]!;
  if (op === Op.and && mayTakeIn(c, v)) {
    testBits(c, v, is64);
    return;
  }
  if (c.emittedAgain === 0 && resultFlags(c, v, condition)) return;
  if (!is64 && comparePart(c, v, 0, condition)) return;
  if (takeLoad(c, v, is64 ? 8 : 4)) {
    c.memory0(is64 ? Amd64.cmp64_mi : Amd64.cmp32_mi, 0);
    return;
  }
  const x = c.operand(v, is64);
  c.row2(is64 ? Amd64.test64_rr : Amd64.test32_rr, x, x);
}

/** The flags of x & y, which is wanted for nothing else. */
function testBits(c: Lowering, v: number, is64: boolean): void {
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (c.isConstant(x)) [x, y] = [y, x];
  if (c.isConstant(y)) {
    testMask(c, x, y, is64);
    return;
  }
  if (isEquality(c.condition) && (testBitAt(c, x, y, is64) || testBitAt(c, y, x, is64))) return;
  const bytes = is64 ? 8 : 4;
  if (x !== y && takeLoad(c, y, bytes)) c.load1(is64 ? Amd64.test64_mr : Amd64.test32_mr, c.operand(x, is64));
  else if (x !== y && takeLoad(c, x, bytes)) {
    c.load1(is64 ? Amd64.test64_mr : Amd64.test32_mr, c.operand(y, is64));
  } else {
    const left = c.operand(x, is64);
    c.row2(is64 ? Amd64.test64_rr : Amd64.test32_rr, left, c.operand(y, is64));
  }
}

const isEquality = (condition: number): boolean => condition === cc.e || condition === cc.ne;

/** x & (1 << n): the carry after `bt`. */
function testBitAt(c: Lowering, x: number, bit: number, is64: boolean): boolean {
  if (c.op[bit] !== Op.shl || !mayTakeIn(c, bit)) return false;
  const one = c.a0[bit]!;
  if (!c.isConstant(one) || c.lo[one] !== 1 || (is64 && c.hi[one] !== 0)) return false;
  if (c.isConstant(c.a1[bit]!)) return false;
  const left = c.operand(x, is64);
  c.row2(is64 ? Amd64.bt64_rr : Amd64.bt32_rr, left, c.operand(c.a1[bit]!, is64));
  c.condition = c.condition === cc.e ? cc.ae : cc.b;
  return true;
}

function testMask(c: Lowering, x: number, mask: number, is64: boolean): void {
  const lo = c.lo[mask]!;
  const hi = c.hi[mask]!;
  if (!is64 && lo === 1 && testShiftedBit(c, x)) return;
  if (!is64 && lo >= 0 && lo <= 127 && takePartialLoad(c, x, Op.load8u)) {
    c.memory0(Amd64.test8_mi, lo);
    return;
  }
  // The sign flag differs where bit 31 of the mask is set; the other flags don't depend on the width.
  const narrow = !is64 || (hi === 0 && (lo >= 0 || isEquality(c.condition)));
  if (narrow) {
    if (takeLoad(c, x, 4)) c.memory0(Amd64.test32_mi, lo);
    else c.row1(Amd64.test32_ri, c.reg32(x), lo);
    return;
  }
  if (hi === lo >> 31) {
    if (takeLoad(c, x, 8)) c.memory0(Amd64.test64_mi, lo);
    else c.row1(Amd64.test64_ri, c.reg(x), lo);
    return;
  }
  const bit = singleBit(lo, hi);
  if (bit >= 0 && isEquality(c.condition)) {
    c.row1(Amd64.bt64_ri, c.reg(x), bit);
    c.condition = c.condition === cc.e ? cc.ae : cc.b;
    return;
  }
  c.row2(Amd64.test64_rr, c.reg(x), c.reg(mask));
}

/** (x >> n) & 1 against zero: the carry after `bt`. */
function testShiftedBit(c: Lowering, v: number): boolean {
  if (c.op[v] !== Op.ushr && c.op[v] !== Op.sshr) return false;
  if (!mayTakeIn(c, v) || !isEquality(c.condition)) return false;
  const count = c.a1[v]!;
  if (c.isConstant(count)) {
    // A logical or arithmetic shift by a constant moves bit n to bit 0: the same test without the shift.
    const n = c.lo[count]! & 31;
    c.row1(Amd64.test32_ri, c.reg32(c.a0[v]!), 1 << n);
    return true;
  }
  const left = c.reg32(c.a0[v]!);
  c.row2(Amd64.bt32_rr, left, c.reg32(count));
  c.condition = c.condition === cc.e ? cc.ae : cc.b;
  return true;
}

// ---------------------------------------------------------------- flags of results

/**
 * If `v` is a sum, difference or bitwise operation that may be computed right here, its own flags serve. Its row
 * is emitted by this.
 */
function resultFlags(c: Lowering, v: number, condition: number): boolean {
  const op = c.op[v]!;
  if (binaryRows(op, false) === null || c.folded[v] === 1 || c.blockOf[v] !== c.block) return false;
  const isSum = op === Op.add || op === Op.sub;
  let usable = condition;
  if (isSum) {
    // Carry and overflow tell about the operation, not about the result and zero.
    if (condition === cc.l) usable = cc.s;
    else if (condition === cc.ge) usable = cc.ns;
    else if (!isEquality(condition)) return false;
    if (c.uses[v] === 1 && op === Op.sub && isEquality(condition)) {
      compareIntegers(c, c.a0[v]!, c.a1[v]!, condition);
      return true;
    }
  }
  if (!isPostponable(c, v)) return false;
  c.folded[v] = 1;
  c.condition = usable;
  lowerWithFlags(c, v);
  return true;
}

// ---------------------------------------------------------------- floats

function compareFloats(c: Lowering, op: Op, x: number, y: number): void {
  if (op === Op.flt || op === Op.fle) [x, y] = [y, x];
  c.conditionIsPair = op === Op.feq || op === Op.fne;
  if (op === Op.feq) c.condition = conditionPair("all", cc.np, cc.e);
  else if (op === Op.fne) c.condition = conditionPair("any", cc.p, cc.ne);
  else c.condition = op === Op.flt || op === Op.fgt ? cc.a : cc.ae;
  if (c.conditionIsPair && c.isConstant(x)) [x, y] = [y, x];
  compareFloatOperands(c, x, y);
}

/** ucomis x, y; the second may be a constant or a load. */
export function compareFloatOperands(c: Lowering, x: number, y: number): void {
  const is64 = c.type[x] === Type.f64;
  if (x !== y && takeFloatOperand(c, y)) {
    c.load1(
      is64 ? ucomi(c, Amd64.ucomisd_rm, Amd64.vucomisd_rm) : ucomi(c, Amd64.ucomiss_rm, Amd64.vucomiss_rm),
      c.reg(x),
    );
    return;
  }
  const left = c.reg(x);
  c.row2(
    is64 ? ucomi(c, Amd64.ucomisd_rr, Amd64.vucomisd_rr) : ucomi(c, Amd64.ucomiss_rr, Amd64.vucomiss_rr),
    left,
    c.reg(y),
  );
}

const ucomi = (c: Lowering, sse: number, avx: number): number => (c.avx ? avx : sse);

// ---------------------------------------------------------------- readers

/** A comparison whose 0 or 1 is wanted in a register. */
export function lowerComparison(c: Lowering, v: number): void {
  const to = c.defined(v);
  if (c.op[v] === Op.eqz && isComparison(c.op[c.a0[v]!]!) && c.blockOf[c.a0[v]!] === c.block) {
    emitCondition(c, c.a0[v]!);
    invert(c);
  } else emitComparison(c, v);
  if (!c.conditionIsPair) c.row1(Amd64.setcc, to, c.condition);
  else c.row2(Amd64.setccp, to, c.newInt(), c.condition);
}

/** The terminator that goes to the first successor if i32 value `v` isn't zero. */
export function lowerBranch(c: Lowering, v: number): void {
  emitCondition(c, v);
  c.emit(c.conditionIsPair ? Amd64.jccp : Amd64.jcc, 0, 0, c.condition, InstructionFlag.terminator);
}

export function lowerBranchIfZero(c: Lowering, v: number): void {
  const x = c.reg32(v);
  c.row2(Amd64.test32_rr, x, x);
  c.emit(Amd64.jcc, 0, 0, Condition.e, InstructionFlag.terminator);
}

export function lowerTrapIf(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  if (c.isConstant(x) && c.lo[x] === 0) return;
  emitCondition(c, x);
  c.emit(c.conditionIsPair ? Amd64.trapifp : Amd64.trapif, c.lo[v]!, 0, c.condition);
}

export function lowerSelect(c: Lowering, v: number): void {
  const type = c.type[v]! as Type;
  const ifTrue = c.a1[v]!;
  const ifFalse = c.a2[v]!;
  const flip = c.livesOn(ifFalse) && !c.livesOn(ifTrue);
  const to = c.defined(v);
  let kept = c.reg(ifFalse);
  let taken = c.reg(ifTrue);
  emitCondition(c, c.a0[v]!);
  if (!c.conditionIsPair) {
    if (flip) c.row3(conditionalMove(type), to, taken, kept, c.condition ^ 1);
    else c.row3(conditionalMove(type), to, kept, taken, c.condition);
    return;
  }
  // Either of two conditions moves; for "both" that is said of the opposite.
  if ((c.condition & 256) === 0) {
    invert(c);
    [kept, taken] = [taken, kept];
  }
  const first = c.newOf(type);
  c.row3(conditionalMove(type), first, kept, taken, c.condition & 15);
  c.row3(conditionalMove(type), to, first, taken, (c.condition >> 4) & 15);
}

function conditionalMove(type: Type): number {
  switch (type) {
    case Type.i32:
      return Amd64.cmov32_rr;
    case Type.f32:
      return Amd64.fcmov32;
    case Type.f64:
      return Amd64.fcmov64;
    case Type.v128:
      return Amd64.fcmov128;
    default:
      return Amd64.cmov64_rr;
  }
}
