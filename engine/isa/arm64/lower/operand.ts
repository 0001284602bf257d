/**
 * The last source of additions, comparisons and bitwise instructions, which may be shifted by a constant, or (additions
 * and comparisons) be the low bits of a register, extended and shifted left by up to 4.
 */
import { mayTakeIn, shiftCount } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { Extend, extendedBy, Shift, shiftedBy } from "../instructions.js";
import type { Lowering } from "./lowering.js";

/** Rows of an instruction by the form of its last source. 0 where it has no such form. */
export interface SourceRows {
  readonly rr: number;
  readonly rs: number;
  readonly rx: number;
}

/** By [32, 64 bits]. */
export type Pair<T> = readonly [T, T];

/** What `takeSource` found: the form, the value to be read, and its immediate. */
class Source {
  form: keyof SourceRows = "rr";
  value = 0;
  imm2 = 0;
}
const source = new Source();

/** A constant as a signed number if it is one of 32 bits, else NaN. */
export function signedConstant(c: Lowering, v: number): number {
  if (!c.isConstant(v)) return Number.NaN;
  const lo = c.lo[v]!;
  return c.type[v] === Type.i32 || c.hi[v] === lo >> 31 ? lo : Number.NaN;
}

/** n if a constant is 2^n, n > 0; else -1. */
export function powerOf2(c: Lowering, v: number): number {
  if (!c.isConstant(v)) return -1;
  const lo = c.lo[v]!;
  const hi = c.type[v] === Type.i32 ? 0 : c.hi[v]!;
  const word = lo !== 0 ? lo : hi;
  if ((lo !== 0 && hi !== 0) || word === 0 || (word & (word - 1)) !== 0) return -1;
  const n = 31 - Math.clz32(word) + (lo !== 0 ? 0 : 32);
  return n === 0 ? -1 : n;
}

/** The count if `v` is a shift left by a constant, or a product with 2^count; else -1. */
export function leftShift(c: Lowering, v: number): number {
  if (c.op[v] === Op.shl) return shiftCount(c, v);
  return c.op[v] === Op.mul ? powerOf2(c, c.a1[v]!) : -1;
}

function takeShift(c: Lowering, v: number, is64: boolean): boolean {
  if (c.is64(v) !== is64) return false;
  const op = c.op[v]!;
  let kind: Shift = Shift.lsl;
  let count = leftShift(c, v);
  if (op === Op.ushr || op === Op.sshr) {
    kind = op === Op.ushr ? Shift.lsr : Shift.asr;
    count = shiftCount(c, v);
  }
  if (count <= 0) return false;
  source.form = "rs";
  source.value = c.a0[v]!;
  source.imm2 = shiftedBy(kind, count);
  return true;
}

/** How many low bits of its operand an extension reads, as an Extend; -1 for another row. */
function extensionOf(c: Lowering, v: number, is64: boolean): number {
  switch (c.op[v]) {
    case Op.sext8:
      return Extend.sxtb;
    case Op.sext16:
      return Extend.sxth;
    case Op.sext32:
    case Op.sext:
      return is64 ? Extend.sxtw : -1;
    case Op.and: {
      const mask = c.a1[v]!;
      if (!c.isConstant(mask) || (c.is64(v) && c.hi[mask] !== 0)) return -1;
      if (c.lo[mask] === 0xff) return Extend.uxtb;
      return c.lo[mask] === 0xffff ? Extend.uxth : -1;
    }
    default:
      return -1;
  }
}

function takeExtension(c: Lowering, v: number, is64: boolean): boolean {
  if (c.is64(v) !== is64) return false;
  let amount = 0;
  if (leftShift(c, v) >= 1 && leftShift(c, v) <= 4) {
    amount = leftShift(c, v);
    v = c.a0[v]!;
    if (!mayTakeIn(c, v)) return false;
  }
  const extend = extensionOf(c, v, is64);
  if (extend === -1) return false;
  source.form = "rx";
  source.value = c.low32(c.a0[v]!);
  source.imm2 = extendedBy(extend as Extend, amount);
  return true;
}

/** Looks at `v` as the last source of an instruction with these rows. */
function takeSource(c: Lowering, rows: SourceRows, v: number, is64: boolean): boolean {
  if (!is64) v = c.low32(v);
  if (!mayTakeIn(c, v)) return false;
  return (rows.rx !== 0 && takeExtension(c, v, is64)) || takeShift(c, v, is64);
}

/**
 * Emits an instruction with definition `to` (or none) and the sources x and y, of which the second (if they may be
 * exchanged, either) is taken in where possible.
 */
export function emitSources(
  c: Lowering,
  rows: SourceRows,
  to: VReg | null,
  x: number,
  y: number,
  is64: boolean,
  commutes: boolean,
): void {
  if (!takeSource(c, rows, y, is64)) {
    if (commutes && takeSource(c, rows, x, is64)) x = y;
    else {
      source.form = "rr";
      source.value = y;
      source.imm2 = 0;
    }
  }
  const { form, value, imm2 } = source;
  const left = c.operand(x, is64);
  const right = form === "rx" ? c.reg32(value) : c.operand(value, is64);
  if (to === null) c.row2(rows[form], left, right, imm2);
  else c.row3(rows[form], to, left, right, imm2);
}
