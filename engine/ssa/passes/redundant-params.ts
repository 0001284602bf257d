/**
 * Removes block parameters whose incoming arguments are all one value (or the parameter itself), as the builder
 * leaves at loop headers for locals that the loop doesn't change. Enters: no unreachable blocks. On reducible
 * control flow the result is minimal SSA (Braun et al., "Simple and Efficient Construction of Static Single
 * Assignment Form", CC 2013, section 3.2).
 *
 * Near-linear by two watched arguments for each parameter, as SAT solvers watch literals: as long as arguments
 * number `first` and `second` are two different values, neither the parameter itself, it isn't redundant, and it
 * only has to be looked at again when one of these two values gets merged into another. Values only ever merge,
 * so both positions only move forward. Merged values are classes of a union-find whose root is the survivor.
 */
import { findPredecessors, type Predecessors } from "../analysis/predecessors.js";
import { entryBlock, type SsaFunction, type Value } from "../function.js";

export function removeRedundantParams(func: SsaFunction): void {
  new Remover(func, findPredecessors(func)).run();
}

class Remover {
  /** Union-find: value -> a value it is equal to, nearer to the survivor. 0: itself. */
  private readonly equal: Int32Array;
  /** Parameter -> places of its watched arguments among its block's incoming edges. */
  private readonly first: Int32Array;
  private readonly second: Int32Array;
  /** Lists of watching parameters by value: two cells for each parameter, numbered 2p and 2p + 1. */
  private readonly watchHead: Int32Array;
  private readonly watchNext: Int32Array;
  /** The value in whose list a cell was put. */
  private readonly watched: Int32Array;
  private readonly redundant: Uint8Array;
  /** Values merged into others whose watchers haven't been looked at. */
  private readonly work: number[] = [];
  private found = 0;

  constructor(
    private readonly func: SsaFunction,
    private readonly predecessors: Predecessors,
  ) {
    const rows = func.rowCount;
    this.equal = new Int32Array(rows);
    this.first = new Int32Array(rows);
    this.second = new Int32Array(rows);
    this.watchHead = new Int32Array(rows).fill(-1);
    this.watchNext = new Int32Array(2 * rows).fill(-1);
    this.watched = new Int32Array(2 * rows);
    this.redundant = new Uint8Array(rows);
  }

  run(): void {
    const { func } = this;
    for (let b = entryBlock + 1; b < func.blockCount; b++) {
      const params = func.params[b]!;
      for (let i = 0; i < params.length; i++) this.start(params[i]!);
    }
    while (this.work.length > 0) this.lookAtWatchers(this.work.pop()!);
    if (this.found === 0) return;
    for (let v = 1; v < this.equal.length; v++) if (this.equal[v] !== 0) this.equal[v] = this.find(v);
    func.replaceUses(this.equal);
    const { start, edges } = this.predecessors;
    for (let b = entryBlock + 1; b < func.blockCount; b++) {
      const params = func.params[b]!;
      let any = 0;
      for (let i = 0; i < params.length; i++) any |= this.redundant[params[i]!]!;
      if (any !== 0) func.removeParams(b as never, this.redundant, edges, start[b]!, start[b + 1]!);
    }
  }

  private find(v: number): number {
    const { equal } = this;
    let root = v;
    while (equal[root] !== 0) root = equal[root]!;
    while (v !== root) {
      const next = equal[v]!;
      equal[v] = root;
      v = next;
    }
    return root;
  }

  /** The value that a parameter's argument number k stands for. */
  private argument(p: Value, k: number): number {
    const { func, predecessors } = this;
    const e = predecessors.edges[k]!;
    return this.find(func.pool[func.edgeArgsStart[e]! + func.lo[p]!]!);
  }

  /**
   * Moves a parameter's watched places forward to two different values; merges the parameter into the only value
   * if there is no second. All arguments before `second` are the first value or the parameter itself.
   */
  private advance(p: Value): boolean {
    const { first, second } = this;
    const to = this.predecessors.start[this.func.blockOf[p]! + 1]!;
    let k1 = first[p]!;
    let k2 = second[p]!;
    while (k1 < to && this.argument(p, k1) === p) {
      k1 = k2;
      k2++;
    }
    if (k1 >= to) return false; // only itself: the block can't be reached
    const value = this.argument(p, k1);
    for (; k2 < to; k2++) {
      const other = this.argument(p, k2);
      if (other !== value && other !== p) break;
    }
    first[p] = k1;
    second[p] = k2;
    if (k2 < to) return true;
    this.equal[p] = value;
    this.redundant[p] = 1;
    this.found++;
    this.work.push(p);
    return false;
  }

  private start(p: Value): void {
    const from = this.predecessors.start[this.func.blockOf[p]!]!;
    this.first[p] = from;
    this.second[p] = from + 1;
    if (!this.advance(p)) return;
    this.watch(2 * p, this.argument(p, this.first[p]!));
    this.watch(2 * p + 1, this.argument(p, this.second[p]!));
  }

  private watch(cell: number, value: number): void {
    this.watched[cell] = value;
    this.watchNext[cell] = this.watchHead[value]!;
    this.watchHead[value] = cell;
  }

  /** Looks again at the parameters that watch a value which is now another. */
  private lookAtWatchers(merged: number): void {
    let cell = this.watchHead[merged]!;
    this.watchHead[merged] = -1;
    while (cell !== -1) {
      const next = this.watchNext[cell]!;
      const p = (cell >> 1) as Value;
      if (this.redundant[p] === 0 && this.advance(p)) {
        // The other cell stands in the list of one of the two values, or of one that will be looked at soon.
        const other = this.find(this.watched[cell ^ 1]!);
        const value = this.argument(p, this.first[p]!);
        this.watch(cell, value === other ? this.argument(p, this.second[p]!) : value);
      }
      cell = next;
    }
  }
}
