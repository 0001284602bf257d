// `backplane inspect`: the module's report, the function's, and features found.

import test from "ava";
import { usedFeatures } from "../../cli/features.js";
import { decodeModule, validateModule } from "../../wasm/index.js";
import { assemble, ModuleFolder, runCli } from "./run-cli.js";

const text = `(module $demo
  (import "env" "log" (func $log (param i32 f64)))
  (import "env" "base" (global i32))
  (table 2 8 funcref)
  (memory (export "memory") 1)
  (global $n (mut i64) (i64.const 5))
  (func $sum (export "sum") (export "total") (param $a i32) (param $b i32) (result i32) (local f64)
    (loop (call $log (local.get $a) (f64.const 1)))
    (i32.add (local.get $a) (local.get $b)))
  (func $helper (result i32) (i32.extend8_s (i32.const 200)))
  (func $init)
  (start $init)
  (elem (i32.const 0) $sum)
  (data (i32.const 8) "hello"))`;

const folder = new ModuleFolder();
let demo = "";
test.before(async () => {
  demo = await folder.assemble("demo.wasm", text);
});
test.after.always(() => folder.remove());

interface Report {
  sections: { section: string; name?: string; offset: number; size: number; entries?: number }[];
  [field: string]: unknown;
}

test.serial("a module as JSON", async (t) => {
  const { code, stdout, stderr } = await runCli(["inspect", "--json", demo]);
  t.is(code, 0);
  t.is(stderr, "");
  const { sections, ...report } = JSON.parse(stdout) as Report;
  const bytes = await assemble(text);
  t.deepEqual(report, {
    file: demo,
    size: bytes.length,
    name: "demo",
    features: ["sign-extension"],
    imports: [
      { module: "env", name: "log", kind: "function", type: "(i32, f64) -> ()" },
      { module: "env", name: "base", kind: "global", type: "i32" },
    ],
    exports: [
      { name: "memory", kind: "memory", index: 0, type: "{min 1}" },
      { name: "sum", kind: "function", index: 1, type: "(i32, i32) -> i32" },
      { name: "total", kind: "function", index: 1, type: "(i32, i32) -> i32" },
    ],
    functions: { imported: 1, defined: 3, codeSize: 25 + 6 + 2 },
    tables: ["funcref {min 2, max 8}"],
    memories: ["{min 1}"],
    globals: { imported: 1, defined: 1 },
    start: { index: 3, type: "() -> ()" },
  });
  t.deepEqual(
    sections.map(({ section, name, entries }) => [
      name === undefined ? section : `${section} ${name}`,
      entries,
    ]),
    [
      ["type", 4],
      ["import", 2],
      ["function", 3],
      ["table", 1],
      ["memory", 1],
      ["global", 1],
      ["export", 3],
      ["start", undefined],
      ["element", 1],
      ["code", 3],
      ["data", 1],
      ["custom name", undefined],
    ],
  );
  // Sections follow each other, an id and a size between them, to the end of the file.
  let end = 8;
  for (const { offset, size } of sections) {
    t.true(offset >= end + 2 && offset <= end + 6);
    end = offset + size;
  }
  t.is(end, bytes.length);
});

test.serial("a module as text", async (t) => {
  const { code, stdout } = await runCli(["inspect", demo]);
  t.is(code, 0);
  const lines = stdout.split("\n");
  t.regex(lines[0], /demo\.wasm: WebAssembly module, \d+ bytes, named demo$/);
  for (const line of [
    "features: sign-extension",
    "functions: 1 imported, 3 defined (33 bytes)",
    "tables: funcref {min 2, max 8}",
    "memory: {min 1}",
    "globals: 1 imported, 1 defined",
    "start function: 3",
    "imports: 2",
    "  function  env.log   (i32, f64) -> ()",
    "  global    env.base  i32",
    "exports: 3",
    "  memory    memory  #0  {min 1}",
    "  function  total   #1  (i32, i32) -> i32",
    "sections: 12",
  ]) {
    t.true(lines.includes(line), `${line}\nin\n${stdout}`);
  }
  t.regex(stdout, /^ {2}data +0x[0-9a-f]+ +11 bytes +1 entry$/m);
  t.regex(stdout, /^ {2}custom name +0x[0-9a-f]+ +\d+ bytes$/m);
});

