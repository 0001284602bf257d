/** Hot reload: nothing lost, state handed over, failures keep the old one serving, files watched. */
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import type { PluginHostOptions, PluginOptions } from "../index.js";
import {
  BackplaneError,
  currentCall,
  defineHostModule,
  fn,
  hostFunction,
  hostModule,
  PluginHost,
  ReentrancyError,
} from "../index.js";
import { quiet } from "./quiet-host.js";

/** What `pause` takes for a pause that a test ends. */
const untilReleased = -1;
let release = (): void => {};
let released: Promise<void>;
function hold(): void {
  released = new Promise((resolve) => {
    release = resolve;
  });
}

@hostModule("app")
class App {
  @hostFunction(fn(["i32"]))
  async pause(ms: number): Promise<void> {
    await (ms === 0 ? turn() : ms === untilReleased ? released : delay(ms));
  }
}

const version = (n: number): Uint8Array =>
  assemble(`(module (func (export "version") (result i32) (i32.const ${n})))`);

/** A counter that adds one around an awaited host function and keeps its count at address 0. */
const counter = (hooks: string): Uint8Array =>
  assemble(`(module (import "app" "pause" (func $pause (param i32))) (memory (export "memory") 1)
  (func (export "add") (param i32) (local $n i32) (local.set $n (i32.load (i32.const 0)))
    (call $pause (local.get 0)) (i32.store (i32.const 0) (i32.add (local.get $n) (i32.const 1))))
  (func (export "count") (result i32) (i32.load (i32.const 0))) ${hooks})`);
const hooks = `(func (export "backplane_alloc") (param i32) (result i32) (i32.const 64))
  (func (export "backplane_free") (param i32 i32))
  (func (export "backplane_save") (result i64)
    (i32.store (i32.const 16) (i32.load (i32.const 0))) (i64.const 0x400000010))
  (func (export "backplane_restore") (param i32 i32) (i32.store (i32.const 0) (i32.load (local.get 0))))`;

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "backplane-reload-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function started(
  t: ExecutionContext,
  bytes: Uint8Array,
  options: PluginOptions = {},
  more: PluginHostOptions = {},
): Promise<{ host: PluginHost; file: string }> {
  const plugins = folder(t);
  const file = join(plugins, "p.wasm");
  writeFileSync(file, bytes);
  const host = await PluginHost.start({ plugins, modules: [App], options, logger: quiet, ...more });
  t.teardown(() => host.close());
  return { host, file };
}

test("a handle and a function held go on working with the new generation", async (t) => {
  const { host, file } = await started(t, version(1));
  const plugin = host.plugin("p");
  const held = plugin.exports.version as () => number;
  writeFileSync(file, version(2));
  await host.reload("p");
  t.is(await plugin.call("version"), 2);
  t.is(held(), 2);
  t.is(plugin.stats().generation, 2);
});

test("a reload that fails keeps the old one serving and says why", async (t) => {
  const { host, file } = await started(t, version(1));
  const failures: unknown[] = [];
  host.on("reloadFailed", ({ error }) => failures.push(error));
  const bad: [Uint8Array, string][] = [
    [version(2).subarray(0, 20), "PLUGIN_LOAD"],
    [assemble(`(module (import "app" "gone" (func)))`), "IMPORT_MISMATCH"],
    [assemble(`(module (func $s unreachable) (start $s))`), "PLUGIN_LOAD"],
  ];
  for (const [bytes, code] of bad) {
    writeFileSync(file, bytes);
    await t.throwsAsync(host.reload("p"), { instanceOf: BackplaneError, code });
    t.is(await host.plugin("p").call("version"), 1);
    t.is(host.plugin("p").state, "ready");
  }
  t.is(failures.length, 3);
  writeFileSync(file, version(3));
  await host.reload("p");
  t.is(await host.plugin("p").call("version"), 3);
});

test("a plugin that failed to load can be reloaded", async (t) => {
  const { host, file } = await started(t, new Uint8Array(4));
  t.deepEqual(host.names, []);
  writeFileSync(file, version(1));
  await host.reload("p");
  t.is(await host.plugin("p").call("version"), 1);
});

