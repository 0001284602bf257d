/**
 * The blocks of the virtual code: which there are, in which order, with which successors.
 *
 * In: a function and the order its blocks were laid out in (all reachable ones, the entry first). Out: the same
 * blocks, those that only lead to traps moved to the end, and a new block on each critical edge (from a block
 * with several successors to one with several predecessors), as register allocation needs a place for moves
 * there. Edges of one terminator with the same target and the same arguments count as one.
 */
import { reversePostorder } from "../../ssa/analysis/block-order.js";
import { findLoops, type LoopNest } from "../../ssa/analysis/loops.js";
import { findPredecessors } from "../../ssa/analysis/predecessors.js";
import type { Block, SsaFunction } from "../../ssa/function.js";
import { Op } from "../../ssa/ops.js";

export interface BlockPlan {
  /** Blocks of the virtual code in emission order: an SSA block, or -1 - edge for the block on an edge. */
  readonly order: Int32Array;
  /** SSA block -> its number in the virtual code. */
  readonly placeOf: Int32Array;
  /** Edge -> the first edge of the same terminator that is the same (often itself). */
  readonly sameAs: Int32Array;
  /** Edge (representatives only) -> the block of the virtual code it leads to; the one on it where there is one. */
  readonly leadsTo: Int32Array;
  /** Edge -> 1 if it has a block of its own. */
  readonly isSplit: Uint8Array;
  /** Loop depth, header (block of the virtual code, -1 none) and coldness by block of the virtual code. */
  readonly depth: Uint8Array;
  readonly header: Int32Array;
  readonly cold: Uint8Array;
  /** SSA blocks such that each comes after all blocks it dominates. */
  readonly postorder: Int32Array;
  readonly loops: LoopNest;
}

export function planBlocks(func: SsaFunction, blockOrder: Int32Array): BlockPlan {
  const rpo = reversePostorder(func);
  const loops = findLoops(func, findPredecessors(func), rpo);
  const sameAs = mergeEdges(func, rpo.order);
  const isSplit = findCriticalEdges(func, rpo.order, sameAs);
  const coldOf = findCold(func, rpo.order, rpo.position);
  const order = layOut(func, blockOrder, sameAs, isSplit, coldOf, rpo.position);
  const placeOf = new Int32Array(func.blockCount).fill(-1);
  const leadsTo = new Int32Array(func.edgeCount).fill(-1);
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    if (b >= 0) placeOf[b] = i;
    else leadsTo[-1 - b] = i;
  }
  for (let e = 0; e < func.edgeCount; e++) {
    if (leadsTo[e] === -1) leadsTo[e] = placeOf[func.edgeTarget[e]!]!;
  }
  const depth = new Uint8Array(order.length);
  const header = new Int32Array(order.length);
  const cold = new Uint8Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    const loop = b >= 0 ? loops.loopOf[b]! : loopOfEdge(func, loops, rpo.position, -1 - b);
    depth[i] = loop === -1 ? 0 : Math.min(loops.depth[loop]!, 255);
    header[i] = loop === -1 ? -1 : placeOf[loops.headers[loop]!]!;
    cold[i] = b >= 0 ? coldOf[b]! : coldOf[func.edgeTarget[-1 - b]!]!;
  }
  const postorder = rpo.order.slice().reverse();
  return { order, placeOf, sameAs, leadsTo, isSplit, depth, header, cold, postorder, loops };
}

function sameArguments(func: SsaFunction, e: number, f: number): boolean {
  const n = func.edgeArgsCount[e]!;
  const from = func.edgeArgsStart[e]!;
  const other = func.edgeArgsStart[f]!;
  for (let i = 0; i < n; i++) if (func.pool[from + i] !== func.pool[other + i]) return false;
  return true;
}

