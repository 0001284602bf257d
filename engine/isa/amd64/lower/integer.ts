/**
 * Integer arithmetic but division and shifts. Two-operand instructions overwrite their left operand: the one that
 * isn't wanted any more goes there; sums of several parts and sums whose operands live on become `lea`.
 */
import { noRegister } from "../../../machine/lower/lowering-state.js";
import { isAllOnes, isDisplacement, mayTakeIn, shiftCount } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { AddressBase, Amd64, Condition, operandWords } from "../instructions.js";
import { takeLoad } from "./address.js";
import type { Lowering } from "./lowering.js";

/** Rows of a two-operand instruction by width. */
export interface BinaryRows {
  readonly rr: number;
  readonly rm: number;
  readonly ri: number;
  readonly mr: number;
  readonly mi: number;
}

const i = Amd64;
const add32: BinaryRows = { rr: i.add32_rr, rm: i.add32_rm, ri: i.add32_ri, mr: i.add32_mr, mi: i.add32_mi };
const add64: BinaryRows = { rr: i.add64_rr, rm: i.add64_rm, ri: i.add64_ri, mr: i.add64_mr, mi: i.add64_mi };
const sub32: BinaryRows = { rr: i.sub32_rr, rm: i.sub32_rm, ri: i.sub32_ri, mr: i.sub32_mr, mi: i.sub32_mi };
const sub64: BinaryRows = { rr: i.sub64_rr, rm: i.sub64_rm, ri: i.sub64_ri, mr: i.sub64_mr, mi: i.sub64_mi };
const and32: BinaryRows = { rr: i.and32_rr, rm: i.and32_rm, ri: i.and32_ri, mr: i.and32_mr, mi: i.and32_mi };
const and64: BinaryRows = { rr: i.and64_rr, rm: i.and64_rm, ri: i.and64_ri, mr: i.and64_mr, mi: i.and64_mi };
const or32: BinaryRows = { rr: i.or32_rr, rm: i.or32_rm, ri: i.or32_ri, mr: i.or32_mr, mi: i.or32_mi };
const or64: BinaryRows = { rr: i.or64_rr, rm: i.or64_rm, ri: i.or64_ri, mr: i.or64_mr, mi: i.or64_mi };
const xor32: BinaryRows = { rr: i.xor32_rr, rm: i.xor32_rm, ri: i.xor32_ri, mr: i.xor32_mr, mi: i.xor32_mi };
const xor64: BinaryRows = { rr: i.xor64_rr, rm: i.xor64_rm, ri: i.xor64_ri, mr: i.xor64_mr, mi: i.xor64_mi };

/** Rows of add, sub, and, or, xor; null for another op. */
export function binaryRows(op: Op, is64: boolean): BinaryRows | null {
  switch (op) {
    case Op.add:
      return is64 ? add64 : add32;
    case Op.sub:
      return is64 ? sub64 : sub32;
    case Op.and:
      return is64 ? and64 : and32;
    case Op.or:
      return is64 ? or64 : or32;
    case Op.xor:
      return is64 ? xor64 : xor32;
    default:
      return null;
  }
}

/**
 * Whether the right operand should be overwritten: the left one is still wanted, or the result is the next value
 * of the right one in a loop, so that both may stay in one register.
 */
export function prefersRight(c: Lowering, v: number, x: number, y: number): boolean {
  if (c.livesOn(x) !== c.livesOn(y)) return c.livesOn(x);
  return c.nextOf[v] === y && c.nextOf[v] !== x;
}

/** Defines v = x op y by the two-operand instruction; the flags are the result's. */
export function twoOperand(c: Lowering, v: number, rows: BinaryRows, x: number, y: number): void {
  const is64 = c.is64(v);
  const bytes = is64 ? 8 : 4;
  const commutes = c.op[v] !== Op.sub;
  if (commutes && c.isConstant(x)) [x, y] = [y, x];
  if (c.isImmediate(y)) {
    c.row2(rows.ri, c.defined(v), c.operand(x, is64), c.lo[y]!);
  } else if (x !== y && takeLoad(c, y, bytes)) {
    c.load2(rows.rm, c.defined(v), c.operand(x, is64));
  } else if (x !== y && commutes && takeLoad(c, x, bytes)) {
    c.load2(rows.rm, c.defined(v), c.operand(y, is64));
  } else {
    if (commutes && prefersRight(c, v, x, y)) [x, y] = [y, x];
    const left = c.operand(x, is64);
    c.row3(rows.rr, c.defined(v), left, c.operand(y, is64));
  }
}

