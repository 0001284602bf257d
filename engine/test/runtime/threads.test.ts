/** Calls on threads: results, errors, host calls, whose turn it is, limits, and how processes and workers end meanwhile. */
import { AsyncLocalStorage } from "node:async_hooks";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { threadId } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import {
  createNamespace,
  Fuel,
  InstanceBusy,
  InterruptError,
  parkable,
  promising,
  Snapshot,
  SnapshotError,
  Suspending,
  threaded,
  trapOf,
  WebAssembly,
  withLimits,
} from "../../index.js";
import { threadNiceness } from "../../machine/native-tables.js";
import { withLongerTimes } from "../support/longer-times.js";
import { assemble } from "./assemble.js";

type Exported = (...args: unknown[]) => unknown;
type Imports = Record<string, Record<string, unknown>>;

const { Instance, Module, Memory, Table, Global } = createNamespace({ interrupts: true });

function instantiate(text: string, imports: Imports = {}): InstanceType<typeof Instance> {
  return new Instance(new Module(assemble(text)), imports);
}
const exportsOf = (text: string, imports: Imports = {}): Record<string, Exported> =>
  instantiate(text, imports).exports as Record<string, Exported>;

/** Says in memory that it has begun, and loops until it finds something there that isn't 0. */
const waiting = `
  (func (export "work") (result i32)
    (i32.store (i32.const 4) (i32.const 1))
    (loop (br_if 0 (i32.eqz (i32.load (i32.const 0)))))
    (i32.load (i32.const 0)))`;

interface Controls {
  /** Waits until `work` runs. */
  begun(): Promise<void>;
  stop(value?: number): void;
}

function controlsOf(memory: unknown): Controls {
  const words = (): Int32Array => new Int32Array((memory as InstanceType<typeof Memory>).buffer);
  return {
    begun: async () => {
      while (words()[1] === 0) await delay(1);
    },
    stop: (value = 1) => {
      words()[0] = value;
    },
  };
}

/** An instance whose `work` runs until `stop` is called. */
function worker(more = ""): Controls & { exports: Record<string, Exported> } {
  const exports = exportsOf(`(module (memory (export "memory") 1 10) ${waiting} ${more})`);
  return { exports, ...controlsOf(exports.memory) };
}

test.serial("results and arguments of every type", async (t) => {
  const exports = exportsOf(`(module
    (func (export "none"))
    (func (export "one") (param i32 i64 f32 f64) (result f64)
      (f64.add (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))
        (f64.add (f64.promote_f32 (local.get 2)) (local.get 3))))
    (func (export "many") (param externref i32 funcref) (result funcref i32 externref)
      (local.get 2) (local.get 1) (local.get 0)))`);
  const object = {};
  t.is(await threaded(exports.none)(), undefined);
  t.is(await threaded(exports.one)(1, 2n, 0.5, 0.25), 3.75);
  t.deepEqual(await threaded(exports.many)(object, 7, exports.one), [exports.one, 7, object]);
  t.is(threaded(exports.one).length, 4);
  t.throws(() => threaded(() => 1), { instanceOf: TypeError });
  await t.throwsAsync(threaded(exports.one)(1, 2), { instanceOf: TypeError });
});

test.serial("Wasm code runs beside JavaScript", async (t) => {
  const { exports, begun, stop } = worker();
  const result = threaded(exports.work)();
  await begun();
  stop(42);
  t.is(await result, 42);
});

test.serial("threads are nicer than the JavaScript thread, which stays as it is", async (t) => {
  const own = getPriority();
  const { exports, begun, stop } = worker();
  const result = threaded(exports.work)();
  await begun();
  // Linux knows threads by number where it asks for a process.
  const all = readdirSync("/proc/self/task").map((number) => getPriority(Number(number)));
  stop(1);
  await result;
  t.true(all.includes(Math.min(own + threadNiceness, 19)), `own: ${own}, threads: ${all}`);
  t.is(getPriority(), own);
});

test.serial(
  "host functions run on the JavaScript thread, in the caller's asynchronous context",
  async (t) => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const exports = exportsOf(
      `(module (import "h" "f" (func $f (param i32) (result i32)))
      (func (export "run") (result i32) (i32.add (call $f (i32.const 1)) (call $f (i32.const 2)))))`,
      {
        h: {
          f: (n: number) => {
            seen.push(n, threadId, storage.getStore());
            return n * 10;
          },
        },
      },
    );
    t.is(await storage.run("mine", () => threaded(exports.run)()), 30);
    t.deepEqual(seen, [1, 0, "mine", 2, 0, "mine"]);
  },
);

