/** Every foldable op against Node's own WebAssembly, bit by bit, over values at which things go wrong. */
import test from "ava";
import { evaluate, result } from "../../ssa/fold/evaluate.js";
import { Op, opFlags, opNames, Type } from "../../ssa/ops.js";

const { i32, i64, f32, f64 } = Type;

interface NodeInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}
/** Node's own engine; its types belong to a library that this project doesn't compile with. */
const NodeWasm = (globalThis as unknown as Record<"WebAssembly", unknown>).WebAssembly as {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => NodeInstance;
  readonly RuntimeError: new () => Error;
};

/** Wasm opcode (0xfc prefix as 0xfc00 + n), SSA op, result type, operand types. */
type Case = readonly [opcode: number, op: Op, result: Type, ...operands: Type[]];

function family(first: number, type: Type, resultType: Type, names: string, operands: number): Case[] {
  const known = Op as Readonly<Record<string, Op>>;
  return names
    .split(" ")
    .map((name, i) => [first + i, known[name]!, resultType, ...Array<Type>(operands).fill(type)]);
}

const order = "eq ne slt ult sgt ugt sle ule sge uge";
const arithmetic = "add sub mul sdiv udiv srem urem and or xor shl sshr ushr rotl rotr";
const floatUnary = "fabs fneg fceil ffloor ftrunc fnearest fsqrt";
const floatBinary = "fadd fsub fmul fdiv fmin fmax fcopysign";
const cases: Case[] = [
  ...family(0x45, i32, i32, "eqz", 1),
  ...family(0x46, i32, i32, order, 2),
  ...family(0x50, i64, i32, "eqz", 1),
  ...family(0x51, i64, i32, order, 2),
  ...family(0x5b, f32, i32, "feq fne flt fgt fle fge", 2),
  ...family(0x61, f64, i32, "feq fne flt fgt fle fge", 2),
  ...family(0x67, i32, i32, "clz ctz popcnt", 1),
  ...family(0x6a, i32, i32, arithmetic, 2),
  ...family(0x79, i64, i64, "clz ctz popcnt", 1),
  ...family(0x7c, i64, i64, arithmetic, 2),
  ...family(0x8b, f32, f32, floatUnary, 1),
  ...family(0x92, f32, f32, floatBinary, 2),
  ...family(0x99, f64, f64, floatUnary, 1),
  ...family(0xa0, f64, f64, floatBinary, 2),
  [0xa7, Op.wrap, i32, i64],
  [0xa8, Op.ftosi, i32, f32],
  [0xa9, Op.ftoui, i32, f32],
  [0xaa, Op.ftosi, i32, f64],
  [0xab, Op.ftoui, i32, f64],
  [0xac, Op.sext, i64, i32],
  [0xad, Op.zext, i64, i32],
  [0xae, Op.ftosi, i64, f32],
  [0xaf, Op.ftoui, i64, f32],
  [0xb0, Op.ftosi, i64, f64],
  [0xb1, Op.ftoui, i64, f64],
  [0xb2, Op.sitof, f32, i32],
  [0xb3, Op.uitof, f32, i32],
  [0xb4, Op.sitof, f32, i64],
  [0xb5, Op.uitof, f32, i64],
  [0xb6, Op.demote, f32, f64],
  [0xb7, Op.sitof, f64, i32],
  [0xb8, Op.uitof, f64, i32],
  [0xb9, Op.sitof, f64, i64],
  [0xba, Op.uitof, f64, i64],
  [0xbb, Op.promote, f64, f32],
  [0xbc, Op.bitcast, i32, f32],
  [0xbd, Op.bitcast, i64, f64],
  [0xbe, Op.bitcast, f32, i32],
  [0xbf, Op.bitcast, f64, i64],
  ...family(0xc0, i32, i32, "sext8 sext16", 1),
  ...family(0xc2, i64, i64, "sext8 sext16 sext32", 1),
  [0xfc00, Op.ftosisat, i32, f32],
  [0xfc01, Op.ftouisat, i32, f32],
  [0xfc02, Op.ftosisat, i32, f64],
  [0xfc03, Op.ftouisat, i32, f64],
  [0xfc04, Op.ftosisat, i64, f32],
  [0xfc05, Op.ftouisat, i64, f32],
  [0xfc06, Op.ftosisat, i64, f64],
  [0xfc07, Op.ftouisat, i64, f64],
];