/** The instruction of `v` (add, sub, and, or, xor) whose flags tell about its result. */
export function lowerWithFlags(c: Lowering, v: number): void {
  twoOperand(c, v, binaryRows(c.op[v]!, c.is64(v))!, c.a0[v]!, c.a1[v]!);
}

// ---------------------------------------------------------------- sums

/** A sum of up to base + index << scale + displacement; the registers are values here. */
class Sum {
  base = -1;
  index = -1;
  scale = 0;
  displacement = 0;
  /** Rows that were taken in. */
  taken = 0;
}
const sum = new Sum();

/** The constant that a value adds: of `add` and of `sub`. */
function addend(c: Lowering, v: number): number {
  const lo = c.lo[c.a1[v]!]!;
  return c.op[v] === Op.sub ? -lo : lo;
}

/** Whether `v` is x + constant (or x - constant) with a constant that fits a displacement. */
function isOffsetSum(c: Lowering, v: number): boolean {
  const op = c.op[v];
  return (op === Op.add || op === Op.sub) && c.isImmediate(c.a1[v]!) && !c.isConstant(c.a0[v]!);
}

function addDisplacement(n: number, is64: boolean): boolean {
  const total = sum.displacement + n;
  if (!is64) {
    sum.displacement = total | 0;
    return true;
  }
  if (!isDisplacement(total)) return false;
  sum.displacement = total;
  return true;
}

/** Takes a term's own constant and shift in. */
function addTerm(c: Lowering, v: number, is64: boolean): boolean {
  if (isOffsetSum(c, v) && mayTakeIn(c, v) && addDisplacement(addend(c, v), is64)) {
    sum.taken++;
    v = c.a0[v]!;
  }
  if (c.op[v] === Op.shl && sum.scale === 0 && mayTakeIn(c, v) && c.is64(v) === is64) {
    const scale = shiftCount(c, v);
    if (scale >= 1 && scale <= 3) {
      if (sum.index !== -1) {
        if (sum.base !== -1) return false;
        sum.base = sum.index;
      }
      sum.index = c.a0[v]!;
      sum.scale = scale;
      sum.taken++;
      return true;
    }
  }
  if (sum.base === -1) sum.base = v;
  else if (sum.index === -1) sum.index = v;
  else return false;
  return true;
}

/** Finds the sum that `v` (add, or sub of a constant) is. */
function findSum(c: Lowering, v: number, is64: boolean): boolean {
  sum.base = -1;
  sum.index = -1;
  sum.scale = 0;
  sum.displacement = 0;
  sum.taken = 0;
  if (!isOffsetSum(c, v)) {
    return c.op[v] === Op.add && addTerm(c, c.a0[v]!, is64) && addTerm(c, c.a1[v]!, is64);
  }
  if (!addDisplacement(addend(c, v), is64)) return false;
  const inner = c.a0[v]!;
  if (c.op[inner] === Op.add && mayTakeIn(c, inner) && !isOffsetSum(c, inner) && !hasLoad(c, inner)) {
    sum.taken++;
    return addTerm(c, c.a0[inner]!, is64) && addTerm(c, c.a1[inner]!, is64);
  }
  return addTerm(c, inner, is64);
}

/** Whether an operand is a load that the row could take as its memory operand. */
function hasLoad(c: Lowering, v: number): boolean {
  return isLoad(c, c.a0[v]!) || isLoad(c, c.a1[v]!);
}
function isLoad(c: Lowering, v: number): boolean {
  return (c.op[v] === Op.load || c.op[v] === Op.peek || c.op[v] === Op.peek32) && mayTakeIn(c, v);
}