test.serial("traps reject, with their stacks; the instance stays usable", async (t) => {
  for (const bounds of ["guard", "explicit"] as const) {
    const space = createNamespace({ interrupts: true, bounds });
    const { exports } = new space.Instance(
      new space.Module(
        assemble(`(module (memory 1)
          (func $read (export "read") (param i32) (result i32) (i32.load (local.get 0)))
          (func (export "outer") (result i32) (call $read (i32.const -4)))
          (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
          (func (export "bad") unreachable))`),
      ),
    ) as unknown as { exports: Record<string, Exported> };
    const trap = await t.throwsAsync(threaded(exports.outer)(), { instanceOf: WebAssembly.RuntimeError });
    t.is(trapOf(trap)?.kind, "memoryOutOfBounds");
    t.deepEqual(
      trapOf(trap)?.frames.map((frame) => frame.functionIndex),
      [0, 1],
    );
    t.regex(trap!.stack!, /wasm-function\[0\].*\n.*wasm-function\[1\]/);
    await t.throwsAsync(threaded(exports.deep)(), { instanceOf: RangeError });
    await t.throwsAsync(threaded(exports.bad)(), { message: "unreachable" });
    t.is(await threaded(exports.read)(0), 0);
    t.is(exports.read(0), 0);
  }
});

test.serial("what a host function throws rejects the call, the same object", async (t) => {
  const thrown = { thrown: true };
  const { run } = exportsOf(`(module (import "h" "f" (func $f)) (func (export "run") (call $f)))`, {
    h: {
      f: () => {
        throw thrown;
      },
    },
  });
  const caught = await threaded(run)().then(
    () => undefined,
    (error: unknown) => error,
  );
  t.is(caught, thrown);
});

test.serial("a host function may call the same instance, and link it", async (t) => {
  const exports: Record<string, Exported> = exportsOf(
    `(module (import "h" "f" (func $f (result i32)))
      (global $n (mut i32) (i32.const 5))
      (func (export "n") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
      (func (export "run") (result i32) (i32.add (call $f) (global.get $n))))`,
    {
      h: {
        f: () => {
          const table = new Table({ element: "anyfunc", initial: 1 });
          table.set(0, exports.n);
          const linked = exportsOf(
            `(module (import "h" "n" (func $n (result i32))) (func (export "m") (result i32) (call $n)))`,
            { h: { n: exports.n } },
          );
          return linked.m();
        },
      },
    },
  );
  t.is(await threaded(exports.run)(), 12);
});

test.serial("memory grows, tables grow, functions are compiled in mid-call", async (t) => {
  const exports =
    exportsOf(`(module (memory (export "memory") 1 20) (table $t 1 100 funcref) (elem declare func $five)
    (func $five (result i32) (i32.const 5))
    (func (export "run") (result i32) (local $before i32)
      (local.set $before (memory.grow (i32.const 3)))
      (i32.store (i32.const 200000) (i32.const 30))
      (drop (table.grow $t (ref.func $five) (i32.const 10)))
      (i32.add (i32.load (i32.const 200000))
        (i32.add (local.get $before) (call_indirect (result i32) (i32.const 9))))))`);
  t.is(await threaded(exports.run)(), 36);
  t.is((exports.memory as unknown as InstanceType<typeof Memory>).buffer.byteLength, 4 * 65536);
});