const isFloat = (type: Type): boolean => type === f32 || type === f64;
const wide = (type: Type): boolean => type === i64 || type === f64;

function unsignedLeb(n: number): number[] {
  const out: number[] = [];
  do {
    out.push((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
    n >>>= 7;
  } while (n > 0);
  return out;
}

const section = (id: number, items: readonly number[][]): number[] => {
  const body = [...unsignedLeb(items.length), ...items.flat()];
  return [id, ...unsignedLeb(body.length), ...body];
};

/** One exported function for each case; floats go in and out as integers, so that no NaN is touched on the way. */
function buildModule(): NodeInstance {
  const asInteger = (type: Type): number => (wide(type) ? 0x7e : 0x7f);
  const toFloat = (type: Type): number[] => (type === f32 ? [0xbe] : type === f64 ? [0xbf] : []);
  const toInteger = (type: Type): number[] => (type === f32 ? [0xbc] : type === f64 ? [0xbd] : []);
  const types = cases.map(([, , to, ...from]) => [
    0x60,
    from.length,
    ...from.map(asInteger),
    1,
    asInteger(to),
  ]);
  const bodies = cases.map(([opcode, , to, ...from]) => {
    const code = [0];
    for (const [i, type] of from.entries()) code.push(0x20, i, ...toFloat(type));
    if (opcode >= 0xfc00) code.push(0xfc, opcode & 0xff);
    else code.push(opcode);
    code.push(...toInteger(to), 0x0b);
    return [...unsignedLeb(code.length), ...code];
  });
  const name = (i: number): number[] => [...String(i)].map((c) => c.charCodeAt(0));
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      3,
      cases.map((_, i) => unsignedLeb(i)),
    ),
    ...section(
      7,
      cases.map((_, i) => [String(i).length, ...name(i), 0, ...unsignedLeb(i)]),
    ),
    ...section(10, bodies),
  ];
  return new NodeWasm.Instance(new NodeWasm.Module(Uint8Array.from(bytes)));
}

// ---------------------------------------------------------------- values

function integerValues(bits: number): bigint[] {
  const values = new Set<bigint>();
  for (let k = 0; k <= bits; k++) {
    for (const d of [-1n, 0n, 1n]) {
      values.add(BigInt.asUintN(bits, (1n << BigInt(k)) + d));
      if (k % 8 === 7) values.add(BigInt.asUintN(bits, -(1n << BigInt(k)) + d));
    }
  }
  for (const n of [3n, 5n, 7n, 10n, 100n, 1000n, -3n, -7n, 0x5555555555555555n, 0xdeadbeefcafebaben])
    values.add(BigInt.asUintN(bits, n));
  // Halfway between two floats, one more and one less, for the roundings of 64-bit integers.
  for (const n of [
    0x20000000000001n,
    0x20000000000003n,
    0x7fffff4000000001n,
    0x8000008000000001n,
    0x8000008000000000n,
    0x8000018000000000n,
    0x1000001000000001n,
    0x7ffffffffffffc00n,
    0x7ffffffffffffdffn,
    0xfffffffffffff400n,
  ]) {
    values.add(BigInt.asUintN(bits, n));
  }
  return [...values];
}

function floatValues(type: Type): bigint[] {
  const view = new DataView(new ArrayBuffer(8));
  const numbers = [
    0,
    0.5,
    1,
    1.5,
    2,
    2.5,
    3,
    3.5,
    4.5,
    0.1,
    0.49999999999999994,
    0.49999997,
    0.9999,
    8388607.5,
    8388608,
    16777217,
    4503599627370495.5,
    4503599627370496,
    2 ** 53 + 2,
    2147483647,
    2147483648,
    2147483649,
    2147483647.5,
    4294967295,
    4294967295.5,
    4294967296,
    2147483520,
    2 ** 63,
    2 ** 63 - 2 ** 39,
    2 ** 63 - 2 ** 10,
    2 ** 64,
    2 ** 64 - 2 ** 11,
    2 ** 64 - 2 ** 40,
    1e10,
    1e20,
    1e38,
    3.4e38,
    3.4028235677973366e38,
    1e300,
    1.7e308,
    1e-10,
    1e-38,
    1.1754943508222875e-38,
    1e-45,
    7e-46,
    1e-300,
    5e-324,
    2.2250738585072014e-308,
    Math.PI,
    Infinity,
  ];
  const values = new Set<bigint>();
  for (const x of numbers.flatMap((n) => [n, -n])) {
    if (type === f32) view.setFloat32(0, x, true);
    else view.setFloat64(0, x, true);
    values.add(type === f32 ? BigInt(view.getUint32(0, true)) : view.getBigUint64(0, true));
  }
  const nans =
    type === f32
      ? [0x7fc00000n, 0xffc00000n, 0x7f800001n, 0x7fa00000n, 0xffc12345n]
      : [0x7ff8000000000000n, 0xfff8000000000000n, 0x7ff0000000000001n, 0x7ff4000000000000n];
  for (const bits of nans) values.add(bits);
  return [...values];
}