test("no call is lost or fails during reloads under load", async (t) => {
  const { host } = await started(t, counter(""));
  const plugin = host.plugin("p");
  let answered = 0;
  let done = false;
  const callers = Array.from({ length: 20 }, async () => {
    while (!done) {
      await plugin.call("add", 0);
      answered++;
    }
  });
  for (let i = 0; i < 20; i++) await plugin.reload();
  done = true;
  await Promise.all(callers);
  t.true(answered > 20);
  t.is(plugin.stats().failures, 0);
  t.is(plugin.stats().calls, answered);
});

test("a counter's total is exact over reloads with state hand-over under load", async (t) => {
  const { host } = await started(t, counter(hooks));
  const plugin = host.plugin("p");
  let handedOver = 0;
  host.on("reloaded", ({ handOver }) => {
    if (handOver) handedOver++;
  });
  const callers = Array.from({ length: 10 }, async () => {
    for (let i = 0; i < 30; i++) await plugin.call("add", 0);
  });
  for (let i = 0; i < 20; i++) await plugin.reload();
  await Promise.all(callers);
  t.is(handedOver, 20);
  t.is(await plugin.call("count"), 300);
});

test("the application hands state over", async (t) => {
  const transfer: PluginOptions["transfer"] = (old, next) => {
    const [from, to] = [old, next].map(
      (s) => new Int32Array((s.exports.memory as { buffer: ArrayBuffer }).buffer),
    );
    to[0] = from[0];
  };
  const { host } = await started(t, counter(""), { transfer });
  await host.plugin("p").call("add", 0);
  await host.reload("p");
  t.is(await host.plugin("p").call("count"), 1);
});

test("a transfer that asks for what waits for its end is told so", async (t) => {
  const refused: unknown[] = [];
  let host: PluginHost | undefined;
  const transfer = async (): Promise<void> => {
    const plugin = (host as PluginHost).plugin("p");
    const steps = [
      () => plugin.reload(),
      () => plugin.call("count"),
      () => plugin.snapshot(),
      () => plugin.close(),
      () => host?.close(),
    ];
    for (const step of steps) await t.throwsAsync(async () => step(), { instanceOf: ReentrancyError });
    await plugin.reload().catch((error) => refused.push(error.message));
    refused.push(currentCall());
  };
  for (const reentrant of [false, true]) {
    ({ host } = await started(t, counter(""), { transfer, reentrant }));
    await host.reload("p");
    t.is(host.stats().p.generation, 2);
    await host.reload("p");
    t.is(await host.plugin("p").call("count"), 0);
  }
  const text = "p.reload: the plugin is waiting for this very call: p.transfer -> p.reload";
  t.deepEqual(refused, Array(4).fill([text, undefined]).flat());
});

test("a transfer in a group of linked plugins is told so too", async (t) => {
  const errors: unknown[] = [];
  const dependency = {
    name: "b",
    bytes: counter(""),
    manifest: { name: "b", version: "1.0.0" },
  };
  const dependent = assemble(`(module (import "b" "count" (func $count (result i32)))
    (func (export "counted") (result i32) (call $count)))`);
  const requests = { name: "a", version: "1.0.0", dependencies: { plugins: { b: "*" } } };
  const transfer = async (): Promise<void> => {
    for (const name of ["a", "b"]) await host.reload(name).catch((error) => errors.push(error));
    const late = { name: "late", bytes: dependent, manifest: { ...requests, name: "late" } };
    await host.load(late).catch((error) => errors.push(error));
  };
  const host = await PluginHost.start({
    plugins: [dependency, { name: "a", bytes: dependent, manifest: requests }],
    modules: [App],
    options: (name) => (name === "a" ? { transfer } : {}),
    grant: () => ({ plugins: ["b"] }),
    logger: quiet,
  });
  t.teardown(() => host.close());
  t.deepEqual([...host.failures], []);
  for (const name of ["a", "b"]) await host.reload(name);
  t.is(errors.length, 6);
  for (const error of errors) t.true(error instanceof ReentrancyError, String(error));
  t.is(await host.plugin("a").call("counted"), 0);
});

