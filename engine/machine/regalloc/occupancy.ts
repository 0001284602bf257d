/**
 * What lies in each physical register when: reservations that never move, and pieces of bundles that may be
 * evicted. Both are kept sorted, so that a conflict is found by binary search; a piece is put in by shifting the
 * tail, which is one fast memory move.
 */
import type { PReg } from "../vcode.js";
import type { Bundles } from "./bundles.js";

/** No reservation is longer than this (from the early point to the next gap). */
const longestReservation = 5;

class PieceMap {
  count = 0;
  from = new Int32Array(16);
  to = new Int32Array(16);
  bundle = new Int32Array(16);

  /** The first piece that ends after `point`. */
  firstAfter(point: number): number {
    const { to } = this;
    let lo = 0;
    let hi = this.count;
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (to[middle] <= point) lo = middle + 1;
      else hi = middle;
    }
    return lo;
  }

  insert(from: number, to: number, bundle: number): void {
    if (this.count === this.from.length) this.grow();
    const at = this.firstAfter(from);
    this.from.copyWithin(at + 1, at, this.count);
    this.to.copyWithin(at + 1, at, this.count);
    this.bundle.copyWithin(at + 1, at, this.count);
    this.from[at] = from;
    this.to[at] = to;
    this.bundle[at] = bundle;
    this.count++;
  }

  remove(from: number): void {
    const at = this.firstAfter(from);
    this.from.copyWithin(at, at + 1, this.count);
    this.to.copyWithin(at, at + 1, this.count);
    this.bundle.copyWithin(at, at + 1, this.count);
    this.count--;
  }

  private grow(): void {
    const widen = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const bigger = new Int32Array(old.length * 2);
      bigger.set(old);
      return bigger;
    };
    this.from = widen(this.from);
    this.to = widen(this.to);
    this.bundle = widen(this.bundle);
  }
}

/** The map of a register that nothing was put into. */
const nothing = new PieceMap();

export const Conflict = {
  none: 0,
  /** Bundles in `conflicting` would have to go, the heaviest of which weighs `heaviest`. */
  evictable: 1,
  /** A reservation, or a bundle that weighs too much. */
  blocked: 2,
} as const;

export class Occupancy {
  private readonly maps: PieceMap[] = new Array<PieceMap>(64).fill(nothing);
  private stamp: Int32Array = new Int32Array(64);
  private now = 0;

  // Answers of `probe`.
  readonly conflicting = new Int32Array(64);
  conflictCount = 0;
  heaviest = 0;
  /** Where the first conflict begins that can't be evicted. */
  firstConflict = 0;
  /** Work done so far, in steps. */
  steps = 0;

  constructor(
    private readonly bundles: Bundles,
    private readonly reservations: readonly Int32Array[],
  ) {}

  assign(bundle: number, r: number): void {
    const { bundles } = this;
    if (this.maps[r] === nothing) this.maps[r] = new PieceMap();
    const map = this.maps[r];
    const end = bundles.first[bundle] + bundles.pieces[bundle];
    for (let p = bundles.first[bundle]; p < end; p++)
      map.insert(bundles.pieceFrom[p], bundles.pieceTo[p], bundle);
    this.steps += bundles.pieces[bundle];
  }

  release(bundle: number, r: number): void {
    const { bundles } = this;
    const map = this.maps[r];
    const end = bundles.first[bundle] + bundles.pieces[bundle];
    for (let p = bundles.first[bundle]; p < end; p++) map.remove(bundles.pieceFrom[p]);
    this.steps += bundles.pieces[bundle];
  }

  /** Whether the bundle fits into register r, and what is in its way if it weighs `weight`. */
  probe(bundle: number, r: number, weight: number): number {
    const { bundles } = this;
    const reserved = this.reservations[r];
    const map = this.maps[r];
    this.conflictCount = 0;
    this.heaviest = -1;
    this.newStamp();
    let at = 0;
    let known = 0;
    const start = bundles.first[bundle];
    const end = start + bundles.pieces[bundle];
    for (let p = start; p < end; p++) {
      const from = bundles.pieceFrom[p];
      const to = bundles.pieceTo[p];
      const v = bundles.pieceVReg[p];
      let stop = 0x7fffffff;
      if (reserved.length > 0) stop = this.reservedFrom(reserved, from, to, v);
      at = p === start ? map.firstAfter(from) : advance(map, at, from);
      this.steps += 2;
      for (let k = at; k < map.count && map.from[k] < to; k++) {
        const other = map.bundle[k];
        this.steps++;
        if (bundles.weight[other] >= weight || known === 64) {
          stop = Math.min(stop, Math.max(from, map.from[k]));
          break;
        }
        if (this.stamp[other] === this.now) continue;
        this.stamp[other] = this.now;
        this.conflicting[known++] = other;
        this.heaviest = Math.max(this.heaviest, bundles.weight[other]);
      }
      if (stop !== 0x7fffffff) {
        this.firstConflict = stop;
        return Conflict.blocked;
      }
    }
    this.conflictCount = known;
    return known === 0 ? Conflict.none : Conflict.evictable;
  }

  /** Whether nothing at all lies in the register between two points. */
  isFree(r: PReg, from: number, to: number): boolean {
    const map = this.maps[r];
    const at = map.firstAfter(from);
    if (at < map.count && map.from[at] < to) return false;
    return this.reservedFrom(this.reservations[r], from, to, -2) === 0x7fffffff;
  }

  private newStamp(): void {
    this.now++;
    if (this.bundles.count > this.stamp.length) this.stamp = new Int32Array(this.bundles.count * 2);
  }

  /** Where the first reservation by others in [from, to) begins to be in the way. */
  private reservedFrom(reserved: Int32Array, from: number, to: number, v: number): number {
    let lo = 0;
    let hi = reserved.length / 3;
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (reserved[middle * 3] <= from - longestReservation) lo = middle + 1;
      else hi = middle;
    }
    for (let k = lo * 3; k < reserved.length && reserved[k] < to; k += 3) {
      this.steps++;
      if (reserved[k + 1] > from && reserved[k + 2] !== v) return Math.max(from, reserved[k]);
    }
    return 0x7fffffff;
  }
}

/** The first piece from `at` on that ends after `point`: galloping, since pieces of a bundle ascend. */
function advance(map: PieceMap, at: number, point: number): number {
  const { to } = map;
  let step = 1;
  let lo = at;
  let hi = at;
  while (hi < map.count && to[hi] <= point) {
    lo = hi + 1;
    hi += step;
    step *= 2;
  }
  if (hi > map.count) hi = map.count;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (to[middle] <= point) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}
