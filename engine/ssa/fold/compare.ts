/** Simplification of integer comparisons, `select`, and the conditions of branches and traps. */
import type { SsaFunction, Value } from "../function.js";
import { Op, Type } from "../ops.js";
import { again, type Folder, keep } from "./folder.js";

/** Each comparison with its operands swapped. */
const swapped = new Uint16Array(Op.trap + 1);
/** Each comparison's opposite; 0 where NaNs make `not less` differ from `greater or equal`. */
const inverse = new Uint16Array(Op.trap + 1);

function pair(a: Op, b: Op, table: Uint16Array): void {
  table[a] = b;
  table[b] = a;
}
for (const op of [Op.eq, Op.ne, Op.feq, Op.fne]) swapped[op] = op;
pair(Op.slt, Op.sgt, swapped);
pair(Op.sle, Op.sge, swapped);
pair(Op.ult, Op.ugt, swapped);
pair(Op.ule, Op.uge, swapped);
pair(Op.flt, Op.fgt, swapped);
pair(Op.fle, Op.fge, swapped);
pair(Op.eq, Op.ne, inverse);
pair(Op.slt, Op.sge, inverse);
pair(Op.sle, Op.sgt, inverse);
pair(Op.ult, Op.uge, inverse);
pair(Op.ule, Op.ugt, inverse);
pair(Op.feq, Op.fne, inverse);

/** Puts a constant operand of a comparison on the right. */
export function constantToTheRight(f: Folder, v: Value): void {
  const { func } = f;
  const a = func.a0[v]!;
  const b = func.a1[v]!;
  if (!f.isConst(a) || f.isConst(b)) return;
  func.op[v] = swapped[func.op[v]!]!;
  func.a0[v] = b;
  func.a1[v] = a;
}

export function simplifyCompare(f: Folder, v: Value): number {
  const { func } = f;
  if (f.foldConstants(v)) return keep;
  if (func.op[v] === Op.eqz) return simplifyEqz(f, v);
  constantToTheRight(f, v);
  const op = func.op[v]!;
  const a = func.a0[v]!;
  const b = func.a1[v]!;
  if (a === b) {
    const isTrue = op === Op.eq || op === Op.sle || op === Op.sge || op === Op.ule || op === Op.uge;
    return f.becomeConst(v, isTrue ? 1 : 0, 0);
  }
  if (!f.isConst(b)) return keep;
  return op === Op.eq || op === Op.ne ? simplifyEqual(f, v) : simplifyOrder(f, v);
}

function simplifyEqz(f: Folder, v: Value): number {
  const { func } = f;
  const a = func.a0[v]!;
  const inner = func.op[a]!;
  if (inner === Op.eqz) {
    const x = func.a0[a]!;
    if (f.isBoolean(x) && func.type[x] === Type.i32) return x;
    return f.become(v, Op.ne, x, f.constant(v, func.type[x] as Type, 0, 0));
  }
  if (inverse[inner] !== 0) return f.become(v, inverse[inner]!, func.a0[a]!, func.a1[a]!);
  if (inner === Op.sub || inner === Op.xor) return f.become(v, Op.eq, func.a0[a]!, func.a1[a]!);
  if (inner === Op.zext || inner === Op.sext) return f.become(v, Op.eqz, func.a0[a]!);
  return keep;
}

/** eq and ne with a constant on the right. */
function simplifyEqual(f: Folder, v: Value): number {
  const { func } = f;
  const isEq = func.op[v] === Op.eq;
  const a = func.a0[v]!;
  const c = func.a1[v]!;
  if (f.isZero(c) || (f.isInt(c, 1, 0) && f.isBoolean(a))) {
    // Compared with 1, a boolean is what it says; with 0, the opposite.
    if (isEq === f.isZero(c)) return f.become(v, Op.eqz, a);
    if (f.isBoolean(a) && func.type[a] === Type.i32) return a;
    if (!f.isZero(c)) return f.become(v, Op.ne, a, f.constant(v, func.type[a] as Type, 0, 0));
  }
  if (f.bound(c) < 2 ** 53 && f.bound(a) < f.unsignedOf(c)) return f.becomeConst(v, isEq ? 0 : 1, 0);
  const inner = func.op[a]!;
  if (func.type[a] === Type.ptr || func.type[a] === Type.ref) return keep;
  if (inner === Op.add || inner === Op.xor) {
    if (!f.isConst(func.a1[a]!)) return keep;
    const moved = f.combine(v, inner === Op.add ? Op.sub : Op.xor, c, func.a1[a]!);
    return moved === 0 ? keep : f.become(v, func.op[v]!, func.a0[a]!, moved);
  }
  if (inner === Op.zext && func.hi[c] === 0) {
    return f.become(v, func.op[v]!, func.a0[a]!, f.constant(v, Type.i32, func.lo[c]!, 0));
  }
  return keep;
}