/** Emits the sum found last. */
function emitSum(c: Lowering, to: VReg, is64: boolean): void {
  c.clearAddress();
  c.displacement = sum.displacement;
  c.scale = sum.scale;
  if (sum.base !== -1) c.base = c.operand(sum.base, is64);
  if (sum.index !== -1) c.index = c.operand(sum.index, is64);
  if (c.index === noRegister) c.scale = 0;
  c.load1(is64 ? Amd64.lea64 : Amd64.lea32, to);
}

export function lowerAdd(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const x = c.a0[v]!;
  const y = c.a1[v]!;
  const rows = is64 ? add64 : add32;
  if (c.isConstant(x) && !c.isConstant(y)) {
    // Constants stand on the right after folding; without it, this form is rare.
    twoOperand(c, v, rows, y, x);
    return;
  }
  if (!hasLoad(c, v) && findSum(c, v, is64)) {
    if (sum.taken > 0 || (c.livesOn(x) && (c.isConstant(y) || c.livesOn(y)))) {
      emitSum(c, c.defined(v), is64);
      return;
    }
  }
  twoOperand(c, v, rows, x, y);
}

export function lowerSub(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const x = c.a0[v]!;
  if (c.isZero(x)) {
    const row = is64 ? Amd64.neg64_r : Amd64.neg32_r;
    c.row2(row, c.defined(v), c.operand(c.a1[v]!, is64));
    return;
  }
  if (isOffsetSum(c, v) && findSum(c, v, is64) && (sum.taken > 0 || c.livesOn(x))) {
    emitSum(c, c.defined(v), is64);
    return;
  }
  twoOperand(c, v, is64 ? sub64 : sub32, x, c.a1[v]!);
}

export function lowerOffset(c: Lowering, v: number): void {
  c.clearAddress();
  const pointer = c.a0[v]!;
  c.displacement = c.lo[v]!;
  if (c.op[pointer] === Op.ctx) c.special = AddressBase.context;
  else c.base = c.reg(pointer);
  c.load1(Amd64.lea64, c.defined(v));
}

export function lowerElement(c: Lowering, v: number): void {
  c.clearAddress();
  const scale = c.lo[v]!;
  c.base = c.reg(c.a0[v]!);
  c.index = c.reg(c.a1[v]!);
  if (scale <= 3) c.scale = scale;
  else {
    const scaled = c.newInt();
    c.row2(Amd64.shl64_ri, scaled, c.index, scale);
    c.index = scaled;
  }
  c.load1(Amd64.lea64, c.defined(v));
}

// ---------------------------------------------------------------- products

export function lowerMul(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (c.isConstant(x)) [x, y] = [y, x];
  if (c.isImmediate(y)) {
    multiplyByConstant(c, c.defined(v), x, c.lo[y]!, is64);
    return;
  }
  const bytes = is64 ? 8 : 4;
  const rm = is64 ? Amd64.imul64_rm : Amd64.imul32_rm;
  if (x !== y && takeLoad(c, y, bytes)) c.load2(rm, c.defined(v), c.operand(x, is64));
  else if (x !== y && takeLoad(c, x, bytes)) c.load2(rm, c.defined(v), c.operand(y, is64));
  else {
    if (prefersRight(c, v, x, y)) [x, y] = [y, x];
    const left = c.operand(x, is64);
    c.row3(is64 ? Amd64.imul64_rr : Amd64.imul32_rr, c.defined(v), left, c.operand(y, is64));
  }
}

function multiplyByConstant(c: Lowering, to: VReg, x: number, factor: number, is64: boolean): void {
  if (factor > 0 && (factor & (factor - 1)) === 0) {
    const from = c.operand(x, is64);
    const count = 31 - Math.clz32(factor);
    if (count === 0) c.row2(is64 ? Amd64.mov64_rr : Amd64.mov32_rr, to, from);
    else c.row2(is64 ? Amd64.shl64_ri : Amd64.shl32_ri, to, from, count);
    return;
  }
  if (factor === 3 || factor === 5 || factor === 9) {
    c.clearAddress();
    c.base = c.operand(x, is64);
    c.index = c.base;
    c.scale = factor === 3 ? 1 : factor === 5 ? 2 : 3;
    c.load1(is64 ? Amd64.lea64 : Amd64.lea32, to);
    return;
  }
  if (takeLoad(c, x, is64 ? 8 : 4)) c.load1(is64 ? Amd64.imul64_rmi : Amd64.imul32_rmi, to, factor);
  else c.row2(is64 ? Amd64.imul64_rri : Amd64.imul32_rri, to, c.operand(x, is64), factor);
}

