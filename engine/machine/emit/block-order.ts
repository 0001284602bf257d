/**
 * Which blocks are emitted, and in what order. Enters: allocated virtual code. Leaves: for each block where a jump to
 * it leads, and the blocks that are left, cold ones last.
 *
 * A block that only jumps, without edits, is left out: its name stands for where it leads.
 */
import type { Allocation, VCode } from "../vcode.js";

export class BlockOrder {
  /** Where a jump to block b leads: the block after a chain of empty ones. */
  readonly forward: Int32Array;
  /** Blocks in the order of emission. */
  readonly order: Int32Array;

  /** @param jump the row of the terminator that only jumps */
  constructor(
    private readonly code: VCode,
    private readonly allocation: Allocation,
    private readonly jump: number,
  ) {
    this.forward = this.threadJumps();
    this.order = this.orderBlocks();
  }

  /** Whether a block does nothing but jump. */
  private isEmpty(b: number): boolean {
    const { code, allocation } = this;
    const first = code.blockStart[b]!;
    if (code.blockStart[b + 1]! !== first + 1 || code.opcode[first] !== this.jump) return false;
    const e = firstEdit(allocation, first);
    return e === allocation.editCount || allocation.editBefore[e] !== first;
  }

  private threadJumps(): Int32Array {
    const { code } = this;
    const n = code.blockCount;
    const forward = new Int32Array(n);
    for (let b = 0; b < n; b++) forward[b] = this.isEmpty(b) ? code.successors[b]![0]! : b;
    // Follow chains, shortening them; a cycle of empty blocks is an endless loop and stays: its first block is kept.
    const onPath = new Uint8Array(n);
    const path: number[] = [];
    for (let b = 0; b < n; b++) {
      let at = b;
      while (forward[at] !== at && !onPath[at]) {
        onPath[at] = 1;
        path.push(at);
        at = forward[at]!;
      }
      if (onPath[at]) forward[at] = at;
      for (const p of path) {
        onPath[p] = 0;
        forward[p] = at;
      }
      path.length = 0;
    }
    return forward;
  }

  private orderBlocks(): Int32Array {
    const { code, forward } = this;
    const order: number[] = [];
    for (let b = 0; b < code.blockCount; b++) if (forward[b] === b && !code.blockIsCold[b]) order.push(b);
    for (let b = 0; b < code.blockCount; b++) if (forward[b] === b && code.blockIsCold[b]) order.push(b);
    return Int32Array.from(order);
  }
}

/** First edit at or after an instruction. `guess`: where it may well be. */
export function firstEdit(allocation: Allocation, instruction: number, guess = 0): number {
  const { editBefore, editCount } = allocation;
  const isThere = (e: number): boolean =>
    (e === 0 || editBefore[e - 1]! < instruction) && (e === editCount || editBefore[e]! >= instruction);
  if (isThere(guess)) return guess;
  let lo = 0;
  let hi = editCount;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (editBefore[middle]! < instruction) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}
