/** Calls that take too long: stopped in the tightest loop, at start, in a hook; others and later calls unaffected. */
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { InterruptError, WebAssembly, withLimits } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { withLongerTimes } from "../../engine/test/support/longer-times.js";
import {
  BackplaneError,
  type CallOptions,
  type CallStoppedError,
  defineHostModule,
  describe,
  fn,
  HostError,
  PluginHost,
} from "../index.js";
import { hostOf, quiet } from "./quiet-host.js";

const late = { instanceOf: BackplaneError, code: "TIMEOUT" } as const;

const spinning = `(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (func $spin (export "spin") (loop $l (br $l)))
  (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
  (func (export "work") (param i32) (result i32) (local $x i32)
    (loop $l (local.set $x (i32.add (local.get $x) (local.get 0)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $x)))`;

test("a loop without end is stopped at its timeout, and the error says where it was", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "p", bytes: assemble(spinning) }] });
  const plugin = host.plugin("p");
  t.is(await plugin.call("count"), 1);
  const stopped = async (timeout: number): Promise<InterruptError> => {
    const { replaced } = plugin.stats();
    const error = await t.throwsAsync(plugin.call("spin", undefined, { timeout }), late);
    t.is(error?.message, `p.spin: not done after ${timeout} ms`);
    t.true(error?.cause instanceof InterruptError);
    t.is(await plugin.call("count"), 1, "a new instance");
    t.is(plugin.stats().replaced, replaced + 1);
    return error?.cause as InterruptError;
  };
  const { frames } = await withLongerTimes(stopped, (error) => error.frames.length > 0);
  t.is(frames[0]?.functionName, "spin");
});

test("afterError: keep goes on with the instance", async (t) => {
  const bytes = assemble(spinning);
  const host = await hostOf(t, {
    plugins: [{ name: "p", bytes }],
    options: { afterError: "keep", timeout: 20 },
  });
  const plugin = host.plugin("p");
  // On a busy machine the first call takes longer than the plugin's timeout.
  const unhurried = { timeout: 60_000 };
  t.is(await plugin.call("count", undefined, unhurried), 1);
  const spin = plugin.exports.spin as () => void;
  t.throws(() => spin(), late, "exports have the plugin's timeout");
  t.is(await plugin.call("count", undefined, unhurried), 2);
});

test("loops open the circuit as traps do", async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "p", bytes: assemble(spinning) }],
    options: { timeout: 100, circuit: { traps: 3 } },
  });
  const plugin = host.plugin("p");
  // A call whose time was over before it had begun shows nothing of the plugin.
  let stopped = 0;
  while (stopped < 3) {
    const error = (await t.throwsAsync(plugin.call("spin"), late)) as CallStoppedError;
    if (error.frames.length > 0) stopped++;
  }
  await t.throwsAsync(plugin.call("count"), { code: "CIRCUIT_OPEN" });
});

test("making an instance anew takes of the call's time, and says nothing of the plugin's health", async (t) => {
  let time = 0;
  let startTakes = 0;
  const clock = { now: () => time, setTimeout: () => undefined, clearTimeout() {} };
  const app = defineHostModule("app", {
    started: [
      fn([]),
      () => {
        time += startTakes;
      },
    ],
  });
  const bytes = assemble(`(module (import "app" "started" (func $started))
    (func (export "backplane_start") (call $started))
    (func (export "trap") unreachable)
    (func (export "one") (result i32) (i32.const 1)))`);
  const options = { timeout: 60_000, circuit: { traps: 2 } };
  const host = await hostOf(t, { clock, modules: [app], plugins: [{ name: "p", bytes }], options });
  const plugin = host.plugin("p");
  await t.throwsAsync(plugin.call("trap"), { instanceOf: WebAssembly.RuntimeError });
  startTakes = 70_000;
  const error = await t.throwsAsync(plugin.call("one"), late);
  t.is(error?.message, "p.one: not done after 60000 ms");
  t.is(error?.cause, undefined, "it hasn't begun");
  await t.throwsAsync(plugin.call("trap"), { instanceOf: WebAssembly.RuntimeError });
  await t.throwsAsync(plugin.call("one"), { code: "CIRCUIT_OPEN" });
});

