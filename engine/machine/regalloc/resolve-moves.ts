/**
 * From bundles to an `Allocation`: where each operand is, and the moves between the places of a value.
 *
 * Enters: bundles that are all assigned or spilled. For each virtual register its pieces, sorted, are segments
 * with a location each: a register, or `home`, which stands for the spill slot of its unit or, for a constant, for
 * executing the definition again.
 *
 * Moves in a gap are parallel: sources are read as they were before it. There are up to three groups before an
 * instruction: moves on the edge into a block (before its first instruction), those of the gap, and those on the
 * edge out of a block (before its jump).
 *
 * A value is defined once, so its slot need be written only once. Either it is stored right after its definition,
 * or wherever it passes from a register to its slot, whichever is estimated to run less often.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import {
  type Allocation,
  type Location,
  operandDef,
  operandUnusualPosition,
  type PReg,
  type RegisterFile,
  type VCode,
} from "../vcode.js";
import { BundleState, type Bundles } from "./bundles.js";
import { EditList } from "./edits.js";
import { forwardCopies } from "./forward-copies.js";
import { type LiveRanges, OperandPlace } from "./live-ranges.js";
import { findSafepointReferences, movesAreAtTarget } from "./liveness.js";
import type { Loops } from "./loops.js";
import { ParallelMove } from "./parallel-move.js";
import { earlyOf, gapOf, instructionAt, lateOf, nextEarlyOf } from "./points.js";
import { SlotPool } from "./slots.js";
import { assignSpillSlots } from "./spill-slots.js";

/** The slot of the value's unit, or the value's definition if that is a constant's. */
const home = 1000;
const nowhere = -1;

/** Groups of moves before one instruction, in order. */
const edgeIn = 0;
const inGap = 1;
const edgeOut = 2;

/** Moves before they are put in order. Locations as in segments; `home` belongs to the named register. */
class MoveTable {
  count = 0;
  key: Float64Array = new Float64Array(32);
  from: Int32Array = new Int32Array(32);
  fromVReg: Int32Array = new Int32Array(32);
  to: Int32Array = new Int32Array(32);
  toVReg: Int32Array = new Int32Array(32);

  push(instruction: number, group: number, from: number, fromVReg: number, to: number, toVReg: number): void {
    const n = this.count++;
    if (n >= this.key.length) this.grow();
    this.key[n] = instruction * 4 + group;
    this.from[n] = from;
    this.fromVReg[n] = fromVReg;
    this.to[n] = to;
    this.toVReg[n] = toVReg;
  }

  private grow(): void {
    const key = new Float64Array(this.key.length * 2);
    key.set(this.key);
    this.key = key;
    const widen = (old: Int32Array): Int32Array => {
      const bigger = new Int32Array(old.length * 2);
      bigger.set(old);
      return bigger;
    };
    this.from = widen(this.from);
    this.fromVReg = widen(this.fromVReg);
    this.to = widen(this.to);
    this.toVReg = widen(this.toVReg);
  }
}

export class Resolver {
  private readonly segmentStart: Int32Array;
  private readonly segmentFrom: Int32Array;
  private readonly segmentTo: Int32Array;
  private readonly segmentPlace: Int32Array;
  private readonly moves = new MoveTable();
  /** Stores into slots on the way, which aren't made if the value is stored at its definition. */
  private readonly stores = new MoveTable();
  private readonly storeCost: Float64Array;
  /** 1: some segment or operand is in the slot. */
  private readonly spilled: Uint8Array;
  /** 1: stored right after its definition (or defined in its slot). */
  private readonly storedOnce: Uint8Array;
  private slots: SlotPool;
  private slotOf: Int32Array = new Int32Array(0);
  private readonly operandLocation: Int32Array;