for (const waits of [true, false]) {
  test(`a host function that a hook calls is told at once what it can't wait for, ${waits ? "waiting" : "or doesn't"}`, async (t) => {
    const told: unknown[] = [];
    let host: PluginHost | undefined;
    const ask = async (name: string): Promise<void> => {
      const plugin = (host as PluginHost).plugin("p");
      const steps = [plugin.reload(), plugin.call("count"), plugin.close()];
      const refusals = steps.map((step) =>
        step.catch((error) => (error instanceof ReentrancyError ? error.message : error)),
      );
      told.push(...refusals, name, currentCall());
      await Promise.all(refusals);
    };
    const asked = defineHostModule("asked", {
      ask: [fn([]), waits ? async ({ export: name }) => ask(name) : ({ export: name }) => void ask(name)],
    });
    const asking = (name: string, after: string): string =>
      `(func (export "backplane_${name}") ${after} (call $ask)`;
    const bytes = assemble(`(module (import "asked" "ask" (func $ask)) (memory (export "memory") 1)
    (func (export "count") (result i32) (i32.const 0))
    (func (export "backplane_alloc") (param i32) (result i32) (i32.const 64))
    (func (export "backplane_free") (param i32 i32))
    ${asking("save", "(result i64)")} (i64.const 0))
    ${asking("restore", "(param i32 i32)")})
    ${asking("stop", "")}))`);
    ({ host } = await started(t, bytes, {}, { modules: [asked] }));
    await host.reload("p");
    await host.close();
    const refusals = (hook: string): unknown[] => [
      ...["reload", "count", "close"].map(
        (step) => `p.${step}: the plugin is waiting for this very call: p.${hook} -> p.${step}`,
      ),
      "",
      undefined,
    ];
    const all = await Promise.all(told);
    t.deepEqual(all.slice(0, 15), ["save", "restore", "stop"].flatMap(refusals));
    // The host is closing by then, which it is told first.
    t.deepEqual(all.slice(15 + 2), refusals("stop").slice(2));
  });
}

test("a hand-over that fails keeps state and service", async (t) => {
  const broken = hooks.replace("(param i32 i32) (i32.store", "(param i32 i32) unreachable (i32.store");
  const { host, file } = await started(t, counter(hooks));
  const plugin = host.plugin("p");
  await plugin.call("add", 0);
  writeFileSync(file, counter(broken));
  await t.throwsAsync(host.reload("p"), { instanceOf: BackplaneError, code: "STATE_TRANSFER" });
  await plugin.call("add", 0);
  t.is(await plugin.call("count"), 2);
});

test("a drain that takes too long abandons the reload, or aborts the calls", async (t) => {
  const abandon = await started(t, counter(hooks), { drainTimeout: 10, onDrainTimeout: "abandon" });
  hold();
  const kept = abandon.host.plugin("p").call("add", untilReleased);
  await t.throwsAsync(abandon.host.reload("p"), { instanceOf: BackplaneError, code: "DRAIN_TIMEOUT" });
  release();
  await kept;
  t.is(await abandon.host.plugin("p").call("count"), 1);
  const abort = await started(t, counter(hooks), { drainTimeout: 10 });
  hold();
  const lost = t.throwsAsync(abort.host.plugin("p").call("add", untilReleased), {
    instanceOf: BackplaneError,
    code: "ABORTED",
  });
  await abort.host.reload("p");
  await lost;
  t.is(abort.host.plugin("p").stats().generation, 2);
});

test("hand-over to several instances is refused", async (t) => {
  const { host } = await started(t, version(1));
  const refused = host.load({ bytes: counter(hooks), name: "c" }, { instances: 2 });
  await t.throwsAsync(refused, { instanceOf: BackplaneError, code: "OPTIONS" });
  await host.load({ bytes: counter(hooks), name: "c" }, { instances: 2, handOver: false });
});

async function until(t: ExecutionContext, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 6000 && !condition(); i++) await delay(10);
  t.true(condition());
}

/** A watched plugin `p`; `now` is the version that serves. */
async function watched(
  t: ExecutionContext,
  debounce = 40,
): Promise<{
  host: PluginHost;
  file: string;
  now: () => number;
  failed: () => number;
}> {
  const { host, file } = await started(t, version(1), {}, { watch: { debounce } });
  let failed = 0;
  host.on("reloadFailed", () => failed++);
  const now = (): number => (host.plugin("p").exports.version as () => number)();
  return { host, file, now, failed: () => failed };
}

test("watched: a file that is renamed over the old one", async (t) => {
  const { file, now } = await watched(t);
  writeFileSync(`${file}.tmp`, version(2));
  renameSync(`${file}.tmp`, file);
  await until(t, () => now() === 2);
});

