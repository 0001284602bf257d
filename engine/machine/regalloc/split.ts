/**
 * Splitting: what becomes of a bundle that no register can hold as a whole.
 *
 * Enters: a bundle without a register. Leaves: new bundles (given to `enqueue`) and spilled ones, which together
 * have its pieces. Every step makes smaller bundles; the end of the line are minimal ones, the few points of one
 * instruction that need a register.
 *
 * All registers are destroyed by calls, so a bundle that lives across calls is split before anything is tried:
 * - what lies in the outermost loop without calls stays together, reloaded at the loop's entry;
 * - straight stretches between calls go from their first use to their last;
 * - cold blocks are apart from the rest, so that calls on slow paths cost the fast path nothing.
 *
 * A bundle that loses against heavier ones is split where its hottest loop begins and ends, else where the
 * conflict begins in the register that is free longest (as in regalloc2).
 *
 * Between a child's ends and the next the value is in its spill slot, which costs nothing but the load.
 */
import type { VCode } from "../vcode.js";
import { BundleState, type Bundles } from "./bundles.js";
import { type LiveRanges, UseKind } from "./live-ranges.js";
import type { Loops } from "./loops.js";
import { earlyOf, gapOf, instructionAt, nextEarlyOf } from "./points.js";

/** Splits of a bundle after which it is taken apart into minimal ones. */
const lastGeneration = 12;
export const minimalWeight = 1e30;
/** What a use is worth by kind: one that needs a register, one that reads memory as well, one that a move reads. */
const worth = [1, 0.6, 0.5, 0.1];
const rematerializableWorth = 0.5;

export class Splitter {
  /** Child under construction, and pieces that go to the slot: (from, to, vreg) each. */
  private readonly child: number[] = [];
  private readonly slot: number[] = [];
  private unit = 0;
  private generation = 0;
  /** By file: the outermost loop without calls around each block. */
  private readonly calmLoop: readonly Int32Array[];

  constructor(
    private readonly code: VCode,
    private readonly ranges: LiveRanges,
    private readonly loops: Loops,
    private readonly bundles: Bundles,
    private readonly enqueue: (bundle: number) => void,
  ) {
    this.calmLoop = ranges.destroyers.map((calls) => loops.outermostWithout(calls));
  }

  fileOf(bundle: number): number {
    return this.code.vregClass[this.bundles.pieceVReg[this.bundles.first[bundle]]] === 0 ? 0 : 1;
  }

  crossesCalls(bundle: number): boolean {
    const calls = this.ranges.destroyers[this.fileOf(bundle)];
    if (calls.length === 0) return false;
    const { first, pieces, pieceFrom, pieceTo } = this.bundles;
    for (let p = first[bundle]; p < first[bundle] + pieces[bundle]; p++) {
      const n = firstCall(calls, pieceFrom[p]);
      if (n < calls.length && calls[n] * 4 + 2 < pieceTo[p]) return true;
    }
    return false;
  }

  /** The value of keeping the bundle in a register, by length. */
  weigh(bundle: number): number {
    const { bundles, ranges, loops, code } = this;
    const first = bundles.first[bundle];
    const end = first + bundles.pieces[bundle];
    const isMinimal = this.isMinimal(bundle);
    let total = 0;
    for (let p = first; p < end; p++) {
      const v = bundles.pieceVReg[p];
      const to = bundles.pieceTo[p];
      const factor = code.vregRematerializable[v] ? rematerializableWorth : 1;
      for (let u = this.firstUse(v, bundles.pieceFrom[p]); u < ranges.useStart[v + 1]; u++) {
        if (ranges.usePoint[u] >= to) break;
        if (isMinimal && ranges.useKind[u] === UseKind.register) return minimalWeight;
        total +=
          loops.frequency[loops.blockOf[instructionAt(ranges.usePoint[u])]] *
          worth[ranges.useKind[u]] *
          factor;
      }
    }
    return total / (bundles.size[bundle] / 4 + 8);
  }

  isMinimal(bundle: number): boolean {
    const { bundles } = this;
    if (bundles.pieces[bundle] !== 1) return false;
    const from = bundles.pieceFrom[bundles.first[bundle]];
    return from % 4 !== 0 && instructionAt(bundles.pieceTo[bundles.first[bundle]] - 2) <= instructionAt(from);
  }

