/**
 * The order in which blocks are emitted. Enters: no unreachable blocks. Leaves: reverse postorder in which each
 * loop's blocks stand together, and cold blocks (that only lead to traps) stand at the end.
 *
 * A loop is placed as one item at its header's place among the items of the loop around it. Since the header
 * comes first in reverse postorder, every forward edge still leads forward.
 */
import { reversePostorder } from "./analysis/block-order.js";
import { findLoops, type LoopNest } from "./analysis/loops.js";
import { findPredecessors } from "./analysis/predecessors.js";
import { type Block, entryBlock, type SsaFunction } from "./function.js";
import { Op } from "./ops.js";

export interface BlockLayout {
  /** All reachable blocks in order; the entry is first. */
  readonly order: Int32Array;
  /** How many blocks of `order`, from its start, are not cold. */
  readonly hotCount: number;
  readonly loops: LoopNest;
}

export function layoutBlocks(func: SsaFunction): BlockLayout {
  const blockOrder = reversePostorder(func);
  const loops = findLoops(func, findPredecessors(func), blockOrder);
  const cold = findCold(func, blockOrder.order);
  const nested = keepLoopsTogether(blockOrder.order, loops);
  const order = new Int32Array(nested.length);
  let count = 0;
  for (let i = 0; i < nested.length; i++) if (cold[nested[i]!] === 0) order[count++] = nested[i]!;
  const hotCount = count;
  for (let i = 0; i < nested.length; i++) if (cold[nested[i]!] !== 0) order[count++] = nested[i]!;
  return { order, hotCount, loops };
}

/** Blocks that end in a trap, and those that only lead to such. */
function findCold(func: SsaFunction, order: Int32Array): Uint8Array {
  const cold = new Uint8Array(func.blockCount);
  for (let i = order.length - 1; i >= 0; i--) {
    const b = order[i]! as Block;
    if (b === entryBlock) continue;
    const count = func.successorCount(b);
    let isCold = count > 0 || func.op[func.terminator(b)] === Op.trap;
    for (let k = 0; k < count && isCold; k++)
      isCold = cold[func.edgeTarget[func.successorEdge(b, k)]!]! !== 0;
    if (isCold) cold[b] = 1;
  }
  return cold;
}

/** Lists of items: block b is item b, loop l is item blockCount + l; each loop has a list, and the function one. */
function keepLoopsTogether(order: Int32Array, loops: LoopNest): Int32Array {
  const loopCount = loops.headers.length;
  const blockCount = loops.loopOf.length;
  const head = new Int32Array(loopCount + 1).fill(-1);
  const tail = new Int32Array(loopCount + 1).fill(-1);
  const next = new Int32Array(blockCount + loopCount).fill(-1);
  const append = (list: number, item: number): void => {
    if (tail[list] === -1) head[list] = item;
    else next[tail[list]!] = item;
    tail[list] = item;
  };
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    const loop = loops.loopOf[b]!;
    if (loop !== -1 && loops.headers[loop] === b) append(loops.parent[loop]! + 1, blockCount + loop);
    append(loop + 1, b);
  }
  const result = new Int32Array(order.length);
  const stack: number[] = [];
  let count = 0;
  let item = head[0]!;
  while (item !== -1 || stack.length > 0) {
    if (item === -1) item = next[stack.pop()!]!;
    else if (item >= blockCount) {
      stack.push(item);
      item = head[item - blockCount + 1]!;
    } else {
      result[count++] = item;
      item = next[item]!;
    }
  }
  return result;
}
