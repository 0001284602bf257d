/** What doesn't fit is told at load, all of it, with its path, what was expected and what to do. */
import test from "ava";
import { moduleTypes, WebAssembly } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { checkExports, checkHooks, checkImports } from "../binding/check.js";
import { nearestName } from "../binding/nearest-name.js";
import type { StandardSchema } from "../declare/schema.js";
import { fn, json, type Signatures } from "../declare/signature.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError } from "../errors.js";

const anything: StandardSchema = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};

const kv: DefinedModule = {
  declaration: {
    name: "kv",
    className: "KvHost",
    functions: [
      { name: "add", method: "add", signature: fn(["i32"], "i32") },
      { name: "get", method: "read", signature: fn(["string"], "bytes?") },
      { name: "put", method: "put", signature: fn(["string", json(anything)], undefined, { throws: true }) },
      { name: "log", method: "log", signature: fn(["string"]) },
    ],
  },
  object: {},
};

function faultOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (error instanceof BackplaneError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "none";
}

const compiled = (text: string): InstanceType<typeof WebAssembly.Module> =>
  new WebAssembly.Module(assemble(text));

function importFault(text: string, elsewhere: ReadonlySet<string> = new Set()): string {
  const types = moduleTypes(compiled(text));
  const imports = types.imports.filter((wanted) => !elsewhere.has(wanted.module));
  return faultOf(() => checkImports("greeter", types, imports, [kv]));
}

function exportFault(text: string, description: Signatures): string {
  return faultOf(() => checkExports("greeter", compiled(text), description));
}

const alloc = `(func (export "backplane_alloc") (param i32) (result i32) unreachable)`;
const free = `(func (export "backplane_free") (param i32 i32))`;
const memory = `(memory (export "memory") 1)`;

const imports: [name: string, text: string, fault: string][] = [
  ["what fits", `(module (import "kv" "add" (func (param i32) (result i32))))`, "none"],
  [
    "text and bytes with what they need",
    `(module (import "kv" "get" (func (param i32 i32) (result i64))) ${memory} ${alloc})`,
    "none",
  ],
  [
    "another type",
    `(module (import "kv" "add" (func (param i32 i32) (result i32))))`,
    "IMPORT_MISMATCH greeter: import kv.add: expected (i32, i32) -> i32, host offers (i32) -> i32 (KvHost.add)",
  ],
  [
    "another type than text has",
    `(module (import "kv" "get" (func (param i32))))`,
    "IMPORT_MISMATCH greeter: import kv.get: expected (i32) -> (), " +
      "host offers (i32, i32) -> i64 for (string) -> bytes? (KvHost.read)",
  ],
  [
    "one that doesn't handle errors",
    `(module (import "kv" "put" (func (param i32 i32 i32 i32))))`,
    "IMPORT_MISMATCH greeter: import kv.put: expected (i32, i32, i32, i32) -> (), " +
      "host offers (i32, i32, i32, i32, i32) -> () for (string, json(schema)) -> () throws (KvHost.put)",
  ],
  [
    "a name that is nearly right",
    `(module (import "kv" "Log" (func)))`,
    'IMPORT_MISMATCH greeter: import kv.Log: "kv" has no such function; did you mean "log"? ' +
      "(it offers: add, get, put, log)",
  ],
  [
    "a module that is nearly right",
    `(module (import "k-v" "get" (func)))`,
    'IMPORT_MISMATCH greeter: import k-v.get: there is no host module "k-v"; did you mean "kv"? (there are: kv)',
  ],
  [
    "names that every object of JavaScript's has",
    `(module (import "constructor" "assign" (func)))`,
    'IMPORT_MISMATCH greeter: import constructor.assign: there is no host module "constructor" (there are: kv)',
  ],
  [
    "a memory",
    `(module (import "kv" "get" (memory 1)))`,
    "IMPORT_MISMATCH greeter: import kv.get: expected a memory, host modules offer functions only",
  ],
  [
    "text without a memory",
    `(module (import "kv" "log" (func (param i32 i32))))`,
    "IMPORT_MISMATCH greeter: import kv.log: (string) -> () (KvHost.log) " +
      'needs the plugin to export "memory", a memory, which it doesn\'t',
  ],
  [
    "a result without an allocator",
    `(module (import "kv" "get" (func (param i32 i32) (result i64))) ${memory})`,
    "IMPORT_MISMATCH greeter: import kv.get: (string) -> bytes? (KvHost.read) " +
      'needs the plugin to export "backplane_alloc", (i32) -> i32, which it doesn\'t',
  ],
  [
    "errors with an allocator of another type",
    `(module (import "kv" "put" (func (param i32 i32 i32 i32 i32))) ${memory} (func (export "backplane_alloc")))`,
    "IMPORT_MISMATCH greeter: import kv.put: (string, json(schema)) -> () throws (KvHost.put) " +
      'needs the plugin to export "backplane_alloc", (i32) -> i32, not () -> ()',
  ],
  [
    "several faults",
    `(module (import "kv" "add" (func)) (import "zz" "yy" (func)) (import "kv" "log" (global i32)))`,
    "IMPORT_MISMATCH greeter: import kv.add: expected () -> (), host offers (i32) -> i32 (KvHost.add)\n" +
      "  and 2 more:\n" +
      '  import zz.yy: there is no host module "zz" (there are: kv)\n' +
      "  import kv.log: expected a global, host modules offer functions only",
  ],
];

