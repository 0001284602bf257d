/**
 * Gives a block of its own to each edge from a block with several successors to a block with several
 * predecessors, so that moves for the target's parameters have a place. Required before register allocation.
 *
 * Enters: no unreachable blocks. Leaves: for every edge S -> T, S has one successor only, or T's edges all come
 * from S and none has arguments (so T needs no moves at all).
 *
 * Edges of one brtable that lead to the same block with the same arguments share the new block, found by hashing:
 * a table of 65,520 ways to three blocks gets three. So a new block may have several predecessor edges, all
 * from the same terminator and all without arguments.
 */
import { findPredecessors } from "../analysis/predecessors.js";
import type { Block, SsaFunction } from "../function.js";
import { Op, Type } from "../ops.js";
import { isSameEdge } from "./branches.js";

export function splitCriticalEdges(func: SsaFunction): void {
  const predecessors = findPredecessors(func);
  const needsSplit = new Uint8Array(func.blockCount);
  for (let b = 0; b < func.blockCount; b++) needsSplit[b] = isJoin(func, b, predecessors) ? 1 : 0;
  const blocks = func.blockCount;
  let table = new Int32Array(8);
  for (let b = 0; b < blocks; b++) {
    const count = func.successorCount(b as Block);
    if (count < 2) continue;
    if (table.length < tableSize(count)) table = new Int32Array(tableSize(count));
    else table.fill(0, 0, tableSize(count));
    splitEdgesOf(func, b as Block, count, needsSplit, table);
  }
}

/** Whether edges into a block from a branch need a place for moves. */
function isJoin(func: SsaFunction, b: number, predecessors: ReturnType<typeof findPredecessors>): boolean {
  const { start, edges } = predecessors;
  const from = start[b]!;
  const to = start[b + 1]!;
  if (to - from < 2) return false;
  if (func.params[b]!.length > 0) return true;
  const source = func.edgeSource[edges[from]!]!;
  for (let k = from + 1; k < to; k++) if (func.edgeSource[edges[k]!] !== source) return true;
  return false;
}

function tableSize(count: number): number {
  return 2 << (32 - Math.clz32(count));
}

function splitEdgesOf(
  func: SsaFunction,
  b: Block,
  count: number,
  needsSplit: Uint8Array,
  table: Int32Array,
): void {
  const mask = tableSize(count) - 1;
  const t = func.terminator(b);
  const first = func.lo[t]!;
  for (let e = first; e < first + count; e++) {
    const target = func.edgeTarget[e]!;
    if (needsSplit[target] === 0) continue;
    const landing = findOrAdd(func, e, table, mask, func.source[t]!);
    func.edgeTarget[e] = landing;
    func.edgeArgsCount[e] = 0;
  }
}

/** The new block for an edge; `table` holds the onward edges (plus 1) of this branch's new blocks so far. */
function findOrAdd(func: SsaFunction, e: number, table: Int32Array, mask: number, source: number): Block {
  let slot = hashEdge(func, e) & mask;
  for (; table[slot] !== 0; slot = (slot + 1) & mask) {
    const known = table[slot]! - 1;
    if (isSameEdge(func, known, e)) return func.edgeSource[known]! as Block;
  }
  const landing = func.newBlock();
  const onward = func.addEdge(landing, func.edgeTarget[e]! as Block);
  func.edgeArgsStart[onward] = func.edgeArgsStart[e]!;
  func.edgeArgsCount[onward] = func.edgeArgsCount[e]!;
  func.append(landing, Op.jump, Type.none, 0, 0, 0, onward, 1, source);
  table[slot] = onward + 1;
  return landing;
}

function hashEdge(func: SsaFunction, e: number): number {
  let h = Math.imul(func.edgeTarget[e]!, 0x9e3779b1);
  const start = func.edgeArgsStart[e]!;
  for (let i = 0; i < func.edgeArgsCount[e]!; i++)
    h = Math.imul(h ^ func.pool[start + i]!, 0x85ebca6b) ^ (h >>> 13);
  return h ^ (h >>> 16);
}
