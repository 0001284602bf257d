/**
 * What the simplification rules share: constants, replacements, and upper bounds of values.
 *
 * A rule looks at one row and answers `keep` (nothing found), `again` (the row was rewritten in place: look once
 * more), or the value that replaces the row. Rules see operands that are already replaced and simplified, since
 * the walk is in an order in which definitions come before uses.
 */
import type { SsaFunction, Value } from "../function.js";
import { Op, Type } from "../ops.js";
import { evaluate, result } from "./evaluate.js";

export const keep = 0;
export const again = -1;

/** The bounds' column, kept from function to function unless it grew large. */
let keptBounds = new Float64Array(4096);
const keptRows = 1 << 17;

export class Folder {
  /** Value -> what replaces it, 0 for nothing. Covers the rows that existed at the start. */
  readonly replacement: Int32Array;
  private readonly limit: number;
  /**
   * Largest unsigned value that each row can have, as a double; 2^64 if unknown. From 2^53 on it may be rounded,
   * so it must only be compared with powers of two there.
   */
  private readonly bounds: Float64Array;
  /** At least as many as each value's uses, for rules that change a row whose only use they see. */
  readonly uses: Int32Array;

  constructor(
    readonly func: SsaFunction,
    uses: Int32Array,
  ) {
    this.limit = func.rowCount;
    this.replacement = new Int32Array(this.limit);
    if (this.limit > keptBounds.length) {
      const bigger = new Float64Array(2 * this.limit);
      if (this.limit <= keptRows) keptBounds = bigger;
      this.bounds = bigger;
    } else this.bounds = keptBounds;
    this.bounds.fill(2 ** 64, 0, this.limit);
    this.uses = uses;
  }

  // ------------------------------------------------------------ replacements

  /** Follows replacements to the end, shortening the path. */
  resolve(v: number): Value {
    const { replacement, limit } = this;
    if (v >= limit || replacement[v] === 0) return v as Value;
    let last = v;
    while (last < limit && replacement[last] !== 0) last = replacement[last]!;
    while (v !== last) {
      const next = replacement[v]!;
      replacement[v] = last;
      v = next;
    }
    return last as Value;
  }

  /** v is replaced by another value, which inherits its uses. */
  replace(v: Value, by: number): void {
    this.replacement[v] = by;
    if (by < this.limit) this.uses[by]! += this.uses[v]!;
  }

  /** Notes that a rewritten row uses x, maybe newly. */
  use(x: number): number {
    if (x < this.limit) this.uses[x]!++;
    return x;
  }

  // ------------------------------------------------------------ constants

  isConst(v: number): boolean {
    return this.func.op[v] === Op.const;
  }

  /** Whether v is the integer constant with these halves (an i32's hi is 0). */
  isInt(v: number, lo: number, hi: number): boolean {
    const { func } = this;
    if (func.op[v] !== Op.const || func.lo[v] !== lo) return false;
    return func.type[v] === Type.i32 || func.hi[v] === hi;
  }

  isZero(v: number): boolean {
    return this.isInt(v, 0, 0);
  }
  isMinusOne(v: number): boolean {
    return this.isInt(v, -1, -1);
  }

  /** A constant as an unsigned number, exact below 2^53. */
  unsignedOf(v: number): number {
    const { func } = this;
    const lo = func.lo[v]! >>> 0;
    return func.type[v] === Type.i32 ? lo : (func.hi[v]! >>> 0) * 2 ** 32 + lo;
  }

  /** The exponent if v is a constant power of two (unsigned), else -1. */
  powerOfTwo(v: number): number {
    if (!this.isConst(v)) return -1;
    const lo = this.func.lo[v]!;
    const hi = this.func.type[v] === Type.i32 ? 0 : this.func.hi[v]!;
    if (hi === 0) return lo !== 0 && (lo & (lo - 1)) === 0 ? 31 - Math.clz32(lo) : -1;
    return lo === 0 && (hi & (hi - 1)) === 0 ? 63 - Math.clz32(hi) : -1;
  }

  /** A new constant before a row. */
  constant(before: Value, type: Type, lo: number, hi: number): Value {
    const { func } = this;
    const v = func.newRow(Op.const, type, 0, 0, 0, lo, type === Type.i32 ? 0 : hi, func.source[before]!);
    func.insertBefore(v, before);
    return v;
  }

  /** A new constant from what `evaluate` left. */
  private resultConstant(before: Value, type: Type): Value {
    return this.constant(before, type, result.lo, result.hi);
  }

  /** `op` of two constants as a new constant row before v, or 0. */
  combine(v: Value, op: Op, a: number, b: number): Value | 0 {
    const { func } = this;
    const type = func.type[a] as Type;
    if (!evaluate(op, type, type, func.lo[a]!, func.hi[a]!, func.lo[b]!, func.hi[b]!)) return 0;
    return this.resultConstant(v, type);
  }

  /** Turns a row into a constant, in place. */
  becomeConst(v: Value, lo: number, hi: number): typeof keep {
    const { func } = this;
    func.op[v] = Op.const;
    func.a0[v] = 0;
    func.a1[v] = 0;
    func.a2[v] = 0;
    func.lo[v] = lo;
    func.hi[v] = hi;
    return keep;
  }

