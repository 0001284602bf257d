/**
 * Spill slots for the full allocator.
 *
 * Enters: which registers are spilled, and the unit of each. Leaves: a slot per unit. The registers of a unit are
 * never live at the same time, so they share it, and passing a spilled argument to a spilled parameter of the same
 * unit is no move at all. Units share slots if the hulls of their spilled registers' live ranges don't overlap
 * (linear scan).
 */
import type { VCode } from "../vcode.js";
import type { LiveRanges } from "./live-ranges.js";
import type { SlotPool } from "./slots.js";

export function assignSpillSlots(
  code: VCode,
  ranges: LiveRanges,
  unitOf: Int32Array,
  spilled: Uint8Array,
  slots: SlotPool,
): Int32Array {
  const n = code.vregCount;
  const first = new Int32Array(n).fill(0x7fffffff);
  const last = new Int32Array(n).fill(-1);
  let count = 0;
  for (let v = 0; v < n; v++) {
    if (!spilled[v]) continue;
    const unit = unitOf[v];
    if (last[unit] < 0) count++;
    include(ranges, v, unit, first, last);
  }
  const byFirst = new Float64Array(count);
  const byLast = new Float64Array(count);
  let k = 0;
  for (let unit = 0; unit < n; unit++) {
    if (last[unit] < 0) continue;
    byFirst[k] = first[unit] * 0x1000000 + unit;
    byLast[k++] = last[unit] * 0x1000000 + unit;
  }
  byFirst.sort();
  byLast.sort();
  const slotOf = new Int32Array(n).fill(-1);
  let ended = 0;
  for (k = 0; k < count; k++) {
    const unit = byFirst[k] % 0x1000000;
    for (; ended < count; ended++) {
      const other = byLast[ended] % 0x1000000;
      if (last[other] > first[unit]) break;
      slots.give(slotOf[other], code.vregClass[other]);
    }
    slotOf[unit] = slots.take(code.vregClass[unit]);
  }
  return slotOf;
}

/** Slot operands need the slot at their instruction even where the value isn't live otherwise. */
function include(ranges: LiveRanges, v: number, unit: number, first: Int32Array, last: Int32Array): void {
  const start = ranges.pieceStart[v];
  const end = ranges.pieceStart[v + 1];
  if (start < end) {
    first[unit] = Math.min(first[unit], ranges.pieceFrom[start] - 4);
    last[unit] = Math.max(last[unit], ranges.pieceTo[end - 1]);
  }
  for (let u = ranges.useStart[v]; u < ranges.useStart[v + 1]; u++) {
    first[unit] = Math.min(first[unit], ranges.usePoint[u] - 4);
    last[unit] = Math.max(last[unit], ranges.useEnd[u] + 4);
  }
}