test.serial("while code runs on a thread, JavaScript can't get at what it may change", async (t) => {
  const busy = { instanceOf: InstanceBusy };
  const { exports, begun, stop } = worker(`
    (table (export "table") 2 10 funcref)
    (global (export "number") (mut i32) (i32.const 3))
    (global (export "reference") (mut externref) (ref.null extern))
    (func (export "other") (result i32) (i32.const 1))`);
  const { table, number, reference, memory } = exports as unknown as {
    table: InstanceType<typeof Table>;
    number: InstanceType<typeof Global>;
    reference: InstanceType<typeof Global>;
    memory: InstanceType<typeof Memory>;
  };
  const result = threaded(exports.work)();
  await begun();
  t.throws(() => exports.other(), busy);
  t.throws(() => table.get(0), busy);
  t.throws(() => table.set(0, exports.other), busy);
  t.throws(() => table.grow(1), busy);
  t.throws(() => memory.grow(1), busy);
  t.throws(() => reference.value, busy);
  t.throws(() => {
    number.value = 4;
  }, busy);
  t.is(number.value, 3);
  t.is(table.length, 2);
  const importer = `(module (import "m" "other" (func (result i32))))`;
  t.throws(() => instantiate(importer, { m: exports }), busy);
  t.throws(() => new Table({ element: "anyfunc", initial: 1 }).set(0, exports.other), busy);
  stop();
  await result;
  t.is(exports.other(), 1);
  table.set(0, exports.other);
  t.is(memory.grow(1), 1);
  instantiate(importer, { m: exports });
});

test.serial("no snapshot of an instance that runs on a thread", async (t) => {
  const instance = instantiate(`(module (memory (export "memory") 1) ${waiting})`);
  const exports = instance.exports as Record<string, Exported>;
  const { begun, stop } = controlsOf(exports.memory);
  const result = threaded(exports.work)();
  await begun();
  t.throws(() => Snapshot.of(instance), { instanceOf: SnapshotError });
  stop();
  await result;
  t.truthy(Snapshot.of(instance));
});

test.serial("asynchronous calls wait, in their order", async (t) => {
  const { exports, begun, stop } = worker(`(func (export "give") (param i32) (result i32) (local.get 0))`);
  const order: unknown[] = [];
  const note = (value: unknown): void => void order.push(value);
  const calls = [
    threaded(exports.work)().then(() => note("work")),
    threaded(exports.give)(1).then(note),
    threaded(exports.give)(2).then(note),
  ];
  await begun();
  calls.push(promising(exports.give)(3).then(note));
  calls.push((parkable(exports.give)(4) as Promise<unknown>).then(note));
  calls.push(threaded(exports.give)(5).then(note));
  await delay(5);
  t.deepEqual(order, []);
  stop();
  await Promise.all(calls);
  t.deepEqual(order, ["work", 1, 2, 3, 4, 5]);
  t.is(parkable(exports.give)(6), 6);
});

test.serial("no other call gets in while a host function is served, but those that it makes", async (t) => {
  const order: string[] = [];
  const exports: Record<string, Exported> = exportsOf(
    `(module (import "h" "f" (func $f)) (import "h" "note" (func $note (param i32)))
      (func (export "long") (call $f) (call $f))
      (func (export "short") (param i32) (call $note (local.get 0))))`,
    {
      h: {
        f: () => {
          order.push("f");
          exports.short(1);
          void promising(exports.short)(2);
          void threaded(exports.short)(3);
        },
        note: (n: number) => order.push(String(n)),
      },
    },
  );
  await Promise.all([threaded(exports.long)(), threaded(exports.short)(4)]);
  await threaded(exports.short)(5);
  t.deepEqual(order, ["f", "1", "2", "f", "1", "2", "4", "3", "3", "5"]);
});

test.serial("a promise parks the call, and others run meanwhile", async (t) => {
  const none = (_: number): void => {};
  let release = none;
  const exports = exportsOf(
    `(module (import "h" "wait" (func $wait (result i32)))
      (func (export "run") (param i32) (result i32) (i32.add (call $wait) (local.get 0)))
      (func (export "short") (result i32) (i32.const 1)))`,
    {
      h: {
        wait: new Suspending(
          () =>
            new Promise<number>((resolve) => {
              release = resolve;
            }),
        ),
      },
    },
  );
  const call = threaded(exports.run)(2);
  while (release === none) await delay(1);
  t.is(await threaded(exports.short)(), 1);
  t.is(exports.short(), 1);
  release(40);
  t.is(await call, 42);
});

test.serial("a parked call that goes on has to wait for one on a thread", async (t) => {
  let release = (_: number): void => {};
  const exports = exportsOf(
    `(module (import "h" "wait" (func $wait (result i32))) (memory (export "memory") 1) ${waiting}
      (func (export "run") (result i32) (call $wait)))`,
    {
      h: {
        wait: new Suspending(
          () =>
            new Promise<number>((resolve) => {
              release = resolve;
            }),
        ),
      },
    },
  );
  const { begun, stop } = controlsOf(exports.memory);
  const order: string[] = [];
  const parked = promising(exports.run)().then(() => order.push("parked"));
  const work = threaded(exports.work)().then(() => order.push("work"));
  await begun();
  release(1);
  await delay(5);
  t.deepEqual(order, []);
  stop();
  await Promise.all([parked, work]);
  t.deepEqual(order, ["work", "parked"]);
});

