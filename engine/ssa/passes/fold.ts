/**
 * Constant folding and algebraic simplification. Enters: no unreachable blocks. Leaves: constants to the right of
 * commutative ops and comparisons, conditions without a test for zero, ops of constants evaluated; the rows that
 * nothing uses any more stay for `dce`.
 *
 * One walk in reverse postorder, in which definitions come before uses; arguments of back edges are replaced at
 * the end.
 */
import { reversePostorder } from "../analysis/block-order.js";
import { countUses } from "../analysis/use-counts.js";
import { simplifyArithmetic } from "../fold/arithmetic.js";
import { simplifyCompare, simplifyCondition, simplifySelect } from "../fold/compare.js";
import { simplifyConversion, simplifyFloat, simplifyFloatCompare, simplifyStore } from "../fold/convert.js";
import { again, Folder } from "../fold/folder.js";
import { simplifyVector } from "../fold/vector.js";
import type { Block, SsaFunction, Value } from "../function.js";
import { Op, OpFlag, opFlags } from "../ops.js";

/** Rewrites of one row in place before the walk goes on; each is towards a simpler op, so few are ever needed. */
const maxRounds = 8;

function simplify(f: Folder, v: Value, op: Op): number {
  if (op >= Op.add && op <= Op.sext32) return simplifyArithmetic(f, v);
  if (op >= Op.eqz && op <= Op.uge) return simplifyCompare(f, v);
  if (op >= Op.fadd && op <= Op.fnearest) return simplifyFloat(f, v);
  if (op >= Op.feq && op <= Op.fge) return simplifyFloatCompare(f, v);
  if (op >= Op.wrap && op <= Op.bitcast) return simplifyConversion(f, v);
  if (op >= Op.store && op <= Op.store32) return simplifyStore(f, v);
  if (op === Op.select) return simplifySelect(f, v);
  if (op >= Op.vsplat && op <= Op.vpromote) return simplifyVector(f, v);
  if (op === Op.brif || op === Op.trapif) return simplifyCondition(f, v);
  return 0;
}

function visit(f: Folder, v: Value): void {
  const { func } = f;
  const n = func.operandCount(v);
  for (let i = 0; i < n; i++) {
    const operand = func.operand(v, i);
    const to = f.resolve(operand);
    if (to !== operand) func.setOperand(v, i, to);
  }
  let answer = again as number;
  for (let round = 0; answer === again && round < maxRounds; round++) answer = simplify(f, v, func.op[v]!);
  if (answer > 0) {
    f.replace(v, answer);
    if ((opFlags[func.op[v]!]! & OpFlag.effect) === 0) func.remove(v);
  } else f.noteBound(v);
}

export function fold(func: SsaFunction): void {
  const { order } = reversePostorder(func);
  const f = new Folder(func, countUses(func));
  for (let i = 0; i < order.length; i++) {
    for (let v = func.firstRow[order[i]!]!; v !== -1; ) {
      const following = func.next[v]!;
      visit(f, v as Value);
      v = following;
    }
  }
  for (let i = 0; i < order.length; i++) resolveArguments(f, order[i]! as Block);
}

function resolveArguments(f: Folder, b: Block): void {
  const { func } = f;
  const count = func.successorCount(b);
  for (let i = 0; i < count; i++) {
    const e = func.successorEdge(b, i);
    const from = func.edgeArgsStart[e]!;
    const to = from + func.edgeArgsCount[e]!;
    for (let k = from; k < to; k++) func.pool[k] = f.resolve(func.pool[k]!);
  }
}
