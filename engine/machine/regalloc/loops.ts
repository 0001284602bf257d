/**
 * What allocation knows of loops: how often blocks run (an estimate), and which loops nest in which.
 *
 * Enters: virtual code whose blocks name their innermost loop's header and their depth. The nesting is read off
 * the emission order: the enclosing loop of a header is the one last seen one level further out. If blocks of a
 * loop lie scattered, the result is a worse allocation, never a wrong one.
 */
import type { VCode } from "../vcode.js";

/** How much more often a loop's body runs than what is around it. */
const loopFactor = 8;
const coldFactor = 1 / 256;
const deepest = 8;

export class Loops {
  /** Estimated runs of each block per call of the function. */
  readonly frequency: Float64Array;
  /** By header block: the header of the enclosing loop, or -1. Meaningless for other blocks. */
  readonly parent: Int32Array;
  /** By header block: first and last block of the loop in emission order. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Block of each instruction. */
  readonly blockOf: Int32Array;

  constructor(private readonly code: VCode) {
    const n = code.blockCount;
    this.frequency = new Float64Array(n);
    this.parent = new Int32Array(n).fill(-1);
    this.first = new Int32Array(n);
    this.last = new Int32Array(n);
    this.blockOf = new Int32Array(code.instructionCount + 1);
    for (let b = 0; b < n; b++) {
      const depth = Math.min(deepest, code.blockLoopDepth[b]);
      this.frequency[b] = loopFactor ** depth * (code.blockIsCold[b] ? coldFactor : 1);
      this.first[b] = this.last[b] = b;
      this.blockOf.fill(b, code.blockStart[b], code.blockStart[b + 1]);
    }
    this.nest();
  }

  private nest(): void {
    const { code, parent, first, last } = this;
    const open = new Int32Array(257).fill(-1);
    for (let b = 0; b < code.blockCount; b++) {
      const h = code.blockLoopHeader[b];
      const depth = code.blockLoopDepth[b];
      open.fill(-1, depth + 1, depth + 2);
      if (h < 0) continue;
      open[depth] = h;
      if (h === b && depth > 1 && open[depth - 1] !== h) parent[h] = open[depth - 1];
      first[h] = Math.min(first[h], b);
      last[h] = Math.max(last[h], b);
    }
    // Children lie behind their parents' headers, so going backwards extents reach all ancestors.
    for (let b = code.blockCount - 1; b >= 0; b--) {
      const p = parent[b];
      if (p < 0) continue;
      if (p >= b) {
        parent[b] = -1;
        continue;
      }
      first[p] = Math.min(first[p], first[b]);
      last[p] = Math.max(last[p], last[b]);
    }
  }

  /**
   * By block: the header of the outermost loop around it that has none of the given instructions in a block that
   * isn't cold; -1 if there is none or the block is cold.
   */
  outermostWithout(instructions: Int32Array): Int32Array {
    const { code, parent, blockOf } = this;
    const n = code.blockCount;
    const has = new Uint8Array(n);
    for (let k = 0; k < instructions.length; k++) {
      const b = blockOf[instructions[k]];
      if (code.blockIsCold[b]) continue;
      for (let h = code.blockLoopHeader[b]; h >= 0 && !has[h]; h = parent[h]) has[h] = 1;
    }
    // Parents have smaller numbers than their children.
    const top = new Int32Array(n).fill(-1);
    for (let h = 0; h < n; h++) {
      if (code.blockLoopHeader[h] !== h || has[h]) continue;
      top[h] = parent[h] >= 0 && top[parent[h]] >= 0 ? top[parent[h]] : h;
    }
    const result = new Int32Array(n).fill(-1);
    for (let b = 0; b < n; b++) {
      const h = code.blockLoopHeader[b];
      if (h >= 0 && !code.blockIsCold[b]) result[b] = top[h];
    }
    return result;
  }
}
