/**
 * What a machine does to a deadline by itself: a thread sleeps until then, beside a main thread that computes, and says so in
 * memory that this one reads all the while. A call that is stopped takes the same way: the clock that sleeps, and the loop.
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";

/** Words that both threads see, as 32 bits: the number of the round that is wanted, and of the one that is over. */
const [wanted, over, words] = [0, 1, 2];
/** Then the time until which to sleep, in milliseconds. */
const untilAt = 8;

/** On a scale that threads share. */
const now = (): number => performance.timeOrigin + performance.now();

export class Sleeper {
  private readonly memory = new SharedArrayBuffer(untilAt + 8);
  private readonly numbers = new Int32Array(this.memory, 0, words);
  private readonly until = new Float64Array(this.memory, untilAt, 1);
  private readonly worker = new Worker(new URL(import.meta.url), { workerData: this.memory });
  private round = 0;

  /** Once its thread sleeps. */
  static async start(): Promise<Sleeper> {
    const sleeper = new Sleeper();
    await new Promise((resolve) => sleeper.worker.once("message", resolve));
    return sleeper;
  }

  /** Computes until the thread has slept for so many milliseconds; how late that is, in milliseconds. */
  lateness(milliseconds: number): number {
    const { numbers } = this;
    const until = now() + milliseconds;
    this.until[0] = until;
    this.round++;
    Atomics.store(numbers, wanted, this.round);
    Atomics.notify(numbers, wanted);
    while (Atomics.load(numbers, over) !== this.round);
    return now() - until;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate();
  }
}

function sleepInTurns(memory: SharedArrayBuffer): never {
  const numbers = new Int32Array(memory, 0, words);
  const until = new Float64Array(memory, untilAt, 1);
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let round = 0; ; round = Atomics.load(numbers, wanted)) {
    if (round > 0) {
      for (let left = until[0] - now(); left > 0; left = until[0] - now()) Atomics.wait(nobody, 0, 0, left);
      Atomics.store(numbers, over, round);
    }
    Atomics.wait(numbers, wanted, round);
  }
}

if (!isMainThread && workerData instanceof SharedArrayBuffer) {
  const { parentPort } = await import("node:worker_threads");
  parentPort?.postMessage("ready");
  sleepInTurns(workerData);
}
