/**
 * Random calls on threads and beside them: results, traps, aborts, host calls that re-enter the instance, parked calls,
 * growing memories, references, instances that are dropped in mid-call. Whatever is random comes from a seed. Every result
 * is known beforehand; a wrong one, a lost or a doubled call ends the process with an error.
 *
 * Usage: node [--expose-gc] [--cpu-prof] threads-stress.js SEED MILLISECONDS
 */
import { setTimeout as delay } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import {
  createNamespace,
  InstanceBusy,
  InterruptError,
  parkable,
  promising,
  Suspending,
  threaded,
  trapOf,
  WebAssembly,
  withLimits,
} from "../../index.js";
import { Random } from "../support/random.js";
import { assemble } from "./assemble.js";

type Exported = (...args: unknown[]) => unknown;
type Runner = (exported: Exported) => Exported;

const random = new Random(Number(process.argv[2]));
const end = performance.now() + Number(process.argv[3]);
const collect = (globalThis as { gc?: () => void }).gc;

const text = `(module
  (import "h" "sync" (func $sync (param i32) (result i32)))
  (import "h" "wait" (func $wait (param i32) (result i32)))
  (import "h" "make" (func $make (result externref)))
  (memory (export "memory") 1 40)
  (table $kept 4 externref)
  (global $count (export "count") (mut i32) (i32.const 0))
  (func (export "sum") (param i32 i32) (result i32)
    (loop
      (local.set 1 (i32.add (i32.mul (local.get 1) (i32.const 1664525)) (i32.const 1013904223)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "bump") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
  (func $add (export "host") (param i32) (result i32) (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (call $sync (local.get 0))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "park") (param i32) (result i32)
    (i32.add (call $wait (local.get 0)) (call $wait (i32.const 1))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $deep (export "deep") (param i64) (result i64) (i64.add (call $deep (local.get 0)) (i64.const 1)))
  (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (local i32)
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (return (i32.const -1))))
    (local.set 1 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))
    (i32.store (local.get 1) (local.get 0))
    (i32.load (local.get 1)))
  (func (export "endless") (loop (br 0)))
  (func (export "keep") (param externref) (result externref) (local externref)
    (table.set $kept (i32.const 1) (local.get 0))
    (local.set 1 (call $make))
    (drop (call $add (i32.const 3)))
    (table.set $kept (i32.const 2) (local.get 1))
    (table.get $kept (i32.const 1)))
  (func (export "two") (param externref i32) (result i32 externref) (local.get 1) (local.get 0)))`;

const bytes = assemble(text);

/** An instance and what it must have counted. */
class Subject {
  readonly exports: Record<string, Exported>;
  bumps = 0;

  constructor(
    interrupts = random.below(2) === 0,
    bounds: "explicit" | "guard" = random.below(3) === 0 ? "explicit" : "guard",
  ) {
    const { Instance, Module } = createNamespace({ interrupts, bounds });
    const imports = {
      h: {
        sync: (n: number) => this.hostFunction(n),
        wait: new Suspending((n: number) =>
          random.below(2) === 0 ? n : delay(random.below(4)).then(() => n),
        ),
        make: () => ({ filler: new Array<number>(50).fill(1) }),
      },
    };
    this.exports = new Instance(new Module(bytes), imports).exports as unknown as Record<string, Exported>;
  }

  private hostFunction(n: number): number {
    switch (random.below(12)) {
      case 0:
        collect?.();
        break;
      case 1:
        this.bump();
        break;
      case 2: {
        const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
        table.set(0, this.exports.bump);
        break;
      }
      case 3:
        expectEqual(this.exports.sum(3, n), sum(3, n));
        break;
      case 4:
        void threaded(this.exports.bump)().then(() => {
          this.bumps++;
        }, fail);
        break;
    }
    return n * 2;
  }

