/**
 * The clock of a JavaScript thread on a system without signals: a worker that raises the interrupt word and the stack limit
 * of the context that is current, at deadlines and every few milliseconds while the thread is in a call. Wasm code sees that
 * in prologues and, compiled with interrupt checks, in loops. A worker takes a few ten milliseconds to start; until then
 * nothing is interrupted.
 *
 * The two share a page of words (ClockWord). Going to sleep: this thread stores `calls`, then reads `parked`; the worker
 * stores `parked`, then reads `calls` once more. Both do so by Atomics, so one of them sees the other's store.
 *
 * What the worker writes to is never unmapped (context-memory.ts); an interrupt without a cause is one that TypeScript
 * finds none for, and goes on.
 */
import { Worker } from "node:worker_threads";
import { tick } from "../machine/native-tables.js";
import type { Platform } from "../platform/index.js";
import { type Clock, tolerance } from "./clock.js";
import type { ContextMemory } from "./context-memory.js";
import { Context } from "./layout.js";

/** What this thread and the worker share: 32-bit words by number, and the deadline's number of a 64-bit one. */
export const ClockWord = { wakeups: 0, parked: 1, calls: 2, deadline: 2, bytes: 64 } as const;

/** What the worker is started with. */
export interface ClockData {
  readonly shared: SharedArrayBuffer;
  /** Address of the word that holds the current context's address. */
  readonly current: number;
  /** Offsets in a context of the words to raise. */
  readonly raised: readonly number[];
  /** Nanoseconds between two interrupts. */
  readonly tick: number;
}

export class WorkerClock implements Clock {
  private readonly words: Int32Array;
  private readonly deadlineCell: Float64Array;

  constructor(
    private readonly platform: Platform,
    contexts: ContextMemory,
  ) {
    const shared = new SharedArrayBuffer(ClockWord.bytes);
    this.words = new Int32Array(shared);
    this.deadlineCell = new Float64Array(shared);
    this.deadlineCell[ClockWord.deadline] = Number.POSITIVE_INFINITY;
    const workerData: ClockData = {
      shared,
      current: contexts.currentAddress,
      raised: [Context.stackLimit, Context.interrupt],
      tick,
    };
    // Without this process's options, among which there may be modules to load first.
    new Worker(new URL("./clock-worker.js", import.meta.url), { workerData, execArgv: [] }).unref();
  }

  enter(): number {
    const { words } = this;
    const outer = words[ClockWord.calls]!;
    Atomics.store(words, ClockWord.calls, 1);
    if (Atomics.load(words, ClockWord.parked) !== 0) this.wake();
    return outer;
  }

  leave(outer: number): void {
    this.words[ClockWord.calls] = outer;
  }

  now(): number {
    return this.platform.now();
  }

  get deadline(): number {
    return this.deadlineCell[ClockWord.deadline]!;
  }

  setDeadline(nanoseconds: number, now: number): void {
    this.deadlineCell[ClockWord.deadline] = nanoseconds + tolerance;
    if (nanoseconds < now + tick) this.wake();
  }

  restoreDeadline(value: number): void {
    this.deadlineCell[ClockWord.deadline] = value;
  }

  private wake(): void {
    const { words } = this;
    Atomics.store(words, ClockWord.parked, 0);
    Atomics.add(words, ClockWord.wakeups, 1);
    Atomics.notify(words, ClockWord.wakeups);
  }
}
