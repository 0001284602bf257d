/** Compiled code as bytes: it runs without compiling, for another target too, and is refused where it doesn't fit. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { targetOf } from "../../isa/index.js";
import { readMachineCode, writeMachineCode } from "../../machine/machine-code-bytes.js";
import { compileFunction } from "../../pipeline.js";
import { CompiledCode, CompiledModuleError, codeIdentity } from "../../runtime/compiled-module.js";
import { threadEngine } from "../../runtime/engine.js";
import { Module } from "../../runtime/module.js";
import { assemble } from "./assemble.js";
import { compile, options, runCompiled } from "./compile-elsewhere.js";

/** Calls direct and indirect, a memory, a table of branches, floats and a vector: all kinds of relocations and sites. */
const source = assemble(`(module
  (memory 1) (table funcref (elem $double $fib)) (type $t (func (param i32) (result i32)))
  (data (i32.const 8) "\\05\\00\\00\\00")
  (func $double (type $t) (i32.shl (local.get 0) (i32.const 1)))
  (func $fib (export "fib") (type $t)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "mix") (param $which i32) (param $n i32) (result i32)
    (i32.add
      (call_indirect (type $t) (local.get $n) (local.get $which))
      (i32.add (i32.load (i32.const 8))
        (i32.add (i32.trunc_f64_s (f64.sqrt (f64.convert_i32_s (local.get $n))))
          (i32x4.extract_lane 2 (i32x4.mul (i32x4.splat (local.get $n)) (i32x4.splat (i32.const 3)))))))))`);

const mixed = (which: number, n: number): number =>
  (which === 0 ? 2 * n : 144) + 5 + Math.trunc(Math.sqrt(n)) + 3 * n;

test("a module runs with code that was compiled before", (t) => {
  const engine = threadEngine();
  const code = compile(source, engine.target, engine.features);
  t.is(runCompiled(engine, source, code, "fib", [12]), 144);
  for (const which of [0, 1]) t.is(runCompiled(engine, source, code, "mix", [which, 12]), mixed(which, 12));
});

test("code for any target is the same each time, and all of it survives writing and reading", (t) => {
  for (const architecture of ["x64", "arm64"]) {
    const target = targetOf(architecture, "linux")!;
    const features = new Set(target.featureProbe.required.keys());
    const bytes = compile(source, target, features);
    t.deepEqual(compile(source, target, features), bytes);
    const code = new CompiledCode(bytes);
    t.deepEqual(code.identity, codeIdentity(source, target, features, options));
    const unit = Module.compile(threadEngine(), source, options);
    for (let i = 0; i < code.functionCount; i++) {
      const compiled = compileFunction(unit, i, { ...options, target, features });
      t.deepEqual(code.functionCode(i), compiled);
      t.deepEqual(readMachineCode(Buffer.from(writeMachineCode(compiled))), compiled);
    }
  }
});

test("code that was made for something else is refused, with what differs", (t) => {
  const engine = threadEngine();
  const { target, features } = engine;
  const code = compile(source, target, features);
  const run = (bytes: Uint8Array, which: Uint8Array): unknown =>
    runCompiled(engine, bytes, which, "fib", [1]);
  const refused = (bytes: Uint8Array, which: Uint8Array, message: RegExp): void => {
    t.throws(() => run(bytes, which), { instanceOf: CompiledModuleError, message });
  };
  const other = targetOf(target.name === "amd64" ? "arm64" : "x64", "linux")!;
  refused(source, compile(source, other, features), /target: expected "a/);
  refused(source, compile(source, target, new Set([...features, "zz"])), /features: expected .* got .*zz/);
  refused(assemble(`(module (func (export "fib")))`), code, /module: expected/);
  const guarded = Module.compile.bind(Module, engine, source, { ...options, canonicalNaNs: true });
  t.throws(() => guarded(new CompiledCode(code)), {
    instanceOf: CompiledModuleError,
    message: /options: expected/,
  });
});

test("what is cut off anywhere is refused when it is read, or when the function is", (t) => {
  const { target, features } = threadEngine();
  const code = compile(source, target, features);
  for (let size = 0; size < code.length; size++) {
    t.throws(() => new CompiledCode(code.slice(0, size)), { instanceOf: CompiledModuleError });
  }
  const damaged = code.slice();
  // The first function's first table gets a length beyond the end.
  const last = new CompiledCode(code);
  const at = code.length - writeMachineCode(last.functionCode(last.functionCount - 1)!).length;
  damaged.fill(0x7f, at + 16, at + 20);
  t.throws(() => new CompiledCode(damaged).functionCode(last.functionCount - 1), {
    instanceOf: CompiledModuleError,
    message: /is damaged/,
  });
});

/** A command that runs arm64's Node; scripts/test-arm64.mjs gives it. */
const elsewhere = process.env.BACKPLANE_ARM64_NODE;

(elsewhere === undefined ? test.skip : test)("code compiled here for arm64 runs there", (t) => {
  t.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), "backplane-compiled-"));
  try {
    const [module, code] = [join(folder, "m.wasm"), join(folder, "m.code")];
    writeFileSync(module, source);
    const script = fileURLToPath(new URL("./run-compiled.js", import.meta.url));
    const run = (...args: string[]): string =>
      execFileSync(elsewhere!, [script, module, code, ...args], { encoding: "utf8" }).trim();
    const features = execFileSync(elsewhere!, [script.replace("run-compiled", "print-features")], {
      encoding: "utf8",
    });
    writeFileSync(
      code,
      compile(source, targetOf("arm64", "linux")!, new Set(JSON.parse(features) as string[])),
    );
    t.is(run("fib", "12"), "144");
    for (const which of [0, 1]) t.is(run("mix", String(which), "12"), String(mixed(which, 12)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
