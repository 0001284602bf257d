/** Limits of plugins: each that is exceeded gives an error that names it and its value; requests, grants and options meet. */
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { Fuel, RuntimeError } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  defineHostModule,
  describe,
  fn,
  HostError,
  LimitError,
  type PluginHost,
  type PluginHostOptions,
  type PluginLimits,
  SuspendError,
} from "../index.js";
import { hostOf } from "./quiet-host.js";

const text = `(module (import "app" "take" (func $take (param i32 i32)))
  (import "app" "wait" (func $wait (result i32)))
  (memory (export "memory") 1) (table $t 2 funcref)
  (func (export "backplane_alloc") (param i32) (result i32) (i32.const 64))
  (func (export "backplane_free") (param i32 i32))
  (func (export "grow") (param i32) (if (i32.lt_s (memory.grow (local.get 0)) (i32.const 0)) (then (unreachable))))
  (func (export "tryGrow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "growTable") (param i32)
    (if (i32.lt_s (table.grow $t (ref.null func) (local.get 0)) (i32.const 0)) (then (unreachable))))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
      (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "text") (param i32) (result i64)
    (i64.or (i64.const 128) (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32))))
  (func (export "give") (param i32) (call $take (i32.const 128) (local.get 0)))
  (func (export "giveOften") (param i32)
    (loop $l (call $take (i32.const 128) (i32.const 1))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "trap") (unreachable))
  (func (export "wait") (drop (call $wait))))`;

interface Limited {
  readonly host: PluginHost;
  /** Calls that wait, each to be let go on. */
  readonly waiting: (() => void)[];
}

async function limited(
  t: ExecutionContext,
  limits: PluginLimits,
  options: PluginHostOptions["options"] = {},
): Promise<Limited> {
  const waiting: (() => void)[] = [];
  const app = defineHostModule("app", {
    take: [fn(["string"]), () => {}],
    wait: [
      fn([], "i32", { async: true }),
      () => new Promise<number>((resolve) => waiting.push(() => resolve(1))),
    ],
  });
  const host = await hostOf(t, {
    modules: [app],
    plugins: [{ name: "p", bytes: assemble(text) }],
    limits,
    options,
  });
  return { host, waiting };
}

/** The error itself, or that it is the cause of. */
function limitOf(error: unknown): LimitError | undefined {
  return error instanceof LimitError
    ? error
    : ((error as Error | undefined)?.cause as LimitError | undefined);
}

async function exceeds(
  t: ExecutionContext,
  call: Promise<unknown>,
  limit: keyof PluginLimits,
  value: number,
  message: string,
): Promise<void> {
  const error = limitOf(await t.throwsAsync(call));
  t.true(error instanceof LimitError, message);
  t.deepEqual([error?.code, error?.limit, error?.value], ["LIMIT", limit, value]);
  t.is(error?.message, message);
}

test("memory: starting with more, and growing beyond", async (t) => {
  const { host } = await limited(t, { memory: 131_072 });
  const plugin = host.plugin("p");
  await plugin.call("grow", 1);
  const text = "p: limit memory: it wanted to grow to 262144 bytes, 131072 are allowed";
  const trapped = await t.throwsAsync(plugin.call("grow", 3), { instanceOf: RuntimeError });
  t.is(limitOf(trapped)?.message, "p: limit memory: it wanted to grow to 327680 bytes, 131072 are allowed");
  await exceeds(t, plugin.call("grow", 3), "memory", 131_072, text);
  t.is(await plugin.call("tryGrow", 3), -1, "in the plugin, as WebAssembly says");
  const other = await t.throwsAsync(plugin.call("trap"));
  t.is(other?.cause, undefined, "another call's growth isn't this trap's");
  const { host: small } = await limited(t, { memory: 1000 });
  const failure = small.failures.get("p");
  t.true(failure instanceof LimitError);
  t.is(String(failure), "LimitError: p: limit memory: it starts with 65536 bytes, 1000 are allowed");
});

