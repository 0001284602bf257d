/** Printer and parser. */
import test from "ava";
import { parseFunction, SsaSyntaxError } from "../../ssa/parse.js";
import { printFunction } from "../../ssa/print.js";
import { verifyFunction } from "../../ssa/verify.js";
import { Random } from "../support/random.js";
import { randomProgram } from "./random-program.js";

const everything = `func 3 "a \\"name\\"" -> i32, f64 {
  slots i32, v128
b0(v1:ptr, v2:i32, v3:i64, v4:f64, v5:ref):
  v6:i32 = const -2147483648
  v7:i64 = const -9223372036854775808
  v8:f32 = const nan:0xffc00001
  v9:f32 = const 0.10000000149011612
  v10:f64 = const -0
  v11:f64 = const -inf
  v12:f64 = const nan:0x7ff4000000000001
  v13:f64 = const 5e-324
  v14:ref = const 0
  v15:ptr = ctx
  v16:i32 = signature s4
  v17:ptr = peek v1 -8 invariant
  v18:i64 = peek32 v1 +16 volatile
  poke v17, v3 +0 table
  v19:ptr = offset v1 +2147483647
  v20:ptr = element v1, v2 << 3
  v21:i32 = load8u v17, v2 +4294967295 @0x1e
  store32 v17, v2, v3
  check v2, v3 +4294967303
  slotstore v2 $0
  v22:i32 = slotload $0
  trapif v2 integerDivideByZero
  interrupt
  v23:i32 = call v1(v2, v3) f9 s2
  v24:f64 = proj v23 #1
  v25:i32 = proj v23 #2
  call v1() f1 s0
  v26:i64 = callptr v1(v17, v5) s1
  builtin v1(v17, v2, v3) memorySet
  v27:i32 = builtin v1() memorySize
  v28:f64 = select v2, v4, v24
  v31:v128 = const 0x00000000000000000000000000000000
  v32:v128 = const 0xfedcba98765432100123456789abcdef
  v33:v128 = vadd v31, v32 f32x4
  v34:v128 = vshuffle v33, v32 0x0f0e0d0c1b1a19180706050413121110
  v35:v128 = vreplace v34, v4 f64x2 1
  v36:i32 = vextracts v35 i8x16 15
  v37:v128 = vshl v35, v36 i64x2
  v38:v128 = vbitselect v37, v33, v31
  v39:i32 = vanytrue v38
  brtable v2, b1, b2(v2, v4), b1, b3
b1:
  trap unreachable
b2(v29:i32, v30:f64):
  brif v29, b2(v25, v28), b3
b3:
  jump b5
b5:
  return v21, v4
}
`;

test("text -> function -> the same text", (t) => {
  const func = parseFunction(everything);
  verifyFunction(func, "parser");
  t.is(printFunction(func), everything);
  t.is(func.index, 3);
  t.is(func.name, 'a "name"');
  for (let seed = 0; seed < 30; seed++) {
    const text = printFunction(randomProgram(new Random(seed), 60));
    t.is(printFunction(parseFunction(text)), text);
  }
});

test("comments, blank lines and values in any order", (t) => {
  const func = parseFunction(`
    ; a comment
    func 0 "f" -> i32 {
    b0(v9:ptr):   ; the instance

      v2:i32 = const +7
      jump b1(v2)
    b1(v1:i32):
      return v1
    }`);
  verifyFunction(func, "parser");
  t.is(
    printFunction(func),
    'func 0 "f" -> i32 {\nb0(v9:ptr):\n  v2:i32 = const 7\n  jump b1(v2)\nb1(v1:i32):\n  return v1\n}\n',
  );
});

const wrongs: readonly (readonly [line: string, message: RegExp])[] = [
  ["  v3:i32 = adt v2, v2", /line 3: unknown op "adt"/],
  ["  v3:i23 = add v2, v2", /unknown type "i23"/],
  ["  v3:i32 = add v2", /unexpected end of line/],
  ["  v3:i32 = add v2, v2, v2", /unexpected ","/],
  ["  v2:i32 = add v2, v2", /v2 is defined twice/],
  ["  v3:i32 = const x", /no constant of type i32/],
  ["  v3:i32 = peek v1 +8 nonsense", /unknown alias class/],
  ["  trap sometimes", /unknown trap kind/],
  ["  jump v2", /expected a block/],
  ["  v3:i32 = add b2, v2", /expected a value/],
  ["  v3:i32 = add v2 ? v2", /unexpected character/],
  ["b0:", /b0/],
];

test("what can't be read is named with its line", (t) => {
  for (const [line, message] of wrongs) {
    const text = `func 0 "f" -> i32 {\nb0(v1:ptr, v2:i32):\n${line}\n  return v2\nb0:\n}`;
    t.throws(() => parseFunction(text), { instanceOf: SsaSyntaxError, message }, line);
  }
  t.throws(() => parseFunction('func 0 "f" {\nb0:\n  return\n'), { message: /closing brace/ });
});