  constructor(
    private readonly code: VCode,
    private readonly registers: RegisterFile,
    private readonly ranges: LiveRanges,
    private readonly loops: Loops,
    private readonly unitOf: Int32Array,
    bundles: Bundles,
    private readonly isFree: (r: PReg, from: number, to: number) => boolean,
  ) {
    const n = code.vregCount;
    this.storeCost = new Float64Array(n);
    this.spilled = new Uint8Array(n);
    this.storedOnce = new Uint8Array(n);
    this.slots = new SlotPool(code.reservedSlots);
    this.operandLocation = new Int32Array(code.operandCount);
    this.segmentStart = new Int32Array(n + 1);
    let pieces = 0;
    for (let k = 0; k < bundles.count; k++) if (isFinal(bundles, k)) pieces += bundles.pieces[k];
    this.segmentFrom = new Int32Array(pieces);
    this.segmentTo = new Int32Array(pieces);
    this.segmentPlace = new Int32Array(pieces);
    this.collectSegments(bundles);
  }

  run(): Allocation {
    this.moveBetweenSegments();
    this.moveForOperands();
    this.moveOnEdges();
    this.assignSlots();
    this.decideStores();
    this.placeOperands();
    const edits = this.orderMoves();
    forwardCopies(this.code, this.registers, this.operandLocation, edits, this.slots.slotCount);
    return this.finish(edits);
  }

  // -- segments

  private collectSegments(bundles: Bundles): void {
    const { code, segmentStart } = this;
    for (let k = 0; k < bundles.count; k++) {
      if (!isFinal(bundles, k)) continue;
      const end = bundles.first[k] + bundles.pieces[k];
      for (let p = bundles.first[k]; p < end; p++) segmentStart[bundles.pieceVReg[p] + 1]++;
    }
    for (let v = 0; v < code.vregCount; v++) segmentStart[v + 1] += segmentStart[v];
    const fill = segmentStart.slice(0, code.vregCount);
    for (let k = 0; k < bundles.count; k++) {
      if (!isFinal(bundles, k)) continue;
      const place = bundles.state[k] === BundleState.spilled ? home : bundles.register[k];
      const end = bundles.first[k] + bundles.pieces[k];
      for (let p = bundles.first[k]; p < end; p++) {
        const v = bundles.pieceVReg[p];
        const at = fill[v]++;
        this.segmentFrom[at] = bundles.pieceFrom[p];
        this.segmentTo[at] = bundles.pieceTo[p];
        this.segmentPlace[at] = place;
        if (place === home && !code.vregRematerializable[v]) this.spilled[v] = 1;
      }
    }
    for (let v = 0; v < code.vregCount; v++) this.sortSegments(segmentStart[v], segmentStart[v + 1]);
    this.joinSegments();
    for (let v = 0; v < code.vregCount; v++) if (this.ranges.slotOperand[v]) this.spilled[v] = 1;
  }

  /** Sorts the segments of one register: by insertion if they are few or almost in order. */
  private sortSegments(first: number, end: number): void {
    const { segmentFrom, segmentTo, segmentPlace } = this;
    let steps = 0;
    for (let k = first + 1; k < end; k++) {
      const from = segmentFrom[k];
      const to = segmentTo[k];
      const place = segmentPlace[k];
      let at = k;
      for (; at > first && segmentFrom[at - 1] > from; at--) {
        segmentFrom[at] = segmentFrom[at - 1];
        segmentTo[at] = segmentTo[at - 1];
        segmentPlace[at] = segmentPlace[at - 1];
      }
      segmentFrom[at] = from;
      segmentTo[at] = to;
      segmentPlace[at] = place;
      steps += k - at;
      if (steps > 50 * (end - first)) {
        this.sortManySegments(first, end);
        return;
      }
    }
  }

  /** Makes one segment of those that touch and have the same place. */
  private joinSegments(): void {
    const { segmentStart, segmentFrom, segmentTo, segmentPlace } = this;
    let n = 0;
    let first = 0;
    for (let v = 0; v < this.code.vregCount; v++) {
      const end = segmentStart[v + 1];
      segmentStart[v] = n;
      for (let k = first; k < end; k++) {
        if (
          n > segmentStart[v] &&
          segmentTo[n - 1] === segmentFrom[k] &&
          segmentPlace[n - 1] === segmentPlace[k]
        ) {
          segmentTo[n - 1] = segmentTo[k];
          continue;
        }
        segmentFrom[n] = segmentFrom[k];
        segmentTo[n] = segmentTo[k];
        segmentPlace[n++] = segmentPlace[k];
      }
      first = end;
    }
    segmentStart[this.code.vregCount] = n;
  }

