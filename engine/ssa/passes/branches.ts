/**
 * Branch folding. Enters: no unreachable blocks. Leaves: none either; no branch on a constant, no branch with
 * only one way, no jump to a block that only jumps on (unless other blocks use its parameters), no block whose
 * only predecessor just jumps to it.
 *
 * Three steps, each one walk over the blocks:
 * 1. terminators: brif and brtable whose way is known become jumps; a trapif that always traps ends its block;
 * 2. threading, successors first, so that a chain of empty blocks is passed in one step for each edge;
 * 3. merging, predecessors first, so that every row changes its block at most once.
 */
import { reversePostorder } from "../analysis/block-order.js";
import { findPredecessors } from "../analysis/predecessors.js";
import { countUses } from "../analysis/use-counts.js";
import { type Block, entryBlock, noValue, type SsaFunction, type Value } from "../function.js";
import { Op, OpFlag, opFlags } from "../ops.js";
import { removeUnreachable } from "./unreachable.js";

export function foldBranches(func: SsaFunction): void {
  let changed = false;
  for (let b = 0; b < func.blockCount; b++) {
    if (func.isRemoved(b as Block)) continue;
    if (foldTraps(func, b as Block)) changed = true;
    if (foldTerminator(func, b as Block)) changed = true;
  }
  if (changed) removeUnreachable(func);
  if (threadJumps(func)) removeUnreachable(func);
  mergeBlocks(func);
}

// ---------------------------------------------------------------- terminators

/** Answers whether the block ends earlier now. */
function foldTraps(func: SsaFunction, b: Block): boolean {
  for (let v = func.firstRow[b]!; v !== -1; ) {
    const following = func.next[v]!;
    if (func.op[v] === Op.trapif && func.op[func.a0[v]!] === Op.const) {
      if (func.lo[func.a0[v]!] === 0) func.remove(v as Value);
      else {
        for (let rest = func.lastRow[b]!; rest !== v; rest = func.lastRow[b]!) func.remove(rest as Value);
        func.op[v] = Op.trap;
        func.a0[v] = noValue;
        return true;
      }
    }
    v = following;
  }
  return false;
}

/** Answers whether edges went away. */
function foldTerminator(func: SsaFunction, b: Block): boolean {
  const t = func.terminator(b);
  const op = func.op[t]!;
  if (op !== Op.brif && op !== Op.brtable) return false;
  const first = func.lo[t]!;
  const count = func.hi[t]!;
  const selector = func.a0[t]!;
  if (func.op[selector] === Op.const) {
    const x = func.lo[selector]! >>> 0;
    if (op === Op.brif) becomeJump(func, t, x !== 0 ? first : first + 1);
    else becomeJump(func, t, first + Math.min(x, count - 1));
  } else if (edgesAreEqual(func, first, count)) becomeJump(func, t, first);
  else if (op === Op.brtable && count === 2) {
    // Not zero selects the second edge, the default.
    func.op[t] = Op.brif;
    swapEdges(func, first);
    return false;
  } else return false;
  return true;
}

function becomeJump(func: SsaFunction, t: Value, e: number): void {
  func.op[t] = Op.jump;
  func.a0[t] = noValue;
  func.lo[t] = e;
  func.hi[t] = 1;
}

function edgesAreEqual(func: SsaFunction, first: number, count: number): boolean {
  for (let e = first + 1; e < first + count; e++) if (!isSameEdge(func, first, e)) return false;
  return true;
}

/** Whether two edges lead to the same block with the same arguments. */
export function isSameEdge(func: SsaFunction, a: number, b: number): boolean {
  if (func.edgeTarget[a] !== func.edgeTarget[b]) return false;
  const count = func.edgeArgsCount[a]!;
  const startA = func.edgeArgsStart[a]!;
  const startB = func.edgeArgsStart[b]!;
  for (let i = 0; i < count; i++) if (func.pool[startA + i] !== func.pool[startB + i]) return false;
  return true;
}

function swapEdges(func: SsaFunction, e: number): void {
  const target = func.edgeTarget[e]!;
  const start = func.edgeArgsStart[e]!;
  const count = func.edgeArgsCount[e]!;
  func.edgeTarget[e] = func.edgeTarget[e + 1]!;
  func.edgeArgsStart[e] = func.edgeArgsStart[e + 1]!;
  func.edgeArgsCount[e] = func.edgeArgsCount[e + 1]!;
  func.edgeTarget[e + 1] = target;
  func.edgeArgsStart[e + 1] = start;
  func.edgeArgsCount[e + 1] = count;
}

// ---------------------------------------------------------------- threading

/** Copies of argument lists may not grow the function by more than this, in words. */
const threadingBudget = 1 << 20;

/**
 * Whether a block does nothing but jump on, with parameters that only its own jump uses. An empty loop header is
 * left alone: its jump leads into its own loop.
 */
