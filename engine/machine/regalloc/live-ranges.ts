/**
 * Live ranges and uses of virtual registers, in program points (`points.ts`).
 *
 * Enters: virtual code. Leaves: for each register its live pieces and its uses, both ascending, and the
 * reservations of physical registers by fixed operands and clobbers.
 *
 * Constraints are taken apart here, so that later phases know few kinds of use:
 * - A fixed use reserves its register for the instruction; the value is moved there in the gap, so it need only be
 *   somewhere in the gap. Its own reservation never conflicts with itself: given that register, no move is made.
 * - A fixed definition reserves its register until the next gap, where the value's range begins.
 * - A definition that reuses a use begins early; the use is copied to it in the gap, so it ends there, and both
 *   can be given one register if nothing else needs the use.
 * - A `slot` use is read from the spill slot, which is filled in the gap at the latest; a `slot` definition
 *   leaves its value there until the next gap.
 */
import {
  Constraint,
  constraintShift,
  InstructionFlag,
  operandDef,
  operandUnusualPosition,
  payloadShift,
  type RegisterFile,
  Rematerializable,
  type VCode,
} from "../vcode.js";
import type { Definitions, LiveIn } from "./liveness.js";
import { afterOf, earlyOf, gapOf, lateOf, nextEarlyOf } from "./points.js";

/** What a use asks of the value's location. */
export const UseKind = {
  /** A register. */
  register: 0,
  /** A register, the spill slot, or the constant pool. */
  any: 1,
  /** Nothing: a move in the gap reads it. */
  source: 2,
  /** The same, of a move on an edge. */
  argument: 3,
} as const;

/** Where an operand's location comes from, if not from its value's. */
export const OperandPlace = {
  ofValue: 0,
  fixed: 1,
  /** Where the definition is that reuses this one. */
  reused: 2,
  slot: 3,
} as const;

export class LiveRanges {
  /** Pieces of register v: from `pieceStart[v]` to `pieceStart[v + 1]`. */
  readonly pieceStart: Int32Array;
  pieceFrom = new Int32Array(0);
  pieceTo = new Int32Array(0);
  /** Uses (definitions included) of register v: from `useStart[v]` to `useStart[v + 1]`. */
  readonly useStart: Int32Array;
  readonly usePoint: Int32Array;
  /** The end of what the use needs. */
  readonly useEnd: Int32Array;
  readonly useKind: Uint8Array;
  /** The physical register the use would like, or -1. */
  readonly useHint: Int8Array;
  /** Per operand: an OperandPlace, and for `reused` the definition's operand. */
  readonly place: Uint8Array;
  readonly reusedBy: Int32Array;
  /** By virtual register: the physical register a fixed definition leaves it in, or -1. */
  readonly fixedDefinition: Int8Array;
  /** By virtual register: 1 if its definition leaves it in its slot, 2 if some use reads the slot. */
  readonly slotOperand: Uint8Array;
  /** Calls: instructions that destroy all allocatable registers of the integer and of the float file. */
  readonly destroyers: readonly [Int32Array, Int32Array];
  /** Reservations by physical register: (from, to, owner or -1) in flat triples, sorted by `from`. */
  readonly reservations: readonly Int32Array[];

  private readonly lists: (number[] | undefined)[] = new Array<undefined>(64).fill(undefined);
  private readonly head: Int32Array;
  private next: Int32Array;
  private from: Int32Array;
  private to: Int32Array;
  private count = 0;

  constructor(
    private readonly code: VCode,
    private readonly registers: RegisterFile,
    readonly definitions: Definitions,
    readonly liveIn: LiveIn,
  ) {
    const n = code.vregCount;
    this.head = new Int32Array(n).fill(-1);
    const capacity = n + this.liveIn.vregs.length + 64;
    this.next = new Int32Array(capacity);
    this.from = new Int32Array(capacity);
    this.to = new Int32Array(capacity);
    this.pieceStart = new Int32Array(n + 1);
    this.useStart = new Int32Array(n + 1);
    let uses = code.operandCount;
    for (const lists of code.successorArgs) for (const args of lists) uses += args.length;
    this.usePoint = new Int32Array(uses);
    this.useEnd = new Int32Array(uses);
    this.useKind = new Uint8Array(uses);
    this.useHint = new Int8Array(uses).fill(-1);
    this.place = new Uint8Array(code.operandCount);
    this.reusedBy = new Int32Array(code.operandCount);
    this.fixedDefinition = new Int8Array(n).fill(-1);
    this.slotOperand = new Uint8Array(n);
    this.destroyers = [this.findDestroyers(0), this.findDestroyers(1)];
    for (let i = 0; i < code.instructionCount; i++) this.placeOperands(i);
    for (let b = code.blockCount - 1; b >= 0; b--) this.block(b);
    this.flattenPieces();
    this.collectUses();
    this.reservations = this.lists.map((list) => (list === undefined ? noReservations : sortedTriples(list)));
  }

