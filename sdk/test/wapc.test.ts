/** waPC guests by hand: operations, calls of the host, errors of both sides. */
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  type BackplaneError,
  type DefinedModule,
  defineHostModule,
  describe,
  fn,
  PluginError,
  PluginHost,
  type PluginHostOptions,
} from "../index.js";
import { quiet } from "./quiet-host.js";

/**
 * The operation's first letter says what to do with the payload (at 1024, `$size` bytes): echo it, fail with it, log it, call the
 * host's "store" "get" with it, or count calls.
 */
const guest = (start = ""): Uint8Array =>
  assemble(`(module
    (import "wapc" "__guest_request" (func $request (param i32 i32)))
    (import "wapc" "__guest_response" (func $respond (param i32 i32)))
    (import "wapc" "__guest_error" (func $fail (param i32 i32)))
    (import "wapc" "__host_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wapc" "__host_response_len" (func $size_of_response (result i32)))
    (import "wapc" "__host_response" (func $response (param i32)))
    (import "wapc" "__host_error_len" (func $size_of_error (result i32)))
    (import "wapc" "__host_error" (func $error (param i32)))
    (import "wapc" "__console_log" (func $log (param i32 i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0)) (global $ready (mut i32) (i32.const 0))
    (data (i32.const 0) "storegetunknown")
    ${start}
    (func (export "wapc_init") (global.set $ready (i32.const 1)))
    (func (export "__guest_call") (param $name i32) (param $size i32) (result i32) (local $letter i32)
      (if (i32.eqz (global.get $ready)) (then (unreachable)))
      (call $request (i32.const 512) (i32.const 1024))
      (local.set $letter (i32.load8_u (i32.const 512)))
      (if (i32.eq (local.get $letter) (i32.const 0x65)) (then (call $respond (i32.const 1024) (local.get $size)) (return (i32.const 1))))
      (if (i32.eq (local.get $letter) (i32.const 0x66)) (then (call $fail (i32.const 1024) (local.get $size)) (return (i32.const 0))))
      (if (i32.eq (local.get $letter) (i32.const 0x6c)) (then (call $log (i32.const 1024) (local.get $size)) (return (i32.const 1))))
      (if (i32.eq (local.get $letter) (i32.const 0x78)) (then (call $respond (i32.const 65530) (i32.const 100)) (return (i32.const 1))))
      (if (i32.eq (local.get $letter) (i32.const 0x63)) (then
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store8 (i32.const 1024) (i32.add (i32.const 0x30) (global.get $calls)))
        (call $respond (i32.const 1024) (i32.const 1)) (return (i32.const 1))))
      (if (i32.eq (local.get $letter) (i32.const 0x67)) (then
        (if (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 5) (i32.const 3) (i32.const 1024) (local.get $size))
          (then (call $response (i32.const 4096)) (call $respond (i32.const 4096) (call $size_of_response)) (return (i32.const 1)))
          (else (call $error (i32.const 4096)) (call $fail (i32.const 4096) (call $size_of_error)) (return (i32.const 0))))))
      (i32.const 0)))`);

async function hostOf(t: ExecutionContext, options: PluginHostOptions = {}): Promise<PluginHost> {
  const plugins = [{ name: "p", bytes: guest() }];
  const host = await PluginHost.start({ plugins, logger: quiet, ...options });
  t.teardown(() => host.close());
  t.deepEqual(host.failures, new Map());
  return host;
}

test("operations take and give bytes, text or JSON", async (t) => {
  const plugin = (await hostOf(t)).plugin("p");
  t.is(await plugin.call("echo", "h\u00e9"), "h\u00e9");
  t.deepEqual(await plugin.call("echo", new Uint8Array([0, 255])), new Uint8Array([0, 255]));
  t.deepEqual(await plugin.call("echo", { a: [1] }), { a: [1] });
  t.deepEqual(await plugin.call("echo"), new Uint8Array(0));
  t.is(await plugin.call("echo", new Uint8Array([65]), { result: "string" }), "A");
  await t.throwsAsync(plugin.call("echo", new Uint8Array([255]), { result: "string" }), { code: "MARSHAL" });
  t.is(await plugin.call("echo", "x".repeat(40_000)), "x".repeat(40_000));
  await t.throwsAsync(plugin.call("echo", "x".repeat(70_000)), { code: "MARSHAL", message: /end outside/ });
});

test("errors of the guest leave its instance in use", async (t) => {
  const plugin = (await hostOf(t)).plugin("p");
  t.is(await plugin.call("count", ""), "1");
  await t.throwsAsync(plugin.call("fail", "too hot"), {
    instanceOf: PluginError,
    message: "p: operation fail: too hot",
  });
  await t.throwsAsync(plugin.call("nothing"), {
    message: "p: operation nothing: the guest failed without an error",
  });
  t.is(await plugin.call("count", ""), "2");
  await t.throwsAsync(plugin.call("x"), { code: "MARSHAL" }, "a response outside of its memory");
});