test("limits that a host function runs into by itself aren't the plugin's", async (t) => {
  const { spin } = new WebAssembly.Instance(new WebAssembly.Module(assemble(spinning))).exports;
  const outer = assemble(`(module (import "app" "limited" (func $limited)) (memory 1)
    (func (export "run") (call $limited))
    (func (export "count") (result i32)
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (i32.load (i32.const 0))))`);
  const app = defineHostModule("app", {
    limited: [fn([]), () => withLimits({ timeout: 5 }, spin as () => void)],
  });
  const host = await hostOf(t, {
    modules: [app],
    plugins: [{ name: "outer", bytes: outer }],
    options: { circuit: { traps: 2 } },
  });
  const plugin = host.plugin("outer");
  t.is(await plugin.call("count"), 1);
  for (let i = 0; i < 3; i++) {
    const error = await t.throwsAsync(plugin.call("run"), { instanceOf: HostError });
    t.true(error?.cause instanceof InterruptError);
  }
  t.is(await plugin.call("count"), 2, "the same instance");
  t.is(plugin.stats().replaced, 0);
});

for (const options of [{ slice: 5 }, { run: "thread" }] as const) {
  test(`calls that are aborted in a loop don't open the circuit: ${JSON.stringify(options)}`, async (t) => {
    const host = await hostOf(t, {
      plugins: [{ name: "p", bytes: assemble(spinning) }],
      options: { ...options, circuit: { traps: 1 } },
    });
    const plugin = host.plugin("p");
    for (let i = 0; i < 2; i++) {
      const signal = AbortSignal.timeout(20);
      await t.throwsAsync(plugin.call("spin", undefined, { signal, timeout: 60_000 }), { code: "ABORTED" });
    }
    t.is(await plugin.call("count"), 1, "a new instance");
  });
}

test("a plugin that loops when it starts isn't loaded, others are", async (t) => {
  const loops = `(module (func (export "backplane_start") (loop $l (br $l))))`;
  const section = `(module (func $f (loop $l (br $l))) (start $f))`;
  const plugins = [
    { name: "hook", bytes: assemble(loops) },
    { name: "section", bytes: assemble(section) },
    { name: "p", bytes: assemble(spinning) },
  ];
  const start = async (startTimeout: number): Promise<PluginHost> => {
    const host = await hostOf(t, { plugins, options: { startTimeout } });
    for (const name of ["hook", "section"]) {
      t.is(
        (host.failures.get(name) as Error).message,
        `${name}: its start: not done after ${startTimeout} ms`,
      );
    }
    return host;
  };
  const host = await withLongerTimes(start, ({ names }) => names.length > 0);
  t.deepEqual(host.names, ["p"]);
  t.is(await host.plugin("p").call("count"), 1);
});

test("a plugin that loops in a hook during a reload leaves the old generation serving", async (t) => {
  const hooked = (restore: string): Uint8Array =>
    assemble(`(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
      (func (export "backplane_alloc") (param i32) (result i32) (i32.const 64))
      (func (export "backplane_free") (param i32 i32))
      (func (export "backplane_save") (result i64) (i64.const 0x100000040))
      (func (export "backplane_restore") (param i32 i32) ${restore})
      (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`);
  const reloads = async (startTimeout: number): Promise<unknown[]> => {
    const source = { name: "p", bytes: hooked("") };
    const host = await hostOf(t, { plugins: [source], options: { startTimeout } });
    if (host.failures.size > 0) return [...host.failures.values()];
    const plugin = host.plugin("p");
    const messages: string[] = [];
    const reload = (): Promise<void> =>
      host.reload("p").catch((error: BackplaneError) => void messages.push(`${error.code} ${error.message}`));
    t.is(await plugin.call("count"), 1);
    source.bytes = hooked("(loop $l (br $l))");
    await reload();
    t.is(await plugin.call("count"), 2, "the old generation, with its state");
    source.bytes = hooked("");
    await reload();
    messages.push(`count ${await plugin.call("count")}`);
    return messages.map((text) => text.replace(`${startTimeout} ms`, "its time"));
  };
  const expected = [/^STATE_TRANSFER .*p: restore: not done after its time/, /^count 1$/];
  const fits = (seen: unknown[]): boolean =>
    seen.length === expected.length && expected.every((pattern, i) => pattern.test(String(seen[i])));
  const seen = await withLongerTimes(reloads, fits);
  t.true(fits(seen), seen.join("\n"));
});

