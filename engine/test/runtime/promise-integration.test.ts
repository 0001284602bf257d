/** Suspending imports and promising exports: parked calls, their order, and what can't be parked. */
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { SuspendError, threaded, WebAssembly, withLimits } from "../../index.js";
import { threadEngine } from "../../runtime/engine.js";
import { assemble } from "./assemble.js";

const { Instance, Module, Suspending, promising } = WebAssembly;
type Exported = (...args: unknown[]) => unknown;

const adder = new Module(
  assemble(`(module
    (import "env" "wait" (func $wait (param i32) (result i32)))
    (import "env" "back" (func $back (result i32)))
    (global $count (export "count") (mut i32) (i32.const 0))
    (func $inner (param i32) (result i32)
      (i32.add (call $wait (local.get 0)) (i32.const 1)))
    (func (export "run") (param $a i32) (param $b f64) (result f64)
      (local $sum i32)
      (local.set $sum (call $inner (local.get $a)))
      (local.set $sum (i32.add (local.get $sum) (call $inner (local.get $sum))))
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (f64.add (f64.convert_i32_s (local.get $sum)) (local.get $b)))
    (func (export "through") (result i32) (call $back)))`),
);

function instance(wait: (n: number) => unknown, back: () => unknown = () => 0): Record<string, Exported> {
  const imports = { env: { wait: new Suspending(wait as Exported), back } };
  return new Instance(adder, imports).exports as Record<string, Exported>;
}

test("a call is parked at each promise and goes on where it was", async (t) => {
  const exports = instance(async (n) => {
    await delay(1);
    return n * 2;
  });
  const run = promising(exports.run);
  const order: string[] = [];
  const result = run(5, 0.5).then((value) => {
    order.push("done");
    return value;
  });
  order.push("returned");
  t.is(await result, 11 + 23 + 0.5);
  t.deepEqual(order, ["returned", "done"]);
});

test("many calls are parked at once and resumed in any order", async (t) => {
  const release: (() => void)[] = [];
  const exports = instance((n) => new Promise<number>((resolve) => release.push(() => resolve(n))));
  const run = promising(exports.run);
  const calls = Array.from({ length: 200 }, (_, i) => run(i, i));
  for (let round = 0; round < 2; round++) {
    const waiting = release.splice(0);
    t.is(waiting.length, 200);
    // 7 and 200 have no common divisor: every call once, in another order.
    for (let i = 0; i < 200; i++) waiting[(i * 7 + 3) % 200]();
    await delay(0);
  }
  const results = await Promise.all(calls);
  t.deepEqual(
    results,
    Array.from({ length: 200 }, (_, i) => i + 1 + (i + 2) + i),
  );
});

test.serial("parked calls are bounded where asked for, and by what the system has room for", async (t) => {
  const release: (() => void)[] = [];
  const exports = instance(() => new Promise((resolve) => release.push(() => resolve(1))));
  const run = promising(exports.run);
  const limited = (): Promise<unknown> => withLimits({ parkedCalls: 2 }, () => run(1, 0));
  const calls = [limited(), run(1, 0)];
  const refused = {
    instanceOf: RangeError,
    message: "parkedCalls: 2 calls wait for promises, and 2 may",
  };
  await t.throwsAsync(limited(), refused);
  await t.throwsAsync(
    withLimits({ parkedCalls: 1000 }, () =>
      withLimits({ parkedCalls: 2 }, () => threaded(exports.run)(1, 0)),
    ),
    refused,
  );
  const third = run(1, 0);
  for (let step = release.pop(); step !== undefined; step = release.pop()) {
    step();
    await delay(0);
  }
  t.deepEqual(await Promise.all([...calls, third]), [4, 4, 4]);
  const again = limited();
  for (let step = release.pop(); step !== undefined; step = release.pop()) {
    step();
    await delay(0);
  }
  t.is(await again, 4, "as before");
  for (const parkedCalls of [-1, Number.NaN, "5"]) {
    t.throws(() => withLimits({ parkedCalls: parkedCalls as never }, () => 0), { instanceOf: RangeError });
  }
  const { mostParkedCalls } = threadEngine();
  t.true(mostParkedCalls > 1000 && mostParkedCalls < Number.POSITIVE_INFINITY);
});

test("a value that is no promise doesn't park", (t) => {
  const exports = instance((n) => n);
  t.is(exports.run(1, 0), 2 + 3);
});

test("a rejected promise rejects the call and leaves the instance usable", async (t) => {
  let fail = true;
  const exports = instance(async (n) => {
    if (fail) throw new Error("not today");
    return n;
  });
  const run = promising(exports.run);
  await t.throwsAsync(run(1, 0), { message: "not today" });
  fail = false;
  t.is(await run(1, 0), 5);
});

test("a trap after resuming rejects", async (t) => {
  const module = new Module(
    assemble(`(module (import "env" "wait" (func $wait (result i32)))
      (func (export "run") (result i32) (i32.div_s (i32.const 1) (call $wait))))`),
  );
  const { run } = new Instance(module, { env: { wait: new Suspending(async () => 0) } }).exports as Record<
    string,
    Exported
  >;
  await t.throwsAsync(promising(run)(), { instanceOf: WebAssembly.RuntimeError, message: "divide by zero" });
});

test("what can't be made suspending or promising is refused, and what is made has the function's name and length", (t) => {
  const exports = instance((n) => n);
  t.throws(() => promising({} as never), {
    instanceOf: TypeError,
    message: "WebAssembly.promising(): Argument 0 must be a function",
  });
  for (const value of [() => 1, promising]) {
    t.throws(() => promising(value), {
      instanceOf: TypeError,
      message: "WebAssembly.promising(): Argument 0 must be a WebAssembly exported function",
    });
  }
  t.throws(() => new Suspending({} as never), {
    instanceOf: TypeError,
    message: "WebAssembly.Suspending(): Argument 0 must be a function",
  });
  t.throws(() => (Suspending as unknown as () => void)(), { instanceOf: TypeError });
  t.throws(() => new (promising as unknown as new (f: unknown) => unknown)(exports.run), {
    instanceOf: TypeError,
  });
  const run = promising(exports.run);
  t.deepEqual([run.name, run.length], [exports.run.name, 2]);
});

test("Wasm functions can't be made suspending, and what is promising already can be made so again", async (t) => {
  const exports = instance(async (n) => n);
  const run = promising(exports.run);
  for (const value of [exports.run, run, promising(run)]) {
    t.throws(() => new Suspending(value), {
      instanceOf: TypeError,
      message: "WebAssembly.Suspending(): Argument 0 must not be a WebAssembly function",
    });
  }
  t.is(await promising(run)(1, 0.5), 5.5);
});

test("without promising, a promise can't park: SuspendError", (t) => {
  const exports = instance(async (n) => n);
  t.throws(() => exports.run(1, 0), { instanceOf: SuspendError });
});

test("a synchronous JavaScript frame in between can't be parked: SuspendError", async (t) => {
  const exports: Record<string, Exported> = instance(
    async (n) => n,
    () => exports.run(1, 0),
  );
  await t.throwsAsync(promising(exports.through)(), { instanceOf: SuspendError });
});

test("what isn't an exported function or a callable is a TypeError", (t) => {
  t.throws(() => promising(() => 1), { instanceOf: TypeError });
  t.throws(() => new Suspending(1 as never), { instanceOf: TypeError });
});
