/** Reverse postorder: every block before its successors, loops' back edges aside. Iterative depth-first search. */
import { type Block, entryBlock, type SsaFunction } from "../function.js";

export interface BlockOrder {
  /** The reachable blocks in reverse postorder; the entry is first. */
  readonly order: Int32Array;
  /** Block -> its place in `order`, or -1 if it can't be reached. */
  readonly position: Int32Array;
}

/** Scratch columns, kept from call to call: this runs many times for each of thousands of small functions. */
let scratch = new Int32Array(3 * 256);
/** Larger ones aren't kept. */
const keptWords = 1 << 18;

/**
 * Enters: any function whose reachable blocks end in terminators. The last successor of a branch is placed
 * nearest after it: for `br_if` that is the way that falls through.
 */
export function reversePostorder(func: SsaFunction): BlockOrder {
  const blocks = func.blockCount;
  const position = new Int32Array(blocks).fill(-1);
  if (scratch.length < 3 * blocks) scratch = new Int32Array(6 * blocks);
  const words = scratch; // three words for each block on the stack: its number, its next edge, its last edge
  const postorder = new Int32Array(blocks);
  const { edgeTarget } = func;
  let top = -3;
  let finished = 0;
  let entering: number = blocks > 0 ? entryBlock : -1;
  for (;;) {
    if (entering !== -1) {
      position[entering] = 0;
      const count = func.successorCount(entering as Block);
      const first = count === 0 ? 0 : func.successorEdge(entering as Block, 0);
      top += 3;
      words[top] = entering;
      words[top + 1] = first;
      words[top + 2] = first + count;
      entering = -1;
    }
    if (top < 0) break;
    const e = words[top + 1]!;
    if (e === words[top + 2]) {
      postorder[finished++] = words[top]!;
      top -= 3;
    } else {
      words[top + 1] = e + 1;
      if (position[edgeTarget[e]!] === -1) entering = edgeTarget[e]!;
    }
  }
  if (scratch.length > keptWords) scratch = new Int32Array(3 * 256);
  const order = postorder.subarray(0, finished).reverse();
  for (let i = 0; i < finished; i++) position[order[i]!] = i;
  return { order, position };
}
