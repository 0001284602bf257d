/**
 * Bundles: sets of live pieces that are to have one location, and the merging of registers into them.
 *
 * Enters: live ranges. Leaves: one bundle per unit. A unit is a set of virtual registers whose live ranges don't
 * overlap and between which values flow: block parameters and their arguments, definitions and the uses they
 * reuse, both sides of copies. What shares a bundle needs no move; what is split off later still shares the unit's
 * spill slot. Merging takes the most frequent pairs first, as in regalloc2's `merge.rs` and in Chaitin's
 * coalescing.
 *
 * Pieces lie in columns, a bundle's pieces in a row, ascending. Splitting writes new rows.
 */
import {
  Constraint,
  constraintShift,
  InstructionFlag,
  operandDef,
  payloadShift,
  type VCode,
} from "../vcode.js";
import type { LiveRanges } from "./live-ranges.js";
import type { Loops } from "./loops.js";
import { instructionAt } from "./points.js";

/** Where a bundle is. */
export const BundleState = { waiting: 0, assigned: 1, spilled: 2, gone: 3 } as const;

function widen(old: Int32Array): Int32Array {
  const bigger = new Int32Array(old.length * 2);
  bigger.set(old);
  return bigger;
}

export class Bundles {
  pieceCount = 0;
  pieceFrom: Int32Array;
  pieceTo: Int32Array;
  pieceVReg: Int32Array;

  count = 0;
  first: Int32Array = new Int32Array(64);
  pieces: Int32Array = new Int32Array(64);
  unit: Int32Array = new Int32Array(64);
  /** The physical register, or -1. */
  register: Int32Array = new Int32Array(64);
  /** How often it was split off. */
  generation: Int32Array = new Int32Array(64);
  state: Int32Array = new Int32Array(64);
  /** Length in points. */
  size: Int32Array = new Int32Array(64);
  weight = new Float64Array(64);

  constructor(pieces: number) {
    this.pieceFrom = new Int32Array(pieces * 2 + 64);
    this.pieceTo = new Int32Array(pieces * 2 + 64);
    this.pieceVReg = new Int32Array(pieces * 2 + 64);
  }

  addPiece(from: number, to: number, v: number): void {
    const p = this.pieceCount++;
    if (p >= this.pieceFrom.length) {
      this.pieceFrom = widen(this.pieceFrom);
      this.pieceTo = widen(this.pieceTo);
      this.pieceVReg = widen(this.pieceVReg);
    }
    this.pieceFrom[p] = from;
    this.pieceTo[p] = to;
    this.pieceVReg[p] = v;
  }

  /** A bundle of the pieces from `first` to the last one added. */
  create(first: number, unit: number, generation: number): number {
    const id = this.count++;
    if (id >= this.first.length) this.growBundles();
    this.first[id] = first;
    this.pieces[id] = this.pieceCount - first;
    this.unit[id] = unit;
    this.register[id] = -1;
    this.generation[id] = generation;
    this.state[id] = BundleState.waiting;
    let size = 0;
    for (let p = first; p < this.pieceCount; p++) size += this.pieceTo[p] - this.pieceFrom[p];
    this.size[id] = size;
    return id;
  }

  private growBundles(): void {
    this.first = widen(this.first);
    this.pieces = widen(this.pieces);
    this.unit = widen(this.unit);
    this.register = widen(this.register);
    this.generation = widen(this.generation);
    this.state = widen(this.state);
    this.size = widen(this.size);
    const weight = new Float64Array(this.weight.length * 2);
    weight.set(this.weight);
    this.weight = weight;
  }
}

/** Pairs of registers between which values flow. */
class Pairs {
  readonly a: number[] = [];
  readonly b: number[] = [];
  readonly frequency: number[] = [];

  add(a: number, b: number, frequency: number): void {
    this.a.push(a);
    this.b.push(b);
    this.frequency.push(frequency);
  }
}

/** Steps that merging may take per instruction; beyond, what is left stays apart. */
const stepsPerInstruction = 60;

export class Merger {
  /** Union-find over virtual registers; the root's pieces are those of the unit. */
  private readonly parent: Int32Array;
  private readonly first: Int32Array;
  private readonly pieces: Int32Array;
  private steps: number;

  constructor(
    private readonly code: VCode,
    private readonly ranges: LiveRanges,
    private readonly loops: Loops,
    private readonly bundles: Bundles,
  ) {
    const n = code.vregCount;
    this.parent = new Int32Array(n);
    this.first = new Int32Array(n);
    this.pieces = new Int32Array(n);
    this.steps = 100_000 + stepsPerInstruction * code.instructionCount;
    for (let v = 0; v < n; v++) {
      this.parent[v] = v;
      this.first[v] = bundles.pieceCount;
      this.pieces[v] = ranges.pieceStart[v + 1] - ranges.pieceStart[v];
      for (let p = ranges.pieceStart[v]; p < ranges.pieceStart[v + 1]; p++) {
        bundles.addPiece(ranges.pieceFrom[p], ranges.pieceTo[p], v);
      }
    }
  }