// ---------------------------------------------------------------- bits

export function lowerAnd(c: Lowering, v: number): void {
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (c.isConstant(x)) [x, y] = [y, x];
  if (c.isConstant(y) && maskByMove(c, v, x, y)) return;
  const is64 = c.is64(v);
  if (c.bmi1 && (andNot(c, v, x, y, is64) || andNot(c, v, y, x, is64))) return;
  twoOperand(c, v, is64 ? and64 : and32, x, y);
}

/** Masks that are zero extensions, and 64-bit masks whose upper half is zero. */
function maskByMove(c: Lowering, v: number, x: number, mask: number): boolean {
  const lo = c.lo[mask]!;
  if (c.is64(v) && c.hi[mask] !== 0) return false;
  if (lo === 0xff) c.row2(Amd64.movzx8_rr, c.defined(v), c.reg32(x));
  else if (lo === 0xffff) c.row2(Amd64.movzx16_rr, c.defined(v), c.reg32(x));
  else if (c.is64(v) && lo === -1) c.row2(Amd64.mov32_rr, c.defined(v), c.reg32(x));
  else if (c.is64(v)) c.row2(Amd64.and32_ri, c.defined(v), c.reg32(x), lo);
  else return false;
  return true;
}

/** v = ~a & y where x is a ^ -1. */
function andNot(c: Lowering, v: number, x: number, y: number, is64: boolean): boolean {
  if (c.op[x] !== Op.xor || !mayTakeIn(c, x) || !isAllOnes(c, c.a1[x]!)) return false;
  if (c.isConstant(y)) return false;
  const inverted = c.a0[x]!;
  if (takeLoad(c, y, is64 ? 8 : 4)) {
    c.load2(is64 ? Amd64.andn64_rrm : Amd64.andn32_rrm, c.defined(v), c.operand(inverted, is64));
    return true;
  }
  const left = c.operand(inverted, is64);
  c.row3(is64 ? Amd64.andn64_rrr : Amd64.andn32_rrr, c.defined(v), left, c.operand(y, is64));
  return true;
}

export function lowerOr(c: Lowering, v: number): void {
  twoOperand(c, v, c.is64(v) ? or64 : or32, c.a0[v]!, c.a1[v]!);
}

export function lowerXor(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  if (isAllOnes(c, c.a1[v]!)) {
    c.row2(is64 ? Amd64.not64_r : Amd64.not32_r, c.defined(v), c.operand(c.a0[v]!, is64));
    return;
  }
  twoOperand(c, v, is64 ? xor64 : xor32, c.a0[v]!, c.a1[v]!);
}

// ---------------------------------------------------------------- counting bits

/** A unary instruction with register or memory source. */
function unary(c: Lowering, v: number, rr: number, rm: number, is64: boolean): void {
  const x = c.a0[v]!;
  if (takeLoad(c, x, is64 ? 8 : 4)) c.load1(rm, c.defined(v));
  else c.row2(rr, c.defined(v), c.operand(x, is64));
}

export function lowerClz(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  if (c.lzcnt) {
    unary(c, v, is64 ? Amd64.lzcnt64_rr : Amd64.lzcnt32_rr, is64 ? Amd64.lzcnt64_rm : Amd64.lzcnt32_rm, is64);
    return;
  }
  // 63 and 127, with the low bits of the highest bit's number inverted, are the widths.
  const highest = c.newInt();
  const found = c.newInt();
  const whenZero = c.ownInteger(is64 ? 127 : 63);
  c.row2(is64 ? Amd64.bsr64_rr : Amd64.bsr32_rr, highest, c.operand(c.a0[v]!, is64));
  c.row3(Amd64.cmov32_rr, found, highest, whenZero, Condition.e);
  c.row2(Amd64.xor32_ri, c.defined(v), found, is64 ? 63 : 31);
}