function isPassage(func: SsaFunction, b: Block, uses: Int32Array): boolean {
  const t = func.firstRow[b]!;
  if (b === entryBlock || t === -1 || func.op[t] !== Op.jump) return false;
  const e = func.lo[t]!;
  if (func.edgeTarget[e] === b) return false;
  const params = func.params[b]!;
  if (params.length === 0) return true;
  let inner = 0;
  const start = func.edgeArgsStart[e]!;
  for (let i = 0; i < func.edgeArgsCount[e]!; i++) {
    const arg = func.pool[start + i]!;
    if (func.op[arg] === Op.param && func.blockOf[arg] === b) inner++;
  }
  let all = 0;
  for (let i = 0; i < params.length; i++) all += uses[params[i]!]!;
  return inner === all;
}

/** Answers whether any edge was led past a block. */
function threadJumps(func: SsaFunction): boolean {
  if (!hasPassage(func)) return false;
  const { order } = reversePostorder(func);
  const uses = countUses(func);
  const passage = new Uint8Array(func.blockCount);
  let budget = threadingBudget;
  let threaded = false;
  for (let i = order.length - 1; i >= 0; i--) {
    const b = order[i]! as Block;
    const count = func.successorCount(b);
    for (let k = 0; k < count; k++) {
      const e = func.successorEdge(b, k);
      const via = func.edgeTarget[e]! as Block;
      if (passage[via] === 0) continue;
      budget -= threadEdge(func, e, via, uses);
      threaded = true;
      if (budget < 0) return true;
    }
    if (count >= 2) foldTerminator(func, b);
    if (isPassage(func, b, uses)) passage[b] = 1;
  }
  return threaded;
}

/** Whether there is a block at all, beside the entry, that holds a jump only. */
function hasPassage(func: SsaFunction): boolean {
  for (let b = entryBlock + 1; b < func.blockCount; b++) {
    const t = func.firstRow[b]!;
    if (t !== -1 && func.op[t] === Op.jump) return true;
  }
  return false;
}

/** Leads an edge past a passage. Answers the size of its new argument list. */
function threadEdge(func: SsaFunction, e: number, via: Block, uses: Int32Array): number {
  const onward = func.lo[func.terminator(via)]!;
  if (func.edgeTarget[onward] === via) return 0;
  const count = func.edgeArgsCount[onward]!;
  const from = func.edgeArgsStart[e]!;
  const start = func.allocatePool(count);
  for (let i = 0; i < count; i++) {
    const arg = func.pool[func.edgeArgsStart[onward]! + i]!;
    const isParam = func.op[arg] === Op.param && func.blockOf[arg] === via;
    const passed = isParam ? func.pool[from + func.lo[arg]!]! : arg;
    func.pool[start + i] = passed;
    uses[passed]!++;
  }
  func.edgeTarget[e] = func.edgeTarget[onward]!;
  func.edgeArgsStart[e] = start;
  func.edgeArgsCount[e] = count;
  return count;
}

// ---------------------------------------------------------------- merging

function mergeBlocks(func: SsaFunction): void {
  const { order } = reversePostorder(func);
  const { start } = findPredecessors(func);
  const replacement = new Int32Array(func.rowCount);
  let merged = false;
  for (let i = 0; i < order.length; i++) {
    const b = order[i]! as Block;
    if (func.isRemoved(b)) continue;
    for (;;) {
      const t = func.terminator(b);
      if (func.op[t] !== Op.jump) break;
      const target = func.edgeTarget[func.lo[t]!]! as Block;
      if (target === b || target === entryBlock || start[target + 1]! - start[target]! !== 1) break;
      absorb(func, b, t, target, replacement);
      merged = true;
    }
  }
  if (!merged) return;
  resolveChains(replacement);
  func.replaceUses(replacement);
}

/** Appends the rows of a jump's target, whose only predecessor is b, to b. */
function absorb(func: SsaFunction, b: Block, t: Value, target: Block, replacement: Int32Array): void {
  const e = func.lo[t]!;
  const params = func.params[target]!;
  for (let i = 0; i < params.length; i++) {
    replacement[params[i]!] = func.pool[func.edgeArgsStart[e]! + i]!;
    func.op[params[i]!] = Op.nop;
    func.blockOf[params[i]!] = -1;
  }
  func.params[target] = [];
  func.remove(t);
  const head = func.firstRow[target]!;
  for (let v = head; v !== -1; v = func.next[v]!) func.blockOf[v] = b;
  const last = func.lastRow[b]!;
  func.previous[head] = last;
  if (last === -1) func.firstRow[b] = head;
  else func.next[last] = head;
  func.lastRow[b] = func.lastRow[target]!;
  func.firstRow[target] = -1;
  func.lastRow[target] = -1;
  if ((opFlags[func.op[func.lastRow[b]!]!]! & OpFlag.terminator) !== 0) {
    for (let i = 0; i < func.successorCount(b); i++) func.edgeSource[func.successorEdge(b, i)] = b;
  }
}

/** Makes every replacement point at its end. Arguments were replaced by earlier values, so chains are acyclic. */
function resolveChains(replacement: Int32Array): void {
  for (let v = 1; v < replacement.length; v++) {
    let root = replacement[v]!;
    if (root === 0) continue;
    while (replacement[root] !== 0) root = replacement[root]!;
    for (let u = v; u !== root; ) {
      const next = replacement[u]!;
      replacement[u] = root;
      u = next;
    }
  }
}
