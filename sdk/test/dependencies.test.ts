/** Plugins that import from plugins, and host modules with versions: order, errors, traps, reloading, closing. */
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import type { DefinedModule, PluginHostOptions, PluginManifest, PluginSource } from "../index.js";
import { BackplaneError, DependencyError, fn, PluginHost, ReentrancyError } from "../index.js";
import { quiet } from "./quiet-host.js";

class App {
  host: PluginHost | undefined;
  running = 0;
  most = 0;
  readonly seen: string[] = [];

  async wait(ms: number): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    await delay(ms);
    this.running--;
  }

  async back(): Promise<number> {
    return (await this.host?.plugin("base").call("count")) as number;
  }

  note(n: number): void {
    this.seen.push(String(n));
  }
}

const appModule = (object: App, version?: string): DefinedModule => ({
  declaration: {
    name: "app",
    className: "App",
    version,
    functions: [
      { name: "wait", method: "wait", signature: fn(["i32"]) },
      { name: "back", method: "back", signature: fn([], "i32") },
      { name: "note", method: "note", signature: fn(["i32"]) },
    ],
  },
  object,
});

type Dependencies = PluginManifest["dependencies"];

function plugin(name: string, text: string, dependencies?: Dependencies, version = "1.0.0"): PluginSource {
  return { bytes: assemble(text), manifest: { name, version, dependencies } };
}

/** Counts in its memory; `wait` counts around an awaited host function. */
const base = (step = 1, more = ""): string => `(module (import "app" "wait" (func $wait (param i32)))
  (memory (export "memory") 1)
  (func $add (export "add") (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const ${step}))) (i32.load (i32.const 0)))
  (func (export "count") (result i32) (i32.load (i32.const 0)))
  (func (export "wait") (param i32) (result i32) (call $wait (local.get 0)) (call $add))
  (func (export "trap") unreachable) ${more})`;

/** Imports from base. */
const user = (more = ""): string => `(module (import "base" "add" (func $add (result i32)))
  (import "base" "wait" (func $wait (param i32) (result i32))) (import "base" "trap" (func $trap))
  (import "base" "memory" (memory 1)) ${more.startsWith("(import") ? more : ""}
  (global $own (mut i32) (i32.const 0))
  (func (export "add") (result i32) (global.set $own (i32.add (global.get $own) (i32.const 1))) (call $add))
  (func (export "own") (result i32) (global.get $own))
  (func (export "peek") (result i32) (i32.load (i32.const 0)))
  (func (export "wait") (param i32) (result i32) (call $wait (local.get 0)))
  (func (export "trap") (call $trap)) ${more.startsWith("(import") ? "" : more})`;

const onBase: Dependencies = { plugins: { base: "^1.0.0" } };
const all = { grant: () => ({ plugins: ["base", "user", "a", "b", "c"] }) } as const;

async function started(
  t: ExecutionContext,
  plugins: readonly PluginSource[],
  more: PluginHostOptions = {},
): Promise<{ host: PluginHost; app: App }> {
  const app = new App();
  const host = await PluginHost.start({ plugins, modules: [appModule(app)], logger: quiet, ...all, ...more });
  app.host = host;
  t.teardown(() => host.close());
  return { host, app };
}

const failure = (host: PluginHost, name: string): BackplaneError => host.failures.get(name) as BackplaneError;

test("a plugin imports functions and memory of another, whatever the order", async (t) => {
  const order: string[] = [];
  const app = new App();
  const host = await PluginHost.start(
    { plugins: [plugin("user", user(), onBase), plugin("base", base())], modules: [appModule(app)], ...all },
    (h) => h.on("ready", ({ name }) => order.push(name)),
  );
  t.teardown(() => host.close());
  t.deepEqual(order, ["base", "user"]);
  t.is(await host.plugin("user").call("add"), 1);
  t.is(await host.plugin("base").call("add"), 2);
  t.is(await host.plugin("user").call("peek"), 2);
  t.is(await host.plugin("user").call("wait", 1), 3);
  const memory = host.plugin("base").exports.memory as { buffer: ArrayBuffer };
  new Int32Array(memory.buffer)[0] = 41;
  t.is((host.plugin("user").exports.add as () => number)(), 42, "the dependency's very instance");
});

