/** How often each value is used, as operand or as argument of an edge. */
import type { Block, SsaFunction, Value } from "../function.js";

export function countUses(func: SsaFunction): Int32Array {
  const counts = new Int32Array(func.rowCount);
  for (let b = 0; b < func.blockCount; b++) {
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
      const n = func.operandCount(v as Value);
      for (let i = 0; i < n; i++) counts[func.operand(v as Value, i)]!++;
    }
    const edges = func.successorCount(b as Block);
    for (let i = 0; i < edges; i++) {
      const e = func.successorEdge(b as Block, i);
      const from = func.edgeArgsStart[e]!;
      const to = from + func.edgeArgsCount[e]!;
      for (let k = from; k < to; k++) counts[func.pool[k]!]!++;
    }
  }
  return counts;
}