test("with slices timers run beside a long call, and it can be aborted", async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "p", bytes: assemble(spinning) }],
    options: { slice: 5, drainTimeout: 20 },
  });
  const plugin = host.plugin("p");
  const controller = new AbortController();
  let ticks = 0;
  const timer = setInterval(() => {
    if (++ticks === 5) controller.abort(new Error("enough"));
  }, 5);
  const error = await t.throwsAsync(
    plugin.call("spin", undefined, { signal: controller.signal, timeout: 60_000 }),
    {
      code: "ABORTED",
    },
  );
  clearInterval(timer);
  t.is((error?.cause as Error | undefined)?.message, "enough");
  t.is(ticks, 5);
  t.is(await plugin.call("work", 1000), 500500);
  const ending = plugin.call("spin", undefined, { timeout: 60_000 });
  await delay(20);
  const closing = host.close();
  await t.throwsAsync(ending, { code: "ABORTED" });
  await closing;
});

test("a call can have a slice of its own, in place of its plugin's", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "p", bytes: assemble(spinning) }] });
  const plugin = host.plugin("p");
  const typed = await host.plugin("p", describe({ spin: fn([]) }));
  const calls = [
    (options: CallOptions) => plugin.call("spin", undefined, options),
    (options: CallOptions) => typed.spin(options),
  ];
  for (const call of calls) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    const options = { slice: 1, signal: controller.signal, timeout: 60_000 };
    await t.throwsAsync(call(options), { code: "ABORTED" });
  }
  t.is(await plugin.call("work", 1000, { slice: 0 }), 500500);
  t.is(await plugin.call("work", 1000, { slice: 5, run: "thread" }), 500500);
  t.is(await plugin.call("count"), 1);

  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  t.is(await plugin.call("work", 30_000_000), ((30_000_000 * 30_000_001) / 2) | 0);
  t.false(turned, "without a slice it holds the thread");
});

test("Infinity lifts the plugin's slice for a call", async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "p", bytes: assemble(spinning) }],
    options: { slice: 0 },
  });
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await host.plugin("p").call("work", 30_000_000, { slice: Number.POSITIVE_INFINITY });
  t.false(turned);
});

test("calls with slices beside one another take turns, each in an instance of its own", async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "p", bytes: assemble(spinning) }],
    options: { instances: 2 },
  });
  const plugin = host.plugin("p");
  const controller = new AbortController();
  const { signal } = controller;
  const endless = plugin.call("spin", undefined, { slice: 1, signal, timeout: 60_000 });
  t.is(await plugin.call("work", 1000, { slice: 1 }), 500500, "while the other one goes on");
  controller.abort();
  await t.throwsAsync(endless, { code: "ABORTED" });
});

test("a slice that is no time is refused, of a call and of a plugin", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "p", bytes: assemble(spinning) }] });
  const message = "p: slice: expected a number of milliseconds from 0 on, got -1";
  const error = { instanceOf: BackplaneError, code: "OPTIONS", message };
  await t.throwsAsync(host.plugin("p").call("count", undefined, { slice: -1 }), error);
  const options = { logger: quiet, plugins: [{ name: "p", bytes: assemble(spinning) }] };
  await t.throwsAsync(PluginHost.start({ ...options, options: { slice: -1 } }), error);
});

test("a plugin that another one calls ends with its caller's time", async (t) => {
  const inner = assemble(spinning);
  const outer = assemble(`(module (import "app" "spin" (func $spin)) (func (export "run") (call $spin)))`);
  let spin: (() => void) | undefined;
  const app = defineHostModule("app", {
    spin: [fn([]), () => spin?.()],
  });
  const host = await hostOf(t, {
    modules: [app],
    plugins: [
      { name: "inner", bytes: inner },
      { name: "outer", bytes: outer },
    ],
  });
  spin = host.plugin("inner").exports.spin as () => void;
  const error = await t.throwsAsync(host.plugin("outer").call("run", undefined, { timeout: 20 }), late);
  t.is(error?.message, "outer.run: not done after 20 ms");
  t.is(await host.plugin("inner").call("count"), 1);
});

test("a call whose deadline has passed doesn't begin", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "p", bytes: assemble(spinning) }] });
  const error = await t.throwsAsync(
    host.plugin("p").call("spin", undefined, { deadline: performance.now() - 1000 }),
    late,
  );
  t.is(error?.message, "p.spin: its deadline had passed before it began");
  t.is(await host.plugin("p").call("count"), 1);
});
