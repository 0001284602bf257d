/** The worker of worker-clock.ts: it sleeps, and interrupts. Imports nothing of the engine that runs code. */
import { isMainThread, workerData } from "node:worker_threads";
import { loadKoffi } from "../platform/koffi.js";
import { type ClockData, ClockWord } from "./worker-clock.js";

/** Nanoseconds until a call that runs past its deadline is interrupted again. */
const retry = 1_000_000;

function runClock({ shared, current, raised, tick }: ClockData): never {
  const words = new Int32Array(shared);
  const deadlines = new Float64Array(shared);
  const koffi = loadKoffi();
  const currentContext = new BigUint64Array(koffi.view(BigInt(current), 8));
  /** Context's address -> the words to raise. A view is made once for each context. */
  const views = new Map<bigint, BigInt64Array[]>();

  function interrupt(context: bigint): void {
    let cells = views.get(context);
    if (cells === undefined) {
      cells = raised.map((offset) => new BigInt64Array(koffi.view(context + BigInt(offset), 8)));
      views.set(context, cells);
    }
    for (const cell of cells) cell[0] = -1n;
  }

  /** Interrupts the call that runs; returns how many nanoseconds to sleep, infinite if there is no call. */
  function pass(): number {
    if (Atomics.load(words, ClockWord.calls) === 0) return Number.POSITIVE_INFINITY;
    const context = currentContext[0]!;
    if (context !== 0n) interrupt(context);
    const left = deadlines[ClockWord.deadline]! - Number(process.hrtime.bigint());
    return left <= 0 ? retry : Math.min(left, tick);
  }

  for (;;) {
    const wakeups = Atomics.load(words, ClockWord.wakeups);
    const sleep = pass();
    if (sleep === Number.POSITIVE_INFINITY && Atomics.load(words, ClockWord.parked) === 0) {
      Atomics.store(words, ClockWord.parked, 1);
      continue;
    }
    if (sleep !== Number.POSITIVE_INFINITY) Atomics.store(words, ClockWord.parked, 0);
    Atomics.wait(words, ClockWord.wakeups, wakeups, sleep / 1e6);
  }
}

// Loaded by itself, in no worker, it is nobody's clock.
if (!isMainThread) runClock(workerData as ClockData);
