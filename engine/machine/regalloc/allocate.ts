/**
 * The full allocator: the best code, for functions that run often.
 *
 * Enters: virtual code as `vcode.ts` demands it. Leaves: an allocation. In order: live ranges (`live-ranges.ts`),
 * loops and frequencies (`loops.ts`), bundles by merging (`bundles.ts`), assignment with eviction and splitting
 * (`assign.ts`, `split.ts`), slots and moves (`resolve-moves.ts`).
 *
 * The work is bounded by counted steps, never by time; a function beyond the bounds goes to the quick allocator.
 */
import type { Allocation, PReg, RegisterFile, VCode } from "../vcode.js";
import { allocateFast } from "./allocate-fast.js";
import { Assigner } from "./assign.js";
import { Bundles, Merger } from "./bundles.js";
import { LiveRanges } from "./live-ranges.js";
import { computeLiveIn, findDefinitions } from "./liveness.js";
import { Loops } from "./loops.js";
import { Resolver } from "./resolve-moves.js";

/** Beyond this the function is too big to be worth it. */
const largestFunction = 400_000;
const livenessSteps = 3_000_000;

export function allocateFull(code: VCode, registers: RegisterFile): Allocation {
  return tryAllocateFull(code, registers) ?? allocateFast(code, registers);
}

/** Null if the function is beyond the bounds. */
export function tryAllocateFull(code: VCode, registers: RegisterFile): Allocation | null {
  if (code.instructionCount > largestFunction) return null;
  const budget = livenessSteps + 30 * code.instructionCount;
  const definitions = findDefinitions(code);
  const liveIn = computeLiveIn(code, definitions, budget);
  if (liveIn === null) return null;
  const ranges = new LiveRanges(code, registers, definitions, liveIn);
  const loops = new Loops(code);
  const bundles = new Bundles(ranges.pieceFrom.length);
  const unitOf = new Merger(code, ranges, loops, bundles).run();
  const assigner = new Assigner(code, registers, ranges, loops, bundles);
  if (!assigner.run()) return null;
  const isFree = (r: PReg, from: number, to: number): boolean => assigner.occupancy.isFree(r, from, to);
  return new Resolver(code, registers, ranges, loops, unitOf, bundles, isFree).run();
}
