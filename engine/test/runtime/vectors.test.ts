/**
 * Vectors at the borders: between modules, across host calls, on the stack, and not to JavaScript. That instructions
 * compute what they should is shown by the specification's scripts and engine/test/lower/vectors.test.ts.
 */
import { setImmediate } from "node:timers/promises";
import test from "ava";
import { createNamespace, promising, withLimits } from "../../index.js";
import { assemble } from "./assemble.js";

type Exports = Record<string, (...args: unknown[]) => unknown>;

const W = createNamespace();

function instantiate(text: string, imports: object = {}): Exports {
  return new W.Instance(new W.Module(assemble(text)), imports).exports as Exports;
}

test("modules with vectors are valid unless they are switched off", (t) => {
  const bytes = assemble("(module (func (result v128) (v128.const i32x4 1 2 3 4)))");
  t.true(W.validate(bytes));
  const without = createNamespace({ vectors: false });
  t.false(without.validate(bytes));
  t.throws(() => new without.Module(bytes), { message: /vector instructions|v128/ });
});

test("a v128 doesn't pass between JavaScript and Wasm", (t) => {
  const made = instantiate(
    `(module
      (import "env" "take" (func $take (param v128)))
      (import "env" "give" (func $give (result v128)))
      (func (export "result") (result v128) (v128.const i64x2 1 2))
      (func (export "param") (param v128))
      (func (export "callTake") (call $take (v128.const i64x2 1 2)))
      (func (export "callGive") (drop (call $give)))
      (global (export "global") (mut v128) (v128.const i64x2 1 2)))`,
    { env: { take: () => t.fail("was called"), give: () => 5 } },
  );
  for (const name of ["result", "param", "callTake", "callGive"])
    t.throws(() => made[name]!(1), { instanceOf: TypeError, message: /v128/ }, name);
  const global = (made as unknown as { global: { value: unknown } }).global;
  t.throws(() => global.value, { instanceOf: TypeError });
  t.throws(() => (global.value = 1), { instanceOf: TypeError });
  t.throws(() => new W.Global({ value: "v128" as never }), { instanceOf: TypeError });
});

/** Ten vectors: eight in registers, two on the stack. */
const ten = Array.from({ length: 10 }, (_, k) => k);
const params = "v128 ".repeat(10);

test("vectors pass between modules: in registers, on the stack, as results, in globals, through tables", (t) => {
  const callee = instantiate(`(module
    (global (export "shared") (mut v128) (v128.const i64x2 5 6))
    (table (export "table") 1 funcref)
    (elem (i32.const 0) $rotate)
    (func $rotate (export "rotate") (param ${params}) (result ${params})
      ${ten.map((k) => `(local.get ${(k + 1) % 10})`).join(" ")}))`);
  const made = instantiate(
    `(module
      (import "callee" "rotate" (func $rotate (param ${params}) (result ${params})))
      (import "callee" "shared" (global $shared (mut v128)))
      (import "callee" "table" (table 1 funcref))
      (import "env" "pause" (func $pause (param i32) (result i32)))
      (type $type (func (param ${params}) (result ${params})))
      (func $digits (param ${params}) (result i64) (local $sum i64)
        ${ten
          .map(
            (k) => `(local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 10))
              (i64.sub (i64x2.extract_lane 1 (local.get ${k})) (i64x2.extract_lane 0 (local.get ${k})))))`,
          )
          .join(" ")}
        (local.get $sum))
      (func (export "direct") (result i64)
        ${ten.map((k) => `(v128.const i64x2 100 ${100 + k})`).join(" ")}
        (call $rotate) (call $digits))
      (func (export "indirect") (result i64)
        ${ten.map((k) => `(v128.const i64x2 100 ${100 + k})`).join(" ")}
        (call_indirect (type $type) (i32.const 0)) (call $digits))
      (func (export "across") (param $x i64) (result i64)
        ${ten.map((k) => `(i64x2.replace_lane 1 (i64x2.splat (local.get $x)) (i64.add (local.get $x) (i64.const ${k})))`).join(" ")}
        (drop (call $pause (i32.const 1)))
        (call $digits))
      (func (export "global") (result i64)
        (global.set $shared (i64x2.add (global.get $shared) (v128.const i64x2 10 20)))
        (drop (call $pause (i32.const 2)))
        (i64.sub (i64x2.extract_lane 1 (global.get $shared)) (i64x2.extract_lane 0 (global.get $shared)))))`,
    {
      callee,
      env: {
        // Another call on another stack uses the same registers meanwhile.
        pause: (n: number) => (n === 1 ? Number((made.direct as () => bigint)() % 10n) : n),
      },
    },
  );
  t.is(made.direct!(), 1234567890n);
  t.is(made.indirect!(), 1234567890n);
  t.is(made.across!(7n), 123456789n);
  t.is(made.global!(), 11n);
});