test("a dependency that isn't there, is another version, failed, isn't granted: each its own error", async (t) => {
  const bad = assemble(`(module (func $s unreachable) (start $s))`);
  const { host } = await started(
    t,
    [
      plugin("base", base(), undefined, "2.1.0"),
      { bytes: bad, name: "bad" },
      plugin("gone", `(module (import "elsewhere" "f" (func)))`, { plugins: { elsewhere: "*" } }),
      plugin("old", user(), onBase),
      plugin("failed", `(module (import "bad" "f" (func)))`, { plugins: { bad: "*" } }),
      plugin("next", `(module)`, { plugins: { failed: "*" } }),
      plugin("poor", user(), { plugins: { base: "2" } }),
      plugin("silent", user()),
      plugin("fine", base()),
    ],
    { grant: ({ name }) => (name === "poor" ? {} : { plugins: ["base", "bad", "elsewhere"] }) },
  );
  t.deepEqual(host.names, ["base", "fine"]);
  t.is(failure(host, "gone").message, `gone: it depends on the plugin "elsewhere", which isn't there`);
  t.is((failure(host, "gone") as DependencyError).dependency, "elsewhere");
  t.is(failure(host, "old").code, "VERSION_MISMATCH");
  t.is(failure(host, "old").message, `old: it depends on the plugin "base" ^1.0.0, which is 2.1.0`);
  t.regex(failure(host, "failed").message, /^failed: it depends on the plugin "bad", which failed: bad: /);
  t.is(failure(host, "failed").cause, host.failures.get("bad"));
  t.true(failure(host, "next") instanceof DependencyError);
  t.is(failure(host, "poor").code, "NOT_GRANTED");
  t.regex(failure(host, "poor").message, /"base" isn't granted: grant\(\{ name: "poor" \}\) has to give/);
  t.is(failure(host, "silent").code, "DEPENDENCY");
  t.regex(failure(host, "silent").message, /silent: import base\.add: "base" is a plugin: its manifest has/);
});

test("host modules have versions", async (t) => {
  const needs = (range: string): PluginSource =>
    plugin("p", `(module (func (export "one") (result i32) (i32.const 1)))`, { modules: { app: range } });
  const start = (range: string, version?: string) =>
    started(t, [needs(range)], { modules: [appModule(new App(), version)] });
  t.is(await (await start("^2.1.0", "2.3.0")).host.plugin("p").call("one"), 1);
  t.is(await (await start("*")).host.plugin("p").call("one"), 1);
  const message = async (range: string, version?: string): Promise<string> =>
    failure((await start(range, version)).host, "p").message;
  t.is(await message("^2.1.0", "1.9.0"), `p: it depends on the host module "app" ^2.1.0, which is 1.9.0`);
  t.is(await message("1"), `p: it depends on the host module "app" 1, which names no version`);
  const none = await started(t, [plugin("p", "(module)", { modules: { kv: "1" } })]);
  t.is(failure(none.host, "p").code, "DEPENDENCY");
  t.regex(
    failure(none.host, "p").message,
    /the host module "kv" 1, which the application doesn't have \(it has: app\)/,
  );
});

test("what isn't exported, or isn't of that type, and pools are refused", async (t) => {
  const lacks = `(module (import "base" "nothing" (func)))`;
  const typed = `(module (import "base" "add" (func (param f64))))`;
  const kind = `(module (import "base" "memory" (func)))`;
  const { host } = await started(t, [
    plugin("base", base()),
    plugin("lacks", lacks, onBase),
    plugin("typed", typed, onBase),
    plugin("kind", kind, onBase),
  ]);
  t.is(failure(host, "lacks").code, "IMPORT_MISMATCH");
  t.regex(
    failure(host, "lacks").message,
    /lacks: import base\.nothing: the plugin "base" has no such export \(it exports: memory, add/,
  );
  t.regex(
    failure(host, "typed").message,
    /typed: import base\.add: expected \(f64\) -> \(\), the plugin "base" exports \(\) -> i32/,
  );
  t.regex(
    failure(host, "kind").message,
    /kind: import base\.memory: expected \(\) -> \(\), the plugin "base" exports a memory/,
  );
  const pooled = host.load(plugin("pooled", user(), onBase), { instances: 2 });
  await t.throwsAsync(pooled, { instanceOf: BackplaneError, code: "OPTIONS" });
});

test("one call at a time, into whichever member", async (t) => {
  const { host, app } = await started(t, [
    plugin("base", base()),
    plugin("user", user(), onBase),
    plugin("other", user(), onBase),
    plugin("apart", base()),
  ]);
  const names = ["user", "base", "other", "user", "base"];
  t.deepEqual(await Promise.all(names.map((name) => host.plugin(name).call("wait", 3))), [1, 2, 3, 4, 5]);
  t.is(app.most, 1);
  await Promise.all(["user", "apart"].map((name) => host.plugin(name).call("wait", 3)));
  t.is(app.most, 2, "others aren't kept waiting");
});

test("a call that reaches its own group fails and names the chain", async (t) => {
  const reaching = `(import "app" "back" (func $back (result i32)))`;
  const { host } = await started(t, [
    plugin("base", base()),
    plugin(
      "user",
      user(reaching).replace(/\)$/, ` (func (export "back") (result i32) (call $back)))`),
      onBase,
    ),
  ]);
  const error = (await t.throwsAsync(host.plugin("user").call("back"))) as Error;
  t.true(error.cause instanceof ReentrancyError);
  t.deepEqual((error.cause as ReentrancyError).chain, ["user.back", "base.count"]);
});

test("after a trap all instances of the group are replaced, none calls into a lost one", async (t) => {
  const { host } = await started(t, [
    plugin("base", base()),
    plugin("user", user(), onBase),
    plugin("apart", base()),
  ]);
  const { call } = { call: (name: string, method: string) => host.plugin(name).call(method) };
  for (const trapping of ["user", "base"]) {
    await call("user", "add");
    t.is(await call("base", "add"), 2);
    await call("apart", "add");
    await t.throwsAsync(call(trapping, "trap"), { message: /unreachable/ });
    t.is(await call("user", "own"), 0);
    t.is(await call("user", "add"), 1);
    t.is(await call("base", "count"), 1);
    await t.throwsAsync(call(trapping, "trap"));
  }
  t.is(await call("apart", "count"), 2);
});

const odd = `(module (import "b" "even" (func $even (param i32) (result i32))) (import "app" "note" (func $note (param i32)))
  (func (export "odd") (param i32) (result i32) (call $note (local.get 0))
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
      (else (call $even (i32.sub (local.get 0) (i32.const 1)))))))`;
const even = `(module (import "a" "odd" (func $odd (param i32) (result i32)))
  (func (export "even") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
      (else (call $odd (i32.sub (local.get 0) (i32.const 1)))))))`;
const onA: Dependencies = { plugins: { a: "1" } };
const onB: Dependencies = { plugins: { b: "1" } };

test("plugins that import each other", async (t) => {
  const { host, app } = await started(t, [plugin("b", even, onA), plugin("a", odd, onB)]);
  t.is(await host.plugin("a").call("odd", 5), 1);
  t.is(await host.plugin("b").call("even", 4), 1);
  t.is((host.plugin("b").exports.even as (n: number) => number)(3), 0);
  t.deepEqual(app.seen, ["5", "3", "1", "3", "1", "2", "0"]);
  await host.reload("a");
  t.is(await host.plugin("b").call("even", 2), 1);
  t.is(host.plugin("b").stats().generation, 2);
});

test("plugins that import each other and wait", async (t) => {
  const waits = odd.replace(`"note"`, `"wait"`);
  const { host, app } = await started(t, [plugin("b", even, onA), plugin("a", waits, onB)]);
  t.deepEqual(await Promise.all([host.plugin("b").call("even", 4), host.plugin("a").call("odd", 4)]), [1, 0]);
  t.is(app.most, 1);
});

test("of plugins that import each other all are loaded or none", async (t) => {
  const { host } = await started(t, [plugin("b", even, onA), { bytes: new Uint8Array(3), name: "a" }]);
  t.deepEqual(host.names, []);
  const circle = await started(t, [
    plugin("b", even.replace(`"odd"`, `"strange"`), onA),
    plugin("a", odd, onB),
    plugin("c", base()),
  ]);
  t.deepEqual(circle.host.names, ["c"]);
  t.regex(
    failure(circle.host, "b").message,
    /^b: import a\.strange: the plugin "a" has no such export \(it exports: odd\)/,
  );
  t.regex(failure(circle.host, "a").message, /^a: "b", which it is linked with, can't be loaded: b: import/);
  const early = even.replace(/\)$/, `(func $s (drop (call $odd (i32.const 1)))) (start $s))`);
  const starting = await started(t, [plugin("a", odd, onB), plugin("b", early, onA)]);
  t.regex(failure(starting.host, "b").message, /import a\.odd: called before "a" has an instance/);
});

/** A plugin whose code can be changed between reloads. */
function changing(name: string, text: string, dependencies?: Dependencies, version = "1.0.0") {
  const source = { bytes: assemble(text), manifest: { name, version, dependencies } };
  return { source, become: (next: string) => void (source.bytes = assemble(next)) };
}

const keeps = `(func (export "backplane_alloc") (param i32) (result i32) (i32.const 64))
  (func (export "backplane_free") (param i32 i32))
  (func (export "backplane_save") (result i64)
    (i32.store (i32.const 16) (i32.load (i32.const 0))) (i64.const 0x400000010))
  (func (export "backplane_restore") (param i32 i32) (i32.store (i32.const 0) (i32.load (local.get 0))))`;

test("reloading a dependency reloads its dependents, each with its state", async (t) => {
  const changed = changing("base", base(1, keeps));
  const { host } = await started(t, [
    changed.source,
    plugin("user", user(), onBase),
    plugin("third", `(module (import "user" "add" (func $add (result i32))) (export "add" (func $add)))`, {
      plugins: { user: "*" },
    }),
    plugin("apart", base()),
  ]);
  const reloaded: string[] = [];
  host.on("reloaded", ({ name, generation, handOver }) => reloaded.push(`${name} ${generation} ${handOver}`));
  const held = host.plugin("third").exports.add as () => number;
  t.is(held(), 1);
  changed.become(base(10, keeps));
  await host.reload("base");
  t.deepEqual(reloaded, ["base 2 true", "user 2 false", "third 2 false"]);
  t.is(held(), 11);
  t.is(await host.plugin("base").call("count"), 11);
  await host.reload("user");
  t.deepEqual(reloaded.slice(3), ["user 3 false", "third 3 false"]);
  t.is(held(), 21, "the dependency goes on with its state");
  t.is(host.plugin("apart").stats().generation, 1);
});

test("a group is reloaded as one or not at all", async (t) => {
  const changed = changing("base", base(1, keeps));
  const dependent = changing("user", user(), onBase);
  const { host } = await started(t, [changed.source, dependent.source]);
  const failed: string[] = [];
  host.on("reloadFailed", ({ name, error, generation }) =>
    failed.push(`${name} ${generation}: ${(error as Error).message}`),
  );
  t.is(await host.plugin("user").call("add"), 1);
  changed.become(base(5, keeps).replace(`(export "add")`, `(export "sum")`));
  const error = await t.throwsAsync(host.reload("base"), { instanceOf: DependencyError });
  t.is(error.dependency, "user");
  t.is(failed.length, 2);
  t.regex(
    failed[0],
    /^base 1: base: "user", which it is linked with, can't be loaded: user: import base\.add/,
  );
  t.regex(failed[1], /^user 1: user: import base\.add: the plugin/);
  t.is(await host.plugin("user").call("add"), 2);
  changed.become(
    base(5, keeps.replace("(param i32 i32) (i32.store", "(param i32 i32) unreachable (i32.store")),
  );
  await t.throwsAsync(host.reload("base"), { instanceOf: BackplaneError, code: "STATE_TRANSFER" });
  t.is(await host.plugin("user").call("add"), 3);
  t.is(host.plugin("base").state, "ready");
  changed.become(base(5, keeps));
  await host.reload("base");
  t.is(await host.plugin("user").call("add"), 8);
});

test("calls wait while a dependent is reloaded, and none is lost", async (t) => {
  const { host, app } = await started(t, [plugin("base", base()), plugin("user", user(), onBase)]);
  let done = false;
  let answered = 0;
  const callers = ["base", "user", "user", "base"].map(async (name) => {
    while (!done) {
      await host.plugin(name).call("wait", 0);
      answered++;
    }
  });
  for (let i = 0; i < 10; i++) await host.reload("user");
  done = true;
  await Promise.all(callers);
  t.is(app.most, 1);
  t.is(await host.plugin("base").call("count"), answered);
  done = false;
  const more = ["base", "user"].map(async (name) => {
    while (!done) await host.plugin(name).call("wait", 0);
  });
  await Promise.all([host.reload("base"), host.reload("user"), host.reload("base")]);
  done = true;
  await Promise.all(more);
  t.is(host.plugin("user").stats().failures + host.plugin("base").stats().failures, 0);
});

test("a plugin is loaded beside calls that run, and one that is busy too long refuses it", async (t) => {
  const { host } = await started(t, [plugin("base", base())], { options: { drainTimeout: 60_000 } });
  const running = host.plugin("base").call("wait", 5);
  await host.load(plugin("user", user(), onBase));
  t.is(await running, 1);
  t.is(await host.plugin("user").call("add"), 2);
  const long = host.plugin("base").call("wait", 2000);
  const late = host.load(plugin("late", user(), onBase), { drainTimeout: 5 });
  await t.throwsAsync(late, { instanceOf: BackplaneError, code: "DRAIN_TIMEOUT" });
  t.is(await long, 3);
});

test("closing a plugin closes those that import from it first", async (t) => {
  const stopping = user(`(import "app" "note" (func $note (param i32)))`).replace(
    /\)$/,
    ` (func (export "backplane_stop") (call $note (call $add))))`,
  );
  const { host, app } = await started(t, [
    plugin("base", base()),
    plugin("user", stopping, onBase),
    plugin("apart", base()),
  ]);
  const stopped: string[] = [];
  host.on("stopped", ({ name }) => stopped.push(name));
  const running = host.plugin("user").call("wait", 5);
  await host.plugin("base").close();
  t.is(await running, 1);
  t.deepEqual(stopped, ["user", "base"]);
  t.deepEqual(app.seen, ["2"]);
  t.deepEqual(host.names, ["apart"]);
});

test("a host with linked plugins and circles closes", async (t) => {
  const { host } = await started(t, [
    plugin("a", odd, onB),
    plugin("b", even, onA),
    plugin("base", base()),
    plugin("user", user(), onBase),
  ]);
  await host.close();
  t.deepEqual(host.stats(), {});
});

test("a failed dependency that is repaired brings its dependents back", async (t) => {
  const changed = changing("base", `(module (func $s unreachable) (start $s))`);
  const { host } = await started(t, [
    changed.source,
    plugin("user", user(), onBase),
    plugin("third", "(module)", { plugins: { user: "*" } }),
  ]);
  t.deepEqual(host.names, []);
  changed.become(base());
  await host.reload("base");
  t.deepEqual(host.names, ["base", "third", "user"]);
  t.is(await host.plugin("user").call("add"), 1);
});

test("activation at the first call loads the dependencies", async (t) => {
  const { host } = await started(t, [plugin("user", user(), onBase), plugin("base", base())], {
    options: { activation: "call" },
  });
  t.is(host.plugin("base").state, "discovered");
  t.is(await host.plugin("user").call("add"), 1);
  t.is(host.plugin("base").state, "ready");
});
