/** The first slice of the SDK: host modules by decorator, plugins from a folder, failures contained. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { BackplaneError, fn, hostFunction, hostModule, PluginHost } from "../index.js";
import { quiet } from "./quiet-host.js";

class Store {
  readonly seen: string[] = [];
}

@hostModule("app", { inject: [Store] })
class App {
  constructor(private readonly store: Store) {}

  @hostFunction(fn(["string"]))
  log(text: string): void {
    this.store.seen.push(text);
  }

  @hostFunction(fn(["i64", "f64"], "f64"), { name: "scale-by" })
  scale(a: bigint, b: number): number {
    return Number(a) * b;
  }
}

const greeter = `(module (import "app" "log" (func $log (param i32 i32)))
  (memory (export "memory") 1) (data (i32.const 8) "h\\c3\\a9llo") (data (i32.const 20) "\\ff")
  (func (export "greet") (call $log (i32.const 8) (i32.const 6)))
  (func (export "broken") (call $log (i32.const 20) (i32.const 1)))
  (func (export "outside") (call $log (i32.const 65530) (i32.const 20))))`;

async function started(
  t: ExecutionContext,
  plugins: Record<string, string | Uint8Array>,
): Promise<{ host: PluginHost; store: Store }> {
  const folder = mkdtempSync(join(tmpdir(), "backplane-plugins-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, source] of Object.entries(plugins)) {
    writeFileSync(join(folder, name), typeof source === "string" ? assemble(source) : source);
  }
  const store = new Store();
  const host = await PluginHost.start({
    plugins: folder,
    modules: [App],
    provide: [[Store, store]],
    logger: quiet,
  });
  return { host, store };
}

test("a plugin calls typed host functions", async (t) => {
  const scaler = `(module (import "app" "scale-by" (func $s (param i64 f64) (result f64)))
    (func (export "run") (result f64) (call $s (i64.const 6) (f64.const 7))))`;
  const { host, store } = await started(t, {
    "greeter.wasm": greeter,
    "scaler.wasm": scaler,
    "notes.txt": new Uint8Array(),
  });
  t.deepEqual(host.names, ["greeter", "scaler"]);
  await host.plugin("greeter").call("greet");
  t.deepEqual(store.seen, ["héllo"]);
  t.is(await host.plugin("scaler").call("run"), 42);
});

test("strings that aren't there or aren't UTF-8 are marshalling errors", async (t) => {
  const { host } = await started(t, { "greeter.wasm": greeter });
  for (const name of ["broken", "outside"]) {
    const error = await t.throwsAsync(host.plugin("greeter").call(name), { instanceOf: BackplaneError });
    t.is(error.code, "MARSHAL");
  }
  await host.plugin("greeter").call("greet");
});

test("a plugin that can't be loaded is reported, the others load", async (t) => {
  const { host } = await started(t, {
    "good.wasm": `(module (func (export "one") (result i32) (i32.const 1)))`,
    "missing.wasm": `(module (import "app" "nothing" (func)))`,
    "text.wasm": new TextEncoder().encode("(module)"),
  });
  t.deepEqual(host.names, ["good"]);
  t.is(await host.plugin("good").call("one"), 1);
  t.deepEqual([...host.failures.keys()].sort(), ["missing", "text"]);
  const error = t.throws(() => host.plugin("missing"), { instanceOf: BackplaneError });
  t.regex(String((error.cause as Error).message), /^missing: import app.nothing: "app" has no such function/);
  await t.throwsAsync(host.plugin("good").call("two"), {
    message: /no exported function "two" \(exports: one\)/,
  });
});

test("a class that isn't a host module is refused", async (t) => {
  await t.throwsAsync(PluginHost.start({ plugins: tmpdir(), modules: [Store] }), {
    message: /Store is not a host module/,
  });
});