test("vectors in many locals and loops keep their values where registers run out", (t) => {
  const count = 40;
  const locals = Array.from({ length: count }, (_, k) => k + 1);
  const made = instantiate(`(module
    (func (export "run") (param i32) (result i32) (local ${"v128 ".repeat(count)})
      ${locals.map((k) => `(local.set ${k} (i32x4.splat (i32.const ${k})))`).join(" ")}
      (loop $again
        ${locals.map((k) => `(local.set ${k} (i32x4.add (local.get ${k}) (local.get ${k === count ? 1 : k + 1})))`).join(" ")}
        (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      ${locals.map((k) => `(i32x4.extract_lane ${k % 4} (local.get ${k}))`).join(" ")}
      ${"(i32.xor) ".repeat(count - 1)}))`);
  const values = locals.map((k) => k);
  for (let round = 0; round < 9; round++)
    for (let k = 0; k < count; k++) values[k] = (values[k]! + values[(k + 1) % count]!) | 0;
  t.is(
    made.run!(9),
    values.reduce((a, b) => a ^ b),
  );
});

test("vectors in registers survive the ends of slices, between any two instructions, while other calls run", async (t) => {
  const locals = Array.from({ length: 14 }, (_, k) => `$v${k}`);
  const step = (x: string, k: number): string =>
    `(local.set ${x} (v128.xor (i32x4.mul (local.get ${x}) (v128.const i32x4 5 9 13 17))
      (i8x16.shuffle 7 0 9 2 11 4 13 6 15 8 17 10 19 12 21 14 (local.get ${x}) (local.get ${locals[(k + 1) % 14]!}))))`;
  const { run } = instantiate(`(module
    (func (export "run") (param $seed i32) (param $rounds i32) (result i64)
      ${locals.map((x) => `(local ${x} v128)`).join(" ")}
      ${locals.map((x, k) => `(local.set ${x} (i32x4.splat (i32.add (local.get $seed) (i32.const ${k}))))`).join("\n")}
      (loop $again
        ${locals.map(step).join("\n")}
        (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
      ${locals.map((x) => `(i64.xor (i64x2.extract_lane 0 (local.get ${x})) (i64.rotl (i64x2.extract_lane 1 (local.get ${x})) (i64.const 7)))`).join("\n")}
      ${"(i64.xor)".repeat(13)}))`);
  const seeds = [1, 2, 3];
  // As long as it takes until they have been interrupted often.
  for (let rounds = 100_000, turns = 0; turns < 20; rounds *= 2) {
    turns = 0;
    const results = withLimits({ slice: 0 }, () =>
      Promise.all(seeds.map((seed) => promising(run as never)(seed, rounds))),
    );
    let isOver = false;
    const over = results.finally(() => (isOver = true));
    for (; !isOver; turns++) await setImmediate();
    t.deepEqual(
      await over,
      seeds.map((seed) => run!(seed, rounds)),
    );
  }
});
