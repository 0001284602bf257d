/** The interface for ABIs, with one of the test's own: a module made for each instance, linked natively, keeps input and output. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { Snapshot, Suspending, WebAssembly } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  type Abi,
  type AbiCall,
  type AbiInstance,
  type AbiPlugin,
  BackplaneError,
  type CallOptions,
  describe,
  fn,
  type Guest,
  json,
  PluginError,
  PluginHost,
  type PluginHostOptions,
} from "../index.js";
import { hostOf } from "./quiet-host.js";

/** Input at 0, output at 4096. */
const kernelModule = new WebAssembly.Module(
  assemble(`(module (memory (export "memory") 1)
    (global $in (export "inputSize") (mut i32) (i32.const 0)) (global $out (export "outputSize") (mut i32) (i32.const 0))
    (func (export "size") (result i32) (global.get $in))
    (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "put") (param i32)
      (i32.store8 (i32.add (i32.const 4096) (global.get $out)) (local.get 0))
      (global.set $out (i32.add (global.get $out) (i32.const 1)))))`),
);

interface Events {
  readonly made: string[];
}

/** A plugin whose functions take one text and give one. */
function slots({ made }: Events, waits = false): Abi {
  const instance = (plugin: AbiPlugin): AbiInstance => {
    const kernel = new WebAssembly.Instance(kernelModule);
    const { memory, inputSize, outputSize } = kernel.exports as unknown as {
      memory: { buffer: ArrayBuffer };
      inputSize: { value: number };
      outputSize: { value: number };
    };
    const started = Snapshot.of(kernel);
    const pause = async (): Promise<void> => plugin.log("info", `${plugin.name} pauses`);
    let guest: Guest;
    const output = (code: unknown): string => {
      if (code === 9) guest.retire();
      if (code !== 0) throw guest.failure(`${plugin.name}: code ${code}`);
      return Buffer.from(memory.buffer, 4096, outputSize.value).toString();
    };
    return {
      imports: { slots: { ...kernel.exports, pause: waits ? new Suspending(pause) : pause } },
      start(given) {
        guest = given;
        made.push("start");
        const { boot } = guest.exports;
        if (typeof boot === "function") boot();
      },
      call(name) {
        const target = guest.function(name);
        const run = (input: unknown, _options: CallOptions): unknown => {
          outputSize.value = 0;
          inputSize.value = Buffer.from(memory.buffer).write(String(input ?? ""));
          const code = target?.();
          return code instanceof Promise ? code.then(output) : output(code);
        };
        return target && ({ run } satisfies AbiCall);
      },
      stop: () => made.push("stop"),
      save: () => Buffer.from([...Buffer.from(memory.buffer, 0, inputSize.value)]),
      restore(state) {
        made.push(`restore ${Buffer.from(state as Uint8Array)}`);
      },
      reset() {
        started.restore(kernel);
        made.push("reset");
        return true;
      },
      dispose: () => made.push("dispose"),
    };
  };
  return {
    name: "slots-1",
    detects: ({ imports }) => imports.some((wanted) => wanted.module === "slots"),
    prepare(plugin) {
      const unknown = plugin.imports.find((wanted) => wanted.module !== "slots");
      if (unknown !== undefined) {
        const text = `${plugin.name}: import ${unknown.module}.${unknown.name}: not of this ABI`;
        throw new BackplaneError("IMPORT_MISMATCH", text);
      }
      return { waits, saves: true, restores: true, instance: () => instance(plugin) };
    },
  };
}

const upper = `(module
  (import "slots" "size" (func $size (result i32)))
  (import "slots" "get" (func $get (param i32) (result i32)))
  (import "slots" "put" (func $put (param i32)))
  (import "slots" "pause" (func $pause))
  (global $booted (mut i32) (i32.const 0)) (global $calls (mut i32) (i32.const 0))
  (func (export "boot") (global.set $booted (i32.const 1)))
  (func (export "upper") (result i32) (local $i i32)
    (if (i32.eqz (global.get $booted)) (then (unreachable)))
    (block $end (loop $next
      (br_if $end (i32.ge_u (local.get $i) (call $size)))
      (call $put (i32.and (call $get (local.get $i)) (i32.const 0xdf)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (i32.const 0))
  (func (export "pause") (result i32) (call $pause) (call $put (i32.const 0x2e)) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (call $put (i32.add (i32.const 0x30) (global.get $calls))) (i32.const 0))
  (func (export "fail") (result i32) (i32.const 3))
  (func (export "end") (result i32) (i32.const 9))
  (func (export "trap") (result i32) unreachable))`;

async function start(
  t: ExecutionContext,
  options: PluginHostOptions["options"] = {},
  waits = false,
): Promise<{ host: PluginHost; made: string[] }> {
  const made: string[] = [];
  const plugins = [{ name: "p", bytes: assemble(upper) }];
  const host = await hostOf(t, { plugins, abis: [slots({ made }, waits)], options });
  t.deepEqual(host.failures, new Map());
  return { host, made };
}

