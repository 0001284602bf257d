/**
 * What a process does with calls that loop on threads, then ends. Usage: node threads-child.js SCENARIO; prints JSON.
 */
import { readFile } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createNamespace, promising, threaded, withLimits } from "../../index.js";
import { assemble } from "./assemble.js";

type Exported = (...args: unknown[]) => unknown;

const text = `(module
  (memory (export "memory") 1 600)
  (func (export "endless") (loop (br 0)))
  (func (export "fill") (loop
    (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536))) (br 0)))
  (func (export "grow") (result i32) (memory.grow (i32.const 500)))
  (func (export "spin") (param i32) (result i32) (local i32)
    (loop
      (local.set 1 (i32.add (i32.rotl (local.get 1) (i32.const 3)) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))`;

function instances(count: number, interrupts: boolean): Record<string, Exported>[] {
  const { Instance, Module } = createNamespace({ interrupts });
  const module = new Module(assemble(text));
  return Array.from({ length: count }, () => new Instance(module).exports as Record<string, Exported>);
}

/** Calls that never end: some in loops without any check, some in the C library. */
function endless(): void {
  for (const [i, exports] of instances(8, false).entries()) {
    exports.grow();
    void threaded(i % 2 === 0 ? exports.endless : exports.fill)();
  }
}

const scenarios: Record<string, () => Promise<unknown>> = {
  /** Eight calls loop; then a file is read. The time it takes, in milliseconds. */
  async readFile() {
    endless();
    await delay(50);
    let worst = 0;
    for (let i = 0; i < 20; i++) {
      const before = performance.now();
      await readFile(fileURLToPath(import.meta.url));
      worst = Math.max(worst, performance.now() - before);
    }
    return worst;
  },

  /** The process is ended by whoever started it, or ends itself: calls on threads don't keep it. */
  async exit() {
    endless();
    await delay(50);
    return Date.now();
  },

  /** The same while a call loops on the main thread, and lets the event loop have its turn. */
  async exitSliced() {
    const [exports] = instances(1, false);
    void withLimits({ slice: 5 }, () => promising(exports.endless)());
    await delay(50);
    return Date.now();
  },

  /** A worker is terminated while its calls loop; how long that takes, for several in turn. */
  async terminate() {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: "endless" });
      await new Promise((resolve) => worker.once("message", resolve));
      await delay(10 * i);
      const before = performance.now();
      await worker.terminate();
      times.push(performance.now() - before);
    }
    return times;
  },

  /** Workers are terminated in the middle of random calls (threads-stress.ts). */
  async terminateStress() {
    const seed = Number(process.argv[3]);
    for (let i = 0; i < 12; i++) {
      const worker = new Worker(new URL("threads-stress.js", import.meta.url), {
        argv: [String(seed + i), "60000"],
        stderr: true,
      });
      const ended = new Promise((resolve, reject) => {
        worker.once("error", reject);
        worker.once("exit", resolve);
      });
      // One that is ended while it starts ends with 0.
      await Promise.race([new Promise((resolve) => worker.once("message", resolve)), ended]);
      await Promise.race([delay(300 + ((seed >> i) & 255)), ended]);
      if ((await worker.terminate()) !== 1 || worker.stderr.read() !== null)
        throw new Error(`seed ${seed + i}`);
      await ended;
    }
    return "survived";
  },

  /** A worker ends by itself while its calls loop. */
  async workerExit() {
    const worker = new Worker(new URL(import.meta.url), { workerData: "exit" });
    // Both may come at once.
    const exited = new Promise((resolve) => worker.once("exit", resolve));
    await new Promise((resolve) => worker.once("message", resolve));
    const before = performance.now();
    await exited;
    return performance.now() - before;
  },

  /** A process with nothing left to do ends, though it has threads. */
  async idle() {
    const [exports] = instances(1, true);
    return threaded(exports.spin)(1000);
  },

  /** How late the event loop is, in milliseconds, while two calls use two processors. */
  async loopDelay() {
    const [one, other] = instances(2, true);
    await Promise.all([threaded(one.spin)(1000), threaded(other.spin)(1000)]);
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    await Promise.all([threaded(one.spin)(200_000_000), threaded(other.spin)(200_000_000)]);
    histogram.disable();
    return {
      p50: histogram.percentile(50) / 1e6,
      p99: histogram.percentile(99) / 1e6,
      max: histogram.max / 1e6,
    };
  },

  /** Milliseconds of one call alone and of two at once, in pairs. */
  async scaling() {
    const [one, other] = instances(2, true);
    const count = Number(process.argv[3] ?? 100_000_000);
    const pairs: { alone: number; both: number; sync: number }[] = [];
    const time = async (action: () => Promise<unknown>): Promise<number> => {
      const before = performance.now();
      await action();
      return performance.now() - before;
    };
    for (let i = 0; i < 8; i++) {
      pairs.push({
        sync: await time(async () => one.spin(count)),
        alone: await time(() => threaded(one.spin)(count)),
        both: await time(() => Promise.all([threaded(one.spin)(count), threaded(other.spin)(count)])),
      });
    }
    return pairs;
  },

  /** Microseconds of a call out to a thread and back, median; and of a promising one on this thread. */
  async latency() {
    const [exports] = instances(1, true);
    const median = async (call: Exported): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 4000; i++) {
        const before = performance.now();
        await call(1);
        times.push((performance.now() - before) * 1000);
      }
      return times.sort((a, b) => a - b)[2000];
    };
    return {
      threaded: await median(threaded(exports.spin)),
      promising: await median(promising(exports.spin)),
    };
  },
};

if (isMainThread) {
  const result = await scenarios[process.argv[2]]();
  process.stdout.write(JSON.stringify(result));
  if (["exit", "exitSliced", "readFile"].includes(process.argv[2])) process.exit();
} else {
  endless();
  await delay(20);
  parentPort!.postMessage("started");
  if (workerData === "exit") process.exit();
}
