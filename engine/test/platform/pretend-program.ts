/**
 * Uses what the engine asks of a platform: code in many pieces, big memories moved and filled, host calls, more stacks than
 * are kept warm, deadlines. Prints the platform's name, and at the end that all is well.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { createNamespace, promising, Suspending, withLimits } from "../../index.js";
import { threadEngine } from "../../runtime/engine.js";
import { assemble } from "../runtime/assemble.js";

const functions = Array.from(
  { length: 200 },
  (_, k) =>
    `(func $f${k} (export "f${k}") (param i32) (result i32) (i32.add (local.get 0) (i32.const ${k})))`,
);
const bytes = await assemble(`(module
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (memory (export "memory") 1 100)
  ${functions.join("\n")}
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "halves") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (func (export "wait") (param i32) (result i32) (i32.add (call $wait (local.get 0)) (i32.const 1)))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1))) (else (i32.const 0))))
  (func (export "spin") (loop (br 0))))`);

const { platform } = threadEngine();
console.log(`platform ${platform.name}`);
assert.equal(platform.signals, undefined);
assert.equal(threadEngine().guardPages, false);

const { Module, Instance } = createNamespace();
for (let round = 0; round < 5; round++) {
  const wait = new Suspending((n: number) => (n < 0 ? n : delay(1, n))) as unknown as () => number;
  // biome-ignore lint/suspicious/noExplicitAny: exports by their names
  const exports = new Instance(new Module(bytes), { env: { wait } }).exports as any;
  for (let k = 0; k < 200; k++) assert.equal(exports[`f${k}`](round), round + k);
  assert.equal(exports.grow(90), 1);
  const memory = new Uint8Array(exports.memory.buffer);
  memory.forEach((_, i) => void (memory[i] = Math.imul(i, 0x9e3779b1) >>> 24));
  const expected = memory.slice();
  exports.copy(1000, 3, 5_000_000);
  expected.copyWithin(1000, 3, 5_000_003);
  exports.fill(70_000, 42, 3_000_000);
  expected.fill(42, 70_000, 3_070_000);
  assert.equal(Buffer.compare(memory, expected), 0);
  assert.throws(() => exports.load(91 * 65_536 - 3), /out of bounds/);
  assert.equal(exports.halves(5), 2.5);
  assert.equal(exports.wait(-5), -4);
  assert.equal(exports.deep(1000), 1000);
  assert.throws(() => exports.deep(1 << 30), RangeError);
  const waiting = promising(exports.wait);
  const results = await Promise.all(Array.from({ length: 60 }, (_, n) => waiting(n)));
  assert.deepEqual(
    results,
    Array.from({ length: 60 }, (_, n) => n + 1),
  );
  assert.throws(() => withLimits({ timeout: 20 }, () => exports.spin()), { name: "InterruptError" });
}
console.log("all is well");
