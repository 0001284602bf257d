/** `reset: "call"`: each call begins with the state after the start, put back or by a new instance. */
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import type { DefinedModule, Plugin, PluginOptions } from "../index.js";
import { BackplaneError, fn, PluginHost } from "../index.js";
import { quiet } from "./quiet-host.js";

interface Loaded {
  readonly plugin: Plugin;
  /** How often an instance was started. */
  starts(): number;
}

async function loaded(t: ExecutionContext, text: string, options: PluginOptions = {}): Promise<Loaded> {
  let count = 0;
  const app: DefinedModule = {
    declaration: {
      name: "app",
      className: "App",
      functions: [
        { name: "started", method: "started", signature: fn([]) },
        { name: "fail", method: "fail", signature: fn([]) },
      ],
    },
    object: {
      started: () => void count++,
      fail: () => {
        throw new Error("no");
      },
    },
  };
  const host = await PluginHost.start({ modules: [app], logger: quiet });
  t.teardown(() => host.close());
  const plugin = await host.load({ bytes: assemble(text), name: "p" }, { reset: "call", ...options });
  return { plugin, starts: () => count };
}

/** Memory, globals of all types and a table that nothing exports, changed by each call of `run`. */
const state = (
  more = "",
): string => `(module (import "app" "started" (func $started)) (import "app" "fail" (func $fail))
  (memory 2) (data (i32.const 0) "\\01\\02\\03\\04")
  (global $a (mut i32) (i32.const 7)) (global $b (mut i64) (i64.const 8)) (global $c (mut f32) (f32.const 9))
  (global $d (mut f64) (f64.const 10)) (global $e (mut externref) (ref.null extern)) (global i32 (i32.const 3))
  (table $t 3 4 funcref) (elem (table $t) (i32.const 0) $one $two)
  (type $f (func (result i32)))
  (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
  (func (export "backplane_start") (call $started) (i32.store (i32.const 8) (i32.const 100)))
  (func $change (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
    (i32.store (i32.const 131068) (i32.add (i32.load (i32.const 131068)) (i32.const 1)))
    (global.set $a (i32.add (global.get $a) (i32.const 1))) (global.set $b (i64.add (global.get $b) (i64.const 1)))
    (global.set $c (f32.add (global.get $c) (f32.const 1))) (global.set $d (f64.add (global.get $d) (f64.const 1)))
    (table.set $t (i32.const 0) (table.get $t (i32.const 1))) (table.set $t (i32.const 2) (table.get $t (i32.const 1))))
  (func (export "run") (result i32 i32 i32 i32 i64 f32 f64 i32 i32) (call $change)
    (i32.load (i32.const 0)) (i32.load (i32.const 8)) (i32.load (i32.const 131068)) (global.get $a) (global.get $b)
    (global.get $c) (global.get $d) (call_indirect $t (type $f) (i32.const 0)) (ref.is_null (global.get $e)))
  (func (export "hold") (param externref) (result i32) (local $was i32)
    (local.set $was (ref.is_null (global.get $e))) (global.set $e (local.get 0)) (local.get $was))
  (func (export "empty") (result i32) (ref.is_null (table.get $t (i32.const 2))))
  (func (export "grow") (result i32) (call $change) (memory.grow (i32.const 1)))
  (func (export "widen") (result i32) (call $change) (table.grow $t (ref.null func) (i32.const 1)))
  (func (export "fail") (call $change) (call $fail))
  (func (export "trap") (call $change) unreachable) ${more})`;

const fresh = [0x04030202, 101, 1, 8, 9n, 10, 11, 2, 1];

test("memory, globals and tables are put back, exported or not, without a new start", async (t) => {
  const { plugin, starts } = await loaded(t, state());
  for (let i = 0; i < 4; i++) t.deepEqual(await plugin.call("run"), fresh);
  t.is(await plugin.call("empty"), 1);
  const hold = plugin.exports.hold as (value: unknown) => number;
  t.is(hold("thing"), 1);
  t.is(hold("thing"), 1);
  t.is(starts(), 1);
});

test("what grew takes a new instance, dropped segments don't", async (t) => {
  const { plugin, starts } = await loaded(t, state());
  for (const name of ["grow", "widen"]) {
    const before = starts();
    t.is(await plugin.call(name), name === "grow" ? 2 : 3);
    t.deepEqual(await plugin.call("run"), fresh);
    t.is(starts(), before + 1, name);
  }
  for (const passive of [`(data "xyz")`, `(elem func $one)`]) {
    const { plugin: other, starts: count } = await loaded(t, state(passive));
    t.deepEqual(await other.call("run"), fresh);
    t.deepEqual(await other.call("run"), fresh);
    t.is(count(), 1, passive);
  }
});

test("so do errors in the middle of a call", async (t) => {
  const { plugin } = await loaded(t, state());
  for (const name of ["fail", "trap", "fail"]) {
    await t.throwsAsync(plugin.call(name));
    t.deepEqual(await plugin.call("run"), fresh, name);
  }
  t.is(plugin.stats().replaced, 1, "only the trap");
});

test("each instance of a pool is reset", async (t) => {
  const { plugin } = await loaded(t, state(), { instances: 3 });
  for (let i = 0; i < 9; i++) t.deepEqual(await plugin.call("run"), fresh);
});

test("a module without state", async (t) => {
  const { plugin } = await loaded(t, `(module (func (export "one") (result i32) (i32.const 1)))`);
  t.is(await plugin.call("one"), 1);
  t.is(await plugin.call("one"), 1);
});

test("state that is handed over, re-entrance and links exclude it", async (t) => {
  const keeps = `(module (func (export "backplane_save") (result i64) (i64.const 0)) (memory (export "memory") 1)
    (func (export "backplane_restore") (param i32 i32)))`;
  const refused = { instanceOf: BackplaneError, code: "OPTIONS" } as const;
  await t.throwsAsync(loaded(t, keeps), { ...refused, message: /each call resets it \(reset: "call"\)/ });
  await t.throwsAsync(loaded(t, "(module)", { transfer() {} }), refused);
  await t.throwsAsync(loaded(t, "(module)", { reentrant: true }), refused);
  await t.notThrowsAsync(loaded(t, keeps, { handOver: false }));
  const host = await PluginHost.start({ logger: quiet, grant: () => ({ plugins: ["a"] }) });
  t.teardown(() => host.close());
  await host.load(
    { bytes: assemble(`(module (func (export "f")))`), manifest: { name: "a", version: "1.0.0" } },
    { reset: "call" },
  );
  const linked = { name: "b", dependencies: { plugins: { a: "*" } } };
  const bytes = assemble(`(module (import "a" "f" (func)))`);
  await t.throwsAsync(host.load({ bytes, manifest: linked }), {
    ...refused,
    message: /this one has reset: "call"/,
  });
});
