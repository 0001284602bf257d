/**
 * What Node's own WebAssembly computes: the numeric instructions of the opcode table, with the SSA op of each.
 * Operands and results pass as bits through a memory, so that NaNs stay what they are.
 */
import { nodeWebAssembly } from "../../platform/index.js";
import { Op, Type } from "../../ssa/ops.js";
import { type OpcodeRow, opcodeRows } from "../../wasm/opcodes.js";
import { ByteWriter, encodeModule, KIND_FUNCTION, KIND_MEMORY } from "../support/wasm-bytes.js";

export interface NumericOp {
  readonly name: string;
  readonly op: Op;
  readonly params: readonly Type[];
  readonly result: Type;
  /** The result's bits are determined even if it is NaN. */
  readonly exactBits: boolean;
}

const typeOf = new Map<number, Type>([
  [0x7f, Type.i32],
  [0x7e, Type.i64],
  [0x7d, Type.f32],
  [0x7c, Type.f64],
]);
const loads = new Map<Type, number>([
  [Type.i32, 0x28],
  [Type.i64, 0x29],
  [Type.f32, 0x2a],
  [Type.f64, 0x2b],
]);
const stores = new Map<Type, number>([
  [Type.i32, 0x36],
  [Type.i64, 0x37],
  [Type.f32, 0x38],
  [Type.f64, 0x39],
]);

/** Signed and unsigned variants of the instructions whose SSA op has the letter in front. */
const signedNames: Record<string, string> = {
  lt: "lt",
  gt: "gt",
  le: "le",
  ge: "ge",
  div: "div",
  rem: "rem",
};
const otherNames: Record<string, Op> = {
  shr_s: Op.sshr,
  shr_u: Op.ushr,
  wrap_i64: Op.wrap,
  extend_i32_s: Op.sext,
  extend_i32_u: Op.zext,
  extend8_s: Op.sext8,
  extend16_s: Op.sext16,
  extend32_s: Op.sext32,
  demote_f64: Op.demote,
  promote_f32: Op.promote,
};

function opOf(name: string): Op | null {
  const [type, rest] = name.split(".") as [string, string | undefined];
  if (rest === undefined) return null;
  const known = otherNames[rest];
  if (known !== undefined) return known;
  if (rest.startsWith("trunc_sat_")) return rest.endsWith("_s") ? Op.ftosisat : Op.ftouisat;
  if (rest.startsWith("trunc_")) return rest.endsWith("_s") ? Op.ftosi : Op.ftoui;
  if (rest.startsWith("convert_")) return rest.endsWith("_s") ? Op.sitof : Op.uitof;
  if (rest.startsWith("reinterpret_")) return Op.bitcast;
  const signed = /^([a-z]+)_([su])$/.exec(rest);
  if (signed !== null && signedNames[signed[1]!] !== undefined) return byName(signed[2]! + signed[1]!);
  return byName(type.startsWith("f") ? `f${rest}` : rest);
}

const byName = (name: string): Op | null => (Op as Record<string, Op>)[name] ?? null;

function isNumeric(row: OpcodeRow): boolean {
  if (row.params === null || row.results === null || row.align >= 0) return false;
  if (row.params.length === 0 || row.results.length !== 1) return false;
  return [...row.params, ...row.results].every((t) => typeOf.has(t)) && /^[if](32|64)\./.test(row.name);
}

const rows = opcodeRows.filter((row) => isNumeric(row) && opOf(row.name) !== null);
const exactOps = new Set<Op>([Op.fabs, Op.fneg, Op.fcopysign, Op.bitcast]);

export const numericOps: readonly NumericOp[] = rows.map((row) => ({
  name: row.name,
  op: opOf(row.name)!,
  params: row.params!.map((t) => typeOf.get(t)!),
  result: typeOf.get(row.results![0]!)!,
  exactBits: exactOps.has(opOf(row.name)!),
}));

/** One function per instruction: operands from bytes 0 and 8 of the memory, the result to byte 16. */
function referenceModule(): Uint8Array {
  const bodies = rows.map((row) => {
    const out = new ByteWriter();
    out.u8(0); // no locals
    out.bytes([0x41, 0]);
    row.params!.forEach((t, k) => {
      out.bytes([0x41, 0, loads.get(typeOf.get(t)!)!, 0, 8 * k]);
    });
    if (row.code > 0xff) {
      out.u8(0xfc);
      out.u32(row.code & 0xff);
    } else out.u8(row.code);
    out.bytes([stores.get(typeOf.get(row.results![0]!)!)!, 0, 16, 0x0b]);
    return out.toBytes();
  });
  return encodeModule({
    types: [{ params: [], results: [] }],
    functions: rows.map(() => 0),
    memories: [{ minimum: 1 }],
    exports: [
      { name: "memory", kind: KIND_MEMORY, index: 0 },
      ...rows.map((row, k) => ({ name: row.name, kind: KIND_FUNCTION, index: k })),
    ],
    bodies,
  });
}

