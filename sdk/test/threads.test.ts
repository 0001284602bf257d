/** Calls that compute on threads: their host functions, limits and ends; pools, links, reloads, resets, snapshots. */
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { InterruptError } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { withLongerTimes } from "../../engine/test/support/longer-times.js";
import {
  BackplaneError,
  CallStoppedError,
  currentCall,
  defineHostModule,
  describe,
  fn,
  InstanceBusyError,
  type PluginHost,
} from "../index.js";
import { hostOf } from "./quiet-host.js";

const text = `(module (import "app" "add" (func $add (param i32) (result i32)))
  (import "app" "wait" (func $wait (param i32) (result i32)))
  (memory (export "memory") 1) (global $n (mut i32) (i32.const 0)) (global $top (mut i32) (i32.const 1024))
  (func (export "backplane_alloc") (param i32) (result i32)
    (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 0))))
  (func (export "backplane_free") (param i32 i32))
  (func $spin (export "spin") (loop $l (br $l)))
  (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
  (func (export "work") (param i32) (result i32) (local $x i32)
    (loop $l (local.set $x (i32.add (local.get $x) (local.get 0)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $x))
  (func (export "host") (param i32) (result i32) (call $add (local.get 0)))
  (func (export "waits") (param i32) (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (call $wait (call $add (local.get 0))))
  (func (export "echo") (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
  (func (export "trap") (unreachable)))`;

const app = (wait: (n: number) => Promise<number> = async (n) => n * 2) =>
  defineHostModule("app", {
    add: [fn(["i32"], "i32"), (n: number) => n + 1],
    wait: [fn(["i32"], "i32", { async: true }), wait],
  });
const threads = { run: "thread" } as const;

/** How a call ended that was stopped when it had really begun. */
function stoppedInside(
  t: ExecutionContext,
  call: (milliseconds: number) => Promise<unknown>,
): Promise<CallStoppedError> {
  const attempt = async (time: number): Promise<CallStoppedError> =>
    (await t.throwsAsync(call(time), { instanceOf: CallStoppedError })) as CallStoppedError;
  return withLongerTimes(attempt, (error) => error.frames.length > 0);
}

/** Calls until it throws: a call on a thread begins in its own time. */
async function firstError(action: () => unknown): Promise<unknown> {
  for (;;) {
    try {
      action();
    } catch (error) {
      return error;
    }
    await delay(1);
  }
}

test("calls of all kinds give on a thread what they give on the main thread", async (t) => {
  const host = await hostOf(t, {
    modules: [app()],
    plugins: [{ name: "p", bytes: assemble(text) }],
    options: threads,
  });
  const plugin = host.plugin("p");
  t.is(await plugin.call("work", 1000), 500500);
  t.is(await plugin.call("host", 41), 42);
  t.is(await plugin.call("waits", 20), 42);
  t.is(await plugin.call("echo", "Ada"), "Ada");
  t.deepEqual(await plugin.call("echo", new Uint8Array([1, 2])), new Uint8Array([1, 2]));
  t.is(await plugin.call("work", 1000, { run: "main" }), 500500);
  await t.throwsAsync(plugin.call("trap"), { message: /unreachable/ });
  t.is(plugin.stats().traps, 1);
  const Typed = describe({ echo: fn(["string"], "string"), work: fn(["i32"], "i32"), spin: fn([]) });
  const typed = await host.plugin("p", Typed);
  t.is(await typed.echo("Grace"), "Grace");
  t.is(await typed.work(10, { run: "main" }), 55);
  await t.throwsAsync(typed.spin({ timeout: 20, run: "thread" }), { code: "TIMEOUT" });
});

test("host functions run on the main thread, in the caller's context, while timers go on beside the code", async (t) => {
  const seen: unknown[] = [];
  const module = defineHostModule("app", {
    add: [
      fn(["i32"], "i32"),
      (n: number) => {
        seen.push(currentCall()?.plugin, currentCall()?.context);
        return n;
      },
    ],
    wait: [fn(["i32"], "i32"), async (n: number) => n],
  });
  const host = await hostOf(t, { modules: [module], plugins: [{ name: "p", bytes: assemble(text) }] });
  const plugin = host.plugin("p");
  t.is(await plugin.call("host", 1, { run: "thread", context: "mine" }), 1);
  t.deepEqual(seen, ["p", "mine"]);
  const controller = new AbortController();
  const endless = plugin.call("spin", undefined, { run: "thread", signal: controller.signal });
  for (let ticks = 0; ticks < 3; ticks++) await delay(2);
  controller.abort(new Error("enough"));
  await t.throwsAsync(endless, { code: "ABORTED" });
});