  private sortManySegments(first: number, end: number): void {
    const { segmentFrom, segmentTo, segmentPlace } = this;
    const keys = new Float64Array(end - first);
    for (let k = first; k < end; k++) keys[k - first] = segmentFrom[k] * 0x1000000 + (k - first);
    keys.sort();
    const to = segmentTo.slice(first, end);
    const place = segmentPlace.slice(first, end);
    for (let k = 0; k < keys.length; k++) {
      const old = keys[k] % 0x1000000;
      segmentFrom[first + k] = (keys[k] - old) / 0x1000000;
      segmentTo[first + k] = to[old];
      segmentPlace[first + k] = place[old];
    }
  }

  /** The place of v at a point, or nowhere. */
  private placeAt(v: number, point: number): number {
    const { segmentFrom, segmentTo } = this;
    let lo = this.segmentStart[v];
    let hi = this.segmentStart[v + 1];
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (segmentTo[middle] <= point) lo = middle + 1;
      else hi = middle;
    }
    return lo < this.segmentStart[v + 1] && segmentFrom[lo] <= point ? this.segmentPlace[lo] : nowhere;
  }

  /** Where a move in the gap before i finds v. */
  private sourceAt(v: number, i: number): number {
    const place = this.placeAt(v, gapOf(i));
    if (place !== nowhere) return place;
    const { definitions, fixedDefinition, slotOperand } = this.ranges;
    if (definitions.instruction[v] === i - 1) {
      if (fixedDefinition[v] >= 0) return fixedDefinition[v];
      if (slotOperand[v] & 1) return home;
    }
    throw new EngineBug("regalloc", -1, "", `v${v} is nowhere before instruction ${i}`);
  }

  private frequencyAt(i: number): number {
    return this.loops.frequency[this.loops.blockOf[i]];
  }

  /** A move whose destination, if it is the slot, may be taken care of by a store at the definition. */
  private pass(i: number, group: number, from: number, v: number, to: number, frequency: number): void {
    if (from === to) return;
    if (to !== home) {
      this.moves.push(i, group, from, v, to, v);
    } else if (!this.code.vregRematerializable[v]) {
      this.stores.push(i, group, from, v, home, v);
      this.storeCost[v] += frequency;
    }
  }

  // -- moves

  private moveBetweenSegments(): void {
    const { code, segmentStart, segmentFrom, segmentTo, segmentPlace } = this;
    for (let v = 0; v < code.vregCount; v++) {
      for (let s = segmentStart[v] + 1; s < segmentStart[v + 1]; s++) {
        const point = segmentFrom[s];
        if (segmentTo[s - 1] !== point || point % 4 === 0 || segmentPlace[s] === segmentPlace[s - 1])
          continue;
        const i = instructionAt(point);
        // Within an instruction a value can only fall back to its slot, which is filled in the gap.
        const from = point % 4 === 1 ? segmentPlace[s - 1] : this.sourceAt(v, i);
        this.pass(i, inGap, from, v, segmentPlace[s], this.frequencyAt(i));
      }
    }
  }

  private moveForOperands(): void {
    const { code, ranges } = this;
    const { place } = ranges;
    for (let i = 0; i < code.instructionCount; i++) {
      for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) {
        if (place[o] === OperandPlace.ofValue) continue;
        const v = code.operandVReg[o];
        if (code.operandWord[o] & operandDef) this.moveFromDefinition(i, o, v);
        else if (place[o] === OperandPlace.fixed) this.moveTo(i, v, ranges.fixedRegister(o));
        else if (place[o] === OperandPlace.reused) {
          const def = code.operandVReg[ranges.reusedBy[o]];
          this.moveTo(i, v, this.placeAt(def, earlyOf(i)));
        } else this.moveToSlot(i, v);
      }
    }
  }

  /** From where a fixed or slot definition leaves its value to where it lives on. */
  private moveFromDefinition(i: number, o: number, v: number): void {
    const to = this.placeAt(v, nextEarlyOf(i));
    if (to === nowhere) return;
    const from = this.ranges.place[o] === OperandPlace.fixed ? this.ranges.fixedRegister(o) : home;
    this.pass(i + 1, inGap, from, v, to, this.frequencyAt(i));
  }

  private moveTo(i: number, v: number, r: number): void {
    if (this.placeAt(v, earlyOf(i)) === r) return;
    const from = this.sourceAt(v, i);
    if (from !== r) this.moves.push(i, inGap, from, v, r, v);
  }

  private moveToSlot(i: number, v: number): void {
    if (this.code.vregRematerializable[v]) this.moves.push(i, inGap, home, v, home, -1 - v);
    else if (this.placeAt(v, earlyOf(i)) !== home)
      this.pass(i, inGap, this.sourceAt(v, i), v, home, this.frequencyAt(i));
  }

  private moveOnEdges(): void {
    const { code } = this;
    for (let b = 0; b < code.blockCount; b++) {
      const successors = code.successors[b];
      for (let s = 0; s < successors.length; s++) this.moveOnEdge(b, successors[s], code.successorArgs[b][s]);
    }
  }

  private moveOnEdge(b: number, t: number, args: readonly number[]): void {
    const { code, ranges, segmentStart } = this;
    const { liveIn } = ranges;
    const atTarget = movesAreAtTarget(code, t);
    const i = atTarget ? code.blockStart[t] : code.blockStart[b + 1] - 1;
    const group = atTarget ? edgeIn : edgeOut;
    const end = gapOf(code.blockStart[b + 1]) - 1;
    const start = gapOf(code.blockStart[t]);
    const frequency = Math.min(this.loops.frequency[b], this.loops.frequency[t]);
    for (let n = liveIn.start[t]; n < liveIn.start[t + 1]; n++) {
      const v = liveIn.vregs[n];
      if (segmentStart[v + 1] - segmentStart[v] <= 1) continue;
      const to = this.placeAt(v, start);
      if (to === nowhere) continue;
      this.pass(i, group, this.placeAt(v, end), v, to, frequency);
    }
    const params = code.blockParams[t];
    for (let k = 0; k < params.length; k++) {
      const to = this.placeAt(params[k], start);
      if (to === nowhere) continue;
      const from = this.placeAt(args[k], end);
      if (to === home && this.unitOf[args[k]] === this.unitOf[params[k]] && this.spilled[args[k]]) {
        // The same slot: the argument is there already, or has to be stored.
        this.pass(i, group, from, args[k], home, frequency);
      } else if (from !== to || to === home) this.moves.push(i, group, from, args[k], to, params[k]);
    }
  }

  // -- slots and stores

  private assignSlots(): void {
    this.slotOf = assignSpillSlots(this.code, this.ranges, this.unitOf, this.spilled, this.slots);
  }

  private decideStores(): void {
    const { code, spilled, ranges, storeCost, storedOnce } = this;
    for (let v = 0; v < code.vregCount; v++) {
      if (!spilled[v] || code.vregRematerializable[v]) continue;
      const definedAt = ranges.definitions.instruction[v];
      const block = ranges.definitions.block[v];
      const start = definedAt < 0 ? gapOf(code.blockStart[block]) : nextEarlyOf(definedAt);
      const inSlot = this.definitionPlace(v) === home;
      // A value that is used up before the next gap has no place there, and nothing to be stored.
      if (!inSlot && (storeCost[v] === 0 || this.loops.frequency[block] > storeCost[v])) continue;
      storedOnce[v] = 1;
      if (inSlot) continue;
      const i = instructionAt(start);
      this.moves.push(i, inGap, this.definitionPlace(v), v, home, v);
    }
    const { stores } = this;
    for (let n = 0; n < stores.count; n++) {
      if (storedOnce[stores.fromVReg[n]]) continue;
      const i = stores.key[n] >> 2;
      this.moves.push(i, stores.key[n] & 3, stores.from[n], stores.fromVReg[n], home, stores.toVReg[n]);
    }
  }

  /** Where the definition leaves v. */
  private definitionPlace(v: number): number {
    const { definitions, fixedDefinition, slotOperand } = this.ranges;
    if (fixedDefinition[v] >= 0) return fixedDefinition[v];
    if (slotOperand[v] & 1) return home;
    const i = definitions.instruction[v];
    return i < 0
      ? this.placeAt(v, gapOf(this.code.blockStart[definitions.block[v]]))
      : this.placeAt(v, lateOf(i));
  }

  private slot(v: number): Location {
    const slot = this.slotOf[this.unitOf[v]];
    if (slot < 0) throw new EngineBug("regalloc", -1, "", `v${v} has no slot`);
    return slot;
  }

  // -- output

  private placeOperands(): void {
    const { code, ranges, operandLocation } = this;
    const { place, reusedBy } = ranges;
    for (let i = 0; i < code.instructionCount; i++) {
      const start = code.operandStart[i];
      const end = code.operandStart[i + 1];
      for (let o = start; o < end; o++) {
        const v = code.operandVReg[o];
        if (place[o] === OperandPlace.fixed) operandLocation[o] = ranges.fixedRegister(o);
        else if (place[o] === OperandPlace.slot) operandLocation[o] = this.slot(v);
        else if (place[o] === OperandPlace.ofValue) operandLocation[o] = this.locate(v, this.pointOf(i, o));
      }
      for (let o = start; o < end; o++) {
        if (place[o] === OperandPlace.reused) operandLocation[o] = operandLocation[reusedBy[o]];
      }
    }
  }

  private pointOf(i: number, o: number): number {
    const word = this.code.operandWord[o];
    // Late uses and late definitions alike.
    return ((word & operandDef) !== 0) !== ((word & operandUnusualPosition) !== 0) ? lateOf(i) : earlyOf(i);
  }

  private locate(v: number, point: number): Location {
    const place = this.placeAt(v, point);
    if (place === nowhere) throw new EngineBug("regalloc", -1, "", `v${v} is nowhere at point ${point}`);
    if (place !== home) return place;
    return this.code.vregRematerializable[v] ? -1 - this.ranges.definitions.instruction[v] : this.slot(v);
  }

  private orderMoves(): EditList {
    const { moves, code } = this;
    const edits = new EditList();
    // Slots for moves must be none that a value has anywhere.
    this.slots = new SlotPool(this.slots.slotCount);
    const parallel = new ParallelMove(edits, this.registers, this.slots, (r, i) =>
      this.isFree(r, gapOf(i), gapOf(i + 1)),
    );
    const keys = new Float64Array(moves.count);
    for (let n = 0; n < moves.count; n++) keys[n] = moves.key[n] * 0x1000000 + n;
    keys.sort();
    for (let k = 0; k < keys.length; k++) {
      const n = keys[k] % 0x1000000;
      const key = moves.key[n];
      const v = moves.fromVReg[n];
      // A constant for a slot operand is written -1 - v: its slot is meant, not its definition.
      const toVReg = moves.toVReg[n] < 0 ? -1 - moves.toVReg[n] : moves.toVReg[n];
      let from = moves.from[n];
      if (from === home)
        from = code.vregRematerializable[v] ? -1 - this.ranges.definitions.instruction[v] : this.slot(v);
      const to = moves.to[n] === home ? this.slot(toVReg) : moves.to[n];
      parallel.add(from, to, code.vregClass[v]);
      if (k + 1 === keys.length || moves.key[keys[k + 1] % 0x1000000] !== key) parallel.resolve(key >> 2);
    }
    return edits;
  }

  private finish(edits: EditList): Allocation {
    const references = findSafepointReferences(this.code, this.ranges.definitions);
    const mapLocation = new Int32Array(references.vregs.length);
    for (let n = 0; n < references.instructions.length; n++) {
      const point = lateOf(references.instructions[n]);
      for (let k = references.start[n]; k < references.start[n + 1]; k++) {
        mapLocation[k] = this.locate(references.vregs[k], point);
      }
    }
    return {
      operandLocation: this.operandLocation,
      editCount: edits.count,
      editBefore: edits.before.subarray(0, edits.count),
      editFrom: edits.from.subarray(0, edits.count),
      editTo: edits.to.subarray(0, edits.count),
      editClass: edits.cls.subarray(0, edits.count),
      slotCount: this.slots.slotCount,
      safepoints: references.instructions,
      mapStart: references.start,
      mapLocation,
    };
  }
}

function isFinal(bundles: Bundles, k: number): boolean {
  return bundles.state[k] === BundleState.assigned || bundles.state[k] === BundleState.spilled;
}
