/**
 * Home slots of the values that outlive their block, for the quick allocator.
 *
 * Enters: virtual code and which registers are wanted. Leaves: a slot for each, such that two values whose
 * extents in emission order overlap never share one. The extent is the hull of all places where the value is
 * live, so a plain linear scan over sorted extents (Poletto and Sarkar, 1999) finds the slots.
 */
import type { VCode } from "../vcode.js";
import { computeLiveIn, type Definitions, movesAreAtTarget } from "./liveness.js";
import type { SlotPool } from "./slots.js";

/** Extents in instruction numbers, both ends included. */
class Extents {
  readonly first: Int32Array;
  readonly last: Int32Array;

  constructor(count: number) {
    this.first = new Int32Array(count).fill(0x7fffffff);
    this.last = new Int32Array(count).fill(-1);
  }

  include(v: number, at: number): void {
    if (at < this.first[v]) this.first[v] = at;
    if (at > this.last[v]) this.last[v] = at;
  }
}

/** Assigns `home[v]` for every v with `wanted[v]`; the others stay as they are. */
export function assignHomeSlots(
  code: VCode,
  definitions: Definitions,
  wanted: Uint8Array,
  slots: SlotPool,
  home: Int32Array,
): void {
  const extents = findExtents(code, definitions);
  if (extents === null) {
    for (let v = 0; v < code.vregCount; v++) if (wanted[v]) home[v] = slots.take(code.vregClass[v]);
    return;
  }
  let count = 0;
  for (let v = 0; v < code.vregCount; v++) if (wanted[v]) count++;
  // Keys of position and register in one number: 2^27 * 2^26 stays below 2^53.
  const byFirst = new Float64Array(count);
  const byLast = new Float64Array(count);
  let n = 0;
  for (let v = 0; v < code.vregCount; v++) {
    if (!wanted[v]) continue;
    byFirst[n] = extents.first[v] * 0x4000000 + v;
    byLast[n++] = extents.last[v] * 0x4000000 + v;
  }
  byFirst.sort();
  byLast.sort();
  let ended = 0;
  for (let k = 0; k < count; k++) {
    const v = byFirst[k] % 0x4000000;
    for (; ended < count; ended++) {
      const w = byLast[ended] % 0x4000000;
      if (extents.last[w] >= extents.first[v]) break;
      slots.give(home[w], code.vregClass[w]);
    }
    home[v] = slots.take(code.vregClass[v]);
  }
}

function findExtents(code: VCode, definitions: Definitions): Extents | null {
  const budget = 10_000_000 + 25 * (code.instructionCount + code.blockCount);
  const liveIn = computeLiveIn(code, definitions, budget);
  if (liveIn === null) return null;
  const extents = new Extents(code.vregCount);
  const { operandVReg, operandStart, blockStart } = code;
  for (let i = 0; i < code.instructionCount; i++) {
    for (let o = operandStart[i]; o < operandStart[i + 1]; o++) extents.include(operandVReg[o], i);
  }
  for (let b = 0; b < code.blockCount; b++) {
    for (let n = liveIn.start[b]; n < liveIn.start[b + 1]; n++)
      includeEntry(code, extents, liveIn.vregs[n], b);
    const params = code.blockParams[b];
    for (let k = 0; k < params.length; k++) includeEntry(code, extents, params[k], b);
    const successors = code.successors[b];
    for (let s = 0; s < successors.length; s++) {
      const args = code.successorArgs[b][s];
      const atTarget = movesAreAtTarget(code, successors[s]);
      for (let k = 0; k < args.length; k++) {
        extents.include(args[k], blockStart[b + 1] - 1);
        if (atTarget) extents.include(args[k], blockStart[successors[s]]);
      }
    }
  }
  return extents;
}

/** The value is there at the start of block b, so at its predecessors' ends too. */
function includeEntry(code: VCode, extents: Extents, v: number, b: number): void {
  extents.include(v, code.blockStart[b]);
  const predecessors = code.predecessors[b];
  for (let k = 0; k < predecessors.length; k++) extents.include(v, code.blockStart[predecessors[k] + 1] - 1);
}