test("tableEntries: starting with more, and growing beyond", async (t) => {
  const { host } = await limited(t, { tableEntries: 10 });
  await host.plugin("p").call("growTable", 8);
  const text = "p: limit tableEntries: a table was to grow to 11 entries, 10 are allowed";
  await exceeds(t, host.plugin("p").call("growTable", 1), "tableEntries", 10, text);
  const { host: small } = await limited(t, { tableEntries: 1 });
  t.is(
    String(small.failures.get("p")),
    "LimitError: p: limit tableEntries: a table starts with 2 entries, 1 are allowed",
  );
});

test("stackBytes, on the main thread and on others", async (t) => {
  const { host } = await limited(t, { stackBytes: 65_536 }, { circuit: { traps: 100 } });
  const { host: free } = await limited(t, {});
  const plugin = host.plugin("p");
  for (const run of ["main", "thread"] as const) {
    t.is(await plugin.call("deep", 100, { run }), 100);
    const call = plugin.call("deep", 20_000, { run });
    await exceeds(t, call, "stackBytes", 65_536, "p: limit stackBytes: a call may use 65536");
    t.is(await free.plugin("p").call("deep", 20_000, { run }), 20_000);
  }
  t.is((plugin.exports.deep as (n: number) => number)(100), 100);
  t.throws(() => (plugin.exports.deep as (n: number) => number)(20_000), { instanceOf: RangeError });
});

test("instances", async (t) => {
  const { host } = await limited(t, { instances: 2 }, { instances: 3 });
  t.is(
    String(host.failures.get("p")),
    "LimitError: p: limit instances: its options ask for 3, 2 are allowed",
  );
  const { host: two } = await limited(t, { instances: 2 }, { instances: 2 });
  t.is(two.plugin("p").stats().instances, 2);
});

test("outputBytes: results and arguments", async (t) => {
  const { host } = await limited(t, { outputBytes: 100 });
  const plugin = host.plugin("p");
  const Typed = describe({ text: fn(["i32"], "bytes"), give: fn(["i32"]) });
  const typed = await host.plugin("p", Typed);
  t.is((await typed.text(100)).length, 100);
  const result = "p: export text: result: limit outputBytes: it has 101 bytes, 100 are allowed";
  await exceeds(t, typed.text(101), "outputBytes", 100, result);
  await exceeds(t, plugin.call("text", 101, { result: "string" }), "outputBytes", 100, result);
  await typed.give(100);
  const argument =
    "p: import app.take (app.take): argument 1: limit outputBytes: it has 101 bytes, 100 are allowed";
  await exceeds(t, typed.give(101), "outputBytes", 100, argument);
  t.is(plugin.stats().traps, 0);
});

test("fuel: the same count everywhere, and what is left can be read", async (t) => {
  const { host } = await limited(t, { fuel: 1000 }, { circuit: { traps: 100 } });
  const plugin = host.plugin("p");
  for (const run of ["main", "thread"] as const) {
    t.is(await plugin.call("deep", 10, { run }), 10);
    const message = "p.deep: limit fuel: it has executed the 1000 instructions that it may";
    await exceeds(t, plugin.call("deep", 1000, { run }), "fuel", 1000, message);
    const fuel = new Fuel(50_000);
    t.is(await plugin.call("deep", 1000, { run, fuel }), 1000);
    t.is(fuel.left, 40_996);
    await exceeds(
      t,
      plugin.call("deep", 9000, { run, fuel }),
      "fuel",
      40_996,
      "p.deep: limit fuel: it has executed the 40996 instructions that it may",
    );
    t.is(fuel.left, 0);
  }
  const { host: free } = await limited(t, {});
  const shared = new Fuel(100_000);
  const { host: pool } = await limited(t, { fuel: Number.POSITIVE_INFINITY }, { instances: 2 });
  const ways = [{ slice: 0 }, { run: "thread" }, { slice: 0 }, {}] as const;
  await Promise.all(ways.map((way) => pool.plugin("p").call("deep", 1000, { ...way, fuel: shared })));
  t.is(shared.left, 100_000 - 4 * (50_000 - 40_996), "whatever way");
  await t.throwsAsync(free.plugin("p").call("deep", 1, { fuel: new Fuel(1) }), {
    code: "OPTIONS",
    message: /isn't compiled to count/,
  });
  await t.throwsAsync(free.plugin("p").call("deep", 1, { fuel: 5 as never }), { code: "OPTIONS" });
  const { host: counted } = await limited(t, { fuel: Number.POSITIVE_INFINITY });
  t.is(await counted.plugin("p").call("deep", 1000), 1000);
});