  private findDestroyers(file: number): Int32Array {
    const found: number[] = [];
    for (let i = 0; i < this.code.instructionCount; i++) if (this.destroysAll(i, file)) found.push(i);
    return Int32Array.from(found);
  }

  /** Whether nothing in the file's registers survives: what isn't clobbered is defined. */
  private destroysAll(i: number, file: number): boolean {
    const { code, registers } = this;
    const all = file === 0 ? registers.allocatableInt : registers.allocatableFloat;
    let mask = file === 0 ? code.clobbersInt[i] : code.clobbersFloat[i];
    if (mask === 0) return false;
    for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) {
      const word = code.operandWord[o];
      if ((word & operandDef) === 0 || ((word >> constraintShift) & 7) !== Constraint.fixed) continue;
      if (word >> (payloadShift + 5) === file) mask |= 1 << ((word >> payloadShift) & 31);
    }
    return (mask & all) === all;
  }

  // -- operands

  private placeOperands(i: number): void {
    const { code, place } = this;
    const start = code.operandStart[i];
    const end = code.operandStart[i + 1];
    this.reserveClobbers(i);
    for (let o = start; o < end; o++) {
      const word = code.operandWord[o];
      const kind = (word >> constraintShift) & 7;
      const v = code.operandVReg[o];
      if (kind === Constraint.fixed) this.reserve(i, o, word);
      else if (kind === Constraint.reuse) this.reuse(i, o, start + (word >> payloadShift));
      else if (kind === Constraint.slot) {
        place[o] = OperandPlace.slot;
        this.slotOperand[v] |= word & operandDef ? 1 : 2;
      } else if (kind === Constraint.any && this.needsSlot(i, word, v)) {
        place[o] = OperandPlace.slot;
        this.slotOperand[v] |= 2;
      }
    }
  }

  /** A constant has no slot to be read from, so one that can't be in a register is written to a slot first. */
  private needsSlot(i: number, word: number, v: number): boolean {
    const { code } = this;
    if (!code.vregRematerializable[v] || word & operandDef || (word & operandUnusualPosition) === 0)
      return false;
    return this.destroysAll(i, code.vregClass[v] === 0 ? 0 : 1);
  }

  private list(r: number): number[] {
    let list = this.lists[r];
    if (list === undefined) {
      list = [];
      this.lists[r] = list;
    }
    return list;
  }

  private reserveClobbers(i: number): void {
    const { code, registers } = this;
    for (let file = 0; file < 2; file++) {
      const all = file === 0 ? registers.allocatableInt : registers.allocatableFloat;
      let mask = (file === 0 ? code.clobbersInt[i] : code.clobbersFloat[i]) & all;
      if (mask === 0 || this.destroysAll(i, file)) continue;
      while (mask !== 0) {
        const bit = 31 - Math.clz32(mask);
        mask &= ~(1 << bit);
        this.list(file * 32 + bit).push(lateOf(i), afterOf(i), -1);
      }
    }
  }

  private reserve(i: number, o: number, word: number): void {
    const { code } = this;
    const r = word >> payloadShift;
    const v = code.operandVReg[o];
    const unusual = (word & operandUnusualPosition) !== 0;
    if (this.place[o] !== OperandPlace.reused) this.place[o] = OperandPlace.fixed;
    if (word & operandDef) {
      this.list(r).push(unusual ? earlyOf(i) : lateOf(i), nextEarlyOf(i), v);
      this.fixedDefinition[v] = r;
    } else {
      this.list(r).push(earlyOf(i), unusual ? afterOf(i) : lateOf(i), v);
    }
  }

  private reuse(i: number, def: number, reused: number): void {
    const { code, place, reusedBy } = this;
    const start = code.operandStart[i];
    const end = code.operandStart[i + 1];
    const v = code.operandVReg[reused];
    const word = code.operandWord[reused];
    if (((word >> constraintShift) & 7) === Constraint.fixed) {
      // The definition is fixed, too, from the gap on.
      const r = word >> payloadShift;
      this.list(r).push(earlyOf(i), nextEarlyOf(i), code.operandVReg[def]);
      this.fixedDefinition[code.operandVReg[def]] = r;
      place[def] = OperandPlace.fixed;
      reusedBy[def] = r;
      return;
    }
    for (let o = start; o < end; o++) {
      if (code.operandVReg[o] !== v || code.operandWord[o] & (operandDef | operandUnusualPosition)) continue;
      const kind = (code.operandWord[o] >> constraintShift) & 7;
      if (o !== reused && (place[o] !== OperandPlace.ofValue || kind > Constraint.register)) continue;
      // Further early uses of the same value read the copy.
      place[o] = OperandPlace.reused;
      reusedBy[o] = def;
    }
  }

  /** The physical register of an operand placed `fixed`. */
  fixedRegister(o: number): number {
    const word = this.code.operandWord[o];
    return ((word >> constraintShift) & 7) === Constraint.reuse ? this.reusedBy[o] : word >> payloadShift;
  }

  // -- pieces

  private pieceBefore(v: number, from: number, to: number): void {
    const p = this.count++;
    if (p >= this.from.length) {
      const widen = (old: Int32Array): Int32Array => {
        const bigger = new Int32Array(old.length * 2);
        bigger.set(old);
        return bigger;
      };
      this.next = widen(this.next);
      this.from = widen(this.from);
      this.to = widen(this.to);
    }
    this.from[p] = from;
    this.to[p] = to;
    this.next[p] = this.head[v];
    this.head[v] = p;
  }

  /** Makes v live from the block's start until `to`. */
  private liveUntil(v: number, blockStart: number, blockEnd: number, to: number): void {
    const h = this.head[v];
    if (h >= 0 && this.from[h] === blockStart) {
      if (this.to[h] < to) this.to[h] = to;
    } else if (h >= 0 && to === blockEnd && this.from[h] === blockEnd) this.from[h] = blockStart;
    else this.pieceBefore(v, blockStart, to);
  }

  private block(b: number): void {
    const { code, liveIn } = this;
    const { operandStart, operandVReg, operandWord } = code;
    const first = code.blockStart[b];
    const end = code.blockStart[b + 1];
    const startPoint = gapOf(first);
    const endPoint = gapOf(end);
    const successors = code.successors[b];
    for (let s = 0; s < successors.length; s++) {
      const t = successors[s];
      for (let n = liveIn.start[t]; n < liveIn.start[t + 1]; n++) {
        this.liveUntil(liveIn.vregs[n], startPoint, endPoint, endPoint);
      }
      const args = code.successorArgs[b][s];
      for (let k = 0; k < args.length; k++) this.liveUntil(args[k], startPoint, endPoint, endPoint);
    }
    for (let i = end - 1; i >= first; i--) {
      for (let o = operandStart[i]; o < operandStart[i + 1]; o++) {
        if (operandWord[o] & operandDef) this.define(operandVReg[o], i, o, startPoint);
      }
      for (let o = operandStart[i]; o < operandStart[i + 1]; o++) {
        if ((operandWord[o] & operandDef) === 0) {
          this.liveUntil(operandVReg[o], startPoint, endPoint, this.endOfUse(i, o));
        }
      }
    }
  }

  private endOfUse(i: number, o: number): number {
    if (this.place[o] === OperandPlace.fixed || this.place[o] === OperandPlace.reused) return gapOf(i) + 1;
    return this.code.operandWord[o] & operandUnusualPosition ? afterOf(i) : lateOf(i);
  }

  private define(v: number, i: number, o: number, startPoint: number): void {
    const h = this.head[v];
    const isLive = h >= 0 && this.from[h] === startPoint;
    if (this.place[o] === OperandPlace.fixed || this.place[o] === OperandPlace.slot) {
      if (!isLive) return;
      if (this.to[h] <= nextEarlyOf(i)) this.head[v] = this.next[h];
      else this.from[h] = nextEarlyOf(i);
      return;
    }
    const at = this.definitionPoint(i, o);
    if (isLive) this.from[h] = at;
    else this.pieceBefore(v, at, afterOf(i));
  }

  private definitionPoint(i: number, o: number): number {
    const word = this.code.operandWord[o];
    const isReuse = ((word >> constraintShift) & 7) === Constraint.reuse;
    return isReuse || word & operandUnusualPosition ? earlyOf(i) : lateOf(i);
  }

  private flattenPieces(): void {
    const n = this.code.vregCount;
    this.pieceFrom = new Int32Array(this.count);
    this.pieceTo = new Int32Array(this.count);
    let k = 0;
    for (let v = 0; v < n; v++) {
      this.pieceStart[v] = k;
      for (let p = this.head[v]; p >= 0; p = this.next[p]) {
        this.pieceFrom[k] = this.from[p];
        this.pieceTo[k++] = this.to[p];
      }
    }
    this.pieceStart[n] = k;
  }

  // -- uses

  private collectUses(): void {
    const { code, useStart } = this;
    for (let o = 0; o < code.operandCount; o++) useStart[code.operandVReg[o] + 1]++;
    for (const lists of code.successorArgs) {
      for (const args of lists) for (let k = 0; k < args.length; k++) useStart[args[k] + 1]++;
    }
    for (let v = 0; v < code.vregCount; v++) useStart[v + 1] += useStart[v];
    const fill = useStart.slice(0, code.vregCount);
    for (let b = 0; b < code.blockCount; b++) {
      const end = code.blockStart[b + 1];
      for (let i = code.blockStart[b]; i < end; i++) {
        for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) this.addOperand(i, o, fill);
      }
      for (const args of code.successorArgs[b]) {
        // Read by moves at the very end of the block.
        for (let k = 0; k < args.length; k++)
          this.addUse(args[k], gapOf(end - 1), gapOf(end), UseKind.argument, -1, fill);
      }
    }
  }

  private addOperand(i: number, o: number, fill: Int32Array): void {
    const { code, place } = this;
    const v = code.operandVReg[o];
    const word = code.operandWord[o];
    const constraint = (word >> constraintShift) & 7;
    let point = gapOf(i);
    let end = this.endOfUse(i, o);
    let kind: number = UseKind.source;
    let hint = -1;
    if (place[o] === OperandPlace.fixed) hint = this.fixedRegister(o);
    if (word & operandDef) {
      if (place[o] !== OperandPlace.ofValue) {
        // In the next gap the value is read from where the definition left it.
        point = nextEarlyOf(i);
        end = point;
      } else {
        point = this.definitionPoint(i, o);
        end = nextEarlyOf(i);
        const mayBeSlot = constraint === Constraint.any && (code.flags[i] & InstructionFlag.move) === 0;
        kind = mayBeSlot && !code.vregRematerializable[v] ? UseKind.any : UseKind.register;
      }
    } else if (place[o] === OperandPlace.ofValue) {
      point = earlyOf(i);
      kind = constraint === Constraint.any && this.isReadable(v) ? UseKind.any : UseKind.register;
    }
    this.addUse(v, point, end, kind, hint, fill);
  }

  /** Whether instructions can read v where it is while it has no register: in its slot, or in the constant pool. */
  private isReadable(v: number): boolean {
    const kind = this.code.vregRematerializable[v];
    return kind === Rematerializable.no || kind === Rematerializable.fromPool;
  }

  private addUse(v: number, point: number, end: number, kind: number, hint: number, fill: Int32Array): void {
    let at = fill[v]++;
    const first = this.useStart[v];
    for (; at > first && this.usePoint[at - 1] > point; at--) {
      this.usePoint[at] = this.usePoint[at - 1];
      this.useEnd[at] = this.useEnd[at - 1];
      this.useKind[at] = this.useKind[at - 1];
      this.useHint[at] = this.useHint[at - 1];
    }
    this.usePoint[at] = point;
    this.useEnd[at] = end;
    this.useKind[at] = kind;
    this.useHint[at] = hint;
  }
}

const noReservations = new Int32Array(0);

/** Insertion sort by the first of each three: they come almost sorted. */
function sortedTriples(list: readonly number[]): Int32Array {
  const sorted = Int32Array.from(list);
  for (let k = 3; k < sorted.length; k += 3) {
    const from = sorted[k];
    const to = sorted[k + 1];
    const owner = sorted[k + 2];
    let at = k;
    for (; at > 0 && sorted[at - 3] > from; at -= 3) sorted.copyWithin(at, at - 3, at);
    sorted[at] = from;
    sorted[at + 1] = to;
    sorted[at + 2] = owner;
  }
  return sorted;
}