for (const [name, text, fault] of imports) {
  test(`imports: ${name}`, (t) => {
    t.is(importFault(text), fault);
  });
}

test("imports that are linked by other means aren't checked", (t) => {
  t.is(importFault(`(module (import "other" "f" (func)))`, new Set(["other"])), "none");
});

const greet = { greet: fn(["string"], "string") };
const greetFunction = `(func (export "greet") (param i32 i32) (result i64) (i64.const 0))`;

const exports: [name: string, text: string, description: Signatures, fault: string][] = [
  ["what fits", `(module ${memory} ${alloc} ${free} ${greetFunction})`, greet, "none"],
  ["core types need nothing", `(module (func (export "f") (param f32)))`, { f: fn(["f32"]) }, "none"],
  [
    "a name that is nearly right",
    `(module (func (export "great")) (func (export "other")) (memory (export "m") 1))`,
    greet,
    'EXPORT_MISMATCH greeter: export greet: the plugin doesn\'t have it; did you mean "great"? (it exports: great, other)',
  ],
  [
    "another type",
    `(module (func (export "greet") (param i32)))`,
    greet,
    "EXPORT_MISMATCH greeter: export greet: expected (i32, i32) -> i64 for (string) -> string, the plugin has (i32) -> ()",
  ],
  [
    "no function",
    `(module (memory (export "greet") 1))`,
    greet,
    "EXPORT_MISMATCH greeter: export greet: expected (i32, i32) -> i64 for (string) -> string, the plugin has a memory",
  ],
  [
    "no memory",
    `(module ${greetFunction})`,
    greet,
    'EXPORT_MISMATCH greeter: export greet: (string) -> string needs the plugin to export "memory", a memory, which it doesn\'t',
  ],
  [
    "no allocator",
    `(module ${memory} ${free} ${greetFunction})`,
    greet,
    "EXPORT_MISMATCH greeter: export greet: (string) -> string " +
      'needs the plugin to export "backplane_alloc", (i32) -> i32, which it doesn\'t',
  ],
  [
    "no way to give back",
    `(module ${memory} ${alloc} ${greetFunction})`,
    greet,
    "EXPORT_MISMATCH greeter: export greet: (string) -> string " +
      'needs the plugin to export "backplane_free", (i32, i32) -> (), which it doesn\'t',
  ],
  [
    "several faults",
    "(module)",
    { ...greet, f: fn([], undefined, { throws: true }) },
    "EXPORT_MISMATCH greeter: export greet: the plugin doesn't have it (it exports: nothing)\n" +
      "  and 1 more:\n  export f: `throws` is for host functions; a plugin has no way to throw",
  ],
];

for (const [name, text, description, fault] of exports) {
  test(`exports: ${name}`, (t) => {
    t.is(exportFault(text, description), fault);
  });
}

test("hooks: exports of their names have their types", (t) => {
  const fault = (text: string): string => faultOf(() => checkHooks("greeter", compiled(text)));
  t.is(
    fault(`(module ${memory} ${alloc} ${free} (func (export "backplane_start")) (func (export "other")))`),
    "none",
  );
  t.is(
    fault(
      `(module (func (export "backplane_save") (result i32) (i32.const 0)) (memory (export "backplane_free") 1))`,
    ),
    "EXPORT_MISMATCH greeter: export backplane_save: expected () -> i64, the plugin has () -> i32\n" +
      "  and 1 more:\n  export backplane_free: expected (i32, i32) -> (), the plugin has a memory",
  );
});

test("the engine tells the types of imports and exports", (t) => {
  const module = compiled(`(module
    (import "a" "f" (func (param i32 i64) (result f32 f64))) (import "a" "m" (memory 1))
    (func (export "g") (param externref) (result funcref) (ref.null func)) (global (export "x") i32 (i32.const 0)))`);
  t.deepEqual(moduleTypes(module), {
    imports: [
      { module: "a", name: "f", kind: "function", type: { params: ["i32", "i64"], results: ["f32", "f64"] } },
      { module: "a", name: "m", kind: "memory", type: undefined },
    ],
    exports: [
      { name: "g", kind: "function", type: { params: ["externref"], results: ["funcref"] } },
      { name: "x", kind: "global", type: undefined },
    ],
  });
  t.throws(() => moduleTypes({} as never), { instanceOf: TypeError });
});

test("the nearest name", (t) => {
  const names = ["getValue", "setValue", "remove"];
  t.is(nearestName("get_value", names), "getValue");
  t.is(nearestName("removed", names), "remove");
  t.is(nearestName("other", names), undefined);
  t.is(nearestName("x".repeat(100_000), names), undefined);
});
