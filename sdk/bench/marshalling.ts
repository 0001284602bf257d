/**
 * What marshalling costs: nanoseconds for a host call from a loop in a plugin, untyped and typed, and for calls of exports.
 * Programs take turns in rounds of a millisecond or less, which on a busy machine are mostly undisturbed.
 */
import { median } from "../../engine/bench/statistics.js";
import { WebAssembly } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { BackplaneInstance } from "../abi/backplane/backplane-instance.js";
import { bindExport } from "../binding/bind-export.js";
import { importLinker } from "../binding/link.js";
import { describe } from "../declare/describe.js";
import { type FunctionSignature, fn } from "../declare/signature.js";
import { PluginHost } from "../index.js";
import { PluginInstance } from "../plugin/plugin-instance.js";

/** `body` once a step; the allocator's memory is taken back after each. */
const loop = (name: string, body: string): string => `(func (export "${name}") (param $n i32)
  (loop $again ${body} (global.set $top (i32.const 4096))
    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`;

const text = "twenty bytes of text";

const exported = `(memory (export "memory") 1)
  (global $top (mut i32) (i32.const 4096))
  (func (export "backplane_alloc") (param $size i32) (result i32)
    (global.get $top) (global.set $top (i32.add (global.get $top) (local.get $size))))
  (func (export "backplane_free") (param i32 i32) (global.set $top (i32.const 4096)))
  (func (export "same") (param i32 i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32))))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))`;

const guest = `(module
  (import "raw" "two" (func $two (param i32 i32) (result i32)))
  (import "raw" "wide" (func $wide (param i32 i32) (result i64)))
  (import "h" "typed" (func $typed (param i32 i32) (result i32)))
  (import "h" "echo" (func $echo (param i32 i32) (result i64)))
  (import "h" "constant" (func $constant (result i64)))
  (import "h" "length" (func $length (param i32 i32) (result i32)))
  (import "h" "count" (func $count (param i32 i32) (result i32)))
  (import "h" "view" (func $view (param i32 i32) (result i32)))
  (import "h" "object" (func $object (param i32 i32) (result i64)))
  ${exported}
  (data (i32.const 16) "${text}") (data (i32.const 64) "{\\"name\\":\\"Ada\\",\\"n\\":1}")
  ${loop("raw", "(drop (call $two (i32.const 16) (i32.const 20)))")}
  ${loop("raw64", "(drop (call $wide (i32.const 16) (i32.const 20)))")}
  ${loop("typed", "(drop (call $typed (i32.const 16) (i32.const 20)))")}
  ${loop("echo", "(drop (call $echo (i32.const 16) (i32.const 20)))")}
  ${loop("constant", "(drop (call $constant))")}
  ${loop("length", "(drop (call $length (i32.const 16) (i32.const 20)))")}
  ${loop("count", "(drop (call $count (i32.const 16) (i32.const 20)))")}
  ${loop("view", "(drop (call $view (i32.const 16) (i32.const 20)))")}
  ${loop("object", "(drop (call $object (i32.const 64) (i32.const 20)))")})`;

const functions: Record<string, readonly [FunctionSignature, (...args: never[]) => unknown]> = {
  typed: [fn(["i32", "i32"], "i32"), (a: number, b: number) => (a + b) | 0],
  echo: [fn(["string"], "string"), (value: string) => value],
  constant: [fn([], "string"), () => text],
  length: [fn(["string"], "i32"), (value: string) => value.length],
  count: [fn(["bytes"], "i32"), (bytes: Uint8Array) => bytes.length],
  view: [fn(["bytes"], "i32", { views: true }), (bytes: Uint8Array) => bytes.length],
  object: [fn(["json"], "json"), (value: unknown) => value],
};

/** Nanoseconds a call. */
export interface Cost {
  readonly best: number;
  readonly median: number;
}

/** Steps of a program in a round. */
const steps = 2000;
/** Rounds before those that count. */
const warmUp = 50;

