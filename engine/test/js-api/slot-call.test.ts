/** Calls through slots: what lies where, who is refused, what a trace shows. */
import test from "ava";
import { createNamespace, type SlotIo, slotCall, WebAssembly } from "../../index.js";
import { assemble } from "../runtime/assemble.js";

type Exports = Record<string, () => unknown>;

const instanceOf = (text: string): Exports =>
  new WebAssembly.Instance(new WebAssembly.Module(assemble(text))).exports as Exports;

test("arguments and results lie in the slots in their order", (t) => {
  const { mix } = instanceOf(`(module (func (export "mix") (param i32 i64 f64) (result f64 i32 i64)
    (local.get 2) (local.get 0) (i64.add (local.get 1) (i64.const 1))))`);
  const io: SlotIo<bigint, unknown[]> = {
    write(slots, wide) {
      slots.i32[0] = -5;
      slots.bytes.writeBigInt64LE(wide, 8);
      slots.bytes.writeDoubleLE(2.5, 16);
    },
    read: ({ bytes, i32 }) => [bytes.readDoubleLE(0), i32[2], bytes.readBigInt64LE(16)],
  };
  const call = slotCall(mix, io);
  for (let i = 0n; i < 100n; i++) t.deepEqual(call(i << 40n), [2.5, -5, (i << 40n) + 1n]);
});

test("only exported functions of numbers", (t) => {
  const { reference, vector } = instanceOf(`(module
    (func (export "reference") (param externref))
    (func (export "vector") (result v128) (v128.const i64x2 0 0)))`);
  const io: SlotIo<void, void> = { write: () => {}, read: () => {} };
  for (const refused of [reference, vector, () => 1]) {
    t.throws(() => slotCall(refused, io), { instanceOf: TypeError });
  }
});

test("what the io throws ends the call, and the next one is right", (t) => {
  const { same } = instanceOf(`(module (func (export "same") (param i32) (result i32) (local.get 0)))`);
  let fails = "";
  const io: SlotIo<number, number> = {
    write(slots, n) {
      if (fails === "write") throw new Error("write");
      slots.i32[0] = n;
    },
    read(slots) {
      if (fails === "read") throw new Error("read");
      return slots.i32[0];
    },
  };
  const call = slotCall(same, io);
  for (fails of ["write", "read", ""]) {
    if (fails === "") t.is(call(7), 7);
    else t.throws(() => call(7), { message: fails });
  }
});

test("the frames of a hidden module are in no trace; those of others are, and JavaScript's", (t) => {
  const inner = instanceOf(`(module (func (export "trap") (unreachable)))`);
  const Hidden = createNamespace({ hidden: true }).Module;
  const between = new WebAssembly.Instance(
    new Hidden(assemble(`(module (import "m" "trap" (func $trap)) (func (export "run") (call $trap)))`)),
    { m: inner },
  );
  const call = slotCall<void, void>(between.exports.run as () => unknown, { write() {}, read() {} });
  const error = t.throws(() => call(), { instanceOf: WebAssembly.RuntimeError });
  const lines = (error?.stack ?? "").split("\n").slice(1);
  t.is(lines.filter((line) => line.includes("wasm-function")).length, 1, error?.stack);
  t.regex(lines[1], /slot-call\.test/);
});
