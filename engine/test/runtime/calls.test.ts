/** Calls across instances, through tables and back from the host; compile options; deterministic compiling. */
import test from "ava";
import { debugOptions } from "../../debug.js";
import { createNamespace, InstanceBusy, trapOf, WebAssembly } from "../../index.js";
import { nativeTarget } from "../../isa/index.js";
import type { Target } from "../../machine/target.js";
import { compileFunction } from "../../pipeline.js";
import { createPlatform } from "../../platform/index.js";
import { Engine, threadEngine } from "../../runtime/engine.js";
import { Instance as RuntimeInstance } from "../../runtime/instance.js";
import { checkedModule, Module as RuntimeModule } from "../../runtime/module.js";
import { generateModule } from "../fuzz/generate-module.js";
import { assemble } from "./assemble.js";
import { options } from "./compile-elsewhere.js";

const { Instance, Module } = WebAssembly;
type Exported = (...args: unknown[]) => unknown;
const exportsOf = (text: string, imports: object = {}, namespace = WebAssembly): Record<string, Exported> =>
  new Instance(new namespace.Module(assemble(text)), imports).exports as Record<string, Exported>;

const fibonacci = `(module (func $fib (export "fib") (param i32) (result i32)
  (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
    (then (local.get 0))
    (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                   (call $fib (i32.sub (local.get 0) (i32.const 2))))))))`;

test("another instance's function is called with its own state", (t) => {
  const counter = exportsOf(`(module (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`);
  const user = exportsOf(
    `(module (import "c" "next" (func $next (result i32)))
      (func (export "twice") (result i32) (i32.mul (call $next) (call $next))))`,
    { c: counter },
  );
  t.is(user.twice(), 2);
  t.is(counter.next(), 3);
});

test("a function of a lazily compiled instance is reached through an import, a table and a global", (t) => {
  const source = exportsOf(`(module (table (export "table") 2 funcref) (elem (i32.const 1) $f)
    (func $f (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 40))))`);
  const user = exportsOf(
    `(module (type $t (func (param i32) (result i32))) (import "s" "table" (table 2 funcref))
      (import "s" "f" (func $f (type $t)))
      (func (export "direct") (result i32) (call $f (i32.const 1)))
      (func (export "indirect") (param i32) (result i32) (call_indirect (type $t) (i32.const 2) (local.get 0))))`,
    { s: source },
  );
  t.is(user.indirect(1), 42);
  t.is(user.direct(), 41);
  t.throws(() => user.indirect(0), { instanceOf: WebAssembly.RuntimeError });
  t.throws(() => user.indirect(2), { instanceOf: WebAssembly.RuntimeError });
});

test("the host may call back to any depth, and its exceptions pass unchanged", (t) => {
  const thrown = { its: "own" };
  const plugin: Record<string, Exported> = exportsOf(
    `(module (import "host" "down" (func $down (param i32) (result i32)))
      (func (export "down") (param i32) (result i32) (i32.add (call $down (local.get 0)) (i32.const 1))))`,
    {
      host: {
        down: (n: number) => {
          if (n < 0) throw thrown;
          return n === 0 ? 0 : plugin.down(n - 1);
        },
      },
    },
  );
  t.is(plugin.down(500), 501);
  const caught = t.throws(() => plugin.down(-1), { any: true });
  t.is(caught as unknown, thrown);
  t.is(plugin.down(3), 4);
});

test("endless recursion through the host is a RangeError, and the next call works", (t) => {
  const plugin: Record<string, Exported> = exportsOf(
    `(module (import "host" "again" (func $again)) (func (export "again") (call $again)))`,
    { host: { again: () => plugin.again() } },
  );
  for (let i = 0; i < 3; i++) t.throws(() => plugin.again(), { instanceOf: RangeError });
});

test("a trap tells its kind and the Wasm frames", (t) => {
  const { outer } =
    exportsOf(`(module $demo (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func $outer (export "outer") (result i32) (call $inner (i32.const 0))))`);
  const error = t.throws(() => outer());
  const trap = trapOf(error);
  t.is(trap?.kind, "integerDivideByZero");
  t.deepEqual(
    trap?.frames.map((frame) => frame.functionName),
    ["demo.inner", "demo.outer"],
  );
  t.regex(
    error.stack ?? "",
    /at demo\.inner \(wasm:\/\/wasm\/demo-[0-9a-f]{8}:wasm-function\[0\]:0x[0-9a-f]+\)/,
  );
});