test("timeout, deadline and signal stop a call wherever it is, and tell where that was", async (t) => {
  const host = await hostOf(t, {
    modules: [app(() => new Promise(() => {}))],
    plugins: [{ name: "p", bytes: assemble(text) }],
    options: { circuit: { traps: 100 } },
  });
  const plugin = host.plugin("p");
  for (const run of ["main", "thread"] as const) {
    t.is(await plugin.call("count", undefined, { run }), 1);
    const late = await stoppedInside(t, (timeout) => plugin.call("spin", undefined, { run, timeout }));
    t.regex(late.message, /^p\.spin: not done after \d+ ms$/);
    t.is(late.frames[0]?.functionName, "spin", run);
    t.true(late.cause instanceof InterruptError);
    t.regex(String(late.stack), /^CallStoppedError: p\.spin: not done after \d+ ms\n {4}at spin \(wasm:/);
    t.is(await plugin.call("count", undefined, { run }), 1, "a new instance");
    const dated = await stoppedInside(t, (time) =>
      plugin.call("spin", undefined, { run, deadline: performance.now() + time }),
    );
    t.is(dated.frames[0]?.functionName, "spin");
    const past = { run, deadline: performance.now() };
    await t.throwsAsync(plugin.call("count", undefined, past), { code: "TIMEOUT" });

    for (const [options, code] of [
      [(time: number) => ({ timeout: time }), "TIMEOUT"],
      [(time: number) => ({ deadline: performance.now() + time }), "TIMEOUT"],
      [(time: number) => ({ signal: AbortSignal.timeout(time) }), "ABORTED"],
    ] as const) {
      const waiting = await stoppedInside(t, (time) => plugin.call("waits", 1, { run, ...options(time) }));
      t.deepEqual([waiting.code, waiting.frames.length], [code, 1], run);
    }
  }
  const aborted = await stoppedInside(t, (time) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), time);
    return plugin.call("spin", undefined, { run: "thread", signal: controller.signal });
  });
  t.is(aborted.code, "ABORTED");
  t.is((aborted.cause as Error).message, "enough");
  t.is(aborted.frames[0]?.functionName, "spin");
});

test("what isn't a place or a time is refused, and takes no instance", async (t) => {
  const host = await hostOf(t, { modules: [app()], plugins: [{ name: "p", bytes: assemble(text) }] });
  const plugin = host.plugin("p");
  for (const options of [{ run: "worker" }, { timeout: Number.NaN }, { deadline: "soon" }]) {
    await t.throwsAsync(plugin.call("count", undefined, options as never), { code: "OPTIONS" });
  }
  t.is(plugin.stats().active, 0);
  await t.throwsAsync(host.load({ name: "q", bytes: assemble("(module)") }, { run: "worker" as never }), {
    code: "OPTIONS",
    message: 'q: run: expected "main" or "thread", got "worker"',
  });
});

test("a pool has as many calls in its code at once as it has instances", async (t) => {
  let inside = 0;
  let most = 0;
  const bytes = assemble(text);
  const wait = async (n: number): Promise<number> => {
    most = Math.max(most, ++inside);
    await delay(20);
    inside--;
    return n;
  };
  const host = await hostOf(t, {
    modules: [app(wait)],
    plugins: [{ name: "p", bytes }],
    options: { ...threads, instances: 3 },
  });
  const results = await Promise.all(Array.from({ length: 9 }, (_, i) => host.plugin("p").call("waits", i)));
  t.deepEqual(results, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.is(most, 3);
  const spins = Array.from({ length: 3 }, () => host.plugin("p").call("spin", undefined, { timeout: 60 }));
  await Promise.all(spins.map((spin) => t.throwsAsync(spin, { code: "TIMEOUT" })));
});

test("while a call computes, exports are busy, others wait, and a snapshot waits too", async (t) => {
  const host = await hostOf(t, {
    modules: [app()],
    plugins: [{ name: "p", bytes: assemble(text) }],
    options: { ...threads, afterError: "keep" },
  });
  const plugin = host.plugin("p");
  t.is(await plugin.call("count"), 1);
  const order: string[] = [];
  const controller = new AbortController();
  const { signal } = controller;
  const spin = plugin.call("spin", undefined, { signal }).catch(() => order.push("spin"));
  const error = t.throws(() => (plugin.exports.count as () => number)(), { instanceOf: InstanceBusyError });
  t.is(error?.code, "BUSY");
  const count = plugin.call("count").then((value) => order.push(`count ${value}`));
  const snapshot = plugin.snapshot().then(() => order.push("snapshot"));
  await delay(5);
  controller.abort();
  await Promise.all([spin, count, snapshot]);
  t.deepEqual(order, ["spin", "count 2", "snapshot"]);
});

test("a re-entrant plugin: calls wait for the one on the thread, exports are busy, snapshots refused", async (t) => {
  const host: PluginHost = await hostOf(t, {
    modules: [app(async (n) => (await host.plugin("p").call("work", n)) as number)],
    plugins: [{ name: "p", bytes: assemble(text) }],
    options: { ...threads, reentrant: true, afterError: "keep" },
  });
  const plugin = host.plugin("p");
  t.is(await plugin.call("waits", 3), 10, "in from within");
  const controller = new AbortController();
  const spin = t.throwsAsync(plugin.call("spin", undefined, { signal: controller.signal }), {
    code: "ABORTED",
  });
  const busy = await firstError(() => (plugin.exports.work as (n: number) => number)(1));
  t.true(busy instanceof InstanceBusyError);
  t.regex(String(busy), /p\.work: .*runs on a thread/);
  await t.throwsAsync(plugin.snapshot(), { code: "SNAPSHOT", message: /running or parked/ });
  const others = Promise.all([
    plugin.call("echo", "Ada", { run: "main" }),
    plugin.call("echo", "Grace"),
    plugin.call("count", undefined, { run: "main" }),
  ]);
  await delay(5);
  controller.abort();
  await spin;
  t.deepEqual(await others, ["Ada", "Grace", 2]);
  const many = Array.from({ length: 40 }, (_, i) =>
    plugin.call("echo", `text ${i}`, { run: i % 3 === 0 ? "main" : "thread" }),
  );
  t.deepEqual(
    await Promise.all(many),
    Array.from({ length: 40 }, (_, i) => `text ${i}`),
  );
});

test("linked plugins are entered by one call at a time", async (t) => {
  const base =
    assemble(`(module (global $inside (mut i32) (i32.const 0)) (global $bad (mut i32) (i32.const 0))
    (func (export "step") (param i32) (local $i i32)
      (if (global.get $inside) (then (global.set $bad (i32.const 1))))
      (global.set $inside (i32.const 1))
      (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (global.set $inside (i32.const 0)))
    (func (export "bad") (result i32) (global.get $bad)))`);
  const user = assemble(`(module (import "base" "step" (func $step (param i32)))
    (func (export "run") (call $step (i32.const 100000))))`);
  const manifest = (name: string) => ({
    name,
    version: "1.0.0",
    dependencies: { plugins: { base: "^1.0.0" } },
  });
  const host = await hostOf(t, {
    plugins: [
      { bytes: base, manifest: { name: "base", version: "1.0.0" } },
      { bytes: user, manifest: manifest("one") },
      { bytes: user, manifest: manifest("two") },
    ],
    grant: () => ({ plugins: ["base"] }),
    options: threads,
  });
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 10; i++) {
    calls.push(host.plugin("one").call("run"), host.plugin("two").call("run", undefined, { run: "main" }));
    calls.push(host.plugin("base").call("step", 100000));
  }
  await delay(0);
  t.throws(() => (host.plugin("one").exports.run as () => void)(), { instanceOf: InstanceBusyError });
  await Promise.all(calls);
  t.is(await host.plugin("base").call("bad"), 0);
});