/** By program, in the order in which they are shown. */
export async function marshallingCosts(rounds: number): Promise<Map<string, Cost>> {
  const host = await PluginHost.start({
    plugins: [{ name: "echo", bytes: assemble(`(module ${exported})`) }],
  });
  try {
    return await measured(await programsOf(host), rounds);
  } finally {
    await host.close();
  }
}

async function measured(
  programs: Readonly<Record<string, Program>>,
  rounds: number,
): Promise<Map<string, Cost>> {
  const times = new Map<string, number[]>(Object.keys(programs).map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, run] of Object.entries(programs)) {
      const before = performance.now();
      await run(steps);
      if (round >= 0) times.get(name)?.push(((performance.now() - before) * 1e6) / steps);
    }
  }
  return new Map([...times].map(([name, list]) => [name, { best: Math.min(...list), median: median(list) }]));
}

/** Does something so many times. */
type Program = (steps: number) => unknown;

async function programsOf(host: PluginHost): Promise<Readonly<Record<string, Program>>> {
  const module = new WebAssembly.Module(assemble(guest));
  const declaration = {
    name: "h",
    className: "Host",
    functions: Object.entries(functions).map(([name, [signature]]) => ({ name, method: name, signature })),
  };
  const object = Object.fromEntries(Object.entries(functions).map(([name, [, method]]) => [name, method]));
  const plugin = new BackplaneInstance(
    importLinker({ name: "bench", config: {} }, module, [{ declaration, object }])(),
  );
  const raw = { two: (a: number, b: number) => (a + b) | 0, wide: () => 0x1400000010n };
  const instance = new WebAssembly.Instance(module, { ...plugin.imports, raw });
  new PluginInstance(instance, plugin, { plugin: "bench" }).start();

  const inLoop = (name: string) => instance.exports[name] as (steps: number) => unknown;
  const same = bindExport(plugin, "same", fn(["string"], "string"));
  const alloc = instance.exports.backplane_alloc as (size: number) => unknown;
  const free = instance.exports.backplane_free as (pointer: number, size: number) => unknown;
  const echo = host.plugin("echo");
  const handle = await host.plugin("echo", describe({ same: fn(["string"], "string") }));
  const options = { signal: new AbortController().signal, timeout: 10_000 };
  return {
    "host call (i32, i32) -> i32, untyped": inLoop("raw"),
    "host call (i32, i32) -> i64, untyped": inLoop("raw64"),
    "host call (i32, i32) -> i32": inLoop("typed"),
    "host call (string) -> string, 20 bytes": inLoop("echo"),
    "host call () -> string, 20 bytes": inLoop("constant"),
    "host call (string) -> i32, 20 bytes": inLoop("length"),
    "host call (bytes) -> i32, 20 bytes": inLoop("count"),
    "host call (bytes) -> i32, 20 bytes as a view": inLoop("view"),
    "host call (json) -> json, 20 bytes": inLoop("object"),
    "backplane_alloc and backplane_free, untyped": (steps) => {
      for (let i = 0; i < steps; i++) free(alloc(20) as number, 20);
    },
    "export (string) -> string, 20 bytes": (steps) => {
      for (let i = 0; i < steps; i++) same(text);
    },
    "plugin.exports.add(1, 2)": (steps) => {
      const { add } = echo.exports as { add(a: number, b: number): number };
      for (let i = 0; i < steps; i++) add(1, 2);
    },
    "plugin.call, two i32": async (steps) => {
      for (let i = 0; i < steps; i++) await echo.call("add", [1, 2]);
    },
    "plugin.call, 20 bytes in and out": async (steps) => {
      for (let i = 0; i < steps; i++) await echo.call("same", text);
    },
    "plugin.call, 20 bytes, signal and timeout": async (steps) => {
      for (let i = 0; i < steps; i++) await echo.call("same", text, options);
    },
    "handle (string) -> string, 20 bytes": async (steps) => {
      for (let i = 0; i < steps; i++) await handle.same(text);
    },
  };
}