/** Order comparisons with a constant on the right. */
function simplifyOrder(f: Folder, v: Value): number {
  const { func } = f;
  const op = func.op[v]!;
  const a = func.a0[v]!;
  const c = func.a1[v]!;
  const isSigned = op === Op.slt || op === Op.sle || op === Op.sgt || op === Op.sge;
  if (isSigned) {
    if (!f.isNonNegative(a)) return keep;
    if (f.isNonNegative(c)) return f.become(v, unsignedOf(op), a, c);
    return f.becomeConst(v, op === Op.sgt || op === Op.sge ? 1 : 0, 0);
  }
  if (f.isZero(c)) {
    if (op === Op.ult) return f.becomeConst(v, 0, 0);
    if (op === Op.uge) return f.becomeConst(v, 1, 0);
    return op === Op.ule ? f.become(v, Op.eqz, a) : f.become(v, Op.ne, a, c);
  }
  if (f.isInt(c, 1, 0)) {
    if (op === Op.ult) return f.become(v, Op.eqz, a);
    if (op === Op.uge) return f.become(v, Op.ne, a, f.constant(v, func.type[a] as Type, 0, 0));
  }
  const most = f.unsignedOf(c);
  if (most >= 2 ** 53) return keep;
  const bound = f.bound(a);
  if (bound < most) return f.becomeConst(v, op === Op.ult || op === Op.ule ? 1 : 0, 0);
  if (bound === most && (op === Op.ule || op === Op.ugt)) return f.becomeConst(v, op === Op.ule ? 1 : 0, 0);
  return keep;
}

function unsignedOf(op: Op): Op {
  return op === Op.slt ? Op.ult : op === Op.sle ? Op.ule : op === Op.sgt ? Op.ugt : Op.uge;
}

export function simplifySelect(f: Folder, v: Value): number {
  const { func } = f;
  const condition = func.a0[v]!;
  const a = func.a1[v]!;
  const b = func.a2[v]!;
  if (a === b) return a;
  if (f.isConst(condition)) return func.lo[condition] !== 0 ? a : b;
  const bare = bareCondition(f, condition);
  if (bare !== 0) return bare > 0 ? f.become(v, Op.select, bare, a, b) : f.become(v, Op.select, -bare, b, a);
  if (func.type[v] !== Type.i32) return keep;
  if (f.isInt(a, 0, 0) && f.isInt(b, 1, 0)) return f.become(v, Op.eqz, condition);
  if (f.isInt(a, 1, 0) && f.isInt(b, 0, 0)) {
    return f.isBoolean(condition) ? condition : f.become(v, Op.ne, condition, f.constant(v, Type.i32, 0, 0));
  }
  return keep;
}

/**
 * The i32 behind a test for zero: x for `x != 0`, -x for `x == 0`, or 0. A condition only asks whether a value
 * is zero, so it can do without the test.
 */
function bareCondition(f: Folder, condition: number): number {
  const { func } = f;
  const op = func.op[condition];
  const x = func.a0[condition]!;
  if ((op !== Op.eqz && op !== Op.ne) || func.type[x] !== Type.i32) return 0;
  if (op === Op.eqz) return -x;
  return f.isZero(func.a1[condition]!) ? x : 0;
}

/** The condition of brif and trapif. */
export function simplifyCondition(f: Folder, v: Value): number {
  const { func } = f;
  const bare = bareCondition(f, func.a0[v]!);
  if (bare === 0) return keep;
  if (bare > 0) func.a0[v] = f.use(bare);
  else if (func.op[v] === Op.brif) {
    func.a0[v] = f.use(-bare);
    swapEdges(func, func.lo[v]!);
  } else return keep;
  return again;
}

function swapEdges(func: SsaFunction, e: number): void {
  const { edgeTarget, edgeArgsStart, edgeArgsCount } = func;
  for (const column of [edgeTarget, edgeArgsStart, edgeArgsCount]) {
    const first = column[e]!;
    column[e] = column[e + 1]!;
    column[e + 1] = first;
  }
}