test("an ABI of the application's recognizes a module, starts it and serves its calls", async (t) => {
  const { host, made } = await start(t);
  const plugin = host.plugin("p");
  t.is(await plugin.call("upper", "abc"), "ABC");
  t.is(await plugin.call("upper"), "");
  t.is(await plugin.call("pause"), ".");
  await t.throwsAsync(plugin.call("fail"), { instanceOf: PluginError, code: "PLUGIN", message: "p: code 3" });
  t.is(plugin.stats().replaced, 0);
  await t.throwsAsync(plugin.call("nothing"), { code: "EXPORT_NOT_FOUND" });
  t.deepEqual(made, ["start"]);
  await host.close();
  t.deepEqual(made, ["start", "stop", "dispose"]);
});

test("an instance is replaced when it is retired and after a trap", async (t) => {
  const { host, made } = await start(t);
  const plugin = host.plugin("p");
  t.is(await plugin.call("count"), "1");
  await t.throwsAsync(plugin.call("end"), { message: "p: code 9" });
  t.is(await plugin.call("count"), "1");
  t.deepEqual(made, ["start", "dispose", "start"]);
  await t.throwsAsync(plugin.call("trap"));
  t.is(await plugin.call("count"), "1");
  t.deepEqual(made, ["start", "dispose", "start", "dispose", "start"]);
  t.is(plugin.stats().replaced, 2);
});

test("its imports may wait", async (t) => {
  const { host } = await start(t, {}, true);
  const lines: string[] = [];
  host.on("log", ({ message }) => lines.push(message));
  t.is(await host.plugin("p").call("pause"), ".");
  t.deepEqual(lines, ["p pauses"]);
});

test("what it keeps is reset with the instance", async (t) => {
  const { host, made } = await start(t, { reset: "call", handOver: false });
  const plugin = host.plugin("p");
  t.is(await plugin.call("count"), "1");
  t.is(await plugin.call("count"), "1");
  t.deepEqual(made, ["start", "reset"]);
});

test("its state is handed over upon a reload", async (t) => {
  const made: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "backplane-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "p.wasm"), assemble(upper));
  const host = await hostOf(t, { plugins: folder, abis: [slots({ made })] });
  await host.plugin("p").call("upper", "kept");
  await host.reload("p");
  t.deepEqual(made, ["start", "start", "restore kept", "stop", "dispose"]);
});

test("typed handles have calls of one input and one output", async (t) => {
  const { host } = await start(t);
  const schema = {
    "~standard": { version: 1, vendor: "test", validate: () => ({ value: "checked" }) },
  } as const;
  const description = describe({
    upper: fn(["string"], "string"),
    pause: fn([], "string?"),
    count: fn(["json"]),
  });
  const handle = await host.plugin("p", description);
  t.is(await handle.upper("abc"), "ABC");
  t.is(await handle.pause(), ".");
  t.is(await handle.count({ a: 1 }), undefined);
  const checked = await host.plugin("p", describe({ upper: fn(["json"], json(schema)) }));
  t.is(await checked.upper(1), "checked");
  await t.throwsAsync(handle.upper(1 as never), {
    code: "MARSHAL",
    message: /p: export upper: argument 1: /,
  });
  const odd = describe({ upper: fn(["i32"], "string") });
  await t.throwsAsync(host.plugin("p", odd), {
    code: "EXPORT_MISMATCH",
    message: /one input and one output/,
  });
});

test("the manifest and the application choose by name", async (t) => {
  const made: string[] = [];
  const bytes = assemble(`(module (func (export "zero") (result i32) (i32.const 0)))`);
  const abi = slots({ made });
  const plugins = [
    { name: "named", bytes, manifest: { name: "named", abi: "slots-1" } },
    { name: "own", bytes, manifest: { name: "own", abi: "backplane-1" } },
    { name: "none", bytes },
    { name: "unknown", bytes, manifest: { name: "unknown", abi: "other" } },
    { name: "given", bytes, manifest: { name: "given", abi: "backplane-1" } },
    { name: "chosen", bytes },
  ];
  const host = await hostOf(t, {
    plugins,
    abis: [abi],
    options: (name) => (name === "given" ? { abi } : name === "chosen" ? { abi: "slots-1" } : {}),
  });
  const results = await Promise.all(
    ["named", "own", "none", "given", "chosen"].map((name) => host.plugin(name).call("zero")),
  );
  t.deepEqual(results, ["", 0, 0, "", ""]);
  const failure = host.failures.get("unknown") as BackplaneError;
  t.is(failure.code, "ABI");
  t.regex(
    failure.message,
    /^unknown: its manifest names the ABI "other"; there are: slots-1, .*backplane-1$/,
  );
});

test("what can't be an ABI is refused", async (t) => {
  const expected = {
    code: "OPTIONS",
    message: /^abis: expected objects with a name and prepare\(plugin\), got /,
  };
  await t.throwsAsync(PluginHost.start({ abis: [{ name: "x" } as Abi] }), expected);
  await t.throwsAsync(PluginHost.start({ abis: [null as never] }), expected);
});

test("a module that doesn't fit its ABI isn't loaded", async (t) => {
  const bytes = assemble(`(module (import "slots" "put" (func (param i32))) (import "app" "f" (func)))`);
  const host = await hostOf(t, { plugins: [{ name: "p", bytes }], abis: [slots({ made: [] })] });
  const failure = host.failures.get("p") as BackplaneError;
  t.is(failure.code, "IMPORT_MISMATCH");
  t.is(failure.message, "p: import app.f: not of this ABI");
});
