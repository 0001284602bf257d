/** Reverse postorder: every block before its successors, loops' back edges aside. Iterative depth-first search. */
import { type Block, entryBlock, type SsaFunction } from "../function.js";

export interface BlockOrder {
  /** The reachable blocks in reverse postorder; the entry is first. */
  readonly order: Int32Array;
  /** Block -> its place in `order`, or -1 if it can't be reached. */
  readonly position: Int32Array;
}

/**
 * Enters: any function whose reachable blocks end in terminators. The last successor of a branch is placed
 * nearest after it: for `br_if` that is the way that falls through.
 */
export function reversePostorder(func: SsaFunction): BlockOrder {
  const blocks = func.blockCount;
  const position = new Int32Array(blocks).fill(-1);
  const stack = new Int32Array(blocks);
  const nextEdge = new Int32Array(blocks);
  const lastEdge = new Int32Array(blocks);
  const postorder = new Int32Array(blocks);
  const { edgeTarget } = func;
  let depth = 0;
  let finished = 0;
  const enter = (b: number): void => {
    position[b] = 0;
    const count = func.successorCount(b as Block);
    nextEdge[b] = count === 0 ? 0 : func.successorEdge(b as Block, 0);
    lastEdge[b] = nextEdge[b]! + count;
    stack[depth++] = b;
  };
  if (blocks > 0) enter(entryBlock);
  while (depth > 0) {
    const b = stack[depth - 1]!;
    if (nextEdge[b]! === lastEdge[b]!) {
      postorder[finished++] = b;
      depth--;
      continue;
    }
    const target = edgeTarget[nextEdge[b]!++]!;
    if (position[target] === -1) enter(target);
  }
  const order = postorder.subarray(0, finished).reverse();
  for (let i = 0; i < finished; i++) position[order[i]!] = i;
  return { order, position };
}
