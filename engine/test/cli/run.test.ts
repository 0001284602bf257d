// `backplane run`: what it prints, and its exit codes.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { assemble, type CliResult, ModuleFolder, runCli } from "./run-cli.js";

const text = `(module $demo
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $divide (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $outer (export "outer") (param i32) (result i32) (call $divide (local.get 0) (i32.const 0)))
  (func (export "swap") (param i64 f32) (result f32 i64) (local.get 1) (local.get 0))
  (func $deep (export "deep") (call $deep))
  (func $load (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "refs") (param externref) (result externref funcref) (local.get 0) (ref.func $add))
  (func (export "--odd name") (result i32) (i32.const 7))
  (func (export "nothing"))
  (memory (export "memory") 1 2))`;

const folder = new ModuleFolder();
let demo = "";
test.before(async () => {
  demo = await folder.assemble("demo.wasm", text);
});
test.after.always(() => folder.remove());

test.serial("--invoke prints results, one per line", async (t) => {
  const cases: [string[], string][] = [
    [["--invoke", "add", "2", "3"], "5\n"],
    [["--invoke=add", "-5", "0xff"], "250\n"],
    [["--invoke", "add", "--", "-1", "4294967295"], "-2\n"],
    [["--invoke", "swap", "0x8000000000000000", "1.1"], "1.1\n-9223372036854775808\n"],
    [["--invoke", "swap", "-1", "-nan"], "NaN\n-1\n"],
    [["--invoke", "half", "-inf"], "-inf\n"],
    [["--invoke", "half", "-1e-3"], "-0.0005\n"],
    [["--invoke", "refs", "null"], "<null externref>\n<funcref>\n"],
    [["--invoke=--odd name"], "7\n"],
    [["--invoke", "nothing"], ""],
  ];
  for (const [args, stdout] of cases) {
    t.deepEqual(await runCli(["run", demo, ...args]), { code: 0, stdout, stderr: "" }, args.join(" "));
  }
  t.is((await runCli(["run", "--invoke", "add", demo, "1", "1"])).stdout, "2\n", "options may come first");
});

test.serial("every way to compile gives the same", async (t) => {
  for (const bounds of ["guard", "explicit"]) {
    for (const compile of ["lazy", "ahead"]) {
      for (const effort of ["quick", "full"]) {
        const options = ["--bounds", bounds, "--compile", compile, "--effort", effort];
        const { code, stdout } = await runCli(["run", ...options, demo, "--invoke", "add", "40", "2"]);
        t.deepEqual([code, stdout], [0, "42\n"], options.join(" "));
      }
    }
    const { code, stderr } = await runCli(["run", "--bounds", bounds, demo, "--invoke", "load", "65533"]);
    t.is(code, 134);
    t.regex(stderr, /wasm trap: memory access out of bounds\n {4}at .*wasm-function\[5\]:0x/);
  }
});

test.serial("a trap: its message, the Wasm stack, exit code 134", async (t) => {
  const { code, stdout, stderr } = await runCli(["run", demo, "--invoke", "outer", "3"]);
  t.is(code, 134);
  t.is(stdout, "");
  const [head, first, second, end] = stderr.split("\n");
  t.is(head, `error: ${demo}: wasm trap: divide by zero`);
  t.regex(first, /^ {4}at demo\.divide \(wasm:\/\/wasm\/demo-[0-9a-f]{8}:wasm-function\[1\]:0x[0-9a-f]+\)$/);
  t.regex(second, /^ {4}at demo\.outer \(wasm:\/\/wasm\/demo-[0-9a-f]{8}:wasm-function\[2\]:0x[0-9a-f]+\)$/);
  t.is(end, "");
});

test.serial("other traps", async (t) => {
  const cases: [string[], string][] = [
    [["divide", "-2147483648", "-1"], "divide result unrepresentable"],
    [["load", "-1"], "memory access out of bounds"],
    [["deep"], "Maximum call stack size exceeded"],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runCli(["run", demo, "--invoke", ...args]);
    t.is(code, 134);
    t.is(stderr.split("\n", 1)[0], `error: ${demo}: wasm trap: ${message}`);
  }
  const { stderr } = await runCli(["run", demo, "--invoke", "deep"]);
  t.regex(stderr, /\n {4}\.\.\.\n$/);
  t.is(stderr.split("\n").length, 20 + 3);
});