const edgeValues = new Map<Type, bigint[]>([
  [i32, integerValues(32)],
  [i64, integerValues(64)],
  [f32, floatValues(f32)],
  [f64, floatValues(f64)],
]);

// ---------------------------------------------------------------- comparison

const half = (bits: bigint, high: boolean): number => Number(BigInt.asIntN(32, high ? bits >> 32n : bits));

function isNan(type: Type, bits: bigint): boolean {
  return type === f32
    ? (bits & 0x7fffffffn) > 0x7f800000n
    : type === f64 && (bits & 0x7fffffffffffffffn) > 0x7ff0000000000000n;
}

/** What Node answers: bits, or null for a trap. */
function ask(
  run: (...args: unknown[]) => unknown,
  types: readonly Type[],
  args: readonly bigint[],
  to: Type,
): bigint | null {
  try {
    const answer = run(...args.map((a, i) => (wide(types[i]!) ? a : Number(a))));
    return BigInt.asUintN(wide(to) ? 64 : 32, BigInt(answer as number | bigint));
  } catch (error) {
    if (error instanceof NodeWasm.RuntimeError) return null;
    throw error;
  }
}

/** "" if folding agrees with Node. */
function difference(c: Case, run: (...args: unknown[]) => unknown, a: bigint, b: bigint): string {
  const [, op, to, ...from] = c;
  const node = ask(run, from, [a, b].slice(0, from.length), to);
  const folded = evaluate(op, to, from[0]!, half(a, false), half(a, true), half(b, false), half(b, true));
  const mustNotFold = node === null || (isFloat(to) && isNan(to, node) && !isBitOp(op));
  if (mustNotFold !== folded) {
    if (!folded) return "";
    const bits =
      BigInt.asUintN(32, BigInt(result.lo)) | (wide(to) ? BigInt.asUintN(32, BigInt(result.hi)) << 32n : 0n);
    if (bits === node && (wide(to) || result.hi === 0)) return "";
    return `${opNames[op]} 0x${a.toString(16)} 0x${b.toString(16)}: 0x${bits.toString(16)}, Node 0x${node!.toString(16)}`;
  }
  return `${opNames[op]} 0x${a.toString(16)} 0x${b.toString(16)}: ${folded ? "folded" : "not folded"}, Node ${node}`;
}

const isBitOp = (op: Op): boolean =>
  op === Op.fneg || op === Op.fabs || op === Op.fcopysign || op === Op.bitcast;

test("folding equals Node's execution", (t) => {
  const instance = buildModule();
  let compared = 0;
  cases.forEach((c, i) => {
    const [, , , first, second] = c;
    const run = instance.exports[String(i)] as (...args: unknown[]) => unknown;
    for (const a of edgeValues.get(first!)!) {
      for (const b of second === undefined ? [0n] : edgeValues.get(second)!) {
        const found = difference(c, run, a, b);
        compared++;
        if (found !== "") t.fail(found);
      }
    }
  });
  t.true(compared > 1_000_000);
});

test("every pure op of numbers is among the cases", (t) => {
  const covered = new Set(cases.map((c) => c[1]));
  for (let op = Op.add as number; op <= Op.bitcast; op++) t.true(covered.has(op), opNames[op]);
  t.true(opFlags.length > Op.bitcast);
});

test("what isn't a function of its operands isn't folded", (t) => {
  for (const op of [Op.load, Op.peek, Op.ctx, Op.signature, Op.call, Op.param])
    t.false(evaluate(op, i32, i32, 1, 0, 1, 0), opNames[op]);
});
