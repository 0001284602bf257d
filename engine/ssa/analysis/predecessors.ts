/** Which edges lead into each block, as compressed rows: near-linear to find, two array reads to walk. */
import type { Block, SsaFunction } from "../function.js";

/** The edges into block b are `edges[start[b]] .. edges[start[b + 1] - 1]`, in order of their sources. */
export interface Predecessors {
  readonly start: Int32Array;
  readonly edges: Int32Array;
}

/** Enters: any function whose blocks end in terminators (or are removed). Edges of removed blocks don't count. */
export function findPredecessors(func: SsaFunction): Predecessors {
  const blocks = func.blockCount;
  const start = new Int32Array(blocks + 1);
  const { edgeTarget } = func;
  for (let b = 0; b < blocks; b++) {
    const count = func.successorCount(b as Block);
    if (count === 0) continue;
    const first = func.successorEdge(b as Block, 0);
    for (let e: number = first; e < first + count; e++) start[edgeTarget[e]! + 1]!++;
  }
  for (let b = 0; b < blocks; b++) start[b + 1]! += start[b]!;
  const edges = new Int32Array(start[blocks]!);
  const fill = start.slice(0, blocks);
  for (let b = 0; b < blocks; b++) {
    const count = func.successorCount(b as Block);
    if (count === 0) continue;
    const first = func.successorEdge(b as Block, 0);
    for (let e: number = first; e < first + count; e++) edges[fill[edgeTarget[e]!]!++] = e;
  }
  return { start, edges };
}