/** V8's trap messages, by what our traps are called. */
const trapMessages: readonly [RegExp, string][] = [
  [/divide by zero|remainder by zero/, "integerDivideByZero"],
  [/divide result unrepresentable/, "integerOverflow"],
  [/float unrepresentable/, "float"],
];

const exported = (() => {
  const wasm = nodeWebAssembly();
  const module = new wasm.Module(referenceModule());
  return (new wasm.Instance(module, {}) as { exports: Record<string, unknown> }).exports;
})();
const memory = new DataView((exported.memory as { buffer: ArrayBuffer }).buffer);

/**
 * The bits that an instruction yields, or what it traps with: "float" stands for both kinds of a failed
 * conversion, which V8 doesn't tell apart.
 */
export function reference(op: NumericOp, args: readonly bigint[]): bigint | string {
  for (const [k, bits] of args.entries()) memory.setBigUint64(8 * k, bits, true);
  memory.setBigUint64(16, 0n, true);
  try {
    (exported[op.name] as () => void)();
  } catch (error) {
    const message = (error as Error).message;
    return trapMessages.find(([pattern]) => pattern.test(message))?.[1] ?? message;
  }
  return memory.getBigUint64(16, true);
}

export function isNaNBits(type: Type, bits: bigint): boolean {
  if (type === Type.f32) return (bits & 0x7fffffffn) > 0x7f800000n;
  return type === Type.f64 && (bits & 0x7fffffffffffffffn) > 0x7ff0000000000000n;
}

/** Quiet: what arithmetic yields. */
export function isQuietNaN(type: Type, bits: bigint): boolean {
  return isNaNBits(type, bits) && (bits & (type === Type.f32 ? 0x400000n : 0x8000000000000n)) !== 0n;
}

const scratch = new DataView(new ArrayBuffer(8));
const single = (x: number): bigint => {
  scratch.setFloat32(0, x, true);
  return BigInt(scratch.getUint32(0, true));
};
const double = (x: number): bigint => {
  scratch.setFloat64(0, x, true);
  return scratch.getBigUint64(0, true);
};

const floats = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -1.5,
  3.7,
  -3.7,
  Infinity,
  -Infinity,
  0.99999994,
  2251799813685248.5,
];
const bounds = [31, 32, 63, 64].flatMap((n) => [2 ** n, -(2 ** n)]);

function around(values: readonly number[], step: (x: number) => number[]): number[] {
  return values.flatMap((x) => [x, ...step(x)]);
}
/** The neighbours of a float, by its bits. */
function neighbours32(x: number): number[] {
  return [1n, -1n].map((d) => {
    scratch.setUint32(0, Number(single(x) + d), true);
    return scratch.getFloat32(0, true);
  });
}
function neighbours64(x: number): number[] {
  return [1n, -1n].map((d) => {
    scratch.setBigUint64(0, double(x) + d, true);
    return scratch.getFloat64(0, true);
  });
}

/** Edge values of each type, as bits. */
export const edgeValues: Readonly<Record<number, readonly bigint[]>> = {
  [Type.i32]: [
    0, 1, -1, 2, 7, -7, 31, 32, 33, 63, 127, -128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x12345678,
    0x7fffffff, -0x80000000, -0x7fffffff,
  ].map((n) => BigInt(n >>> 0)),
  [Type.i64]: [
    0n,
    1n,
    -1n,
    2n,
    7n,
    -7n,
    31n,
    32n,
    63n,
    64n,
    65n,
    255n,
    0x8000n,
    0xffffn,
    0x7fffffffn,
    0x80000000n,
    -0x80000000n,
    -0x80000001n,
    0xffffffffn,
    0x100000000n,
    0x123456789abcdef0n,
    0x20000000000001n,
    0x7fffffffffffffffn,
    -0x8000000000000000n,
    0x8000008000000001n,
    0xffffff7fffffffffn,
  ].map((n) => BigInt.asUintN(64, n)),
  [Type.f32]: [
    ...new Set([...floats, 1e-40, 3.4e38, ...around(bounds, neighbours32)].map(single)),
    0x7fc00000n,
    0xffc00000n,
    0x7fa00001n,
    0x7fffffffn,
  ],
  [Type.f64]: [
    ...new Set(
      [
        ...floats,
        5e-324,
        1.7e308,
        2147483647,
        2147483647.5,
        -2147483648.5,
        -2147483649,
        4294967295,
        4294967295.5,
        ...around(bounds, neighbours64),
        0.1,
        16777217,
        3.402823669209385e38,
      ].map(double),
    ),
    0x7ff8000000000000n,
    0xfff8000000000000n,
    0x7ff4000000000001n,
    0x7fffffffffffffffn,
  ],
};
