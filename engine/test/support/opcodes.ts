/**
 * The instructions of WebAssembly 2.0 as tests need them: names, immediates, operand counts.
 *
 * Written apart from the engine's own table, so that a wrong row there shows. Opcodes of the prefixes 0xfc and 0xfd are
 * numbered `0xfc00 + n` and `0xfd00 + n`; those of vectors are in vector-opcodes.ts. The order of the families is that of the core specification, chapter 5.4.
 */

import { vectorRows } from "./vector-opcodes.js";
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValueType } from "./wasm-bytes.js";

/** What follows an opcode in the binary. */
export type Immediate =
  | "none"
  | "block"
  | "index"
  | "two-indices"
  | "label-table"
  | "memory"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "type-list"
  | "reference-type"
  | "zero"
  | "index-zero"
  | "memory-lane"
  | "lane"
  | "v128"
  | "shuffle";

export interface OpcodeRow {
  readonly opcode: number;
  readonly name: string;
  readonly immediate: Immediate;
  /** operands and results of instructions whose types are fixed */
  readonly params?: readonly ValueType[];
  readonly results?: readonly ValueType[];
}

export const OP = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  selectTyped: 0x1c,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableGet: 0x25,
  tableSet: 0x26,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  f32Eq: 0x5b,
  f64Eq: 0x61,
  i32Clz: 0x67,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivS: 0x6d,
  i32RemU: 0x70,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i32Rotr: 0x78,
  i64Clz: 0x79,
  i64Add: 0x7c,
  i64DivS: 0x7f,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Shl: 0x86,
  i64ShrU: 0x88,
  i64Rotr: 0x8a,
  f32Abs: 0x8b,
  f64Abs: 0x99,
  i32WrapI64: 0xa7,
  f32DemoteF64: 0xb6,
  f64PromoteF32: 0xbb,
  refNull: 0xd0,
  refIsNull: 0xd1,
  refFunc: 0xd2,
  memoryInit: 0xfc08,
  dataDrop: 0xfc09,
  memoryCopy: 0xfc0a,
  memoryFill: 0xfc0b,
  tableInit: 0xfc0c,
  elemDrop: 0xfc0d,
  tableCopy: 0xfc0e,
  tableGrow: 0xfc0f,
  tableSize: 0xfc10,
  tableFill: 0xfc11,
  v128Const: 0xfd0c,
  i8x16Shuffle: 0xfd0d,
  i64x2ExtractLane: 0xfd1d,
  f32x4Eq: 0xfd41,
  f64x2Eq: 0xfd47,
  v128Bitselect: 0xfd52,
} as const;

const letters: { readonly [letter: string]: ValueType } = {
  i: I32,
  l: I64,
  f: F32,
  d: F64,
  v: V128,
  p: FUNCREF,
  e: EXTERNREF,
};

const rows: OpcodeRow[] = [];

function add(opcode: number, name: string, immediate: Immediate, signature?: string): void {
  if (signature === undefined) {
    rows.push({ opcode, name, immediate });
    return;
  }
  const [params = "", results = ""] = signature.split(":");
  const typesOf = (text: string) => [...text].map((letter) => letters[letter] as ValueType);
  rows.push({ opcode, name, immediate, params: typesOf(params), results: typesOf(results) });
}

/** Names of consecutive opcodes, all with one signature. */
function family(
  first: number,
  prefix: string,
  names: string,
  signature: string,
  immediate: Immediate = "none",
): void {
  names.split(" ").forEach((name, index) => {
    add(first + index, prefix + name, immediate, signature);
  });
}

/** `name signature` pairs of consecutive opcodes. */
function series(first: number, text: string, immediate: Immediate): void {
  const words = text.trim().split(/\s+/);
  for (let index = 0; index < words.length; index += 2) {
    add(first + index / 2, words[index] as string, immediate, words[index + 1]);
  }
}

