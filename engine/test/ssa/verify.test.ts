/** The verifier finds each kind of broken invariant, and names the pass and the function. */
import test from "ava";
import { EngineBug } from "../../ssa/engine-bug.js";
import type { Block, SsaFunction, Value } from "../../ssa/function.js";
import { Op, opNames } from "../../ssa/ops.js";
import { parseFunction } from "../../ssa/parse.js";
import { verifyFunction } from "../../ssa/verify.js";

const good = `func 5 "f" -> i32 {
  slots i32
b0(v1:ptr, v2:i32, v3:i64, v4:f32):
  v5:i32 = add v2, v2
  brif v5, b1(v2), b2
b1(v6:i32):
  v7:i32 = sub v6, v5
  jump b3(v7)
b2:
  v8:i32 = call v1(v2) f0 s0
  v9:i64 = proj v8 #1
  jump b3(v8)
b3(v10:i32):
  return v10
}
`;

test("a good function passes", (t) => {
  t.notThrows(() => verifyFunction(parseFunction(good), "test"));
});

test("the error names pass, function and row", (t) => {
  const text = good.replace("return v10", "return v3");
  const error = t.throws(() => verifyFunction(parseFunction(text), "some-pass"), { instanceOf: EngineBug });
  t.is(error?.stage, "some-pass");
  t.is(error?.functionIndex, 5);
  t.is(
    error?.message,
    'engine bug after some-pass in function 5 "f": result 0 isn\'t i32 (in b3: return v3)',
  );
});

