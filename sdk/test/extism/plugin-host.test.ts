/** Extism plugins in a plugin host: recognized or named, with host modules, settings, limits, reloading, typed handles. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { assemble } from "../../../engine/test/runtime/assemble.js";
import { defineHostModule, describe, fn, PluginError } from "../../index.js";
import { hostOf } from "../quiet-host.js";
import { extismModule, services } from "./plugins.js";

const calling = extismModule(
  ["input_offset", "length", "output_set"],
  `(import "extism:host/user" "greet" (func $greet (param i64 i32) (result i64)))
   (memory (export "memory") 1)
   (func (export "run") (local $h i64)
     (local.set $h (call $greet (call $input_offset) (i32.const 3)))
     (call $output_set (local.get $h) (call $length (local.get $h))))`,
);

test("recognized by its imports; the result has the input's form", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "services", bytes: services }] });
  const plugin = host.plugin("services");
  t.is(await plugin.call("echo", "text"), "text");
  t.deepEqual(await plugin.call("echo", Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
  t.deepEqual(await plugin.call("echo", { a: 1 }), { a: 1 });
  t.is(await plugin.call("echo", { a: 1 }, { result: "string" }), '{"a":1}');
  await t.throwsAsync(plugin.call("fail", "broken"), { instanceOf: PluginError, message: "broken" });
  await t.throwsAsync(plugin.call("none"), { code: "EXPORT_NOT_FOUND" });
});

test("typed handles", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "services", bytes: services }] });
  const handle = await host.plugin("services", describe({ echo: fn(["string"], "string") }));
  t.is(await handle.echo("typed"), "typed");
});

test("named by a manifest: a module that imports nothing", async (t) => {
  const manifest = { name: "plain", abi: "extism" };
  const bytes = assemble('(module (func (export "seven") (result i32) (i32.const 7)))');
  const host = await hostOf(t, { plugins: [{ bytes, manifest }] });
  await t.throwsAsync(host.plugin("plain").call("seven"), { message: /non-zero exit code: 7/ });
});

for (const [title, greet] of [
  ["synchronous", (name: string, n: number) => `${name} ${n}`],
  ["asynchronous", async (name: string, n: number) => `${name} ${n}`],
] as const) {
  test(`host modules serve extism:host/user: ${title}`, async (t) => {
    const module = defineHostModule("extism:host/user", { greet: [fn(["string", "i32"], "string"), greet] });
    const host = await hostOf(t, { plugins: [{ name: "calling", bytes: calling }], modules: [module] });
    t.is(await host.plugin("calling").call("run", "Ada"), "Ada 3");
  });
}

test("host modules of another type, or none, are told when the plugin is loaded", async (t) => {
  const wrong = defineHostModule("extism:host/user", { greet: [fn(["i32", "i32"], "i32"), () => 0] });
  const host = await hostOf(t, { plugins: [{ name: "calling", bytes: calling }], modules: [wrong] });
  t.regex(
    String(host.failures.get("calling")),
    /expected \(i64, i32\) -> i64, the host's is \(i32, i32\) -> i32/,
  );
  const none = await hostOf(t, { plugins: [{ name: "calling", bytes: calling }] });
  t.regex(String(none.failures.get("calling")), /extism:host\/user\.greet/);
});

test("settings, the log and variables", async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "services", bytes: services }],
    options: { config: { key: "value", list: [1] } },
  });
  const lines: string[] = [];
  host.on("log", ({ level, message }) => lines.push(`${level} ${message}`));
  const plugin = host.plugin("services");
  t.is(await plugin.call("config", "key"), "value");
  t.is(await plugin.call("config", "list"), "[1]");
  await plugin.call("log", "a\nline");
  t.deepEqual(lines, ["info a\\nline"]);
  await plugin.call("set", "name");
  await t.throwsAsync(plugin.call("failAndTrap", ""));
  t.is(await plugin.call("get", "name"), "name");
});

test("instances on threads have the variables in common", async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "services", bytes: services }],
    options: { instances: 2, run: "thread", config: { key: "value" } },
  });
  const plugin = host.plugin("services");
  await plugin.call("set", "name");
  const calls = Array.from({ length: 6 }, (_, i) =>
    plugin.call(i % 2 ? "get" : "config", i % 2 ? "name" : "key"),
  );
  t.deepEqual(await Promise.all(calls), ["value", "name", "value", "name", "value", "name"]);
});

test('reset: "call" forgets variables', async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "services", bytes: services }],
    options: { reset: "call" },
  });
  const plugin = host.plugin("services");
  await plugin.call("set", "name");
  t.is(await plugin.call("get", "name"), "");
});

test("hosts are those that were granted", async (t) => {
  const manifest = { name: "services", requests: { hosts: ["127.0.0.1"] } };
  const host = await hostOf(t, { plugins: [{ bytes: services, manifest }] });
  const call = host.plugin("services").call("http", '{"url":"http://127.0.0.1:1/"}');
  await t.throwsAsync(call, { message: /is not allowed/ });
});

test("limits: outputs, memory, time", async (t) => {
  const host = await hostOf(t, {
    plugins: [{ name: "services", bytes: services }],
    limits: { outputBytes: 10, memory: 131_072 },
  });
  const plugin = host.plugin("services");
  t.is(await plugin.call("echo", "0123456789"), "0123456789");
  await t.throwsAsync(plugin.call("echo", "0123456789x"), { code: "LIMIT" });
  await t.throwsAsync(plugin.call("echo", new Uint8Array(300_000)), { message: /out of memory/ });
  await t.throwsAsync(plugin.call("spin", "", { timeout: 50 }), { code: "TIMEOUT" });
});

test("reloaded from a folder", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "extism-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const version = (n: number): Uint8Array =>
    extismModule(["alloc"], `(func (export "version") (result i32) (i32.const ${n}))`);
  writeFileSync(join(folder, "versioned.wasm"), version(1));
  const host = await hostOf(t, { plugins: folder });
  const plugin = host.plugin("versioned");
  await t.throwsAsync(plugin.call("version"), { message: /code: 1$/ });
  writeFileSync(join(folder, "versioned.wasm"), version(2));
  await plugin.reload();
  await t.throwsAsync(plugin.call("version"), { message: /code: 2$/ });
});