for (const bounds of ["guard", "explicit"] as const) {
  for (const compile of ["lazy", "ahead"] as const) {
    for (const effort of ["quick", "full"] as const) {
      for (const interrupts of [false, true]) {
        test(`compiled ${bounds}, ${compile}, ${effort}, interrupts ${interrupts}`, (t) => {
          const namespace = createNamespace({ bounds, compile, effort, interrupts });
          t.is(exportsOf(fibonacci, {}, namespace).fib(20), 6765);
          const memory = exportsOf(
            `(module (memory 1) (func (export "sum") (param i32) (result i32) (local $s i32)
              (loop $l (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get 0))))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
              (local.get $s)) (data (i32.const 1) "\\01\\02\\03")
              (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))`,
            {},
            namespace,
          );
          t.is(memory.sum(100), 6);
          t.is(memory.load(65532), 0);
          for (const address of [65533, -1, -4, 0x7fffffff]) {
            t.throws(() => memory.load(address), { instanceOf: WebAssembly.RuntimeError });
          }
        });
      }
    }
  }
}

test("the same bytes compile to the same code in any order of functions", (t) => {
  const engine = threadEngine();
  for (const seed of [1, 2, 3, 4, 5]) {
    const bytes = generateModule(seed);
    const compileAll = (reverse: boolean): string[] => {
      const options = {
        bounds: "guard",
        compile: "lazy",
        effort: "full",
        interrupts: false,
        canonicalNaNs: false,
        vectors: true,
      } as const;
      const unit = RuntimeModule.compile(engine, bytes, options);
      const { bodies, importedFunctionCount } = checkedModule(bytes, options);
      const order = bodies.map((_, i) => i);
      if (reverse) order.reverse();
      const code: string[] = [];
      for (const i of order) {
        const compiled = compileFunction(unit, importedFunctionCount + i, {
          target: engine.target,
          features: engine.features,
          bounds: "guard",
          interrupts: false,
          canonicalNaNs: false,
          effort: "full",
        });
        code[i] = Buffer.from(compiled.bytes).toString("hex");
      }
      return code;
    };
    t.deepEqual(compileAll(true), compileAll(false));
  }
});

test("calls whose thunks are out of reach lead through islands", (t) => {
  const reach = 1 << 15;
  const native = nativeTarget();
  let farthest = 0;
  const target: Target = {
    ...native,
    callReach: reach,
    linkCall(bytes, offset, address, slot, code) {
      farthest = Math.max(farthest, Math.abs(code - (address + offset)));
      native.linkCall(bytes, offset, address, slot, code);
    },
  };
  const engine = new Engine(target, createPlatform(target));
  const count = 2000;
  const functions = Array.from({ length: count }, (_, i) => {
    const next =
      i + 1 < count ? `(call $f${i + 1} (i32.add (local.get 0) (i32.const ${i})))` : "(local.get 0)";
    return `(func $f${i} (param i32) (result i32) ${next})`;
  });
  const bytes = assemble(`(module (export "f" (func $f0)) ${functions.join("\n")})`);
  const module = RuntimeModule.compile(engine, bytes, { ...options, effort: "quick" });
  const instance = new RuntimeInstance(module, { functions: [], tables: [], memories: [], globals: [] });
  instance.initialize();
  t.is(instance.function(0).call([7]), 7 + ((count - 1) * (count - 2)) / 2);
  t.true(farthest > 0 && farthest <= reach, `${farthest}`);
});

test("a call that an instance is too busy for compiles nothing: code on a thread may be calling through the record", (t) => {
  const engine = threadEngine();
  const module = RuntimeModule.compile(engine, assemble(fibonacci), { ...options, effort: "quick" });
  const instance = new RuntimeInstance(module, { functions: [], tables: [], memories: [], globals: [] });
  const monitor = instance.linkGroup.monitor.root();
  // As threads.ts leaves both while Wasm code of the instance runs.
  engine.threadedCalls++;
  monitor.running = true;
  try {
    t.throws(() => instance.function(0).call([1]), { instanceOf: InstanceBusy });
    t.false(module.code.isCompiled(0));
  } finally {
    monitor.running = false;
    engine.threadedCalls--;
  }
  t.is(instance.function(0).call([10]), 55);
});

// Under some emulators it isn't: scripts/arm64/tools.mjs says why.
const reuses = !debugOptions.off.has("code-reuse");
(reuses ? test : test.skip)("a collected module's code memory is used again", async (t) => {
  const { arena } = threadEngine();
  const before = arena.segmentCount;
  for (let i = 0; i < 50; i++) exportsOf(fibonacci).fib(3);
  t.true(arena.segmentCount > before);
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 20 && arena.segmentCount > before + 10; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.true(arena.segmentCount <= before + 10);
});

test("Module is one class for every namespace", (t) => {
  const other = createNamespace({ effort: "quick" });
  t.true(new other.Module(assemble(fibonacci)) instanceof Module);
});