/** Replacements in the text, and what the verifier says. */
const byText: readonly (readonly [from: string, to: string, message: RegExp])[] = [
  ["add v2, v2", "add v2, v3", /operand 1 is i64/],
  ["add v2, v2", "fadd v2, v2", /fadd can't have type i32/],
  ["add v2, v2", "wrap v2", /operand 0 is i32/],
  ["add v2, v2", "bitcast v3", /bitcast from i64/],
  ["add v2, v2", "feq v2, v2", /operand 0 is i32/],
  ["add v2, v2", "eq v2, v3", /operand 1 is i64/],
  ["add v2, v2", "load v2, v2", /operand 0 is i32/],
  ["add v2, v2", "slotload $1", /slot has another type/],
  ["add v2, v2", "select v2, v2, v3", /operand 2 is i64/],
  ["v5:i32 = add v2, v2", "v5:i64 = eqz v3", /eqz (can't have|has) type/],
  ["sub v6, v5", "sub v6, v8", /v8's definition doesn't dominate/],
  ["sub v6, v5", "sub v7, v5", /v7's definition doesn't dominate/],
  ["add v2, v2", "add v2, v6", /v6's definition doesn't dominate/],
  ["sub v6, v5", "sub v6, v77", /v77 isn't defined/],
  ["jump b3(v7)", "jump b3(v6, v7)", /b3 takes 1 arguments, gets 2/],
  ["jump b3(v7)", "jump b3(v3)", /argument v3 is i64, b3 takes i32/],
  ["jump b3(v7)", "jump b3(v8)", /v8's definition doesn't dominate/],
  ["jump b3(v7)", "jump b0(v7)", /leads to the entry block/],
  ["jump b3(v7)", "jump b9", /b9 doesn't exist/],
  ["jump b3(v7)", "jump b3(v7)\n  jump b3(v7)", /isn't the last row/],
  ["  jump b3(v7)\n", "", /b1 doesn't end with a terminator/],
  ["brif v5, b1(v2), b2", "brif v5, b1(v2)", /brif has 1 edges/],
  ["return v10", "return", /returns 0 values of 1/],
  ["return v10", "return v10, v10", /returns 2 values of 1/],
  ["#1", "#2", /doesn't follow its call in order/],
  ["  v9:i64 = proj v8 #1", "  v11:i32 = add v2, v2\n  v9:i64 = proj v8 #1", /doesn't follow its call/],
  ["call v1(v2) f0 s0", "add v2, v2", /projection of something else/],
  ["call v1(v2) f0 s0", "callptr v1() s0", /no code address/],
];

const vectors = `func 0 "vectors" -> v128, i32 {
b0(v1:ptr, v2:i32, v3:v128):
  v4:v128 = vadd v3, v3 i16x8
  v5:v128 = vreplace v4, v2 i8x16 15
  v6:i32 = vextracts v5 i16x8 7
  v7:v128 = vsplat v2 i32x4
  v8:v128 = vshl v7, v2 i64x2
  return v8, v6
}
`;
const byVectorText: readonly (readonly [from: string, to: string, message: RegExp])[] = [
  ["vadd v3, v3 i16x8", "vdiv v3, v3 i16x8", /vdiv has no shape i16x8/],
  ["vadd v3, v3 i16x8", "vadd v3, v2 i16x8", /operand 1 is i32/],
  ["v2 i8x16 15", "v2 i8x16 16", /i8x16 has no lane 16/],
  ["v2 i8x16 15", "v2 i64x2 1", /a lane of i64x2 isn't i32/],
  ["vextracts v5 i16x8 7", "vextracts v5 i32x4 3", /vextracts has no shape i32x4/],
  ["vsplat v2 i32x4", "vsplat v2 f32x4", /a lane of f32x4 isn't i32/],
  ["v6:i32 = vextracts v5 i16x8 7", "v6:i64 = vextractu v5 i16x8 7", /a lane of i16x8 isn't i64/],
];

test("what a text can say wrongly of vectors", (t) => {
  t.notThrows(() => verifyFunction(parseFunction(vectors), "test"));
  for (const [from, to, message] of byVectorText) {
    const text = vectors.replace(from, to);
    t.not(text, vectors);
    t.throws(() => verifyFunction(parseFunction(text), "test"), { instanceOf: EngineBug, message }, to);
  }
});

test("what a text can say wrongly", (t) => {
  for (const [from, to, message] of byText) {
    const text = good.replace(from, to);
    t.not(text, good);
    t.throws(() => verifyFunction(parseFunction(text), "test"), { instanceOf: EngineBug, message }, to);
  }
});

const b = (n: number): Block => n as Block;
/** Damage to the columns, and what the verifier says. */
const byHand: readonly (readonly [damage: (f: SsaFunction) => void, message: RegExp])[] = [
  [(f) => void (f.previous[f.lastRow[0]!] = 3), /link to the row before is wrong/],
  [(f) => void (f.lastRow[0] = 5), /last row is/],
  [(f) => void (f.blockOf[5] = 1), /is in b0 but says b1/],
  [(f) => void (f.blockOf[6] = 2), /is in b1 but says b2/],
  [(f) => void (f.lo[10] = 1), /listed as parameter 0/],
  [(f) => void f.params[3]!.push(6 as Value), /stands in two places/],
  [(f) => void (f.edgeSource[0] = 2), /says it leaves b2/],
  [(f) => void (f.op[5] = opNames.length), /has no op/],
  [(f) => void (f.op[7] = Op.param), /stands among the rows/],
  [(f) => void (f.a1[8] = f.poolCount), /operand list out of range/],
  [(f) => void (f.type[5] = 0), /can't have type none|has no value/],
  [(f) => void (f.lo[f.terminator(b(0))] = f.edgeCount - 1), /edges out of range/],
  [(f) => f.removeBlock(b(2)), /b2 doesn't exist/],
  [(f) => f.removeBlock(b(0)), /entry block is empty/],
  [(f) => void f.addParam(f.newBlock(), 1), /b4 is empty but has parameters/],
  [(f) => void (f.type[10] = 0), /has no value type/],
];

test("what a pass can break", (t) => {
  for (const [damage, message] of byHand) {
    const func = parseFunction(good);
    damage(func);
    t.throws(() => verifyFunction(func, "test"), { instanceOf: EngineBug, message }, String(damage));
  }
});
