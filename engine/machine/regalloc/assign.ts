/**
 * Assignment: bundles get physical registers, the longest first.
 *
 * Enters: one bundle per unit. Leaves: every bundle assigned, spilled or gone (split into others). A bundle takes
 * the first free register in the order of its wishes; else one whose bundles all weigh less, which then wait
 * again; else it is split (`split.ts`). Weights only rise along evictions and splits only shrink bundles, so it
 * ends; a limit on the steps makes sure that it ends soon (the quick allocator takes over then).
 *
 * This is the backtracking of regalloc2 (`process.rs`) and LLVM's greedy allocator.
 */
import type { PReg, RegisterFile, VCode } from "../vcode.js";
import { BundleState, type Bundles } from "./bundles.js";
import type { LiveRanges } from "./live-ranges.js";
import type { Loops } from "./loops.js";
import { Conflict, Occupancy } from "./occupancy.js";
import { instructionAt } from "./points.js";
import { minimalWeight, Splitter } from "./split.js";

/** A heap of bundles, largest first, then by number. */
class BundleQueue {
  private count = 0;
  private keys: Float64Array = new Float64Array(64);

  push(bundle: number, size: number): void {
    if (this.count === this.keys.length) {
      const bigger = new Float64Array(this.count * 2);
      bigger.set(this.keys);
      this.keys = bigger;
    }
    const { keys } = this;
    const key = size * 0x4000000 + (0x3ffffff - bundle);
    let at = this.count++;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (keys[up] >= key) break;
      keys[at] = keys[up];
      at = up;
    }
    keys[at] = key;
  }

  /** The first bundle, or -1. */
  pop(): number {
    if (this.count === 0) return -1;
    const { keys } = this;
    const top = keys[0];
    const last = keys[--this.count];
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= this.count) break;
      if (down + 1 < this.count && keys[down + 1] > keys[down]) down++;
      if (keys[down] <= last) break;
      keys[at] = keys[down];
      at = down;
    }
    keys[at] = last;
    return 0x3ffffff - (top % 0x4000000);
  }
}

export class Assigner {
  private readonly queue = new BundleQueue();
  readonly occupancy: Occupancy;
  private readonly splitter: Splitter;
  /** The register that a bundle of the unit got last, or -1. */
  private readonly unitRegister: Int32Array;
  private readonly wish = new Float64Array(64);
  private readonly candidates = new Int32Array(64);
  private readonly evicted = new Int32Array(64);
  private evictedCount = 0;
  private readonly stepLimit: number;

  constructor(
    code: VCode,
    private readonly registers: RegisterFile,
    private readonly ranges: LiveRanges,
    private readonly loops: Loops,
    private readonly bundles: Bundles,
  ) {
    this.occupancy = new Occupancy(bundles, ranges.reservations);
    this.splitter = new Splitter(code, ranges, loops, bundles, (bundle) => this.enqueue(bundle));
    this.unitRegister = new Int32Array(code.vregCount).fill(-1);
    this.stepLimit = 2_000_000 + 1500 * code.instructionCount;
  }

  /** False if it took too many steps, or if some instruction couldn't get its registers. */
  run(): boolean {
    const { bundles, splitter } = this;
    const initial = bundles.count;
    for (let k = 0; k < initial; k++) {
      bundles.weight[k] = splitter.weigh(k);
      this.enqueue(k);
    }
    for (let bundle = this.queue.pop(); bundle >= 0; bundle = this.queue.pop()) {
      if (this.occupancy.steps > this.stepLimit) return false;
      if (splitter.crossesCalls(bundle)) splitter.splitAroundCalls(bundle);
      else if (!this.place(bundle)) return false;
    }
    return true;
  }

  private enqueue(bundle: number): void {
    this.bundles.state[bundle] = BundleState.waiting;
    this.queue.push(bundle, this.bundles.size[bundle]);
  }

  private place(bundle: number): boolean {
    const { bundles, occupancy } = this;
    const weight = bundles.weight[bundle];
    const count = this.orderCandidates(bundle);
    let best = -1;
    let bestHeaviest = Number.POSITIVE_INFINITY;
    let conflict = 0;
    for (let k = 0; k < count; k++) {
      const r = this.candidates[k];
      const answer = occupancy.probe(bundle, r, weight);
      if (answer === Conflict.none) {
        this.assign(bundle, r);
        return true;
      }
      if (answer === Conflict.blocked) {
        if (occupancy.firstConflict > conflict) conflict = occupancy.firstConflict;
      } else if (occupancy.heaviest < bestHeaviest) {
        best = r;
        bestHeaviest = occupancy.heaviest;
        this.rememberConflicts();
      }
    }
    if (best >= 0) {
      for (let k = 0; k < this.evictedCount; k++) this.evict(this.evicted[k]);
      this.assign(bundle, best);
      return true;
    }
    if (weight === minimalWeight) return false;
    this.splitter.splitAtConflict(bundle, conflict);
    return true;
  }

  private rememberConflicts(): void {
    const { occupancy, evicted } = this;
    this.evictedCount = occupancy.conflictCount;
    for (let k = 0; k < this.evictedCount; k++) evicted[k] = occupancy.conflicting[k];
  }

  private evict(bundle: number): void {
    const { bundles } = this;
    this.occupancy.release(bundle, bundles.register[bundle]);
    bundles.register[bundle] = -1;
    this.enqueue(bundle);
  }

  private assign(bundle: number, r: PReg): void {
    const { bundles } = this;
    this.occupancy.assign(bundle, r);
    bundles.register[bundle] = r;
    bundles.state[bundle] = BundleState.assigned;
    this.unitRegister[bundles.unit[bundle]] = r;
  }

  /** Registers to try: those that the bundle's fixed operands and its unit wish for, then the target's order. */
  private orderCandidates(bundle: number): number {
    const { bundles, ranges, loops, wish, candidates } = this;
    const file = this.splitter.fileOf(bundle);
    const order = file === 0 ? this.registers.orderInt : this.registers.orderFloat;
    const allocatable = file === 0 ? this.registers.allocatableInt : this.registers.allocatableFloat;
    let wishes = 0;
    const end = bundles.first[bundle] + bundles.pieces[bundle];
    for (let p = bundles.first[bundle]; p < end; p++) {
      const v = bundles.pieceVReg[p];
      const to = bundles.pieceTo[p];
      for (let u = this.splitter.firstUse(v, bundles.pieceFrom[p]); u < ranges.useStart[v + 1]; u++) {
        if (ranges.usePoint[u] > to) break;
        const r = ranges.useHint[u];
        if (r < 0 || (allocatable & (1 << (r & 31))) === 0) continue;
        if (wish[r] === 0) wishes++;
        wish[r] += loops.frequency[loops.blockOf[instructionAt(ranges.usePoint[u])]];
      }
    }
    const before = this.unitRegister[bundles.unit[bundle]];
    if (before >= 0) {
      if (wish[before] === 0) wishes++;
      wish[before] += 0.5;
    }
    let count = 0;
    for (; wishes > 0; wishes--) {
      let best = -1;
      for (let k = 0; k < order.length; k++) {
        if (wish[order[k]] > 0 && (best < 0 || wish[order[k]] > wish[best])) best = order[k];
      }
      if (best < 0) break;
      wish[best] = -1;
      candidates[count++] = best;
    }
    for (let k = 0; k < order.length; k++) {
      if (wish[order[k]] === 0) candidates[count++] = order[k];
      wish[order[k]] = 0;
    }
    return count;
  }
}
