/**
 * What interrupts the calls of a JavaScript thread, at deadlines and every few milliseconds, and the one for systems with
 * signals: a thread's part of the process's clock (isa/NAME/clock.ts), which is its entry in the table, that says whether it
 * is in a call and until when, and the clock's thread itself, started by whoever needs it first.
 */
import { ClockEntry, ClockTable, tick } from "../machine/native-tables.js";
import type { ClockCode, CpuFeatures } from "../machine/target.js";
import type { Platform, SignalSystem } from "../platform/index.js";
import type { CodeArena } from "./code-arena.js";
import type { ContextMemory } from "./context-memory.js";
import { raiseTo, storeWord64 } from "./words.js";

/** Added to deadlines, since the clock's reading of the time and TypeScript's differ by a few microseconds. */
export const tolerance = 50_000;

export interface Clock {
  /** This thread begins a call, perhaps within another. Returns what `leave` needs. */
  enter(): number;
  leave(outer: number): void;
  /** Nanoseconds, as deadlines are in. */
  now(): number;
  /** When calls of this thread are interrupted beside the ticks: what `restoreDeadline` takes. Infinite: never. */
  readonly deadline: number;
  /** Sets it. */
  setDeadline(nanoseconds: number, now: number): void;
  /** Puts an earlier value of `deadline` back, one that was announced when it was set. */
  restoreDeadline(value: number): void;
}

export class SignalClock implements Clock {
  /** Makes the clock look at the table now. About a microsecond. */
  private readonly wake: () => void;
  private readonly table: Int32Array;
  private readonly entry: Int32Array;
  private readonly deadlineCell: Float64Array;
  private readonly parked: number;
  private readonly calls: number;

  /** @param shared the process's table: this thread uses it unless it is full */
  constructor(
    code: ClockCode,
    features: CpuFeatures,
    private readonly platform: Platform,
    signals: SignalSystem,
    arena: CodeArena,
    contexts: ContextMemory,
    shared: number,
  ) {
    const own = takeEntry(platform, signals, shared);
    const table = own === undefined ? platform.allocate(ClockTable.size) : shared;
    const at = own ?? (takeEntry(platform, signals, table) as number);
    this.table = new Int32Array(platform.view(table, ClockTable.entries));
    const buffer = platform.view(table + at, ClockEntry.size);
    this.entry = new Int32Array(buffer);
    this.deadlineCell = new Float64Array(buffer, ClockEntry.deadline, 1);
    this.parked = ClockTable.parked >> 2;
    this.calls = ClockEntry.calls >> 2;
    this.entry[this.calls] = 0;
    this.deadlineCell[0] = Number.POSITIVE_INFINITY;
    // At once: the clock may be looking at the entry, if its thread before ended in a call.
    storeWord64(this.entry, ClockEntry.current, contexts.currentAddress);
    // The arena is never unmapped, as the clock's code mustn't be.
    const routines = code.routines(BigInt(table), features);
    const base = arena.addPermanent(routines.bytes);
    this.wake = platform.routine(base + routines.wake);
    if (this.table[ClockTable.thread >> 2] === 0 && !signals.startThread(base + routines.thread)) {
      throw new Error("the system refused a thread for the clock that interrupts calls");
    }
  }

  enter(): number {
    const { entry, calls } = this;
    const outer = entry[calls];
    entry[calls] = 1;
    // In this order: see "Going to sleep" in the clock's own file.
    if (this.table[this.parked] !== 0) this.wake();
    return outer;
  }

  leave(outer: number): void {
    this.entry[this.calls] = outer;
  }

  now(): number {
    return this.platform.now();
  }

  get deadline(): number {
    return this.deadlineCell[0];
  }

  /** Wakes the clock if it may sleep beyond; else that costs a store. */
  setDeadline(nanoseconds: number, now: number): void {
    this.deadlineCell[0] = nanoseconds + tolerance;
    if (nanoseconds < now + tick) this.wake();
  }

  restoreDeadline(value: number): void {
    this.deadlineCell[0] = value;
  }
}

/**
 * Takes an entry of a table for this thread: a free one, or one whose thread has ended. Returns its offset, or undefined
 * if all are in use. Another engine of the same thread (another copy of this code) has an entry of its own.
 */
function takeEntry(platform: Platform, signals: SignalSystem, table: number): number | undefined {
  const words = new Int32Array(platform.view(table, ClockTable.size));
  const self = signals.threadNumber();
  for (let i = 0; i < ClockTable.mostEntries; i++) {
    const at = ClockTable.entries + i * ClockEntry.size;
    const owner = (at + ClockEntry.owner) >> 2;
    const found = Atomics.load(words, owner);
    if (found !== 0 && signals.hasThread(found)) continue;
    if (Atomics.compareExchange(words, owner, found, self) !== found) continue;
    raiseTo(words, ClockTable.count >> 2, i + 1);
    return at;
  }
  return undefined;
}
