/** The option `canonicalNaNs`: bits of NaNs that arithmetic yields, wherever they can be seen, and of those it leaves alone. */
import test from "ava";
import { createNamespace } from "../../index.js";
import { compareEngines } from "../fuzz/compare-engines.js";
import { generateModule } from "../fuzz/generate-module.js";
import { backplaneNamespace, nodeNamespace } from "../support/namespace.js";
import { assemble } from "./assemble.js";

const unary = ["sqrt", "ceil", "floor", "trunc", "nearest"];
const binary = ["add", "sub", "mul", "div", "min", "max"];
/** Negative, with a payload; quiet and signalling. */
const odd32 = ["0xffc12345", "0x7f812345"];
const odd64 = ["0xfff8123456789abc", "0x7ff0123456789abc"];

interface Case {
  readonly name: string;
  readonly body: string;
  readonly wide: boolean;
}

/** Functions that return the bits of a result as an i64 (an i32's zero-extended, a vector's lower half). */
function cases(): Case[] {
  const list: Case[] = [];
  for (const bits of odd32) {
    const x = `(f32.reinterpret_i32 (i32.const ${bits}))`;
    const v = `(i32x4.splat (i32.const ${bits}))`;
    const one = "(f32.convert_i32_s (local.get 0))";
    const give = (value: string): string => `(i64.extend_i32_u (i32.reinterpret_f32 ${value}))`;
    for (const name of unary)
      list.push({ name: `f32.${name}`, body: give(`(f32.${name} ${x})`), wide: false });
    for (const name of binary) {
      list.push({ name: `f32.${name}`, body: give(`(f32.${name} ${x} ${one})`), wide: false });
      list.push({ name: `f32x4.${name}`, body: lowerHalf(`(f32x4.${name} ${v} ${v})`), wide: false });
    }
    list.push({ name: "promote", body: `(i64.reinterpret_f64 (f64.promote_f32 ${x}))`, wide: true });
    list.push({ name: "promote_low", body: lowerHalf(`(f64x2.promote_low_f32x4 ${v})`), wide: true });
  }
  for (const bits of odd64) {
    const x = `(f64.reinterpret_i64 (i64.const ${bits}))`;
    const v = `(i64x2.splat (i64.const ${bits}))`;
    for (const name of unary) {
      list.push({ name: `f64.${name}`, body: `(i64.reinterpret_f64 (f64.${name} ${x}))`, wide: true });
      list.push({ name: `f64x2.${name}`, body: lowerHalf(`(f64x2.${name} ${v})`), wide: true });
    }
    for (const name of binary)
      list.push({ name: `f64.${name}`, body: `(i64.reinterpret_f64 (f64.${name} ${x} ${x}))`, wide: true });
    const demoted = `(f32.demote_f64 ${x})`;
    list.push({ name: "demote", body: `(i64.extend_i32_u (i32.reinterpret_f32 ${demoted}))`, wide: false });
    list.push({ name: "demote_zero", body: lowerHalf(`(f32x4.demote_f64x2_zero ${v})`), wide: false });
  }
  return list;
}

const lowerHalf = (v: string): string => `(i64x2.extract_lane 0 ${v})`;

test("NaNs of arithmetic are canonical with the option", (t) => {
  const list = cases();
  const functions = list.map(({ body }, k) => `(func (export "f${k}") (param i32) (result i64) ${body})`);
  const bytes = assemble(`(module ${functions.join("\n")})`);
  for (const effort of ["full", "quick"] as const) {
    const W = createNamespace({ canonicalNaNs: true, effort });
    const exports = new W.Instance(new W.Module(bytes)).exports as Record<string, (n: number) => bigint>;
    list.forEach(({ name, wide }, k) => {
      const bits = BigInt.asUintN(64, exports[`f${k}`]!(1));
      if (wide) t.is(bits, 0x7ff8000000000000n, name);
      else t.true([0x7fc00000n, 0x7fc000007fc00000n].includes(bits), `${name} ${bits.toString(16)}`);
    });
  }
});

test("what passes bits on does so; sums of sums are made canonical once, and carried through loops and memory", (t) => {
  const bytes = assemble(`(module (memory 1)
    (func (export "neg") (param i32) (result i32)
      (i32.reinterpret_f32 (f32.neg (f32.reinterpret_i32 (local.get 0)))))
    (func (export "stored") (param f32) (result i32)
      (f32.store (i32.const 0) (f32.sub (f32.add (local.get 0) (f32.const 1)) (local.get 0)))
      (i32.load (i32.const 0)))
    (func (export "loop") (param f32) (result i32) (local i32)
      (loop $again
        (local.set 0 (f32.mul (local.get 0) (f32.const 2)))
        (br_if $again (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 200))))
      (i32.reinterpret_f32 (f32.sub (local.get 0) (local.get 0)))))`);
  const W = createNamespace({ canonicalNaNs: true });
  const exports = new W.Instance(new W.Module(bytes)).exports as Record<string, (n: number) => number>;
  t.is(exports.neg!(0x7fa12345) >>> 0, 0xffa12345);
  t.is(exports.stored!(Infinity) >>> 0, 0x7fc00000);
  t.is(exports.loop!(1) >>> 0, 0x7fc00000);
});

test("random modules, whose results don't depend on NaNs' bits, are as on Node's own engine", async (t) => {
  const candidate = await backplaneNamespace({ canonicalNaNs: true });
  for (let seed = 0; seed < 60; seed++) {
    const { difference } = compareEngines(nodeNamespace, candidate, generateModule(seed), { seed });
    t.is(difference, undefined, `seed ${seed}`);
  }
});