add(OP.unreachable, "unreachable", "none");
add(OP.nop, "nop", "none", ":");
add(OP.block, "block", "block");
add(OP.loop, "loop", "block");
add(OP.if, "if", "block");
add(OP.else, "else", "none");
add(OP.end, "end", "none");
add(OP.br, "br", "index");
add(OP.brIf, "br_if", "index");
add(OP.brTable, "br_table", "label-table");
add(OP.return, "return", "none");
add(OP.call, "call", "index");
add(OP.callIndirect, "call_indirect", "two-indices");
add(OP.drop, "drop", "none");
add(OP.select, "select", "none");
add(OP.selectTyped, "select_t", "type-list");
add(OP.localGet, "local.get", "index");
add(OP.localSet, "local.set", "index");
add(OP.localTee, "local.tee", "index");
add(OP.globalGet, "global.get", "index");
add(OP.globalSet, "global.set", "index");
add(OP.tableGet, "table.get", "index");
add(OP.tableSet, "table.set", "index");
series(0x28, "i32.load i:i i64.load i:l f32.load i:f f64.load i:d", "memory");
family(0x2c, "i32.", "load8_s load8_u load16_s load16_u", "i:i", "memory");
family(0x30, "i64.", "load8_s load8_u load16_s load16_u load32_s load32_u", "i:l", "memory");
series(0x36, "i32.store ii: i64.store il: f32.store if: f64.store id:", "memory");
family(0x3a, "i32.", "store8 store16", "ii:", "memory");
family(0x3c, "i64.", "store8 store16 store32", "il:", "memory");
add(OP.memorySize, "memory.size", "zero", ":i");
add(OP.memoryGrow, "memory.grow", "zero", "i:i");
add(OP.i32Const, "i32.const", "i32", ":i");
add(OP.i64Const, "i64.const", "i64", ":l");
add(OP.f32Const, "f32.const", "f32", ":f");
add(OP.f64Const, "f64.const", "f64", ":d");
add(OP.i32Eqz, "i32.eqz", "none", "i:i");
const INTEGER_COMPARISONS = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
family(OP.i32Eq, "i32.", INTEGER_COMPARISONS, "ii:i");
add(OP.i64Eqz, "i64.eqz", "none", "l:i");
family(OP.i64Eq, "i64.", INTEGER_COMPARISONS, "ll:i");
family(OP.f32Eq, "f32.", "eq ne lt gt le ge", "ff:i");
family(OP.f64Eq, "f64.", "eq ne lt gt le ge", "dd:i");
const INTEGER_BINARY = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
family(OP.i32Clz, "i32.", "clz ctz popcnt", "i:i");
family(OP.i32Add, "i32.", INTEGER_BINARY, "ii:i");
family(OP.i64Clz, "i64.", "clz ctz popcnt", "l:l");
family(OP.i64Add, "i64.", INTEGER_BINARY, "ll:l");
family(OP.f32Abs, "f32.", "abs neg ceil floor trunc nearest sqrt", "f:f");
family(0x92, "f32.", "add sub mul div min max copysign", "ff:f");
family(OP.f64Abs, "f64.", "abs neg ceil floor trunc nearest sqrt", "d:d");
family(0xa0, "f64.", "add sub mul div min max copysign", "dd:d");
series(
  OP.i32WrapI64,
  `i32.wrap_i64 l:i
   i32.trunc_f32_s f:i i32.trunc_f32_u f:i i32.trunc_f64_s d:i i32.trunc_f64_u d:i
   i64.extend_i32_s i:l i64.extend_i32_u i:l
   i64.trunc_f32_s f:l i64.trunc_f32_u f:l i64.trunc_f64_s d:l i64.trunc_f64_u d:l
   f32.convert_i32_s i:f f32.convert_i32_u i:f f32.convert_i64_s l:f f32.convert_i64_u l:f f32.demote_f64 d:f
   f64.convert_i32_s i:d f64.convert_i32_u i:d f64.convert_i64_s l:d f64.convert_i64_u l:d f64.promote_f32 f:d
   i32.reinterpret_f32 f:i i64.reinterpret_f64 d:l f32.reinterpret_i32 i:f f64.reinterpret_i64 l:d
   i32.extend8_s i:i i32.extend16_s i:i i64.extend8_s l:l i64.extend16_s l:l i64.extend32_s l:l`,
  "none",
);
add(OP.refNull, "ref.null", "reference-type");
add(OP.refIsNull, "ref.is_null", "none");
add(OP.refFunc, "ref.func", "index", ":p");
series(
  0xfc00,
  `i32.trunc_sat_f32_s f:i i32.trunc_sat_f32_u f:i i32.trunc_sat_f64_s d:i i32.trunc_sat_f64_u d:i
   i64.trunc_sat_f32_s f:l i64.trunc_sat_f32_u f:l i64.trunc_sat_f64_s d:l i64.trunc_sat_f64_u d:l`,
  "none",
);
add(OP.memoryInit, "memory.init", "index-zero", "iii:");
add(OP.dataDrop, "data.drop", "index", ":");
add(OP.memoryCopy, "memory.copy", "two-indices", "iii:");
add(OP.memoryFill, "memory.fill", "zero", "iii:");
add(OP.tableInit, "table.init", "two-indices", "iii:");
add(OP.elemDrop, "elem.drop", "index", ":");
add(OP.tableCopy, "table.copy", "two-indices", "iii:");
add(OP.tableGrow, "table.grow", "index");
add(OP.tableSize, "table.size", "index", ":i");
add(OP.tableFill, "table.fill", "index");
for (const { opcode, name, immediate, signature } of vectorRows) add(opcode, name, immediate, signature);

/** All rows, by opcode. */
export const opcodeRows: ReadonlyMap<number, OpcodeRow> = new Map(rows.map((row) => [row.opcode, row]));
