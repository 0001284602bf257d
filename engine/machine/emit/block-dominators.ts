/**
 * Immediate dominators of virtual code's blocks, in one pass over their order; null where the order doesn't suit that.
 *
 * Each block gets the nearest common ancestor of its predecessors that stand before it. That those behind don't matter
 * is then checked: the block must be an ancestor of each of them, as a loop's header is of what jumps back to it. If so,
 * every ancestor of a block is on every path to it, by induction over the path's length: its last edge comes from a block
 * before, whose ancestors the path has by induction and among which the block's own are; or from one behind, which has the
 * block itself among its ancestors.
 */
import type { VCode } from "../vcode.js";

/** By block; -1 for the entry and for blocks without predecessors. */
export function blockDominators(code: VCode): Int32Array | null {
  const n = code.blockCount;
  const dominator = new Int32Array(n).fill(-1);
  for (let b = 1; b < n; b++) {
    let common = -1;
    for (const p of code.predecessors[b]!) {
      if (p < b) common = common === -1 ? p : commonAncestor(dominator, common, p);
    }
    dominator[b] = common;
  }
  for (let b = 0; b < n; b++) {
    for (const p of code.predecessors[b]!) if (p >= b && !isAncestor(dominator, b, p)) return null;
  }
  return dominator;
}

/** Ancestors have lower numbers. */
function commonAncestor(dominator: Int32Array, a: number, b: number): number {
  while (a !== b && a >= 0 && b >= 0) {
    if (a > b) a = dominator[a]!;
    else b = dominator[b]!;
  }
  return a === b ? a : -1;
}

function isAncestor(dominator: Int32Array, ancestor: number, b: number): boolean {
  while (b > ancestor) b = dominator[b]!;
  return b === ancestor;
}