test.serial("the smallest module", async (t) => {
  const empty = await folder.assemble("empty.wasm", "(module)");
  const { code, stdout } = await runCli(["inspect", empty]);
  t.is(code, 0);
  t.regex(
    stdout,
    /8 bytes\n.*none beyond WebAssembly 1\.0\n.*0 imported, 0 defined \(0 bytes\)\ntables: none\nmemory: none\n/,
  );
});

test.serial("a function, by index, export and name", async (t) => {
  const byIndex = await runCli(["inspect", demo, "--func", "1", "--json"]);
  t.is(byIndex.code, 0);
  const { offset, ...report } = JSON.parse(byIndex.stdout) as Record<string, unknown>;
  t.true(Number(offset) > 8);
  t.deepEqual(report, {
    index: 1,
    name: "sum",
    exportedAs: ["sum", "total"],
    type: "(i32, i32) -> i32",
    size: 25,
    instructions: 9,
    locals: 1,
    loops: 1,
    branches: 0,
    calls: 1,
    maxOperands: 2,
    maxDepth: 2,
  });
  for (const name of ["sum", "total"]) {
    t.is((await runCli(["inspect", demo, "--func", name, "--json"])).stdout, byIndex.stdout);
  }
  const helper = await runCli(["inspect", demo, "--func", "helper"]);
  t.is(helper.code, 0);
  t.regex(helper.stdout, /^function 2 helper: \(\) -> i32\nbody: 6 bytes at 0x/);
});

test.serial("functions that aren't there", async (t) => {
  const empty = await folder.assemble("no-functions.wasm", "(module)");
  const cases: [string, string, string][] = [
    [demo, "4", "there is no function 4: the last one is 3"],
    [demo, "99999999999999999999", "there is no function 100000000000000000000: the last one is 3"],
    [demo, "0", "function 0 is imported (env.log): it has no body here"],
    [demo, "log", "function 0 is imported (env.log): it has no body here"],
    [demo, "nope", "no function is exported as or named nope"],
    [empty, "0", "there is no function 0: there are none"],
  ];
  for (const [file, wanted, message] of cases) {
    const expected = { code: 1, stdout: "", stderr: `error: ${file}: ${message}\n` };
    t.deepEqual(await runCli(["inspect", file, "--func", wanted]), expected);
  }
});