  /** The first use of v at or after the point. */
  firstUse(v: number, point: number): number {
    const { useStart, usePoint } = this.ranges;
    let lo = useStart[v];
    let hi = useStart[v + 1];
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (usePoint[middle] < point) lo = middle + 1;
      else hi = middle;
    }
    return lo;
  }

  // -- around calls

  splitAroundCalls(bundle: number): void {
    this.begin(bundle);
    this.splitBlocksAroundCalls(bundle, 0);
    this.splitBlocksAroundCalls(bundle, 1);
    this.finish(bundle);
  }

  /** Treats the pieces in blocks that are cold, or not, so that cold blocks in between don't cut the others. */
  private splitBlocksAroundCalls(bundle: number, cold: number): void {
    const { bundles, code } = this;
    const file = this.fileOf(bundle);
    const calls = this.ranges.destroyers[file];
    const calm = this.calmLoop[file];
    const first = bundles.first[bundle];
    const end = first + bundles.pieces[bundle];
    let key = -1;
    for (let p = first; p < end; p++) {
      const v = bundles.pieceVReg[p];
      const to = bundles.pieceTo[p];
      for (let at = bundles.pieceFrom[p]; at < to; ) {
        const b = this.loops.blockOf[instructionAt(at)];
        const blockEnd = Math.min(to, gapOf(code.blockStart[b + 1]));
        if (code.blockIsCold[b] !== cold) {
          at = blockEnd;
          continue;
        }
        const newKey = this.keyOf(b, calm[b]);
        if (newKey !== key) this.closeChild(key < 0);
        key = newKey;
        if (key >= 0) {
          addTo(this.child, at, blockEnd, v);
          at = blockEnd;
        } else at = this.upToCall(calls, at, blockEnd, v);
      }
    }
    this.closeChild(key < 0);
  }

  /** What stays together: a loop without calls; else blocks of the same loop, cold ones apart. */
  private keyOf(b: number, calm: number): number {
    if (calm >= 0) return calm;
    if (this.code.blockIsCold[b]) return -2;
    return -4 - this.code.blockLoopHeader[b];
  }

  /** Adds v's piece from `at` to the child, until a call closes it. Returns where to go on. */
  private upToCall(calls: Int32Array, at: number, to: number, v: number): number {
    const n = firstCall(calls, at);
    if (n === calls.length || gapOf(calls[n]) + 2 >= to) {
      addTo(this.child, at, to, v);
      return to;
    }
    const before = Math.max(at, earlyOf(calls[n]));
    if (before > at) addTo(this.child, at, before, v);
    this.closeChild(true);
    const after = Math.min(to, nextEarlyOf(calls[n]));
    this.spill(before, after, v);
    return after;
  }

  // -- against heavier bundles

  /** Splits a bundle whose best register has a conflict from point `conflict` on. */
  splitAtConflict(bundle: number, conflict: number): void {
    const { bundles } = this;
    const first = bundles.first[bundle];
    const end = first + bundles.pieces[bundle];
    this.begin(bundle);
    if (this.generation > lastGeneration) {
      for (let p = first; p < end; p++)
        this.spill(bundles.pieceFrom[p], bundles.pieceTo[p], bundles.pieceVReg[p]);
    } else if (!this.splitAtLoop(bundle)) this.splitAt(bundle, this.cutPoint(bundle, conflict));
    this.finish(bundle);
  }

  private splitAtLoop(bundle: number): boolean {
    const { bundles, loops, code } = this;
    const from = bundles.pieceFrom[bundles.first[bundle]];
    const to = bundles.pieceTo[bundles.first[bundle] + bundles.pieces[bundle] - 1];
    const hottest = this.hottestBlock(bundle);
    if (hottest < 0) return false;
    let loop = -1;
    for (let h = code.blockLoopHeader[hottest]; h >= 0; h = loops.parent[h]) {
      if (gapOf(code.blockStart[loops.first[h]]) <= from && gapOf(code.blockStart[loops.last[h] + 1]) >= to)
        break;
      loop = h;
    }
    if (loop < 0) return false;
    const start = gapOf(code.blockStart[loops.first[loop]]);
    const end = gapOf(code.blockStart[loops.last[loop] + 1]);
    this.clip(bundle, from, start);
    this.closeChild(true);
    this.clip(bundle, start, end);
    this.closeChild(false);
    this.clip(bundle, end, to);
    this.closeChild(true);
    return true;
  }

  private hottestBlock(bundle: number): number {
    const { bundles, loops, ranges } = this;
    let best = -1;
    for (let p = bundles.first[bundle]; p < bundles.first[bundle] + bundles.pieces[bundle]; p++) {
      const v = bundles.pieceVReg[p];
      for (let u = this.firstUse(v, bundles.pieceFrom[p]); u < ranges.useStart[v + 1]; u++) {
        if (ranges.usePoint[u] >= bundles.pieceTo[p]) break;
        const b = loops.blockOf[instructionAt(ranges.usePoint[u])];
        if (best < 0 || loops.frequency[b] > loops.frequency[best]) best = b;
      }
    }
    return best;
  }

  private splitAt(bundle: number, cut: number): void {
    this.clip(bundle, 0, cut);
    this.closeChild(true);
    this.clip(bundle, cut, 0x7fffffff);
    this.closeChild(true);
  }

  /** A point where the value may change its place, at or before the conflict, but after the first use. */
  private cutPoint(bundle: number, conflict: number): number {
    const { bundles, ranges, code, loops } = this;
    let cut = conflict;
    if (conflict % 4 !== 0) cut = earlyOf(instructionAt(conflict));
    else if (code.blockStart[loops.blockOf[instructionAt(conflict)]] * 4 !== conflict) cut = conflict - 3;
    let firstEnd = 0x7fffffff;
    for (let p = bundles.first[bundle]; p < bundles.first[bundle] + bundles.pieces[bundle]; p++) {
      const v = bundles.pieceVReg[p];
      for (let u = this.firstUse(v, bundles.pieceFrom[p]); u < ranges.useStart[v + 1]; u++) {
        if (ranges.usePoint[u] >= bundles.pieceTo[p]) break;
        if (ranges.useKind[u] >= UseKind.source) continue;
        const instruction = instructionAt(ranges.usePoint[u]);
        const b = loops.blockOf[instruction];
        // After a block's last instruction comes the next block's start.
        const isLast = code.blockStart[b + 1] === instruction + 1;
        firstEnd = isLast ? gapOf(instruction + 1) : nextEarlyOf(instruction);
        return Math.max(cut, firstEnd);
      }
    }
    return Math.max(cut, firstEnd);
  }

  private clip(bundle: number, from: number, to: number): void {
    const { bundles } = this;
    for (let p = bundles.first[bundle]; p < bundles.first[bundle] + bundles.pieces[bundle]; p++) {
      const start = Math.max(from, bundles.pieceFrom[p]);
      const end = Math.min(to, bundles.pieceTo[p]);
      if (start < end) addTo(this.child, start, end, bundles.pieceVReg[p]);
    }
  }

  // -- children

  private begin(bundle: number): void {
    this.unit = this.bundles.unit[bundle];
    this.generation = this.bundles.generation[bundle] + 1;
    this.child.length = 0;
    this.slot.length = 0;
  }

  private finish(bundle: number): void {
    const { bundles, slot } = this;
    bundles.state[bundle] = BundleState.gone;
    if (slot.length === 0) return;
    const first = bundles.pieceCount;
    for (let k = 0; k < slot.length; k += 3) bundles.addPiece(slot[k], slot[k + 1], slot[k + 2]);
    const id = bundles.create(first, this.unit, this.generation);
    bundles.state[id] = BundleState.spilled;
  }

  /** Everything that needs no register goes to the slot. Used when the bundle isn't worth a split. */
  spillAll(bundle: number): void {
    const { bundles } = this;
    this.begin(bundle);
    for (let p = bundles.first[bundle]; p < bundles.first[bundle] + bundles.pieces[bundle]; p++) {
      this.spill(bundles.pieceFrom[p], bundles.pieceTo[p], bundles.pieceVReg[p]);
    }
    this.finish(bundle);
  }

  /**
   * Makes a bundle of the child: all of it, or from its first to its last use. If nothing would be gained by a
   * register, all goes to the slot.
   */
  private closeChild(trim: boolean): void {
    const { child, ranges } = this;
    if (child.length === 0) return;
    let needs = 0;
    let others = 0;
    let from = 0x7fffffff;
    let to = -1;
    for (let k = 0; k < child.length; k += 3) {
      const v = child[k + 2];
      for (let u = this.firstUse(v, child[k]); u < ranges.useStart[v + 1]; u++) {
        const point = ranges.usePoint[u];
        if (point >= child[k + 1]) break;
        if (ranges.useKind[u] === UseKind.register) needs++;
        else if (ranges.useKind[u] !== UseKind.argument) others++;
        // A source that is read in a gap doesn't call for a load before.
        if (point < from && (ranges.useKind[u] < UseKind.source || point % 4 === 1)) from = point;
        if (ranges.useEnd[u] > to) to = ranges.useEnd[u];
      }
    }
    const worthIt = needs > 0 || others > (trim ? 1 : 0);
    if (!worthIt || from >= to) {
      for (let k = 0; k < child.length; k += 3) this.spill(child[k], child[k + 1], child[k + 2]);
    } else if (trim) this.addTrimmed(from, to);
    else this.addWhole();
    child.length = 0;
  }

  private addWhole(): void {
    const { bundles, child } = this;
    const first = bundles.pieceCount;
    for (let k = 0; k < child.length; k += 3) bundles.addPiece(child[k], child[k + 1], child[k + 2]);
    this.addBundle(first);
  }

  private addTrimmed(from: number, to: number): void {
    const { bundles, child } = this;
    const first = bundles.pieceCount;
    for (let k = 0; k < child.length; k += 3) {
      const start = Math.max(from, child[k]);
      const end = Math.min(to, child[k + 1]);
      if (start < end) bundles.addPiece(start, end, child[k + 2]);
    }
    if (bundles.pieceCount > first) this.addBundle(first);
    // Bundles' pieces lie in a row, so what is left over comes after: no use lies there.
    for (let k = 0; k < child.length; k += 3) {
      if (child[k] < from) this.spill(child[k], Math.min(from, child[k + 1]), child[k + 2]);
      if (child[k + 1] > to) this.spill(Math.max(to, child[k]), child[k + 1], child[k + 2]);
    }
  }

  private addBundle(first: number): void {
    const { bundles } = this;
    const id = bundles.create(first, this.unit, this.generation);
    bundles.weight[id] = this.weigh(id);
    this.enqueue(id);
  }

  /** Sends a piece to the slot, but for the points where a register is needed: these become minimal bundles. */
  private spill(from: number, to: number, v: number): void {
    const { ranges, slot } = this;
    let at = from;
    for (let u = this.firstUse(v, from); u < ranges.useStart[v + 1]; u++) {
      const point = ranges.usePoint[u];
      if (point >= to) break;
      if (ranges.useKind[u] !== UseKind.register) continue;
      const instruction = instructionAt(point);
      let end = ranges.useEnd[u];
      while (u + 1 < ranges.useStart[v + 1] && instructionAt(ranges.usePoint[u + 1]) === instruction) {
        u++;
        if (ranges.useKind[u] === UseKind.register) end = Math.max(end, ranges.useEnd[u]);
      }
      end = Math.min(end, to);
      if (point > at) addTo(slot, at, point, v);
      const first = this.bundles.pieceCount;
      this.bundles.addPiece(point, end, v);
      this.addBundle(first);
      at = end;
    }
    if (at < to) addTo(slot, at, to, v);
  }
}

/** Appends a piece, or lengthens the last one if they touch. */
function addTo(list: number[], from: number, to: number, v: number): void {
  const n = list.length;
  if (n > 0 && list[n - 1] === v && list[n - 2] === from) list[n - 2] = to;
  else list.push(from, to, v);
}

/** The first call whose destruction comes at or after the point. */
function firstCall(calls: Int32Array, point: number): number {
  let lo = 0;
  let hi = calls.length;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (calls[middle] * 4 + 2 < point) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}
