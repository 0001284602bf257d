/**
 * Sequences a parallel move: many locations written at once, every source read before any destination changes.
 *
 * Moves form a graph with at most one writer per location. A move whose destination nobody else still reads can
 * go; doing it may free its source for that one's writer. What is left when nothing is ready are plain cycles,
 * each broken by saving one source in a free register or the scratch register (see Rideau, Serpette, Leroy: "Tilting at windmills
 * with Coq", 2008, for the proof). The scratch register also carries moves between two slots; a cycle with such
 * a move in it is therefore broken through a temporary slot.
 *
 * Every destination has one source (the same move may be added twice). A source is a location or -1 - instruction (execute that definition again).
 * Slots never overlap in part (`slots.ts`). Linear in the number of moves.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import { firstSlot, type Location, type PReg, RegisterClass, type RegisterFile } from "../vcode.js";
import type { EditList } from "./edits.js";
import type { SlotPool } from "./slots.js";

export class ParallelMove {
  private count = 0;
  private from = new Int32Array(32);
  private to = new Int32Array(32);
  private cls = new Uint8Array(32);
  private done = new Uint8Array(32);
  private ready = new Int32Array(32);
  /** By location: how many waiting moves read it, and 1 + the move that writes it. All zero between uses. */
  private readers = new Int32Array(128);
  private writer = new Int32Array(128);

  constructor(
    private readonly edits: EditList,
    private readonly registers: RegisterFile,
    private readonly slots: SlotPool,
    /** Whether a register holds nothing before an instruction: better than the scratch register for integers. */
    private readonly isFree: (r: PReg, before: number) => boolean = () => false,
  ) {}

  add(from: Location, to: Location, cls: number): void {
    if (from === to) return;
    const earlier = to < this.writer.length ? this.writer[to] : 0;
    if (earlier !== 0) {
      if (this.from[earlier - 1] === from) return;
      throw new EngineBug(
        "regalloc",
        -1,
        "",
        `location ${to} has two sources, ${this.from[earlier - 1]} and ${from}`,
      );
    }
    const m = this.count++;
    if (m >= this.from.length) this.growMoves();
    this.from[m] = from;
    this.to[m] = to;
    this.cls[m] = cls;
    this.done[m] = 0;
    const top = from > to ? from : to;
    if (top >= this.readers.length) this.growLocations(top);
    if (from >= 0) this.readers[from]++;
    this.writer[to] = m + 1;
  }

  /** Emits what was added since the last call, before instruction `before`. */
  resolve(before: number): void {
    const { from, to, cls, done, ready, readers, writer, count } = this;
    if (count === 0) return;
    let top = 0;
    for (let m = count - 1; m >= 0; m--) if (readers[to[m]] === 0) ready[top++] = m;
    while (top > 0) {
      const m = ready[--top];
      emitMove(this.edits, this.registers, before, from[m], to[m], cls[m]);
      done[m] = 1;
      const source = from[m];
      if (source >= 0 && --readers[source] === 0 && writer[source] !== 0) ready[top++] = writer[source] - 1;
    }
    for (let m = 0; m < count; m++) if (done[m] === 0) this.breakCycle(before, m);
    for (let m = 0; m < count; m++) {
      if (from[m] >= 0) readers[from[m]] = 0;
      writer[to[m]] = 0;
    }
    this.count = 0;
  }

  private breakCycle(before: number, first: number): void {
    const { from, to, cls, done, writer, edits, registers } = this;
    let throughScratch = from[first] >= firstSlot && to[first] >= firstSlot;
    for (let m = writer[from[first]] - 1; m !== first; m = writer[from[m]] - 1) {
      if (from[m] >= firstSlot && to[m] >= firstSlot) throughScratch = true;
    }
    const temporary = throughScratch ? this.slots.take(cls[first]) : this.freeRegister(before, cls[first]);
    emitMove(edits, registers, before, from[first], temporary, cls[first]);
    done[first] = 1;
    for (let m = writer[from[first]] - 1; m !== first; m = writer[from[m]] - 1) {
      emitMove(edits, registers, before, from[m], to[m], cls[m]);
      done[m] = 1;
    }
    emitMove(edits, registers, before, temporary, to[first], cls[first]);
    if (throughScratch) this.slots.give(temporary, cls[first]);
  }

  /** An integer register that nobody holds, reads or writes, else the scratch register. */
  private freeRegister(before: number, cls: number): PReg {
    const { registers, readers, writer } = this;
    if (cls !== RegisterClass.int) return registers.scratch;
    for (let k = 0; k < registers.orderInt.length; k++) {
      const r = registers.orderInt[k];
      if (readers[r] === 0 && writer[r] === 0 && !this.reads(r) && this.isFree(r, before)) return r;
    }
    return registers.scratch;
  }

  /** Whether a move of this group reads the register, done or not. */
  private reads(r: PReg): boolean {
    for (let m = 0; m < this.count; m++) if (this.from[m] === r) return true;
    return false;
  }

  private growMoves(): void {
    const length = this.from.length * 2;
    const copy = <T extends Int32Array | Uint8Array>(bigger: T, old: T): T => {
      bigger.set(old);
      return bigger;
    };
    this.from = copy(new Int32Array(length), this.from);
    this.to = copy(new Int32Array(length), this.to);
    this.cls = copy(new Uint8Array(length), this.cls);
    this.done = copy(new Uint8Array(length), this.done);
    this.ready = new Int32Array(length);
  }

  private growLocations(location: Location): void {
    const length = Math.max(this.readers.length * 2, location + 1);
    const readers = new Int32Array(length);
    readers.set(this.readers);
    this.readers = readers;
    const writer = new Int32Array(length);
    writer.set(this.writer);
    this.writer = writer;
  }
}

/** One move in steps that a machine has: slot to slot goes through the scratch register. */
export function emitMove(
  edits: EditList,
  registers: RegisterFile,
  before: number,
  from: Location,
  to: Location,
  cls: number,
): void {
  if (to < firstSlot || (from >= 0 && from < firstSlot)) {
    edits.push(before, from, to, cls);
  } else if (from >= 0 || cls !== RegisterClass.int) {
    edits.push(before, from, registers.scratch, cls);
    edits.push(before, registers.scratch, to, cls);
  } else {
    // An integer constant into a slot: an integer register is borrowed, its content kept in the scratch register.
    const borrowed = registers.orderInt[0];
    edits.push(before, borrowed, registers.scratch, RegisterClass.int);
    edits.push(before, from, borrowed, cls);
    edits.push(before, borrowed, to, cls);
    edits.push(before, registers.scratch, borrowed, RegisterClass.int);
  }
}