test("a guest calls host modules by namespace and operation", async (t) => {
  const store = defineHostModule("store", {
    get: [fn(["string"], "json"), (key) => ({ key })],
    set: [fn(["i32"], "i32"), (value) => value],
  });
  const plugin = (await hostOf(t, { modules: [store] })).plugin("p");
  t.deepEqual(await plugin.call("get", "a", { result: "json" }), { key: "a" });
});

test("host functions may wait, have a context, and throw into the guest", async (t) => {
  const store: DefinedModule = defineHostModule("store", {
    get: [
      fn(["string"], "string"),
      async (key, { plugin, context, export: operation }) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (key === "missing") throw new Error(`${plugin} has no ${key}`);
        return `${operation} ${key} ${context}`;
      },
    ],
  });
  const host = await hostOf(t, { modules: [store], options: { reentrant: true } });
  const plugin = host.plugin("p");
  const calls = ["a", "b", "c"].map((key) => plugin.call("get", key, { context: key.toUpperCase() }));
  t.deepEqual(await Promise.all(calls), ["get a A", "get b B", "get c C"]);
  await t.throwsAsync(plugin.call("get", "missing"), { message: "p: operation get: p has no missing" });
  await t.throwsAsync(plugin.call("get", "late", { timeout: 1 }), { code: "TIMEOUT" });
});

test("what isn't there or isn't granted is an error in the guest", async (t) => {
  const nothing = (await hostOf(t)).plugin("p");
  const text = 'p: operation get: the host has no operation "store" "get"';
  await t.throwsAsync(nothing.call("get", "a"), { message: text });
  const store = defineHostModule("store", { get: [fn(["string"], "string"), (key) => key] });
  const denied = await hostOf(t, { modules: [store], grant: () => ({ modules: [] }) });
  await t.throwsAsync(denied.plugin("p").call("get", "a"), { message: text });
  const asked = await hostOf(t, {
    modules: [store],
    plugins: [{ name: "p", bytes: guest(), manifest: { name: "p", requests: { modules: [] } } }],
  });
  await t.throwsAsync(asked.plugin("p").call("get", "a"), { message: text });
});

test("its log is the plugin's", async (t) => {
  const host = await hostOf(t);
  const lines: string[] = [];
  host.on("log", ({ level, message }) => lines.push(`${level} ${message}`));
  await host.plugin("p").call("log", "hello\n");
  t.deepEqual(lines, ["info hello\\n"]);
});

test("_start comes before wapc_init, and may exit", async (t) => {
  const tinygo = guest(
    `(func (export "_start") (if (global.get $ready) (then (unreachable))) (call $exit (i32.const 0)))`,
  );
  const host = await hostOf(t, { plugins: [{ name: "p", bytes: tinygo }] });
  t.is(await host.plugin("p").call("count", ""), "1");
  t.is(await host.plugin("p").call("count", ""), "2");
  const failing = guest(`(func (export "_start") (call $exit (i32.const 1)))`);
  const other = await PluginHost.start({ plugins: [{ name: "p", bytes: failing }], logger: quiet });
  t.teardown(() => other.close());
  t.is((other.failures.get("p") as BackplaneError).code, "EXIT");
});

test("a typed handle calls operations", async (t) => {
  const host = await hostOf(t);
  const plugin = await host.plugin("p", describe({ echo: fn(["json"], "json"), fail: fn(["string"]) }));
  t.deepEqual(await plugin.echo([1, "two"]), [1, "two"]);
  t.is(await plugin.echo("text"), "text");
  await t.throwsAsync(plugin.fail("no"), { code: "PLUGIN" });
});

test("with a reset for each call, and in a pool", async (t) => {
  const plugin = (await hostOf(t, { options: { reset: "call", instances: 2 } })).plugin("p");
  t.deepEqual(await Promise.all([1, 2, 3, 4].map(() => plugin.call("count", ""))), ["1", "1", "1", "1"]);
});

test("a module that isn't one isn't loaded", async (t) => {
  const host = await PluginHost.start({
    plugins: [
      {
        name: "call",
        bytes: assemble(
          `(module (import "wapc" "__console_log" (func (param i32 i32))) (func (export "__guest_call")))`,
        ),
      },
      {
        name: "import",
        bytes: assemble(`(module (import "wapc" "__host_cal" (func)) (func (export "__guest_call")))`),
      },
      {
        name: "section",
        bytes:
          assemble(`(module (import "wapc" "__console_log" (func $log (param i32 i32))) (memory (export "memory") 1)
          (func $start (call $log (i32.const 0) (i32.const 0))) (start $start)
          (func (export "__guest_call") (param i32 i32) (result i32) (i32.const 1)))`),
      },
    ],
    logger: quiet,
  });
  t.teardown(() => host.close());
  const codes = ["call", "import", "section"].map((name) => (host.failures.get(name) as BackplaneError).code);
  t.deepEqual(codes, ["EXPORT_MISMATCH", "IMPORT_MISMATCH", "PLUGIN_LOAD"]);
});