  /** Merges, then makes a bundle of each unit. Returns the unit (a representative) of each virtual register. */
  run(): Int32Array {
    const { code, bundles } = this;
    const pairs = this.collectPairs();
    const order = pairs.a.map((_, k) => k);
    const { frequency } = pairs;
    // Constants come last among equals, since they can also be made where they are wanted.
    for (let k = 0; k < order.length; k++) {
      if (code.vregRematerializable[pairs.a[k]] || code.vregRematerializable[pairs.b[k]]) frequency[k] *= 0.5;
    }
    order.sort((x, y) => frequency[y] - frequency[x] || x - y);
    for (let k = 0; k < order.length; k++) this.merge(pairs.a[order[k]], pairs.b[order[k]]);
    const unitOf = new Int32Array(code.vregCount);
    for (let v = 0; v < code.vregCount; v++) unitOf[v] = this.find(v);
    for (let v = 0; v < code.vregCount; v++) {
      if (unitOf[v] !== v || this.pieces[v] === 0) continue;
      const first = bundles.pieceCount;
      for (let p = this.first[v]; p < this.first[v] + this.pieces[v]; p++) {
        const from = bundles.pieceFrom[p];
        const to = bundles.pieceTo[p];
        bundles.addPiece(from, to, bundles.pieceVReg[p]);
      }
      bundles.create(first, v, 0);
    }
    return unitOf;
  }

  private find(v: number): number {
    const { parent } = this;
    let root = v;
    while (parent[root] !== root) root = parent[root];
    let at = v;
    while (parent[at] !== root) {
      const up = parent[at];
      parent[at] = root;
      at = up;
    }
    return root;
  }

  private collectPairs(): Pairs {
    const { code, loops } = this;
    const pairs = new Pairs();
    for (let b = 0; b < code.blockCount; b++) {
      const successors = code.successors[b];
      for (let s = 0; s < successors.length; s++) {
        const args = code.successorArgs[b][s];
        const params = code.blockParams[successors[s]];
        const frequency = Math.min(loops.frequency[b], loops.frequency[successors[s]]);
        for (let k = 0; k < args.length; k++) pairs.add(params[k], args[k], frequency);
      }
    }
    for (let i = 0; i < code.instructionCount; i++) this.collectFrom(i, pairs);
    return pairs;
  }

  private collectFrom(i: number, pairs: Pairs): void {
    const { code, loops } = this;
    const start = code.operandStart[i];
    const frequency = loops.frequency[loops.blockOf[i]];
    if (code.flags[i] & InstructionFlag.move) {
      pairs.add(code.operandVReg[start], code.operandVReg[start + 1], frequency);
      return;
    }
    for (let o = start; o < code.operandStart[i + 1]; o++) {
      const word = code.operandWord[o];
      if ((word & operandDef) === 0 || ((word >> constraintShift) & 7) !== Constraint.reuse) continue;
      pairs.add(code.operandVReg[o], code.operandVReg[start + (word >> payloadShift)], frequency);
    }
  }

  private merge(v: number, w: number): void {
    const { code, bundles } = this;
    if (code.vregClass[v] !== code.vregClass[w]) return;
    // A constant is cheaper made where it is needed than kept in a register from far away.
    if (
      (code.vregRematerializable[v] && !this.isLocal(v)) ||
      (code.vregRematerializable[w] && !this.isLocal(w))
    )
      return;
    // A slot that is written in mid-instruction can't be shared with what is read there.
    if ((this.ranges.slotOperand[v] | this.ranges.slotOperand[w]) & 1) return;
    const a = this.find(v);
    const b = this.find(w);
    if (a === b || this.pieces[a] === 0 || this.pieces[b] === 0) return;
    this.steps -= this.pieces[a] + this.pieces[b];
    if (this.steps < 0 || this.overlap(a, b)) return;
    const first = bundles.pieceCount;
    let p = this.first[a];
    let q = this.first[b];
    const pEnd = p + this.pieces[a];
    const qEnd = q + this.pieces[b];
    while (p < pEnd || q < qEnd) {
      const from = q >= qEnd || (p < pEnd && bundles.pieceFrom[p] < bundles.pieceFrom[q]) ? p++ : q++;
      bundles.addPiece(bundles.pieceFrom[from], bundles.pieceTo[from], bundles.pieceVReg[from]);
    }
    this.parent[b] = a;
    this.first[a] = first;
    this.pieces[a] = bundles.pieceCount - first;
  }

  /** Whether the register is live in one block only. */
  private isLocal(v: number): boolean {
    const { ranges, loops } = this;
    const p = ranges.pieceStart[v];
    if (ranges.pieceStart[v + 1] - p !== 1) return false;
    return (
      loops.blockOf[instructionAt(ranges.pieceFrom[p])] ===
      loops.blockOf[instructionAt(ranges.pieceTo[p] - 1)]
    );
  }

  private overlap(a: number, b: number): boolean {
    const { pieceFrom, pieceTo } = this.bundles;
    let p = this.first[a];
    let q = this.first[b];
    const pEnd = p + this.pieces[a];
    const qEnd = q + this.pieces[b];
    while (p < pEnd && q < qEnd) {
      if (pieceTo[p] <= pieceFrom[q]) p++;
      else if (pieceTo[q] <= pieceFrom[p]) q++;
      else return true;
    }
    return false;
  }
}
