/** The life of a plugin: calls, waiting, time limits, traps, events, closing. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import type {
  DefinedModule,
  PluginEvent,
  PluginHostOptions,
  PluginOptions,
  ReentrancyError,
} from "../index.js";
import {
  BackplaneError,
  currentCall,
  fn,
  HostError,
  hostFunction,
  hostModule,
  PluginHost,
} from "../index.js";
import { Circuit } from "../lifecycle/circuit.js";
import { Lifecycle } from "../lifecycle/state.js";
import { SlotPool } from "../plugin/queue.js";
import { FakeClock } from "../testing/fake-clock.js";
import { quiet } from "./quiet-host.js";

class App {
  readonly log: string[] = [];
  running = 0;
  most = 0;
  host: PluginHost | undefined;

  async wait(ms: number): Promise<number> {
    this.most = Math.max(this.most, ++this.running);
    try {
      await delay(ms, undefined, { signal: currentCall()?.signal });
      this.log.push(`${currentCall()?.plugin}.${currentCall()?.export} ${String(currentCall()?.context)}`);
      return ms;
    } finally {
      this.running--;
    }
  }

  fail(): void {
    throw new RangeError("no luck");
  }

  async again(): Promise<number> {
    return (await this.host?.plugin("p").call("again")) as number;
  }
}

const appModule = (object: App): DefinedModule => ({
  declaration: {
    name: "app",
    className: "App",
    functions: [
      { name: "wait", method: "wait", signature: fn(["i32"], "i32") },
      { name: "fail", method: "fail", signature: fn([]) },
      { name: "again", method: "again", signature: fn([], "i32") },
    ],
  },
  object,
});

const text = `(module
  (import "app" "wait" (func $wait (param i32) (result i32)))
  (import "app" "fail" (func $fail))
  (import "app" "again" (func $again (result i32)))
  (memory (export "memory") 1) (global $n (mut i32) (i32.const 0)) (global $next (mut i32) (i32.const 1024))
  (func (export "wait") (param i32) (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $wait (local.get 0)))
  (func (export "count") (result i32) (global.get $n))
  (func (export "fail") (global.set $n (i32.const 77)) (call $fail))
  (func (export "again") (result i32) (call $again))
  (func (export "trap") unreachable)
  (func (export "backplane_alloc") (param i32) (result i32)
    (global.get $next) (global.set $next (i32.add (global.get $next) (local.get 0))))
  (func (export "backplane_free") (param i32 i32))
  (func (export "echo") (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
  (func (export "none") (param i32 i32) (result i64) (i64.const 0)))`;
const bytes = assemble(text);

async function started(
  t: ExecutionContext,
  options: PluginOptions = {},
  more: PluginHostOptions = {},
): Promise<{ host: PluginHost; app: App }> {
  const app = new App();
  const host = await PluginHost.start({
    plugins: [{ bytes, name: "p" }],
    modules: [appModule(app)],
    options,
    logger: quiet,
    ...more,
  });
  app.host = host;
  t.teardown(() => host.close());
  return { host, app };
}

const code = (value: string) => ({ instanceOf: BackplaneError, code: value });

test("text, bytes, JSON and core values", async (t) => {
  const { host } = await started(t);
  const plugin = host.plugin("p");
  t.is(await plugin.call("echo", "héllo"), "héllo");
  t.deepEqual(await plugin.call("echo", new Uint8Array([1, 255])), new Uint8Array([1, 255]));
  t.deepEqual(await plugin.call("echo", { a: ["b", null] }), { a: ["b", null] });
  t.is(await plugin.call("echo", ""), "");
  t.is(await plugin.call("none", "x"), null);
  t.deepEqual(await plugin.call("echo", "[1]", { result: "json" }), [1]);
  t.is(await plugin.call("echo", [16, 2], { result: "core" }), 16n | (2n << 32n));
  await t.throwsAsync(plugin.call("echo", "\ud800"), code("MARSHAL"));
  await t.throwsAsync(plugin.call("count", [], { result: "string" }), {
    message: /a result as string is an i64/,
  });
});

test("calls wait for one another, in order, with their own context", async (t) => {
  const { host, app } = await started(t);
  const plugin = host.plugin("p");
  const results = await Promise.all([9, 1, 5].map((ms, i) => plugin.call("wait", ms, { context: i })));
  t.deepEqual(results, [9, 1, 5]);
  t.deepEqual(app.log, ["p.wait 0", "p.wait 1", "p.wait 2"]);
  t.is(app.most, 1);
  t.is(plugin.exports.count instanceof Function && plugin.exports.count(), 3);
});

test("a pool serves as many calls as it has instances, a re-entrant plugin all", async (t) => {
  const pool = await started(t, { instances: 2 });
  await Promise.all([5, 5, 5].map((ms) => pool.host.plugin("p").call("wait", ms)));
  t.is(pool.app.most, 2);
  const shared = await started(t, { reentrant: true });
  await Promise.all([5, 5, 5].map((ms) => shared.host.plugin("p").call("wait", ms)));
  t.is(shared.app.most, 3);
});

test("the line is bounded, and core exports don't wait", async (t) => {
  const { host } = await started(t, { maxWaiting: 1 });
  const plugin = host.plugin("p");
  const calls = [plugin.call("wait", 20), plugin.call("wait", 1)];
  await t.throwsAsync(plugin.call("wait", 1), code("QUEUE_FULL"));
  t.throws(() => (plugin.exports.count as () => number)(), code("BUSY"));
  t.is(plugin.stats().waiting, 1);
  await Promise.all(calls);
});

test("time and signals count while waiting and while a host function waits", async (t) => {
  const { host } = await started(t);
  const plugin = host.plugin("p");
  const first = plugin.call("wait", 60);
  await t.throwsAsync(plugin.call("wait", 1, { timeout: 10 }), code("TIMEOUT"));
  await first;
  await t.throwsAsync(plugin.call("wait", 10_000, { timeout: 10 }), {
    ...code("TIMEOUT"),
    message: /p\.wait: not done after 10 ms/,
  });
  const controller = new AbortController();
  const aborted = plugin.call("wait", 10_000, { signal: controller.signal });
  setTimeout(() => controller.abort("enough"), 5);
  const error = await t.throwsAsync(aborted, code("ABORTED"));
  t.is(error.cause, "enough");
  await t.throwsAsync(plugin.call("count", [], { signal: controller.signal }), code("ABORTED"));
  t.is(await plugin.call("wait", 1), 1);
});

test("a call that reaches its own plugin fails and names the chain", async (t) => {
  const { host } = await started(t);
  const error = await t.throwsAsync(host.plugin("p").call("again"), { instanceOf: HostError });
  t.deepEqual((error.cause as ReentrancyError).chain, ["p.again", "p.again"]);
  t.regex(error.message, /p: import app\.again \(App\.again\): p\.again: the plugin is waiting/);
});

test("a host function's exception is the cause; the instance is replaced where a stack pointer may be wrong", async (t) => {
  const { host } = await started(t);
  const error = await t.throwsAsync(host.plugin("p").call("fail"), { instanceOf: HostError });
  t.true(error.cause instanceof RangeError);
  t.is(await host.plugin("p").call("count"), 0);
  const kept = await started(t, { afterError: "keep" });
  await t.throwsAsync(kept.host.plugin("p").call("fail"));
  t.is(await kept.host.plugin("p").call("count"), 77);
});

test("an exported stack pointer is put back where it stood", async (t) => {
  const stack = assemble(`(module (import "app" "fail" (func $fail))
    (global $sp (export "__stack_pointer") (mut i32) (i32.const 1000)) (global $n (mut i32) (i32.const 0))
    (func (export "fail") (global.set $sp (i32.sub (global.get $sp) (i32.const 64)))
      (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $fail))
    (func (export "top") (result i32) (global.get $sp)) (func (export "n") (result i32) (global.get $n)))`);
  const { host } = await started(t);
  const plugin = await host.load({ bytes: stack, name: "s" });
  for (let i = 0; i < 100; i++) await t.throwsAsync(plugin.call("fail"));
  t.is(await plugin.call("top"), 1000);
  t.is(await plugin.call("n"), 100);
});

test("after a trap there is a new instance; repeated traps open the circuit", async (t) => {
  const clock = new FakeClock();
  const { host } = await started(t, { circuit: { traps: 2, backoff: 30 } }, { clock });
  const plugin = host.plugin("p");
  const events: string[] = [];
  host.on("trap", ({ export: name }) => events.push(`trap ${name}`));
  host.on("circuitOpen", ({ backoff }) => events.push(`open ${backoff}`));
  host.on("circuitClosed", () => events.push("closed"));
  await plugin.call("wait", 1);
  await t.throwsAsync(plugin.call("trap"), { message: /unreachable/ });
  t.is(await plugin.call("count"), 0);
  await t.throwsAsync(plugin.call("trap"), { message: /unreachable/ });
  await t.throwsAsync(plugin.call("trap"), { message: /unreachable/ });
  await t.throwsAsync(plugin.call("count"), code("CIRCUIT_OPEN"));
  await clock.advance(30);
  t.is(await plugin.call("count"), 0);
  t.deepEqual(events, ["trap trap", "trap trap", "trap trap", "open 30", "closed"]);
  t.is(plugin.stats().replaced, 3);
});

test("the circuit's backoff doubles up to its limit", (t) => {
  let now = 0;
  const circuit = new Circuit({ traps: 1, backoff: 10, maxBackoff: 25 }, () => now);
  t.deepEqual([circuit.enter(), circuit.trapped()], [0, 10]);
  t.is(circuit.enter(), 10);
  now = 10;
  t.is(circuit.enter(), 0);
  t.is(circuit.enter(), 10, "one call is let through");
  t.is(circuit.trapped(), 20);
  now = 30;
  t.deepEqual([circuit.enter(), circuit.trapped()], [0, 25]);
  now = 55;
  t.is(circuit.enter(), 0);
  t.true(circuit.succeeded());
  t.is(circuit.enter(), 0);
});

test("events in their order; listeners that throw or reject break nothing", async (t) => {
  const seen: string[] = [];
  const errors: string[] = [];
  const published: unknown[] = [];
  const hear = (message: unknown): void => void published.push(message);
  subscribe("backplane.plugin.ready", hear);
  const listen = (host: PluginHost): void => {
    host.on("loading", () => {
      throw new Error("one");
    });
    host.on("loading", async () => Promise.reject(new Error("two")));
    for (const event of ["loading", "loaded", "ready", "progress", "draining", "stopped"] as const) {
      host.on(event, ({ name }) => seen.push(`${event} ${name}`));
    }
  };
  const logger = { ...quiet, error: (_: object, message: string) => errors.push(message) };
  const host = await PluginHost.start(
    { plugins: [{ bytes, name: "p" }], modules: [appModule(new App())], logger },
    listen,
  );
  unsubscribe("backplane.plugin.ready", hear);
  const plugin = host.plugin("p");
  const off = (): void => t.fail();
  host.on("draining", off);
  host.off("draining", off);
  await host.close();
  t.deepEqual(seen, ["loading p", "loaded p", "ready p", "progress p", "draining p", "stopped p"]);
  t.deepEqual(errors, ['a listener of "loading" failed: one', 'a listener of "loading" failed: two']);
  t.is(published.filter((message) => (message as PluginEvent).plugin === plugin).length, 1);
});

test("activation at the first call", async (t) => {
  const { host } = await started(t, { activation: "call" });
  const plugin = host.plugin("p");
  t.is(plugin.state, "discovered");
  t.throws(() => plugin.exports, code("BUSY"));
  t.deepEqual(await Promise.all([plugin.call("count"), plugin.call("count")]), [0, 0]);
  t.is(plugin.state, "ready");
});

test("closing waits for running calls, refuses others, and happens once", async (t) => {
  const { host } = await started(t);
  const plugin = host.plugin("p");
  const running = plugin.call("wait", 20);
  const waiting = plugin.call("wait", 1);
  const refused = t.throwsAsync(waiting, code("CLOSED"));
  const closing = host.close();
  t.is(host.close(), closing);
  await closing;
  t.is(await running, 20);
  await refused;
  t.is(plugin.state, "stopped");
  await t.throwsAsync(plugin.call("count"), code("CLOSED"));
  await t.throwsAsync(host.load({ bytes, name: "q" }), code("CLOSED"));
});

test("closing aborts what doesn't end in time", async (t) => {
  const { host } = await started(t, { drainTimeout: 10 });
  const stuck = t.throwsAsync(host.plugin("p").call("wait", 60_000), code("ABORTED"));
  await host.close();
  await stuck;
});

test("a host that is closed while it loads", async (t) => {
  const { host } = await started(t);
  const loading = host.load({ bytes, name: "late" });
  const failing = host.load({ bytes: new Uint8Array(3), name: "bad" });
  const closing = host.close();
  await t.throwsAsync(loading, code("CLOSED"));
  await t.throwsAsync(failing, { message: /^bad: / });
  await closing;
  t.deepEqual(host.stats(), {});
});

test("a host that is closed by a listener while it starts", async (t) => {
  let closing: Promise<void> | undefined;
  const host = await PluginHost.start(
    {
      plugins: ["a", "b", "c"].map((name) => ({ bytes, name })),
      modules: [appModule(new App())],
      logger: quiet,
    },
    (h) => h.once("loading", () => (closing = h.close())),
  );
  await closing;
  t.deepEqual(host.stats(), {});
  t.throws(() => host.plugin("a"), code("PLUGIN_NOT_FOUND"));
});

test("a plugin that failed is tried again by load, reload and a call", async (t) => {
  const source: { bytes: Uint8Array; name: string } = { bytes: new Uint8Array(3), name: "p" };
  const { host } = await started(t, { activation: "call" }, { plugins: [source] });
  const plugin = host.plugin("p");
  const failed: unknown[] = [];
  host.on("failed", ({ error }) => failed.push(error));
  await t.throwsAsync(plugin.call("count"), { message: /^p: / });
  await t.throwsAsync(plugin.load());
  await t.throwsAsync(host.reload("p"));
  t.is(failed.length, 3);
  t.is(plugin.state, "failed");
  source.bytes = bytes;
  t.is(await plugin.call("count"), 0);
  t.is(plugin.state, "ready");
});

test("the application's own container is asked", async (t) => {
  class Wanted {
    constructor(readonly factor = 3) {}
  }
  @hostModule("app", { inject: [Wanted] })
  class Scale {
    constructor(private readonly wanted: Wanted) {}
    @hostFunction(fn(["i32"], "i32"))
    scale(n: number): number {
      return n * this.wanted.factor;
    }
  }
  const scaling = assemble(`(module (import "app" "scale" (func $s (param i32) (result i32)))
    (func (export "run") (result i32) (call $s (i32.const 7))))`);
  const resolve = (token: unknown): unknown => (token === Wanted ? new Wanted(6) : undefined);
  const host = await PluginHost.start({
    plugins: [{ bytes: scaling, name: "s" }],
    modules: [Scale],
    resolve,
    logger: quiet,
  });
  t.teardown(() => host.close());
  t.is(await host.plugin("s").call("run"), 42);
});

test("the state machine has no other steps", (t) => {
  const life = new Lifecycle("p");
  t.throws(() => life.enter("ready"), { message: "p: no step from discovered to ready" });
  for (const state of [
    "loading",
    "failed",
    "loading",
    "ready",
    "reloading",
    "ready",
    "draining",
    "stopped",
  ] as const)
    life.enter(state);
  t.throws(() => life.enter("loading"));
});

test("a waiting call that moved to another pool can still leave", async (t) => {
  const from = new SlotPool("p", [{ active: 0 }], 9, false);
  const to = new SlotPool("p", [{ active: 0 }], 9, false);
  from.tryAcquire();
  const other = to.tryAcquire();
  const controller = new AbortController();
  const leaving = from.acquire(controller.signal);
  const staying = from.acquire(undefined);
  from.moveLine(to);
  controller.abort(new Error("left"));
  await t.throwsAsync(leaving, { message: "left" });
  t.is(to.waiting, 1);
  t.truthy(other);
  to.release(other as { active: number });
  t.is(await staying, other as { active: number });
});
