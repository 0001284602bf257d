// Figures of limits, by hand: `node dist/engine/test/limits/limits.slow.js`. The machine should have nothing else to do:
// lateness is the scheduler's as well as ours. For the cost of checks and fuel on programs see engine/bench.

import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { InterruptError, promising, Suspending, WebAssembly, withLimits } from "../../index.js";
import { assemble } from "../runtime/assemble.js";

type Exported = (...args: unknown[]) => unknown;

const text = `(module
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (func (export "spin") (loop (br 0)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "count") (param i64) (result i64)
    (loop (br_if 0 (i64.ne (i64.const 0) (local.tee 0 (i64.sub (local.get 0) (i64.const 1))))))
    (local.get 0))
  (func (export "park") (param i32) (result i32) (i32.add (call $wait (local.get 0)) (i32.const 1)))
  (func (export "waits") (param i32) (result i32)
    (loop (drop (call $wait (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0)))`;
const bytes = assemble(text);
const module = new WebAssembly.Module(bytes);

function instance(wait: Exported = () => 0): Record<string, Exported> {
  const imports = { env: { wait: new Suspending(wait) } };
  return new WebAssembly.Instance(module, imports).exports as Record<string, Exported>;
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const at = (values: readonly number[], share: number): number =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))] as number;
const line = (what: string, ...values: unknown[]): void => console.log(what.padEnd(52), ...values);

function deadlines(): void {
  const exports = instance();
  const late: number[] = [];
  for (let i = 0; i < 200; i++) {
    const before = performance.now();
    try {
      withLimits({ timeout: 20 }, () => exports.spin());
    } catch (error) {
      if (!(error instanceof InterruptError)) throw error;
      late.push(performance.now() - before - 20);
    }
    if (exports.add(i, 1) !== i + 1) throw new Error("the next call is wrong");
  }
  line("200 deadlines of 20 ms, late: median, 95 %, worst", at(late, 0.5), at(late, 0.95), at(late, 1));
}

function arming(): void {
  const exports = instance();
  const rounds: number[][] = [[], [], []];
  for (let round = 0; round < 15; round++) {
    const count = 200_000;
    const time = (action: (i: number) => unknown): number => {
      const before = performance.now();
      for (let i = 0; i < count; i++) action(i);
      return ((performance.now() - before) * 1e6) / count;
    };
    rounds[0]?.push(time((i) => withLimits({ timeout: 30_000 }, () => i)));
    rounds[1]?.push(time((i) => exports.add(i, 1)));
    rounds[2]?.push(time((i) => withLimits({ timeout: 30_000 }, () => exports.add(i, 1))));
  }
  line("ns, best of 15: withLimits, a call, a call in it", ...rounds.map((values) => at(values, 0)));
}

async function slices(): Promise<void> {
  const exports = instance();
  let last = performance.now();
  let worst = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - 10);
    last = now;
  }, 10);
  const before = performance.now();
  while (performance.now() - before < 2000) {
    await withLimits({ slice: 5 }, () => promising(exports.count)(500_000_000n));
  }
  clearInterval(timer);
  line("slice of 5 ms for 2 s, a timer of 10 ms beside: worst", worst);
}

async function termination(): Promise<void> {
  const code = `import { WebAssembly } from ${JSON.stringify(new URL("../../index.js", import.meta.url).href)};
    import { parentPort } from "node:worker_threads";
    const module = new WebAssembly.Module(Buffer.from("${Buffer.from(bytes).toString("base64")}", "base64"));
    const { exports } = new WebAssembly.Instance(module, { env: { wait: () => 0 } });
    parentPort.postMessage("begins");
    exports.spin();`;
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    await new Promise((resolve) => worker.once("message", resolve));
    await delay(20);
    const before = performance.now();
    await worker.terminate();
    times.push(performance.now() - before);
  }
  line("terminate a worker in an endless loop, ms: median, worst", at(times, 0.5), at(times, 1));
}

async function parked(): Promise<void> {
  const release: (() => void)[] = [];
  const exports = instance((n) => new Promise((resolve) => release.push(() => resolve(n))));
  const run = promising(exports.park as Exported);
  const count = 10_000;
  await park(100);
  const before = process.memoryUsage.rss();
  const results = await park(count, () => {
    line("resident bytes per parked call", (process.memoryUsage.rss() - before) / count);
  });
  if (results.some((value, i) => value !== i + 1)) throw new Error("a parked call's result is wrong");

  async function park(calls: number, look?: () => void): Promise<unknown[]> {
    const pending = Array.from({ length: calls }, (_, i) => run(i));
    look?.();
    const waiting = release.splice(0);
    for (let i = waiting.length - 1; i > 0; i--) {
      const other = Math.floor(Math.random() * (i + 1));
      [waiting[i], waiting[other]] = [waiting[other] as () => void, waiting[i] as () => void];
    }
    for (const resume of waiting) resume();
    return Promise.all(pending);
  }
}

async function suspending(): Promise<void> {
  const settled = Promise.resolve(0);
  const exports = instance(() => settled);
  const times: number[] = [];
  for (let round = 0; round < 15; round++) {
    const before = performance.now();
    await promising(exports.waits as Exported)(50_000);
    times.push(((performance.now() - before) * 1e6) / 50_000);
  }
  line("a host call that suspends, promise settled, ns: best", at(times, 0));
}

deadlines();
arming();
await slices();
await termination();
await suspending();
await parked();