test("hostCallsPerSecond", async (t) => {
  const { host } = await limited(t, { hostCallsPerSecond: 50 });
  await host.plugin("p").call("giveOften", 50);
  const message = "p: limit hostCallsPerSecond: it called host functions more than 50 times a second";
  await exceeds(t, host.plugin("p").call("giveOften", 100_000), "hostCallsPerSecond", 50, message);
});

test("parkedCalls, on the main thread and on others", async (t) => {
  const { host, waiting } = await limited(t, { parkedCalls: 2 }, { instances: 3 });
  const plugin = host.plugin("p");
  for (const run of ["main", "thread"] as const) {
    const calls = [plugin.call("wait"), plugin.call("wait", undefined, { run })];
    while (waiting.length < 2) await delay(1);
    const message = "p: limit parkedCalls: 2 calls wait in host functions, 2 may";
    await exceeds(t, plugin.call("wait", undefined, { run }), "parkedCalls", 2, message);
    for (const go of waiting.splice(0)) go();
    await Promise.all(calls);
  }
});

test("requests, grants, the host's limits and the plugin's options: the smallest holds", async (t) => {
  const host = await hostOf(t, {
    plugins: [
      {
        bytes: assemble("(module)"),
        manifest: { name: "p", requests: { limits: { memory: 4, stackBytes: 8192, outputBytes: 9 } } },
      },
    ],
    grant: () => ({ limits: { memory: 3, tableEntries: 7, parkedCalls: 5 } }),
    limits: { tableEntries: 6, outputBytes: 10, instances: 4 },
    options: { limits: { tableEntries: 8, parkedCalls: 1, hostCallsPerSecond: 2 } },
  });
  t.deepEqual(host.plugin("p").granted.limits, {
    memory: 3,
    tableEntries: 6,
    stackBytes: 8192,
    instances: 4,
    outputBytes: 9,
    hostCallsPerSecond: 2,
    parkedCalls: 1,
  });
});

test("an async host function behind a synchronous call is a SuspendError, a HostError", async (t) => {
  const { host, waiting } = await limited(t, {});
  const outer = assemble(`(module (import "outer" "call" (func $call)) (func (export "run") (call $call)))`);
  const through = defineHostModule("outer", {
    call: [fn([]), () => (host.plugin("p").exports.wait as () => void)()],
  });
  const other = await hostOf(t, { modules: [through], plugins: [{ name: "outer", bytes: outer }] });
  const direct = t.throws(() => (host.plugin("p").exports.wait as () => void)(), {
    instanceOf: SuspendError,
    message: /^p\.wait: an async host function can't make this call wait/,
  });
  t.true(direct instanceof HostError);
  t.is(direct?.name, "SuspendError");
  const nested = await t.throwsAsync(other.plugin("outer").call("run"), { instanceOf: HostError });
  t.true(nested?.cause instanceof SuspendError);
  t.is(waiting.length, 2);
  const call = host.plugin("p").call("wait");
  while (waiting.length < 3) await delay(1);
  for (const go of waiting) go();
  await call;
});