test.serial("instances that share a memory take turns, others don't", async (t) => {
  const memory = new Memory({ initial: 1 });
  const text = `(module (import "h" "memory" (memory 1)) ${waiting} (func (export "other")))`;
  const one = exportsOf(text, { h: { memory } });
  const other = exportsOf(text, { h: { memory } });
  const apart = exportsOf(`(module (func (export "other")))`);
  const { begun, stop } = controlsOf(memory);
  const call = threaded(one.work)();
  await begun();
  t.throws(() => other.other(), { instanceOf: InstanceBusy });
  t.throws(() => memory.grow(1), { instanceOf: InstanceBusy });
  t.is(apart.other(), undefined);
  stop();
  await call;
  t.is(other.other(), undefined);
});

test.serial("instances that share a mutable global take turns", async (t) => {
  const shared = new Global({ value: "i32", mutable: true }, 1);
  const one = exportsOf(
    `(module (import "h" "g" (global (mut i32))) (memory (export "memory") 1) ${waiting})`,
    { h: { g: shared } },
  );
  const other = exportsOf(`(module (import "h" "g" (global (mut i32))) (func (export "f")))`, {
    h: { g: shared },
  });
  const { begun, stop } = controlsOf(one.memory);
  const call = threaded(one.work)();
  await begun();
  t.throws(() => other.f(), { instanceOf: InstanceBusy });
  stop();
  await call;
});

async function interrupted(t: ExecutionContext, call: Promise<unknown>): Promise<InterruptError> {
  return (await t.throwsAsync(call, { instanceOf: InterruptError })) as InterruptError;
}

/** How a call ended at its deadline, which it had begun by. */
function stoppedInside(t: ExecutionContext, call: () => Promise<unknown>): Promise<InterruptError> {
  const attempt = async (timeout: number): Promise<InterruptError> => {
    const before = performance.now();
    const error = await interrupted(t, withLimits({ timeout }, call));
    t.is(error.reason, "deadline");
    t.true(performance.now() - before >= timeout);
    return error;
  };
  return withLongerTimes(attempt, (error) => error.frames.length > 0);
}

test.serial("a deadline and an abort stop a call that runs", async (t) => {
  const { exports, stop } = worker();
  const late = await stoppedInside(t, () => threaded(exports.work)());
  t.is(late.frames[0]?.functionIndex, 0);
  const controller = new AbortController();
  setTimeout(() => controller.abort("enough"), 10);
  const aborted = await interrupted(
    t,
    withLimits({ signal: controller.signal }, () => threaded(exports.work)()),
  );
  t.is(aborted.reason, "aborted");
  t.is(aborted.cause, "enough");
  stop(9);
  t.is(await withLimits({ timeout: 60_000 }, () => threaded(exports.work)()), 9);
});

test.serial("limits hold while a call waits for its turn, or is parked", async (t) => {
  const { exports, stop } = worker();
  const call = threaded(exports.work)();
  const started = interrupted(
    t,
    withLimits({ timeout: 10 }, () => threaded(exports.work)()),
  );
  const beside = interrupted(
    t,
    withLimits({ timeout: 10 }, () => promising(exports.work)()),
  );
  t.deepEqual((await started).frames, []);
  t.deepEqual((await beside).frames, []);
  stop(3);
  t.is(await call, 3);
  t.is(exports.work(), 3);
  const { run } = exportsOf(`(module (import "h" "w" (func $w)) (func (export "run") (call $w)))`, {
    h: { w: new Suspending(() => new Promise(() => {})) },
  });
  const parked = await stoppedInside(t, () => threaded(run)());
  t.is(parked.frames[0]?.functionIndex, 1);
});