test("reloading waits for a call on a thread or aborts it; closing aborts it; both tell so", async (t) => {
  const host = await hostOf(t, {
    modules: [app(() => new Promise(() => {}))],
    plugins: [{ name: "p", bytes: assemble(text) }],
    options: { ...threads, drainTimeout: 500 },
  });
  const plugin = host.plugin("p");
  const stopped = { code: "ABORTED", message: "p: stopped while the call was running" };
  for (const name of ["spin", "waits"]) {
    const old = t.throwsAsync(plugin.call(name, name === "spin" ? undefined : 1), stopped);
    await delay(5);
    await plugin.reload();
    t.is(await plugin.call("count"), 1, "the new generation serves meanwhile");
    await old;
  }
  const spin = t.throwsAsync(plugin.call("spin"), { ...stopped, instanceOf: CallStoppedError });
  const busy = await firstError(() => (plugin.exports.count as () => number)());
  t.true(busy instanceof InstanceBusyError, "it runs by now");
  await plugin.close();
  t.is((await spin)?.frames[0]?.functionName, "spin");
  await t.throwsAsync(plugin.call("count"), { instanceOf: BackplaneError, code: "CLOSED" });
});

test("closing a plugin rejects its parked calls with an error that says so", async (t) => {
  let waiting = 0;
  const forever = (): Promise<never> => {
    waiting++;
    return new Promise(() => {});
  };
  const host = await hostOf(t, {
    modules: [app(forever)],
    plugins: [{ name: "p", bytes: assemble(text) }],
    options: { instances: 4, drainTimeout: 10 },
  });
  const calls = [1, 2, 3, 4].map((n) =>
    t.throwsAsync(host.plugin("p").call("waits", n, { run: n % 2 ? "thread" : "main" }), {
      instanceOf: CallStoppedError,
      code: "ABORTED",
      message: "p: stopped while the call was running",
    }),
  );
  while (waiting < 4) await delay(1);
  await host.plugin("p").close();
  for (const error of await Promise.all(calls)) t.is(error?.frames.length, 1);
});

test("each call finds the instance as after its start, on threads too", async (t) => {
  const host = await hostOf(t, {
    modules: [app()],
    plugins: [{ name: "p", bytes: assemble(text) }],
    options: { ...threads, reset: "call" },
  });
  const plugin = host.plugin("p");
  for (let i = 0; i < 3; i++) t.is(await plugin.call("count"), 1);
  await t.throwsAsync(plugin.call("spin", undefined, { timeout: 10 }), { code: "TIMEOUT" });
  t.is(await plugin.call("count"), 1);
});