test("watched: an editor that writes in two steps", async (t) => {
  // Longer than this process is ever kept from writing the rest.
  const { file, now, failed } = await watched(t, 1000);
  const bytes = version(2);
  writeFileSync(file, new Uint8Array());
  await delay(5);
  writeFileSync(file, bytes.subarray(0, 12));
  await delay(5);
  appendFileSync(file, bytes.subarray(12));
  await until(t, () => now() === 2);
  t.is(failed(), 0);
});

test("watched: a file that stays half-written changes nothing until it is whole", async (t) => {
  const { file, now, failed } = await watched(t);
  writeFileSync(file, version(2).subarray(0, 12));
  await until(t, () => failed() === 1);
  t.is(now(), 1);
  writeFileSync(file, version(3));
  await until(t, () => now() === 3);
});

test("watched: a file that is deleted and comes back", async (t) => {
  const { file, now, failed } = await watched(t);
  rmSync(file);
  await delay(100);
  t.is(now(), 1);
  t.is(failed(), 0);
  writeFileSync(file, version(4));
  await until(t, () => now() === 4);
});

test("watched: ten saves in a second", async (t) => {
  const { host, file, now, failed } = await watched(t);
  for (let i = 0; i < 10; i++) {
    writeFileSync(file, version(10 + i));
    await delay(90);
  }
  await until(t, () => now() === 19);
  t.true(host.plugin("p").stats().generation <= 11);
  t.is(failed(), 0);
});

test("watched: saves that come faster than the debounce are one", async (t) => {
  const { host, file, now } = await watched(t, 500);
  for (let i = 0; i < 10; i++) {
    writeFileSync(file, version(10 + i));
    await delay(4);
  }
  await until(t, () => now() === 19);
  t.true(host.plugin("p").stats().generation < 10);
});

test("watched: a file that is written again as it was reloads nothing", async (t) => {
  const { host, file } = await watched(t);
  writeFileSync(file, version(1));
  await delay(150);
  t.is(host.plugin("p").stats().generation, 1);
});

test("watched: new files, bad ones included", async (t) => {
  const { host, file } = await watched(t);
  const other = file.replace("p.wasm", "q.wasm");
  const refused: string[] = [];
  host.on("stopped", ({ name }) => refused.push(name));
  writeFileSync(other, new Uint8Array(3));
  await until(t, () => refused.includes("q"));
  t.deepEqual(host.names, ["p"]);
  writeFileSync(other, version(7));
  await until(t, () => host.names.includes("q") && host.plugin("q").state === "ready");
  t.is(await host.plugin("q").call("version"), 7);
});

test("watched: plugins that import from a changed one are reloaded with it, and failed ones come back", async (t) => {
  const plugins = folder(t);
  const write = (name: string, bytes: Uint8Array, manifest: object): void => {
    writeFileSync(join(plugins, `${name}.wasm`), bytes);
    writeFileSync(join(plugins, `${name}.plugin.json`), JSON.stringify({ name, ...manifest }));
  };
  const using = assemble(
    `(module (import "base" "version" (func $v (result i32))) (export "version" (func $v)))`,
  );
  write("base", version(1), { version: "1.0.0" });
  write("user", using, { dependencies: { plugins: { base: "1" } } });
  write("later", using, { dependencies: { plugins: { missing: "*", base: "*" } } });
  const grant = () => ({ plugins: ["base", "missing"] });
  const host = await PluginHost.start({ plugins, grant, logger: quiet, watch: { debounce: 40 } });
  t.teardown(() => host.close());
  const now = (): number => (host.plugin("user").exports.version as () => number)();
  t.is(now(), 1);
  t.deepEqual(host.names, ["base", "user"]);

  const failed: string[] = [];
  host.on("reloadFailed", ({ name }) => failed.push(name));
  writeFileSync(join(plugins, "base.wasm"), assemble(`(module (func (export "other")))`));
  await until(t, () => failed.length === 2);
  t.is(now(), 1);
  writeFileSync(join(plugins, "base.wasm"), version(2));
  await until(t, () => now() === 2);
  t.is(host.plugin("user").stats().generation, 2);

  write("missing", version(1), { version: "0.1.0" });
  await until(t, () => host.names.includes("later"));
  t.is(await host.plugin("later").call("version"), 2);
});