test.serial("SSA and machine code of a function", async (t) => {
  const plain = await runCli(["inspect", demo, "--func", "sum", "--ssa", "--asm"]);
  t.is(plain.code, 0, plain.stderr);
  t.regex(plain.stdout, /\nssa, as built:\nfunc 1 "[^"]*" -> i32 \{\nb0\(/);
  t.regex(plain.stdout, /\nssa, optimized:\nfunc 1 /);
  t.regex(plain.stdout, /\ninstructions:\nblock0\(/);
  t.regex(plain.stdout, /\nmachine code:\n\d+ bytes of code.*\n00000000 {2}[0-9a-f]{2} /);

  interface Code {
    ssa?: { built: string; optimized: string };
    asm?: { instructions: string; bytes: string };
  }
  const ssa = JSON.parse((await runCli(["inspect", demo, "--func", "2", "--ssa", "--json"])).stdout) as Code;
  t.regex(ssa.ssa?.built ?? "", /const 200/);
  t.regex(ssa.ssa?.optimized ?? "", /const -56/);
  t.is(ssa.asm, undefined);
  const asm = JSON.parse((await runCli(["inspect", demo, "--func", "2", "--asm", "--json"])).stdout) as Code;
  t.is(asm.ssa, undefined);
  t.regex(asm.asm?.bytes ?? "", /^\d+ bytes of code/);
});

test.serial("bounds and effort change the code", async (t) => {
  const loading = await folder.assemble(
    "loading.wasm",
    '(module (memory 1) (func (export "f") (param i32) (result i32) (i32.mul (i32.load (local.get 0)) (i32.const 1))))',
  );
  const show = async (...options: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(["inspect", loading, "--func", "f", "--ssa", ...options]);
    t.is(code, 0, stderr);
    return stdout;
  };
  const standard = await show();
  t.is(await show("--bounds", "guard", "--effort", "full"), standard);
  t.not(await show("--bounds", "explicit"), standard);
  t.not(await show("--effort", "quick"), standard);
});

test.serial("vectors", async (t) => {
  const vectors = await folder.assemble(
    "vectors.wasm",
    "(module (func (param v128) (result v128) (i8x16.add (local.get 0) (local.get 0))))",
  );
  const { code, stdout } = await runCli(["inspect", vectors]);
  t.is(code, 0);
  t.regex(stdout, /^features: simd$/m);
  const compiled = await runCli(["inspect", vectors, "--func", "0", "--asm"]);
  t.is(compiled.code, 0);
  t.regex(compiled.stdout, /paddb/);
});

test.serial("machine code needs the engine, a report doesn't", async (t) => {
  const node = ["--jitless"];
  t.is((await runCli(["inspect", demo], { node })).code, 0);
  const { code, stderr } = await runCli(["inspect", demo, "--func", "1", "--asm"], { node });
  t.is(code, 1);
  t.regex(stderr, /^error: Backplane .*--jitless.*\n$/m);
});

test.serial("a reader that goes away ends it quietly", async (t) => {
  const functions = Array.from({ length: 20_000 }, (_, i) => `(export "function-number-${i}" (func 0))`).join(
    "",
  );
  const many = await folder.assemble("many.wasm", `(module (func) ${functions})`);
  const { code, stderr } = await runCli(["inspect", many], { closeOutput: true });
  t.is(stderr, "");
  t.is(code, 0);
});

test("features", async (t) => {
  const cases: [string, string[]][] = [
    ["(module)", []],
    ["(module (table 1 funcref) (memory 1) (func (param i32) (result i32) (local.get 0)))", []],
    ["(module (func (drop (i64.extend32_s (i64.const 1)))))", ["sign-extension"]],
    ["(module (func (drop (i32.trunc_sat_f32_s (f32.const 1)))))", ["saturating-float-to-int"]],
    ["(module (func (result i32 i32) (i32.const 1) (i32.const 2)))", ["multi-value"]],
    ["(module (func (i32.const 1) (block (param i32) (drop))))", ["multi-value"]],
    ["(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))", ["bulk-memory"]],
    ['(module (memory 1) (data "passive"))', ["bulk-memory"]],
    ["(module (table 1 funcref) (elem func))", ["bulk-memory"]],
    ["(module (table 1 funcref) (table 1 funcref))", ["reference-types"]],
    ["(module (table 1 externref))", ["reference-types"]],
    ["(module (func (param externref)))", ["reference-types"]],
    ["(module (func (local funcref)))", ["reference-types"]],
    ["(module (global externref (ref.null extern)))", ["reference-types"]],
    ["(module (func $f) (elem declare func $f))", ["reference-types"]],
    ["(module (func (drop (ref.null func))))", ["reference-types"]],
    ['(module (global (export "g") (mut i32) (i32.const 0)))', ["mutable-globals"]],
    ['(module (import "a" "g" (global (mut i32))))', ["mutable-globals"]],
    ["(module (global (mut i32) (i32.const 0)))", []],
    ["(module (func (drop (v128.const i32x4 0 0 0 0))))", ["simd"]],
    ["(module (func (param v128)))", ["simd"]],
    [
      "(module (func (result i64 i64) (i64.const 1) (i64.extend8_s (i64.const 2))))",
      ["multi-value", "sign-extension"],
    ],
  ];
  for (const [source, features] of cases) {
    const module = decodeModule(await assemble(source));
    validateModule(module);
    t.deepEqual(usedFeatures(module), features as ReturnType<typeof usedFeatures>, source);
  }
});
