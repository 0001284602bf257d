/**
 * What merging keeps while a function is built (merge.ts says how it works): the branches to labels that are
 * still open, and the variables of the label that is being closed. Typed arrays, kept between functions.
 */
import { grown } from "./grow.js";

/** Pending branches and the values they carry; emptied for each function. */
export class PendingBranches {
  count = 0;
  /** The frame's next older record, or -1. */
  next = new Int32Array(64);
  firstEdge = new Int32Array(64);
  /** How many edges, chained through `edgeChain`. */
  edges = new Int32Array(64);
  /** In `values`: the label's values, then pairs of local and value. */
  start = new Int32Array(64);
  pairs = new Int32Array(64);

  values = new Int32Array(256);
  valueCount = 0;

  /** Of an edge of a br_table: the next edge of the table to the same label. */
  edgeChain = new Int32Array(64);

  reset(): void {
    this.count = 0;
    this.valueCount = 0;
  }

  add(): number {
    const record = this.count++;
    if (record === this.next.length) {
      this.next = grown(this.next);
      this.firstEdge = grown(this.firstEdge);
      this.edges = grown(this.edges);
      this.start = grown(this.start);
      this.pairs = grown(this.pairs);
    }
    return record;
  }

  /** Reserves room for values and returns where it begins. */
  reserve(count: number): number {
    const start = this.valueCount;
    if (start + count > this.values.length) this.values = grown(this.values, start + count);
    return start;
  }
}

/** What is merged at one label: results first, then locals. */
export class MergeVariables {
  count = 0;
  /** The local, for those behind the results. */
  local = new Int32Array(64);
  /** The first value seen, and -1 once another one was. */
  value = new Int32Array(64);
  seen = new Int32Array(64);
  /** Its position among the block's parameters, or -1. */
  position = new Int32Array(64);
  /** Local -> its variable, where `stamp` is the current one. */
  variable = new Int32Array(64);
  stamp = new Int32Array(64);
  now = 0;

  reset(localCount: number): void {
    if (this.stamp.length >= localCount) return;
    this.stamp = new Int32Array(localCount);
    this.variable = new Int32Array(localCount);
    this.now = 0;
  }

  reserve(count: number): void {
    if (count <= this.value.length) return;
    this.local = grown(this.local, count);
    this.value = grown(this.value, count);
    this.seen = grown(this.seen, count);
    this.position = grown(this.position, count);
  }

  add(local: number): number {
    const k = this.count++;
    this.reserve(this.count);
    this.local[k] = local;
    this.seen[k] = 0;
    return k;
  }

  meet(k: number, v: number): void {
    if (this.seen[k]!++ === 0) this.value[k] = v;
    else if (this.value[k] !== v) this.value[k] = -1;
  }
}
