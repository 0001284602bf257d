/**
 * Which locals changed since a construct was entered, and what they were then.
 *
 * One log for all open constructs: a construct notes its start, and an entry (local, old value) is written
 * when a local is first changed within the innermost open construct. So
 *  - the locals changed since a construct's entry are those in the log from its start on;
 *  - the first entry of a local from there on holds the value it had at the entry;
 *  - when a construct ends, its entries become its parent's, but those of locals which the parent has already
 *    (`close`), so that a construct's own entries are always distinct.
 * The body's scan runs the same log without values to know beforehand what it will cost.
 */
import { grown } from "./grow.js";

export class LocalLog {
  count = 0;
  local = new Int32Array(64);
  old = new Int32Array(64);
  /** The entry of the same local before this one, or -1. */
  private previous = new Int32Array(64);
  /** Local -> its newest entry, if that is in use and is of this local; anything if it has none. */
  private newest = new Int32Array(64);

  reset(localCount: number): void {
    this.count = 0;
    if (this.newest.length < localCount) this.newest = new Int32Array(localCount);
  }

  /** The newest entry of a local, or -1. */
  private newestOf(local: number): number {
    const entry = this.newest[local]!;
    return entry < this.count && this.local[entry] === local ? entry : -1;
  }

  /** Notes that a local is about to change; `start` is where the innermost construct's entries begin. */
  note(local: number, old: number, start: number): void {
    const newest = this.newestOf(local);
    if (newest >= start) return;
    const entry = this.count++;
    if (entry === this.local.length) {
      this.local = grown(this.local);
      this.old = grown(this.old);
      this.previous = grown(this.previous);
    }
    this.local[entry] = local;
    this.old[entry] = old;
    this.previous[entry] = newest;
    this.newest[local] = entry;
  }

  /** Gives the entries from `start` on to the parent, whose own begin at `parentStart`. */
  close(start: number, parentStart: number): void {
    const { local, old, previous, newest, count } = this;
    let to = start;
    for (let from = start; from < count; from++) {
      const l = local[from]!;
      const p = previous[from]!;
      if (p >= parentStart) {
        newest[l] = p;
        continue;
      }
      local[to] = l;
      old[to] = old[from]!;
      previous[to] = p;
      newest[l] = to++;
    }
    this.count = to;
  }

  /** Sets the definitions back to what they were when the construct that begins at `start` was entered. */
  restore(start: number, definitions: Int32Array): void {
    const { local, old } = this;
    for (let entry = this.count - 1; entry >= start; entry--) definitions[local[entry]!] = old[entry]!;
  }
}