function mergeEdges(func: SsaFunction, order: Int32Array): Int32Array {
  const sameAs = new Int32Array(func.edgeCount);
  for (let e = 0; e < func.edgeCount; e++) sameAs[e] = e;
  const seenBy = new Int32Array(func.blockCount).fill(-1);
  const firstEdge = new Int32Array(func.blockCount);
  for (let i = 0; i < order.length; i++) {
    const b = order[i]! as Block;
    const count = func.successorCount(b);
    if (count < 2) continue;
    const first: number = func.successorEdge(b, 0);
    for (let e = first; e < first + count; e++) {
      const target = func.edgeTarget[e]!;
      if (seenBy[target] === b && sameArguments(func, e, firstEdge[target]!)) {
        sameAs[e] = firstEdge[target]!;
      } else if (seenBy[target] !== b) {
        seenBy[target] = b;
        firstEdge[target] = e;
      }
    }
  }
  return sameAs;
}

function findCriticalEdges(func: SsaFunction, order: Int32Array, sameAs: Int32Array): Uint8Array {
  const predecessors = new Int32Array(func.blockCount);
  const isSplit = new Uint8Array(func.edgeCount);
  const successors = new Int32Array(func.blockCount);
  for (let i = 0; i < order.length; i++) {
    const b = order[i]! as Block;
    const count = func.successorCount(b);
    for (let k = 0; k < count; k++) {
      const e = func.successorEdge(b, k);
      if (sameAs[e] !== e) continue;
      successors[b]!++;
      predecessors[func.edgeTarget[e]!]!++;
    }
  }
  for (let i = 0; i < order.length; i++) {
    const b = order[i]! as Block;
    if (successors[b]! < 2) continue;
    const count = func.successorCount(b);
    for (let k = 0; k < count; k++) {
      const e = func.successorEdge(b, k);
      if (sameAs[e] === e && predecessors[func.edgeTarget[e]!]! > 1) isSplit[e] = 1;
    }
  }
  return isSplit;
}

/** Blocks from which every way forward leads to a trap. */
function findCold(func: SsaFunction, order: Int32Array, position: Int32Array): Uint8Array {
  const cold = new Uint8Array(func.blockCount);
  for (let i = order.length - 1; i > 0; i--) {
    const b = order[i]! as Block;
    const op = func.op[func.terminator(b)]!;
    if (op === Op.trap) cold[b] = 1;
    if (op === Op.trap || op === Op.return) continue;
    const count = func.successorCount(b);
    let all = 1;
    for (let k = 0; k < count; k++) {
      const target = func.edgeTarget[func.successorEdge(b, k)]!;
      if (position[target]! <= i || cold[target] === 0) all = 0;
    }
    cold[b] = all;
  }
  return cold;
}

/** Cold blocks go last; the block on an edge follows the edge's source. */
function layOut(
  func: SsaFunction,
  blockOrder: Int32Array,
  sameAs: Int32Array,
  isSplit: Uint8Array,
  cold: Uint8Array,
  position: Int32Array,
): Int32Array {
  const order: number[] = [];
  const late: number[] = [];
  for (let i = 0; i < blockOrder.length; i++) {
    const b = blockOrder[i]! as Block;
    if (position[b] === -1) continue;
    const list = cold[b] === 1 ? late : order;
    list.push(b);
    const count = func.successorCount(b);
    for (let k = 0; k < count; k++) {
      const e = func.successorEdge(b, k);
      if (sameAs[e] !== e || isSplit[e] === 0) continue;
      if (cold[func.edgeTarget[e]!] === 1) late.push(-1 - e);
      else list.push(-1 - e);
    }
  }
  const all = new Int32Array(order.length + late.length);
  all.set(order);
  all.set(late, order.length);
  return all;
}

/** The innermost loop that both ends of an edge are in. */
function loopOfEdge(func: SsaFunction, loops: LoopNest, position: Int32Array, e: number): number {
  const target = func.edgeTarget[e]!;
  const loop = loops.loopOf[target]!;
  const entersLoop = loops.isHeader(target) && position[func.edgeSource[e]!]! < position[target]!;
  return entersLoop ? loops.parent[loop]! : loop;
}