  private bump(): void {
    this.exports.bump();
    this.bumps++;
  }
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

function expectEqual(given: unknown, expected: unknown): void {
  if (!Object.is(given, expected)) fail(new Error(`expected ${String(expected)}, got ${String(given)}`));
}

function sum(count: number, start: number): number {
  let n = start;
  for (let i = 0; i < count; i++) n = (Math.imul(n, 1664525) + 1013904223) | 0;
  return n;
}

const run: Runner[] = [threaded, threaded, threaded, promising, parkable];
let calls = 0;
let busy = 0;

async function expectTrap(call: () => unknown, kind: string): Promise<void> {
  try {
    await call();
  } catch (error) {
    const trap = trapOf(error);
    if (trap?.kind !== kind || trap.frames.length === 0) fail(error);
    return;
  }
  fail(new Error(`no ${kind}`));
}

async function stopEndless(subject: Subject): Promise<void> {
  const abort = new AbortController();
  const byTimer = random.below(2) === 0;
  if (!byTimer) setTimeout(() => abort.abort(), random.below(20));
  const limits = byTimer ? { timeout: random.below(20) } : { signal: abort.signal };
  try {
    await withLimits(limits, () => threaded(subject.exports.endless)());
  } catch (error) {
    if (error instanceof InterruptError && error.reason === (byTimer ? "deadline" : "aborted")) return;
    fail(error);
  }
  fail(new Error("an endless call ended"));
}

/** One call of a random kind, checked. */
async function act(subject: Subject): Promise<void> {
  const { exports } = subject;
  const via = run[random.below(run.length)];
  const n = 1 + random.below(30);
  switch (random.below(11)) {
    case 0: {
      const count = 1 + random.below(200_000);
      return expectEqual(await via(exports.sum)(count, n), sum(count, n));
    }
    case 1:
      return expectEqual(await via(exports.host)(n), n * (n + 1));
    case 2:
      return expectEqual(await via(exports.park)(n), n + 1);
    case 3:
      return expectTrap(async () => via(exports.load)(-8), "memoryOutOfBounds");
    case 4:
      return expectTrap(async () => via(exports.divide)(0), "integerDivideByZero");
    case 5:
      return expectTrap(async () => via(exports.deep)(1n), "stackOverflow");
    case 6: {
      const grown = await via(exports.grow)(n);
      if (grown !== -1) expectEqual(grown, n);
      return;
    }
    case 7:
      return stopEndless(subject);
    case 8: {
      const mine = { n };
      expectEqual(await via(exports.keep)(mine), mine);
      const [number, reference] = (await via(exports.two)(mine, n)) as [unknown, unknown];
      expectEqual(number, n);
      expectEqual(reference, mine);
      return;
    }
    case 9:
      await via(exports.bump)();
      subject.bumps++;
      return;
    default:
      try {
        expectEqual(exports.sum(2, n), sum(2, n));
      } catch (error) {
        if (!(error instanceof InstanceBusy)) fail(error);
        busy++;
      }
  }
}

/** Makes calls, some at once, on an instance that is then forgotten, sometimes before they have ended. */
async function actor(): Promise<void> {
  while (performance.now() < end) {
    const subject = new Subject();
    const pending: Promise<void>[] = [];
    for (let i = random.below(40); i > 0; i--) {
      calls++;
      pending.push(act(subject));
      const next = random.below(9);
      if (next < 3) await Promise.all(pending.splice(0));
      else if (next < 5) await delay(0);
      if (random.below(30) === 0) collect?.();
    }
    if (random.below(4) === 0) {
      Promise.all(pending).catch(fail);
      continue;
    }
    await Promise.all(pending);
    // Calls that host functions have begun may still be on their way; one more waits for them.
    await threaded(subject.exports.bump)();
    subject.bumps++;
    await delay(0);
    expectEqual((subject.exports.count as unknown as { value: number }).value, subject.bumps);
  }
}

// A worker is not to be terminated while its engines are made: koffi would end the process.
for (const interrupts of [false, true])
  for (const bounds of ["guard", "explicit"] as const) new Subject(interrupts, bounds);
parentPort?.postMessage("begun");
await Promise.all([actor(), actor(), actor()]).catch(fail);
process.stdout.write(JSON.stringify({ calls, busy }));