test("a call on a thread that costs more than its budget fails, also where nothing follows", async (t) => {
  const { Instance, Module } = createNamespace({ fuel: true });
  const text = `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
  const add = threaded(new Instance(new Module(assemble(text))).exports.add as Exported);
  const fuel = new Fuel(2);
  const error = await t.throwsAsync(() => withLimits({ fuel }, () => add(1, 2)) as Promise<unknown>, {
    instanceOf: InterruptError,
  });
  t.is(error?.reason, "outOfFuel");
  t.is(fuel.left, 0);
  const enough = new Fuel(3);
  t.is(await withLimits({ fuel: enough }, () => add(1, 2)), 3);
  t.is(enough.left, 0);
});

test.serial("calls in slices and on threads draw on one budget, one after the other", async (t) => {
  const { Instance, Module } = createNamespace({ fuel: true });
  const module = new Module(
    assemble(`(module (func (export "work") (param i32) (result i32) (local $x i32)
      (loop $l (local.set $x (i32.add (local.get $x) (local.get 0)))
        (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $x))
      (func (export "spin") (loop $l (br $l))))`),
  );
  const spin = new Instance(module).exports.spin as Exported;
  const works = Array.from({ length: 4 }, () => new Instance(module).exports.work as Exported);
  const single = new Fuel(1e12);
  const steps = 3_000_000;
  const expected = withLimits({ fuel: single }, () => works[0]?.(steps));
  const fuel = new Fuel(1e12);
  const calls = works.map((work, i) =>
    i % 2 === 0
      ? withLimits({ fuel }, () => threaded(work)(steps))
      : withLimits({ fuel, slice: 0 }, () => promising(work)(steps)),
  );
  t.deepEqual(
    await Promise.all(calls),
    works.map(() => expected),
  );
  t.is(1e12 - fuel.left, 4 * (1e12 - single.left));

  // One that stands anywhere has the budget for itself: what is left of it may be in a register.
  const controller = new AbortController();
  const { signal } = controller;
  const endless = withLimits({ fuel, slice: 0, signal }, () => promising(spin)());
  t.throws(() => withLimits({ fuel }, () => works[1]?.(1)), { instanceOf: InstanceBusy });
  const behind = withLimits({ fuel, timeout: 1 }, () => promising(works[1] as Exported)(1));
  t.is((await interrupted(t, behind)).reason, "deadline");
  controller.abort();
  t.is((await interrupted(t, endless)).reason, "aborted");
  const { left } = fuel;
  t.is(
    withLimits({ fuel }, () => works[0]?.(steps)),
    expected,
  );
  t.is(left - fuel.left, 1e12 - single.left);
});

test.serial("limits hold for what a host function calls", async (t) => {
  const { exports } = worker();
  const { run } = exportsOf(`(module (import "h" "f" (func $f)) (func (export "run") (call $f)))`, {
    h: { f: () => exports.work() },
  });
  const error = await interrupted(
    t,
    withLimits({ timeout: 20 }, () => threaded(run)()),
  );
  t.is(error.reason, "deadline");
});

test.serial("a budget of fuel serves one call at a time, and counts the same on threads", async (t) => {
  const space = createNamespace({ fuel: true });
  const module = new space.Module(
    assemble(`(module (memory (export "memory") 1) ${waiting}
      (func (export "count") (param i32)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "endless") (loop (br 0))))`),
  );
  const make = (): Record<string, Exported> => new space.Instance(module).exports as Record<string, Exported>;
  const [one, other] = [make(), make()];
  const here = new Fuel(1_000_000);
  withLimits({ fuel: here }, () => one.count(1000));
  const there = new Fuel(1_000_000);
  await withLimits({ fuel: there }, () => threaded(one.count)(1000));
  t.is(there.left, here.left);
  await withLimits({ fuel: there }, () =>
    Promise.all([threaded(one.count)(1000), threaded(other.count)(1000)]),
  );
  t.is(1_000_000 - there.left, 3 * (1_000_000 - here.left));
  const spent = await interrupted(
    t,
    withLimits({ fuel: new Fuel(1000) }, () => threaded(one.endless)()),
  );
  t.is(spent.reason, "outOfFuel");
  const { begun, stop } = controlsOf(one.memory);
  const plenty = new Fuel(2 ** 50);
  const call = withLimits({ fuel: plenty }, () => threaded(one.work)());
  await begun();
  t.throws(() => withLimits({ fuel: plenty }, () => other.count(1)), { instanceOf: InstanceBusy });
  stop();
  await call;
});

test.serial("more calls than processors take turns", async (t) => {
  const many = Array.from({ length: 12 }, () => worker());
  const endless = many.map(({ exports }) => threaded(exports.work)());
  const { sum } = exportsOf(`(module (func (export "sum") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))`);
  t.is(await threaded(sum)(1000), 500500);
  for (const { stop } of many) stop(8);
  t.deepEqual(await Promise.all(endless), new Array(12).fill(8));
});

test.serial("references survive sweeps between a call's steps", async (t) => {
  const exports: Record<string, Exported> = exportsOf(
    `(module (import "h" "swap" (func $swap (param externref) (result externref)))
      (table $t 1 externref)
      (func (export "put") (param externref) (table.set $t (i32.const 0) (local.get 0)))
      (func (export "run") (param externref) (result externref) (local externref)
        (local.set 1 (call $swap (local.get 0)))
        (drop (call $swap (ref.null extern)))
        (local.get 1)))`,
    {
      h: {
        swap: (value: unknown) => {
          for (let i = 0; i < 20_000; i++) exports.put({ i });
          return [value];
        },
      },
    },
  );
  for (let i = 0; i < 3; i++) {
    const mine = { i };
    const result = threaded(exports.run)(mine);
    void Promise.resolve().then(() => exports.put({}));
    t.deepEqual(await result, [mine]);
    t.is(((await threaded(exports.run)(mine)) as unknown[])[0], mine);
  }
});

// ---------------------------------------------------------------- processes of their own

const run = promisify(execFile);
const file = (name: string): string => new URL(name, import.meta.url).pathname;

async function child(scenario: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, [file("threads-child.js"), scenario, ...args], {
    timeout: 120_000,
  });
  return JSON.parse(stdout);
}

/** That it ends at all is what is tested; how long it took is told. */
async function ends(t: ExecutionContext, measure: () => Promise<number>): Promise<void> {
  t.log(`${(await measure()).toFixed(1)} ms`);
  t.pass();
}

test.serial("a file is read while eight calls loop on threads", async (t) => {
  await ends(t, async () => (await child("readFile")) as number);
});

test.serial("process.exit ends the process while calls loop on threads", async (t) => {
  await ends(t, async () => {
    const exited = (await child("exit")) as number;
    return Date.now() - exited;
  });
});

test.serial("terminate ends a worker whose calls loop on threads", async (t) => {
  const times = (await child("terminate")) as number[];
  t.log(times.map((time) => `${time.toFixed(1)} ms`).join(", "));
  t.true(times.length > 0);
});

/** How koffi's binding to Node ends a process if a worker is terminated just while koffi calls Node (docs/engine.md). */
const endedByKoffi = /FATAL ERROR: Error::ThrowAsJavaScriptException/;

test.serial("workers are terminated in the middle of random calls on threads", async (t) => {
  for (let seed = 1; seed <= 3; seed++) {
    t.log(`seed ${seed}`);
    try {
      t.is(await child("terminateStress", String(seed)), "survived");
      return;
    } catch (error) {
      if (!endedByKoffi.test((error as { stderr?: string }).stderr ?? "")) throw error;
      t.log("koffi ended the process");
    }
  }
  t.fail("koffi ended three processes: more than can be chance");
});

test.serial("a worker ends by itself while its calls loop on threads", async (t) => {
  await ends(t, async () => (await child("workerExit")) as number);
});

test.serial("threads that wait don't keep the process", async (t) => {
  t.is(typeof (await child("idle")), "number");
});

test.serial("the event loop stays responsive while calls use all processors", async (t) => {
  const { p50, p99, max } = (await child("loopDelay")) as { p50: number; p99: number; max: number };
  t.log(`median ${p50.toFixed(1)} ms, 99 % ${p99.toFixed(1)} ms, worst ${max.toFixed(1)} ms`);
  // The calls take seconds: what matters is that timers don't wait for them.
  t.true(p50 < 1000);
});

for (const flag of ["--stack-trace-limit=10", "--expose-gc", "--cpu-prof"]) {
  test.serial(`random calls with ${flag}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "backplane-threads-"));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const seed = 1;
    t.log(`seed ${seed}`);
    const { stdout } = await run(process.execPath, [flag, file("threads-stress.js"), String(seed), "3000"], {
      timeout: 120_000,
      cwd: folder,
    });
    t.true((JSON.parse(stdout) as { calls: number }).calls > 20);
  });
}
