/**
 * Makes NaNs the same on every processor, on request. WebAssembly leaves the sign and payload of a NaN that arithmetic
 * yields open; here each becomes the positive one with the highest bit of its payload only.
 *
 * In: a function as built. Out: the same with `x == x ? x : NaN` (for vectors, in each lane) after arithmetic on
 * floats whose bits somebody may see. Where only other such arithmetic, comparisons and conversions to integers use a
 * value, its bits don't matter. What passes bits on (loads, moves, abs, neg, copysign, pmin, pmax) is determined.
 */
import type { Block, SsaFunction, Value } from "./function.js";
import { Op, OpFlag, opFlags, Type } from "./ops.js";
import { isFloatShape, Shape } from "./shapes.js";

/** Arithmetic on f32 and f64 that may make a NaN. */
function isScalarArithmetic(op: Op): boolean {
  const passesBits = op === Op.fcopysign || op === Op.fabs || op === Op.fneg;
  return (op >= Op.fadd && op <= Op.fnearest && !passesBits) || op === Op.promote || op === Op.demote;
}

const vectorArithmetic: readonly Op[] = [
  ...[Op.vadd, Op.vsub, Op.vmul, Op.vdiv, Op.vmin, Op.vmax],
  ...[Op.vsqrt, Op.vceil, Op.vfloor, Op.vtrunc, Op.vnearest],
];
const vectorReaders: readonly Op[] = [Op.veq, Op.vne, Op.vgt, Op.vge, Op.vftosisat, Op.vftouisat];

/** The shape in which a row may make a NaN in a lane, or -1. */
function madeShape(func: SsaFunction, v: number): number {
  const op = func.op[v]!;
  if (op === Op.vdemote) return Shape.f32x4;
  if (op === Op.vpromote) return Shape.f64x2;
  return vectorArithmetic.includes(op) && isFloatShape(func.hi[v]!) ? func.hi[v]! : -1;
}

/** The shape in which a row reads its operands as floats and nothing else of them, or -1. */
function readShape(func: SsaFunction, v: number): number {
  const op = func.op[v]!;
  if (op === Op.vdemote) return Shape.f64x2;
  if (op === Op.vpromote) return Shape.f32x4;
  const reads = vectorArithmetic.includes(op) || vectorReaders.includes(op);
  return reads && isFloatShape(func.hi[v]!) ? func.hi[v]! : -1;
}

function isScalarReader(op: Op): boolean {
  return isScalarArithmetic(op) || (op >= Op.feq && op <= Op.fge) || (op >= Op.ftosi && op <= Op.ftouisat);
}

/** Whether a row makes NaNs and some user may see their bits. */
class Sight {
  /** 1: a row that looks at more than whether it is NaN. */
  private readonly seen: Uint8Array;

  constructor(private readonly func: SsaFunction) {
    this.seen = new Uint8Array(func.rowCount);
    for (let b = 0; b < func.blockCount; b++) {
      for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) this.look(v as Value, b as Block);
    }
  }

  private look(v: Value, b: Block): void {
    const { func, seen } = this;
    const scalar = isScalarReader(func.op[v]!);
    const shape = readShape(func, v);
    for (let k = 0; k < func.operandCount(v); k++) {
      const x = func.operand(v, k);
      const blind = func.type[x] === Type.v128 ? shape !== -1 && shape === madeShape(func, x) : scalar;
      if (!blind) seen[x] = 1;
    }
    if ((opFlags[func.op[v]!]! & OpFlag.terminator) === 0) return;
    for (let k = 0; k < func.successorCount(b); k++) {
      const e = func.successorEdge(b, k);
      for (let i = 0; i < func.edgeArgsCount[e]!; i++) seen[func.edgeArg(e, i)] = 1;
    }
  }

  needsCanonical(v: number): boolean {
    if (this.seen[v] === 0) return false;
    return isScalarArithmetic(this.func.op[v]!) || madeShape(this.func, v) !== -1;
  }
}

export function canonicalizeNaNs(func: SsaFunction): void {
  const sight = new Sight(func);
  const rows: Value[] = [];
  for (let b = 0; b < func.blockCount; b++) {
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!)
      if (sight.needsCanonical(v)) rows.push(v as Value);
  }
  if (rows.length === 0) return;
  const replacement = new Int32Array(func.rowCount + 3 * rows.length);
  const added = rows.map((v) => choose(func, v));
  rows.forEach((v, k) => {
    replacement[v] = added[k]!.chosen;
  });
  func.replaceUses(replacement);
  // The rows that were added look at the value itself.
  rows.forEach((v, k) => {
    const { equal, chosen, place } = added[k]!;
    func.setOperand(equal, 0, v);
    func.setOperand(equal, 1, v);
    func.setOperand(chosen, place, v);
  });
}

/** Rows after `v`: the comparison, and the choice, whose operand number `place` is v. */
function choose(func: SsaFunction, v: Value): { equal: Value; chosen: Value; place: number } {
  const before = func.next[v]! as Value;
  const source = func.source[v]!;
  const add = (op: Op, type: Type, a0: number, a1: number, a2: number, lo: number, hi: number): Value => {
    const row = func.newRow(op, type, a0, a1, a2, lo, hi, source);
    func.insertBefore(row, before);
    return row;
  };
  const type = func.type[v] as Type;
  if (type !== Type.v128) {
    const wide = type === Type.f64;
    const nan = add(Op.const, type, 0, 0, 0, wide ? 0 : 0x7fc00000, wide ? 0x7ff80000 : 0);
    const equal = add(Op.feq, Type.i32, v, v, 0, 0, 0);
    return { equal, chosen: add(Op.select, type, equal, v, nan, 0, 0), place: 1 };
  }
  const shape = madeShape(func, v);
  const [even, odd] = shape === Shape.f64x2 ? [0, 0x7ff80000] : [0x7fc00000, 0x7fc00000];
  const nan = add(Op.const, type, 0, 0, 0, func.vectorNumber(even, odd, even, odd), 0);
  const equal = add(Op.veq, type, v, v, 0, 0, shape);
  return { equal, chosen: add(Op.vbitselect, type, v, nan, equal, 0, 0), place: 0 };
}