export function lowerCtz(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  if (c.bmi1) {
    unary(c, v, is64 ? Amd64.tzcnt64_rr : Amd64.tzcnt32_rr, is64 ? Amd64.tzcnt64_rm : Amd64.tzcnt32_rm, is64);
    return;
  }
  const lowest = c.newInt();
  const whenZero = c.ownInteger(is64 ? 64 : 32);
  c.row2(is64 ? Amd64.bsf64_rr : Amd64.bsf32_rr, lowest, c.operand(c.a0[v]!, is64));
  c.row3(Amd64.cmov32_rr, c.defined(v), lowest, whenZero, Condition.e);
}

export function lowerPopcnt(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  if (c.popcnt) {
    unary(
      c,
      v,
      is64 ? Amd64.popcnt64_rr : Amd64.popcnt32_rr,
      is64 ? Amd64.popcnt64_rm : Amd64.popcnt32_rm,
      is64,
    );
    return;
  }
  countBits(c, v, is64);
}

/** Sums of 2, 4, 8 bits side by side, then all bytes by a multiplication (Warren: "Hacker's Delight", 5-1). */
function countBits(c: Lowering, v: number, is64: boolean): void {
  const rows = is64
    ? { add: add64.rr, sub: sub64.rr, and: and64.rr, shr: Amd64.shr64_ri, mul: Amd64.imul64_rr }
    : { add: add32.rr, sub: sub32.rr, and: and32.rr, shr: Amd64.shr32_ri, mul: Amd64.imul32_rr };
  const constant = (word: number): VReg => c.ownInteger(word, is64 ? word : 0);
  const binary = (row: number, x: VReg, y: VReg): VReg => {
    const to = c.newInt();
    c.row3(row, to, x, y);
    return to;
  };
  const shifted = (x: VReg, count: number): VReg => {
    const to = c.newInt();
    c.row2(rows.shr, to, x, count);
    return to;
  };
  const x = c.operand(c.a0[v]!, is64);
  const pairs = binary(rows.sub, x, binary(rows.and, shifted(x, 1), constant(0x55555555)));
  const mask = constant(0x33333333);
  const quads = binary(rows.add, binary(rows.and, pairs, mask), binary(rows.and, shifted(pairs, 2), mask));
  const bytes = binary(rows.and, binary(rows.add, quads, shifted(quads, 4)), constant(0x0f0f0f0f));
  const total = binary(rows.mul, bytes, constant(0x01010101));
  c.row2(rows.shr, c.defined(v), total, is64 ? 56 : 24);
}

// ---------------------------------------------------------------- extensions

/** sext8, sext16, sext32 within a type. */
export function lowerExtend(c: Lowering, v: number): void {
  const is64 = c.is64(v);
  const op = c.op[v];
  const row =
    op === Op.sext8
      ? is64
        ? Amd64.movsx8to64_rr
        : Amd64.movsx8to32_rr
      : op === Op.sext16
        ? is64
          ? Amd64.movsx16to64_rr
          : Amd64.movsx16to32_rr
        : Amd64.movsx32to64_rr;
  c.row2(row, c.defined(v), c.reg32(c.a0[v]!));
}

export function lowerSext(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  if (takeLoad(c, x, 4)) c.load1(Amd64.movsx32to64_rm, c.defined(v));
  else c.row2(Amd64.movsx32to64_rr, c.defined(v), c.reg32(x));
}

export function lowerWrap(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  if (takeLoad(c, x, 4)) c.load1(Amd64.mov32_rm, c.defined(v));
  else c.row2(Amd64.mov32_rr, c.defined(v), c.reg32(x));
}

/** zext and bitcast only come here where `resolve` doesn't see through them. */
export function lowerCopyInt(c: Lowering, v: number): void {
  const words = operandWords[Amd64.mov64_rr]!;
  c.emit(Amd64.mov64_rr, 0, 0, 0, 1);
  c.arg(c.defined(v), words[0]!);
  c.arg(c.reg(c.a0[v]!), words[1]!);
}
