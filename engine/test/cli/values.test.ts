import test from "ava";
import { CliError } from "../../cli/errors.js";
import { columns, listNames, printable, showName } from "../../cli/text.js";
import { formatResult, parseArgument } from "../../cli/values.js";
import { ValType } from "../../wasm/index.js";

const { i32, i64, f32, f64, v128, funcref, externref } = ValType;

test("arguments are read by their type", (t) => {
  const cases: [string, ValType, number | bigint | null][] = [
    ["0", i32, 0],
    ["-1", i32, -1],
    ["+7", i32, 7],
    ["0xff", i32, 255],
    ["-0x80000000", i32, -(2 ** 31)],
    ["4294967295", i32, 2 ** 32 - 1],
    ["-9223372036854775808", i64, -(2n ** 63n)],
    ["0xFFFFFFFFFFFFFFFF", i64, 2n ** 64n - 1n],
    ["1.5", f32, 1.5],
    ["-.5e1", f64, -5],
    ["3.", f64, 3],
    ["-0", f64, -0],
    ["inf", f64, Infinity],
    ["-Infinity", f32, -Infinity],
    ["nan", f32, Number.NaN],
    ["-NaN", f64, Number.NaN],
    ["null", funcref, null],
    ["null", externref, null],
  ];
  for (const [text, type, value] of cases) t.is(parseArgument(text, type, 0), value, text);
});

test("arguments of the wrong form are refused, with what was expected", (t) => {
  const cases: [string, ValType, RegExp][] = [
    ["", i32, /^argument 3, "": expected an i32 \(decimal or 0x/],
    ["1.5", i32, /"1\.5": expected an i32/],
    ["1n", i32, /expected an i32/],
    ["0x", i32, /expected an i32/],
    ["4294967296", i32, /-2147483648 to 4294967295/],
    ["-2147483649", i32, /-2147483648 to 4294967295/],
    ["18446744073709551616", i64, /-9223372036854775808 to 18446744073709551615/],
    ["-9223372036854775809", i64, /expected an i64/],
    ["one", f32, /expected an f32 \(decimal, inf or nan\)/],
    [".", f64, /expected an f64/],
    ["1e", f64, /expected an f64/],
    ["0", funcref, /expected null, the only funcref/],
    ["nil", externref, /expected null, the only externref/],
    ["0", v128, /a v128 can't be passed/],
    ["\u001b[2J", i32, /"\\u\{1b\}\[2J"/],
  ];
  for (const [text, type, message] of cases) {
    const error = t.throws(() => parseArgument(text, type, 2), { instanceOf: CliError }, text);
    t.regex(error.message, message);
    t.is(error.exitCode, 1);
  }
});

test("results read back as the value they stand for", (t) => {
  const cases: [unknown, ValType, string][] = [
    [-1, i32, "-1"],
    [-(2n ** 63n), i64, "-9223372036854775808"],
    [Math.fround(0.1), f32, "0.1"],
    [Math.fround(16777217), f32, "16777216"],
    [Math.fround(1.17549435e-38), f32, "1.1754944e-38"],
    [2 ** -149, f32, "1e-45"],
    [0.1, f64, "0.1"],
    [-0, f32, "-0"],
    [-0, f64, "-0"],
    [Infinity, f64, "inf"],
    [-Infinity, f32, "-inf"],
    [Number.NaN, f32, "NaN"],
    [null, externref, "<null externref>"],
    [{}, externref, "<externref>"],
    [null, funcref, "<null funcref>"],
    [() => 0, funcref, "<funcref>"],
  ];
  for (const [value, type, text] of cases) t.is(formatResult(value, type), text);
  let bits = 1;
  const word = new Int32Array(1);
  const float = new Float32Array(word.buffer);
  for (let i = 0; i < 2000; i++) {
    bits = (Math.imul(bits, 1664525) + 1013904223) | 0;
    word[0] = bits;
    const value = float[0];
    if (Number.isFinite(value)) t.is(Math.fround(Number(formatResult(value, f32))), value);
  }
});

test("names can't drive a terminal", (t) => {
  t.is(printable("a\u001b[31mb\n"), "a\\u{1b}[31mb\\u{a}");
  t.is(printable("\u202eabc"), "\\u{202e}abc");
  t.is(printable("größe 数"), "größe 数");
  t.is(showName("add"), "add");
  t.is(showName("two words"), '"two words"');
  t.is(showName(""), '""');
  t.is(showName('say "hi"'), '"say \\"hi\\""');
  t.is(listNames(["a", "b", "c"], 2), "a, b and 1 more");
});

test("columns line up, but for cells that are too wide", (t) => {
  const rows = [
    ["a", "bb", "c"],
    ["aaa", "b", ""],
    ["a".repeat(50), "b", "c"],
  ];
  t.deepEqual(columns(rows), ["  a    bb  c", "  aaa  b", `  ${"a".repeat(50)}  b   c`]);
});