  /** Turns a row into another op with these operands, in place. */
  become(v: Value, op: Op, a0: number, a1 = 0, a2 = 0): typeof again {
    const { func } = this;
    func.op[v] = op;
    func.a0[v] = this.use(a0);
    func.a1[v] = this.use(a1);
    func.a2[v] = this.use(a2);
    func.lo[v] = 0;
    func.hi[v] = 0;
    return again;
  }

  /** Replaces a pure row of constants by its value. */
  foldConstants(v: Value): boolean {
    const { func } = this;
    const a = func.a0[v]!;
    const b = func.a1[v]!;
    if (!this.isConst(a) || (b !== 0 && !this.isConst(b))) return false;
    const type = func.type[v] as Type;
    const from = func.type[a] as Type;
    if (!evaluate(func.op[v]!, type, from, func.lo[a]!, func.hi[a]!, func.lo[b]!, func.hi[b]!)) return false;
    this.becomeConst(v, result.lo, result.hi);
    return true;
  }

  // ------------------------------------------------------------ bounds

  /** No value of v is larger than this, read as unsigned. */
  bound(v: number): number {
    const { func } = this;
    if (func.op[v] === Op.const) return this.unsignedOf(v);
    const known = v < this.limit ? this.bounds[v]! : 2 ** 64;
    return func.type[v] === Type.i32 ? Math.min(known, 0xffffffff) : known;
  }

  /** Whether v is 0 or 1. */
  isBoolean(v: number): boolean {
    return this.bound(v) <= 1;
  }

  /** Whether v's sign bit is known to be clear. */
  isNonNegative(v: number): boolean {
    const { func } = this;
    const isNarrow = func.type[v] === Type.i32;
    if (func.op[v] === Op.const) return (isNarrow ? func.lo[v]! : func.hi[v]!) >= 0;
    return this.bound(v) < (isNarrow ? 2 ** 31 : 2 ** 63);
  }

  /** Records v's bound, from its final op and operands. */
  noteBound(v: Value): void {
    const type = this.func.type[v]!;
    if (v < this.limit && (type === Type.i32 || type === Type.i64 || type === Type.ptr)) {
      this.bounds[v] = this.computeBound(v);
    }
  }

  private computeBound(v: Value): number {
    const { func } = this;
    const op = func.op[v]!;
    const a = func.a0[v]!;
    const b = func.a1[v]!;
    const top = func.type[v] === Type.i32 ? 2 ** 32 : 2 ** 64;
    switch (op) {
      case Op.const:
        return this.unsignedOf(v);
      case Op.and:
        return Math.min(this.bound(a), this.bound(b));
      case Op.or:
      case Op.xor:
        return allOnes(Math.max(this.bound(a), this.bound(b)));
      case Op.add:
        return below(this.bound(a) + this.bound(b), top);
      case Op.mul:
        return below(this.bound(a) * this.bound(b), top);
      case Op.shl:
        return this.isConst(b) ? below(this.bound(a) * 2 ** this.shiftCount(v, b), top) : 2 ** 64;
      case Op.ushr:
        return this.isConst(b) ? Math.floor(this.bound(a) / 2 ** this.shiftCount(v, b)) : this.bound(a);
      case Op.sshr:
        if (!this.isNonNegative(a)) return 2 ** 64;
        return this.isConst(b) ? Math.floor(this.bound(a) / 2 ** this.shiftCount(v, b)) : this.bound(a);
      case Op.udiv:
        if (!this.isConst(b) || this.isZero(b) || this.bound(a) >= 2 ** 53) return this.bound(a);
        return Math.floor(this.bound(a) / this.unsignedOf(b));
      case Op.urem:
        return Math.min(this.bound(a), Math.max(0, this.bound(b) - (this.bound(b) < 2 ** 53 ? 1 : 0)));
      case Op.clz:
      case Op.ctz:
      case Op.popcnt:
        return func.type[v] === Type.i32 ? 32 : 64;
      case Op.select:
        return Math.max(this.bound(b), this.bound(func.a2[v]!));
      case Op.zext:
        return this.bound(a);
      case Op.wrap:
        return this.bound(a) <= 0xffffffff ? this.bound(a) : 2 ** 64;
      case Op.load8u:
        return 0xff;
      case Op.load16u:
        return 0xffff;
      case Op.load32u:
      case Op.peek32:
        return 0xffffffff;
      default:
        return isComparison(op) ? 1 : 2 ** 64;
    }
  }

  private shiftCount(v: Value, count: number): number {
    return this.func.lo[count]! & (this.func.type[v] === Type.i32 ? 31 : 63);
  }
}

/** A result's bound if the exact result is at most `n`: none if it may have wrapped at `top`. */
function below(n: number, top: number): number {
  return n < top ? n : 2 ** 64;
}

export function isComparison(op: Op): boolean {
  return (op >= Op.eqz && op <= Op.uge) || (op >= Op.feq && op <= Op.fge);
}

/** The next number of the form 2^k - 1. */
export function allOnes(n: number): number {
  if (n >= 2 ** 53) return 2 ** 64;
  let ones = 1;
  while (ones <= n) ones *= 2;
  return ones - 1;
}