test.serial("calls that can't be made", async (t) => {
  const cases: [string[], string][] = [
    [["add", "1"], "add takes 2 arguments, 1 given; its type is (i32, i32) -> i32"],
    [["nothing", "1"], "nothing takes 0 arguments, 1 given; its type is () -> ()"],
    [["half", "1", "2"], "half takes 1 argument, 2 given; its type is (f64) -> f64"],
    [
      ["add", "1", "x"],
      'argument 2, "x": expected an i32 (decimal or 0x hexadecimal, -2147483648 to 4294967295)',
    ],
    [["refs", "1"], 'argument 1, "1": expected null, the only externref that the command line can pass'],
    [["memory"], `${demo}: the export memory is a memory, not a function`],
    [
      ["missing"],
      `${demo}: no function is exported as missing (it exports add, divide, outer, swap, deep, load, half, refs, "--odd name", nothing)`,
    ],
  ];
  for (const [args, message] of cases) {
    const expected = { code: 1, stdout: "", stderr: `error: ${message}\n` };
    t.deepEqual(await runCli(["run", demo, "--invoke", ...args]), expected, args.join(" "));
  }
});

test.serial("start functions and _start run", async (t) => {
  const start = await folder.assemble("start.wasm", "(module (func $s unreachable) (start $s))");
  const trapped = await runCli(["run", start]);
  t.is(trapped.code, 134);
  t.regex(trapped.stderr, /wasm trap: unreachable\n {4}at s \(/);

  const main = await folder.assemble("main.wasm", '(module (func (export "_start") unreachable))');
  t.is((await runCli(["run", main])).code, 134);

  const value = await folder.assemble(
    "value.wasm",
    '(module (func (export "_start") (result i32) (i32.const 9)))',
  );
  t.deepEqual(await runCli(["run", value]), { code: 0, stdout: "9\n", stderr: "" });

  const quiet = await folder.assemble("quiet.wasm", "(module (func $s) (start $s))");
  t.deepEqual(await runCli(["run", quiet]), { code: 0, stdout: "", stderr: "" });

  const params = await folder.assemble("params.wasm", '(module (func (export "_start") (param i32)))');
  t.deepEqual(await runCli(["run", params]), {
    code: 1,
    stdout: "",
    stderr: `error: ${params}: _start must have no parameters to be run, its type is (i32) -> ()\n`,
  });
});

test.serial(
  "a start function runs once before the invoked function, and not if that can't be called",
  async (t) => {
    const counting = await folder.assemble(
      "counting.wasm",
      `(module (global $n (mut i32) (i32.const 0))
      (func $s (global.set $n (i32.add (global.get $n) (i32.const 1)))) (start $s)
      (func (export "_start") unreachable)
      (func (export "count") (result i32) (global.get $n)))`,
    );
    t.deepEqual(await runCli(["run", counting, "--invoke", "count"]), { code: 0, stdout: "1\n", stderr: "" });
    const start = await folder.assemble("trapping-start.wasm", "(module (func $s unreachable) (start $s))");
    t.is((await runCli(["run", start, "--invoke", "missing"])).code, 1);
  },
);

test.serial("a module with nothing to run gets a note", async (t) => {
  const { code, stdout, stderr } = await runCli(["run", demo]);
  t.is(code, 0);
  t.is(stdout, "");
  t.regex(stderr, /^note: .* has no start function and no export _start; to call .* one of add, divide/);
  const empty = await folder.assemble("nothing.wasm", "(module)");
  t.deepEqual(await runCli(["run", empty]), {
    code: 0,
    stdout: "",
    stderr: `note: ${empty} has no start function and no export _start\n`,
  });
  const { code: missing, stderr: message } = await runCli(["run", empty, "--invoke", "f"]);
  t.is(missing, 1);
  t.is(message, `error: ${empty}: no function is exported as f (it exports no function)\n`);
});

test.serial("segments that don't fit are traps", async (t) => {
  const data = await folder.assemble("data.wasm", '(module (memory 1) (data (i32.const 65536) "x"))');
  const { code, stderr } = await runCli(["run", data]);
  t.is(code, 134);
  t.regex(stderr, /wasm trap: data segment 0 is out of bounds/);
});

test.serial("imports that nothing provides are listed with their types", async (t) => {
  const importing = await folder.assemble(
    "importing.wasm",
    `(module (import "env" "log" (func (param i32 i32)))
      (import "env" "memory" (memory 1 4))
      (import "js" "a table" (table 2 funcref))
      (import "js" "counter" (global (mut i64))))`,
  );
  t.deepEqual(await runCli(["run", importing]), {
    code: 1,
    stdout: "",
    stderr: `error: ${importing}: the command line provides no imports but WASI's; unresolved: 4 imports
  env.log: function (i32, i32) -> ()
  env.memory: memory {min 1, max 4}
  js."a table": table funcref {min 2}
  js.counter: global mut i64
`,
  });
});

test.serial("arguments for a module that takes none", async (t) => {
  t.deepEqual(await runCli(["run", demo, "-5"]), {
    code: 2,
    stdout: "",
    stderr: `error: arguments need a function to go to: write --invoke NAME (found "-5")
For more, try backplane help run
`,
  });
});

test.serial("vectors", async (t) => {
  const vectors = await folder.assemble(
    "vectors.wasm",
    '(module (func (export "f") (result i32) (i32x4.extract_lane 0 (v128.const i32x4 1 2 3 4))))',
  );
  const { code, stdout } = await runCli(["run", vectors, "--invoke", "f"]);
  t.deepEqual([code, stdout], [0, "1\n"]);
});

test.serial("--time tells the steps on standard error", async (t) => {
  const { code, stdout, stderr } = await runCli(["run", "--time", demo, "--invoke", "add", "1", "2"]);
  t.is(code, 0);
  t.is(stdout, "3\n");
  t.regex(stderr, /^time: read [\d.]+ ms, compile [\d.]+ ms, instantiate [\d.]+ ms, run [\d.]+ ms\n$/);
  const trapped = await runCli(["run", "--time", demo, "--invoke", "outer", "1"]);
  t.is(trapped.code, 134);
  t.regex(trapped.stderr, /^time: read [\d.]+ ms, compile [\d.]+ ms, instantiate [\d.]+ ms\nerror: /);
});

test.serial("standard input as the module", async (t) => {
  const input = await assemble(text);
  t.deepEqual(await runCli(["run", "-", "--invoke", "add", "20", "22"], { input }), {
    code: 0,
    stdout: "42\n",
    stderr: "",
  });
});

test.serial("a Node without WebAssembly", async (t) => {
  const { code, stderr } = await runCli(["run", demo, "--invoke", "add", "1", "2"], { node: ["--jitless"] });
  t.is(code, 1);
  t.regex(stderr, /^error: Backplane .*--jitless.*\n$/m);
});

test.serial("--cache keeps compiled code for the next run, in the user's cache folder", async (t) => {
  const caches = join(folder.path, "caches");
  const env = { XDG_CACHE_HOME: caches };
  const run = (): Promise<CliResult> => runCli(["run", "--cache", demo, "--invoke", "outer", "1"], { env });
  const first = await run();
  t.is(first.code, 134, "what it keeps, it keeps after a trap as well");
  const files = (): string[] => readdirSync(join(caches, "backplane"));
  const [file] = files();
  t.deepEqual(files(), [file]);
  t.deepEqual(await run(), first);
  writeFileSync(join(caches, "backplane", file), "damaged");
  const third = await run();
  t.is(third.code, 134);
  t.regex(third.stderr, /^note: cache: [0-9a-f]+\.bpcode is compiled anew: it isn't a file of this cache\n/);
});
