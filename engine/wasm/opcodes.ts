/**
 * Every opcode of WebAssembly 2.0, once: code, name, immediates, signature, natural alignment, feature.
 *
 * The validator, the SSA builder, the printing tools and the random module generator all read these rows;
 * opcode-columns.ts turns them into typed arrays. A code with a prefix byte is written with it in front:
 * 0xfc00 | n and 0xfd00 | n. A "typed" row's operands depend on its immediates or on the stack, so it has no
 * signature here. Source: the core specification 2.0, section "Instructions" of the binary format and the
 * index of instructions.
 */
import { ValType } from "./types.js";

/** What follows the opcode. Indices and counts are unsigned LEB128 unless a byte is named. */
export const Immediate = {
  none: 0,
  /** 0x40, a value type, or a type index as a signed 33-bit LEB128. */
  blockType: 1,
  label: 2,
  /** A count, as many labels, and the default label. */
  labelTable: 3,
  function: 4,
  /** A type index, then a table index. */
  callIndirect: 5,
  /** A count of value types, then the types. */
  valTypes: 6,
  local: 7,
  global: 8,
  table: 9,
  /** Alignment (a power of two) and offset. */
  memory: 10,
  /** A zero byte. */
  memoryIndex: 11,
  i32: 12,
  i64: 13,
  f32: 14,
  f64: 15,
  refType: 16,
  /** A data segment index, then a zero byte. */
  memoryInit: 17,
  data: 18,
  /** Two zero bytes. */
  memoryCopy: 19,
  /** An element segment index, then a table index. */
  tableInit: 20,
  element: 21,
  /** The destination table, then the source. */
  tableCopy: 22,
  /** Sixteen bytes. */
  v128: 23,
  /** Sixteen lane bytes, each below 32. */
  shuffle: 24,
  /** A lane byte. */
  lane: 25,
  /** Alignment, offset, and a lane byte. */
  memoryLane: 26,
} as const;
export type Immediate = (typeof Immediate)[keyof typeof Immediate];

export type Feature =
  | "mvp"
  | "sign-extension"
  | "saturating-float-to-int"
  | "bulk-memory"
  | "reference-types"
  | "simd";

/** One opcode; `name` is added when the table is read (see `opcodeRows`). */
export interface OpcodeEntry<Code extends number = number> {
  readonly code: Code;
  readonly immediate: Immediate;
  /** Operand types, the deepest first, and result types (never more than one); null for a typed row. */
  readonly params: readonly ValType[] | null;
  readonly results: readonly ValType[] | null;
  /** The natural alignment of a memory access as a power of two, else -1: the access has 1 << align bytes. */
  readonly align: number;
  /** How many lanes a lane immediate chooses from, else 0. */
  readonly lanes: number;
  readonly feature: Feature;
}

export interface OpcodeRow extends OpcodeEntry {
  readonly name: string;
}

function entry<Code extends number>(
  code: Code,
  signature: string | null,
  immediate: Immediate,
  feature: Feature,
  align = -1,
  lanes = 0,
): OpcodeEntry<Code> {
  const [params, results] = signature === null ? [null, null] : signature.split("->").map(parseTypes);
  return { code, immediate, params, results, align, lanes, feature };
}

function parseTypes(text: string): ValType[] {
  const types: ValType[] = [];
  for (const name of text.split(" ")) if (name !== "") types.push(ValType[name as keyof typeof ValType]);
  return types;
}

function plain<Code extends number>(
  code: Code,
  signature: string,
  immediate: Immediate = Immediate.none,
  feature: Feature = "mvp",
): OpcodeEntry<Code> {
  return entry(code, signature, immediate, feature);
}

function typed<Code extends number>(
  code: Code,
  immediate: Immediate,
  feature: Feature = "mvp",
): OpcodeEntry<Code> {
  return entry(code, null, immediate, feature);
}

function memory<Code extends number>(code: Code, signature: string, align: number): OpcodeEntry<Code> {
  return entry(code, signature, Immediate.memory, "mvp", align);
}

function vector<Code extends number>(
  code: Code,
  signature: string,
  immediate: Immediate = Immediate.none,
): OpcodeEntry<Code> {
  return entry(code, signature, immediate, "simd");
}

function vectorMemory<Code extends number>(code: Code, signature: string, align: number): OpcodeEntry<Code> {
  return entry(code, signature, Immediate.memory, "simd", align);
}

function lane<Code extends number>(code: Code, signature: string, lanes: number): OpcodeEntry<Code> {
  return entry(code, signature, Immediate.lane, "simd", -1, lanes);
}

function memoryLane<Code extends number>(
  code: Code,
  signature: string,
  align: number,
  lanes: number,
): OpcodeEntry<Code> {
  return entry(code, signature, Immediate.memoryLane, "simd", align, lanes);
}

const table = {
  // Control
  unreachable: typed(0x00, Immediate.none),
  nop: plain(0x01, "->"),
  block: typed(0x02, Immediate.blockType),
  loop: typed(0x03, Immediate.blockType),
  if: typed(0x04, Immediate.blockType),
  else: typed(0x05, Immediate.none),
  end: typed(0x0b, Immediate.none),
  br: typed(0x0c, Immediate.label),
  br_if: typed(0x0d, Immediate.label),
  br_table: typed(0x0e, Immediate.labelTable),
  return: typed(0x0f, Immediate.none),
  call: typed(0x10, Immediate.function),
  call_indirect: typed(0x11, Immediate.callIndirect),

  // Parametric, variables, tables
  drop: typed(0x1a, Immediate.none),
  select: typed(0x1b, Immediate.none),
  select_t: typed(0x1c, Immediate.valTypes, "reference-types"),
  "local.get": typed(0x20, Immediate.local),
  "local.set": typed(0x21, Immediate.local),
  "local.tee": typed(0x22, Immediate.local),
  "global.get": typed(0x23, Immediate.global),
  "global.set": typed(0x24, Immediate.global),
  "table.get": typed(0x25, Immediate.table, "reference-types"),
  "table.set": typed(0x26, Immediate.table, "reference-types"),

  // Memory: the last number is the natural alignment as a power of two
  "i32.load": memory(0x28, "i32 -> i32", 2),
  "i64.load": memory(0x29, "i32 -> i64", 3),
  "f32.load": memory(0x2a, "i32 -> f32", 2),
  "f64.load": memory(0x2b, "i32 -> f64", 3),
  "i32.load8_s": memory(0x2c, "i32 -> i32", 0),
  "i32.load8_u": memory(0x2d, "i32 -> i32", 0),
  "i32.load16_s": memory(0x2e, "i32 -> i32", 1),
  "i32.load16_u": memory(0x2f, "i32 -> i32", 1),
  "i64.load8_s": memory(0x30, "i32 -> i64", 0),
  "i64.load8_u": memory(0x31, "i32 -> i64", 0),
  "i64.load16_s": memory(0x32, "i32 -> i64", 1),
  "i64.load16_u": memory(0x33, "i32 -> i64", 1),
  "i64.load32_s": memory(0x34, "i32 -> i64", 2),
  "i64.load32_u": memory(0x35, "i32 -> i64", 2),
  "i32.store": memory(0x36, "i32 i32 ->", 2),
  "i64.store": memory(0x37, "i32 i64 ->", 3),
  "f32.store": memory(0x38, "i32 f32 ->", 2),
  "f64.store": memory(0x39, "i32 f64 ->", 3),
  "i32.store8": memory(0x3a, "i32 i32 ->", 0),
  "i32.store16": memory(0x3b, "i32 i32 ->", 1),
  "i64.store8": memory(0x3c, "i32 i64 ->", 0),
  "i64.store16": memory(0x3d, "i32 i64 ->", 1),
  "i64.store32": memory(0x3e, "i32 i64 ->", 2),
  "memory.size": plain(0x3f, "-> i32", Immediate.memoryIndex),
  "memory.grow": plain(0x40, "i32 -> i32", Immediate.memoryIndex),

  // Constants
  "i32.const": plain(0x41, "-> i32", Immediate.i32),
  "i64.const": plain(0x42, "-> i64", Immediate.i64),
  "f32.const": plain(0x43, "-> f32", Immediate.f32),
  "f64.const": plain(0x44, "-> f64", Immediate.f64),

  // Comparisons
  "i32.eqz": plain(0x45, "i32 -> i32"),
  "i32.eq": plain(0x46, "i32 i32 -> i32"),
  "i32.ne": plain(0x47, "i32 i32 -> i32"),
  "i32.lt_s": plain(0x48, "i32 i32 -> i32"),
  "i32.lt_u": plain(0x49, "i32 i32 -> i32"),
  "i32.gt_s": plain(0x4a, "i32 i32 -> i32"),
  "i32.gt_u": plain(0x4b, "i32 i32 -> i32"),
  "i32.le_s": plain(0x4c, "i32 i32 -> i32"),
  "i32.le_u": plain(0x4d, "i32 i32 -> i32"),
  "i32.ge_s": plain(0x4e, "i32 i32 -> i32"),
  "i32.ge_u": plain(0x4f, "i32 i32 -> i32"),
  "i64.eqz": plain(0x50, "i64 -> i32"),
  "i64.eq": plain(0x51, "i64 i64 -> i32"),
  "i64.ne": plain(0x52, "i64 i64 -> i32"),
  "i64.lt_s": plain(0x53, "i64 i64 -> i32"),
  "i64.lt_u": plain(0x54, "i64 i64 -> i32"),
  "i64.gt_s": plain(0x55, "i64 i64 -> i32"),
  "i64.gt_u": plain(0x56, "i64 i64 -> i32"),
  "i64.le_s": plain(0x57, "i64 i64 -> i32"),
  "i64.le_u": plain(0x58, "i64 i64 -> i32"),
  "i64.ge_s": plain(0x59, "i64 i64 -> i32"),
  "i64.ge_u": plain(0x5a, "i64 i64 -> i32"),
  "f32.eq": plain(0x5b, "f32 f32 -> i32"),
  "f32.ne": plain(0x5c, "f32 f32 -> i32"),
  "f32.lt": plain(0x5d, "f32 f32 -> i32"),
  "f32.gt": plain(0x5e, "f32 f32 -> i32"),
  "f32.le": plain(0x5f, "f32 f32 -> i32"),
  "f32.ge": plain(0x60, "f32 f32 -> i32"),
  "f64.eq": plain(0x61, "f64 f64 -> i32"),
  "f64.ne": plain(0x62, "f64 f64 -> i32"),
  "f64.lt": plain(0x63, "f64 f64 -> i32"),
  "f64.gt": plain(0x64, "f64 f64 -> i32"),
  "f64.le": plain(0x65, "f64 f64 -> i32"),
  "f64.ge": plain(0x66, "f64 f64 -> i32"),

  // Arithmetic
  "i32.clz": plain(0x67, "i32 -> i32"),
  "i32.ctz": plain(0x68, "i32 -> i32"),
  "i32.popcnt": plain(0x69, "i32 -> i32"),
  "i32.add": plain(0x6a, "i32 i32 -> i32"),
  "i32.sub": plain(0x6b, "i32 i32 -> i32"),
  "i32.mul": plain(0x6c, "i32 i32 -> i32"),
  "i32.div_s": plain(0x6d, "i32 i32 -> i32"),
  "i32.div_u": plain(0x6e, "i32 i32 -> i32"),
  "i32.rem_s": plain(0x6f, "i32 i32 -> i32"),
  "i32.rem_u": plain(0x70, "i32 i32 -> i32"),
  "i32.and": plain(0x71, "i32 i32 -> i32"),
  "i32.or": plain(0x72, "i32 i32 -> i32"),
  "i32.xor": plain(0x73, "i32 i32 -> i32"),
  "i32.shl": plain(0x74, "i32 i32 -> i32"),
  "i32.shr_s": plain(0x75, "i32 i32 -> i32"),
  "i32.shr_u": plain(0x76, "i32 i32 -> i32"),
  "i32.rotl": plain(0x77, "i32 i32 -> i32"),
  "i32.rotr": plain(0x78, "i32 i32 -> i32"),
  "i64.clz": plain(0x79, "i64 -> i64"),
  "i64.ctz": plain(0x7a, "i64 -> i64"),
  "i64.popcnt": plain(0x7b, "i64 -> i64"),
  "i64.add": plain(0x7c, "i64 i64 -> i64"),
  "i64.sub": plain(0x7d, "i64 i64 -> i64"),
  "i64.mul": plain(0x7e, "i64 i64 -> i64"),
  "i64.div_s": plain(0x7f, "i64 i64 -> i64"),
  "i64.div_u": plain(0x80, "i64 i64 -> i64"),
  "i64.rem_s": plain(0x81, "i64 i64 -> i64"),
  "i64.rem_u": plain(0x82, "i64 i64 -> i64"),
  "i64.and": plain(0x83, "i64 i64 -> i64"),
  "i64.or": plain(0x84, "i64 i64 -> i64"),
  "i64.xor": plain(0x85, "i64 i64 -> i64"),
  "i64.shl": plain(0x86, "i64 i64 -> i64"),
  "i64.shr_s": plain(0x87, "i64 i64 -> i64"),
  "i64.shr_u": plain(0x88, "i64 i64 -> i64"),
  "i64.rotl": plain(0x89, "i64 i64 -> i64"),
  "i64.rotr": plain(0x8a, "i64 i64 -> i64"),
  "f32.abs": plain(0x8b, "f32 -> f32"),
  "f32.neg": plain(0x8c, "f32 -> f32"),
  "f32.ceil": plain(0x8d, "f32 -> f32"),
  "f32.floor": plain(0x8e, "f32 -> f32"),
  "f32.trunc": plain(0x8f, "f32 -> f32"),
  "f32.nearest": plain(0x90, "f32 -> f32"),
  "f32.sqrt": plain(0x91, "f32 -> f32"),
  "f32.add": plain(0x92, "f32 f32 -> f32"),
  "f32.sub": plain(0x93, "f32 f32 -> f32"),
  "f32.mul": plain(0x94, "f32 f32 -> f32"),
  "f32.div": plain(0x95, "f32 f32 -> f32"),
  "f32.min": plain(0x96, "f32 f32 -> f32"),
  "f32.max": plain(0x97, "f32 f32 -> f32"),
  "f32.copysign": plain(0x98, "f32 f32 -> f32"),
  "f64.abs": plain(0x99, "f64 -> f64"),
  "f64.neg": plain(0x9a, "f64 -> f64"),
  "f64.ceil": plain(0x9b, "f64 -> f64"),
  "f64.floor": plain(0x9c, "f64 -> f64"),
  "f64.trunc": plain(0x9d, "f64 -> f64"),
  "f64.nearest": plain(0x9e, "f64 -> f64"),
  "f64.sqrt": plain(0x9f, "f64 -> f64"),
  "f64.add": plain(0xa0, "f64 f64 -> f64"),
  "f64.sub": plain(0xa1, "f64 f64 -> f64"),
  "f64.mul": plain(0xa2, "f64 f64 -> f64"),
  "f64.div": plain(0xa3, "f64 f64 -> f64"),
  "f64.min": plain(0xa4, "f64 f64 -> f64"),
  "f64.max": plain(0xa5, "f64 f64 -> f64"),
  "f64.copysign": plain(0xa6, "f64 f64 -> f64"),

  // Conversions
  "i32.wrap_i64": plain(0xa7, "i64 -> i32"),
  "i32.trunc_f32_s": plain(0xa8, "f32 -> i32"),
  "i32.trunc_f32_u": plain(0xa9, "f32 -> i32"),
  "i32.trunc_f64_s": plain(0xaa, "f64 -> i32"),
  "i32.trunc_f64_u": plain(0xab, "f64 -> i32"),
  "i64.extend_i32_s": plain(0xac, "i32 -> i64"),
  "i64.extend_i32_u": plain(0xad, "i32 -> i64"),
  "i64.trunc_f32_s": plain(0xae, "f32 -> i64"),
  "i64.trunc_f32_u": plain(0xaf, "f32 -> i64"),
  "i64.trunc_f64_s": plain(0xb0, "f64 -> i64"),
  "i64.trunc_f64_u": plain(0xb1, "f64 -> i64"),
  "f32.convert_i32_s": plain(0xb2, "i32 -> f32"),
  "f32.convert_i32_u": plain(0xb3, "i32 -> f32"),
  "f32.convert_i64_s": plain(0xb4, "i64 -> f32"),
  "f32.convert_i64_u": plain(0xb5, "i64 -> f32"),
  "f32.demote_f64": plain(0xb6, "f64 -> f32"),
  "f64.convert_i32_s": plain(0xb7, "i32 -> f64"),
  "f64.convert_i32_u": plain(0xb8, "i32 -> f64"),
  "f64.convert_i64_s": plain(0xb9, "i64 -> f64"),
  "f64.convert_i64_u": plain(0xba, "i64 -> f64"),
  "f64.promote_f32": plain(0xbb, "f32 -> f64"),
  "i32.reinterpret_f32": plain(0xbc, "f32 -> i32"),
  "i64.reinterpret_f64": plain(0xbd, "f64 -> i64"),
  "f32.reinterpret_i32": plain(0xbe, "i32 -> f32"),
  "f64.reinterpret_i64": plain(0xbf, "i64 -> f64"),
  "i32.extend8_s": plain(0xc0, "i32 -> i32", Immediate.none, "sign-extension"),
  "i32.extend16_s": plain(0xc1, "i32 -> i32", Immediate.none, "sign-extension"),
  "i64.extend8_s": plain(0xc2, "i64 -> i64", Immediate.none, "sign-extension"),
  "i64.extend16_s": plain(0xc3, "i64 -> i64", Immediate.none, "sign-extension"),
  "i64.extend32_s": plain(0xc4, "i64 -> i64", Immediate.none, "sign-extension"),

  // References
  "ref.null": typed(0xd0, Immediate.refType, "reference-types"),
  "ref.is_null": typed(0xd1, Immediate.none, "reference-types"),
  "ref.func": typed(0xd2, Immediate.function, "reference-types"),

  // Saturating conversions, bulk memory, tables
  "i32.trunc_sat_f32_s": plain(0xfc00, "f32 -> i32", Immediate.none, "saturating-float-to-int"),
  "i32.trunc_sat_f32_u": plain(0xfc01, "f32 -> i32", Immediate.none, "saturating-float-to-int"),
  "i32.trunc_sat_f64_s": plain(0xfc02, "f64 -> i32", Immediate.none, "saturating-float-to-int"),
  "i32.trunc_sat_f64_u": plain(0xfc03, "f64 -> i32", Immediate.none, "saturating-float-to-int"),
  "i64.trunc_sat_f32_s": plain(0xfc04, "f32 -> i64", Immediate.none, "saturating-float-to-int"),
  "i64.trunc_sat_f32_u": plain(0xfc05, "f32 -> i64", Immediate.none, "saturating-float-to-int"),
  "i64.trunc_sat_f64_s": plain(0xfc06, "f64 -> i64", Immediate.none, "saturating-float-to-int"),
  "i64.trunc_sat_f64_u": plain(0xfc07, "f64 -> i64", Immediate.none, "saturating-float-to-int"),
  "memory.init": plain(0xfc08, "i32 i32 i32 ->", Immediate.memoryInit, "bulk-memory"),
  "data.drop": plain(0xfc09, "->", Immediate.data, "bulk-memory"),
  "memory.copy": plain(0xfc0a, "i32 i32 i32 ->", Immediate.memoryCopy, "bulk-memory"),
  "memory.fill": plain(0xfc0b, "i32 i32 i32 ->", Immediate.memoryIndex, "bulk-memory"),
  "table.init": plain(0xfc0c, "i32 i32 i32 ->", Immediate.tableInit, "bulk-memory"),
  "elem.drop": plain(0xfc0d, "->", Immediate.element, "bulk-memory"),
  "table.copy": plain(0xfc0e, "i32 i32 i32 ->", Immediate.tableCopy, "bulk-memory"),
  "table.grow": typed(0xfc0f, Immediate.table, "reference-types"),
  "table.size": plain(0xfc10, "-> i32", Immediate.table, "reference-types"),
  "table.fill": typed(0xfc11, Immediate.table, "reference-types"),

  // Vectors: memory, constants, lanes. The last number is the alignment, or the number of lanes
  "v128.load": vectorMemory(0xfd00, "i32 -> v128", 4),
  "v128.load8x8_s": vectorMemory(0xfd01, "i32 -> v128", 3),
  "v128.load8x8_u": vectorMemory(0xfd02, "i32 -> v128", 3),
  "v128.load16x4_s": vectorMemory(0xfd03, "i32 -> v128", 3),
  "v128.load16x4_u": vectorMemory(0xfd04, "i32 -> v128", 3),
  "v128.load32x2_s": vectorMemory(0xfd05, "i32 -> v128", 3),
  "v128.load32x2_u": vectorMemory(0xfd06, "i32 -> v128", 3),
  "v128.load8_splat": vectorMemory(0xfd07, "i32 -> v128", 0),
  "v128.load16_splat": vectorMemory(0xfd08, "i32 -> v128", 1),
  "v128.load32_splat": vectorMemory(0xfd09, "i32 -> v128", 2),
  "v128.load64_splat": vectorMemory(0xfd0a, "i32 -> v128", 3),
  "v128.store": vectorMemory(0xfd0b, "i32 v128 ->", 4),
  "v128.const": vector(0xfd0c, "-> v128", Immediate.v128),
  "i8x16.shuffle": vector(0xfd0d, "v128 v128 -> v128", Immediate.shuffle),
  "i8x16.swizzle": vector(0xfd0e, "v128 v128 -> v128"),
  "i8x16.splat": vector(0xfd0f, "i32 -> v128"),
  "i16x8.splat": vector(0xfd10, "i32 -> v128"),
  "i32x4.splat": vector(0xfd11, "i32 -> v128"),
  "i64x2.splat": vector(0xfd12, "i64 -> v128"),
  "f32x4.splat": vector(0xfd13, "f32 -> v128"),
  "f64x2.splat": vector(0xfd14, "f64 -> v128"),
  "i8x16.extract_lane_s": lane(0xfd15, "v128 -> i32", 16),
  "i8x16.extract_lane_u": lane(0xfd16, "v128 -> i32", 16),
  "i8x16.replace_lane": lane(0xfd17, "v128 i32 -> v128", 16),
  "i16x8.extract_lane_s": lane(0xfd18, "v128 -> i32", 8),
  "i16x8.extract_lane_u": lane(0xfd19, "v128 -> i32", 8),
  "i16x8.replace_lane": lane(0xfd1a, "v128 i32 -> v128", 8),
  "i32x4.extract_lane": lane(0xfd1b, "v128 -> i32", 4),
  "i32x4.replace_lane": lane(0xfd1c, "v128 i32 -> v128", 4),
  "i64x2.extract_lane": lane(0xfd1d, "v128 -> i64", 2),
  "i64x2.replace_lane": lane(0xfd1e, "v128 i64 -> v128", 2),
  "f32x4.extract_lane": lane(0xfd1f, "v128 -> f32", 4),
  "f32x4.replace_lane": lane(0xfd20, "v128 f32 -> v128", 4),
  "f64x2.extract_lane": lane(0xfd21, "v128 -> f64", 2),
  "f64x2.replace_lane": lane(0xfd22, "v128 f64 -> v128", 2),
  "v128.load8_lane": memoryLane(0xfd54, "i32 v128 -> v128", 0, 16),
  "v128.load16_lane": memoryLane(0xfd55, "i32 v128 -> v128", 1, 8),
  "v128.load32_lane": memoryLane(0xfd56, "i32 v128 -> v128", 2, 4),
  "v128.load64_lane": memoryLane(0xfd57, "i32 v128 -> v128", 3, 2),
  "v128.store8_lane": memoryLane(0xfd58, "i32 v128 ->", 0, 16),
  "v128.store16_lane": memoryLane(0xfd59, "i32 v128 ->", 1, 8),
  "v128.store32_lane": memoryLane(0xfd5a, "i32 v128 ->", 2, 4),
  "v128.store64_lane": memoryLane(0xfd5b, "i32 v128 ->", 3, 2),
  "v128.load32_zero": vectorMemory(0xfd5c, "i32 -> v128", 2),
  "v128.load64_zero": vectorMemory(0xfd5d, "i32 -> v128", 3),

  // Vectors: arithmetic, in the order of their codes from 0x23 on
  "i8x16.eq": vector(0xfd23, "v128 v128 -> v128"),
  "i8x16.ne": vector(0xfd24, "v128 v128 -> v128"),
  "i8x16.lt_s": vector(0xfd25, "v128 v128 -> v128"),
  "i8x16.lt_u": vector(0xfd26, "v128 v128 -> v128"),
  "i8x16.gt_s": vector(0xfd27, "v128 v128 -> v128"),
  "i8x16.gt_u": vector(0xfd28, "v128 v128 -> v128"),
  "i8x16.le_s": vector(0xfd29, "v128 v128 -> v128"),
  "i8x16.le_u": vector(0xfd2a, "v128 v128 -> v128"),
  "i8x16.ge_s": vector(0xfd2b, "v128 v128 -> v128"),
  "i8x16.ge_u": vector(0xfd2c, "v128 v128 -> v128"),
  "i16x8.eq": vector(0xfd2d, "v128 v128 -> v128"),
  "i16x8.ne": vector(0xfd2e, "v128 v128 -> v128"),
  "i16x8.lt_s": vector(0xfd2f, "v128 v128 -> v128"),
  "i16x8.lt_u": vector(0xfd30, "v128 v128 -> v128"),
  "i16x8.gt_s": vector(0xfd31, "v128 v128 -> v128"),
  "i16x8.gt_u": vector(0xfd32, "v128 v128 -> v128"),
  "i16x8.le_s": vector(0xfd33, "v128 v128 -> v128"),
  "i16x8.le_u": vector(0xfd34, "v128 v128 -> v128"),
  "i16x8.ge_s": vector(0xfd35, "v128 v128 -> v128"),
  "i16x8.ge_u": vector(0xfd36, "v128 v128 -> v128"),
  "i32x4.eq": vector(0xfd37, "v128 v128 -> v128"),
  "i32x4.ne": vector(0xfd38, "v128 v128 -> v128"),
  "i32x4.lt_s": vector(0xfd39, "v128 v128 -> v128"),
  "i32x4.lt_u": vector(0xfd3a, "v128 v128 -> v128"),
  "i32x4.gt_s": vector(0xfd3b, "v128 v128 -> v128"),
  "i32x4.gt_u": vector(0xfd3c, "v128 v128 -> v128"),
  "i32x4.le_s": vector(0xfd3d, "v128 v128 -> v128"),
  "i32x4.le_u": vector(0xfd3e, "v128 v128 -> v128"),
  "i32x4.ge_s": vector(0xfd3f, "v128 v128 -> v128"),
  "i32x4.ge_u": vector(0xfd40, "v128 v128 -> v128"),
  "f32x4.eq": vector(0xfd41, "v128 v128 -> v128"),
  "f32x4.ne": vector(0xfd42, "v128 v128 -> v128"),
  "f32x4.lt": vector(0xfd43, "v128 v128 -> v128"),
  "f32x4.gt": vector(0xfd44, "v128 v128 -> v128"),
  "f32x4.le": vector(0xfd45, "v128 v128 -> v128"),
  "f32x4.ge": vector(0xfd46, "v128 v128 -> v128"),
  "f64x2.eq": vector(0xfd47, "v128 v128 -> v128"),
  "f64x2.ne": vector(0xfd48, "v128 v128 -> v128"),
  "f64x2.lt": vector(0xfd49, "v128 v128 -> v128"),
  "f64x2.gt": vector(0xfd4a, "v128 v128 -> v128"),
  "f64x2.le": vector(0xfd4b, "v128 v128 -> v128"),
  "f64x2.ge": vector(0xfd4c, "v128 v128 -> v128"),
  "v128.not": vector(0xfd4d, "v128 -> v128"),
  "v128.and": vector(0xfd4e, "v128 v128 -> v128"),
  "v128.andnot": vector(0xfd4f, "v128 v128 -> v128"),
  "v128.or": vector(0xfd50, "v128 v128 -> v128"),
  "v128.xor": vector(0xfd51, "v128 v128 -> v128"),
  "v128.bitselect": vector(0xfd52, "v128 v128 v128 -> v128"),
  "v128.any_true": vector(0xfd53, "v128 -> i32"),
  "f32x4.demote_f64x2_zero": vector(0xfd5e, "v128 -> v128"),
  "f64x2.promote_low_f32x4": vector(0xfd5f, "v128 -> v128"),
  "i8x16.abs": vector(0xfd60, "v128 -> v128"),
  "i8x16.neg": vector(0xfd61, "v128 -> v128"),
  "i8x16.popcnt": vector(0xfd62, "v128 -> v128"),
  "i8x16.all_true": vector(0xfd63, "v128 -> i32"),
  "i8x16.bitmask": vector(0xfd64, "v128 -> i32"),
  "i8x16.narrow_i16x8_s": vector(0xfd65, "v128 v128 -> v128"),
  "i8x16.narrow_i16x8_u": vector(0xfd66, "v128 v128 -> v128"),
  "f32x4.ceil": vector(0xfd67, "v128 -> v128"),
  "f32x4.floor": vector(0xfd68, "v128 -> v128"),
  "f32x4.trunc": vector(0xfd69, "v128 -> v128"),
  "f32x4.nearest": vector(0xfd6a, "v128 -> v128"),
  "i8x16.shl": vector(0xfd6b, "v128 i32 -> v128"),
  "i8x16.shr_s": vector(0xfd6c, "v128 i32 -> v128"),
  "i8x16.shr_u": vector(0xfd6d, "v128 i32 -> v128"),
  "i8x16.add": vector(0xfd6e, "v128 v128 -> v128"),
  "i8x16.add_sat_s": vector(0xfd6f, "v128 v128 -> v128"),
  "i8x16.add_sat_u": vector(0xfd70, "v128 v128 -> v128"),
  "i8x16.sub": vector(0xfd71, "v128 v128 -> v128"),
  "i8x16.sub_sat_s": vector(0xfd72, "v128 v128 -> v128"),
  "i8x16.sub_sat_u": vector(0xfd73, "v128 v128 -> v128"),
  "f64x2.ceil": vector(0xfd74, "v128 -> v128"),
  "f64x2.floor": vector(0xfd75, "v128 -> v128"),
  "i8x16.min_s": vector(0xfd76, "v128 v128 -> v128"),
  "i8x16.min_u": vector(0xfd77, "v128 v128 -> v128"),
  "i8x16.max_s": vector(0xfd78, "v128 v128 -> v128"),
  "i8x16.max_u": vector(0xfd79, "v128 v128 -> v128"),
  "f64x2.trunc": vector(0xfd7a, "v128 -> v128"),
  "i8x16.avgr_u": vector(0xfd7b, "v128 v128 -> v128"),
  "i16x8.extadd_pairwise_i8x16_s": vector(0xfd7c, "v128 -> v128"),
  "i16x8.extadd_pairwise_i8x16_u": vector(0xfd7d, "v128 -> v128"),
  "i32x4.extadd_pairwise_i16x8_s": vector(0xfd7e, "v128 -> v128"),
  "i32x4.extadd_pairwise_i16x8_u": vector(0xfd7f, "v128 -> v128"),
  "i16x8.abs": vector(0xfd80, "v128 -> v128"),
  "i16x8.neg": vector(0xfd81, "v128 -> v128"),
  "i16x8.q15mulr_sat_s": vector(0xfd82, "v128 v128 -> v128"),
  "i16x8.all_true": vector(0xfd83, "v128 -> i32"),
  "i16x8.bitmask": vector(0xfd84, "v128 -> i32"),
  "i16x8.narrow_i32x4_s": vector(0xfd85, "v128 v128 -> v128"),
  "i16x8.narrow_i32x4_u": vector(0xfd86, "v128 v128 -> v128"),
  "i16x8.extend_low_i8x16_s": vector(0xfd87, "v128 -> v128"),
  "i16x8.extend_high_i8x16_s": vector(0xfd88, "v128 -> v128"),
  "i16x8.extend_low_i8x16_u": vector(0xfd89, "v128 -> v128"),
  "i16x8.extend_high_i8x16_u": vector(0xfd8a, "v128 -> v128"),
  "i16x8.shl": vector(0xfd8b, "v128 i32 -> v128"),
  "i16x8.shr_s": vector(0xfd8c, "v128 i32 -> v128"),
  "i16x8.shr_u": vector(0xfd8d, "v128 i32 -> v128"),
  "i16x8.add": vector(0xfd8e, "v128 v128 -> v128"),
  "i16x8.add_sat_s": vector(0xfd8f, "v128 v128 -> v128"),
  "i16x8.add_sat_u": vector(0xfd90, "v128 v128 -> v128"),
  "i16x8.sub": vector(0xfd91, "v128 v128 -> v128"),
  "i16x8.sub_sat_s": vector(0xfd92, "v128 v128 -> v128"),
  "i16x8.sub_sat_u": vector(0xfd93, "v128 v128 -> v128"),
  "f64x2.nearest": vector(0xfd94, "v128 -> v128"),
  "i16x8.mul": vector(0xfd95, "v128 v128 -> v128"),
  "i16x8.min_s": vector(0xfd96, "v128 v128 -> v128"),
  "i16x8.min_u": vector(0xfd97, "v128 v128 -> v128"),
  "i16x8.max_s": vector(0xfd98, "v128 v128 -> v128"),
  "i16x8.max_u": vector(0xfd99, "v128 v128 -> v128"),
  "i16x8.avgr_u": vector(0xfd9b, "v128 v128 -> v128"),
  "i16x8.extmul_low_i8x16_s": vector(0xfd9c, "v128 v128 -> v128"),
  "i16x8.extmul_high_i8x16_s": vector(0xfd9d, "v128 v128 -> v128"),
  "i16x8.extmul_low_i8x16_u": vector(0xfd9e, "v128 v128 -> v128"),
  "i16x8.extmul_high_i8x16_u": vector(0xfd9f, "v128 v128 -> v128"),
  "i32x4.abs": vector(0xfda0, "v128 -> v128"),
  "i32x4.neg": vector(0xfda1, "v128 -> v128"),
  "i32x4.all_true": vector(0xfda3, "v128 -> i32"),
  "i32x4.bitmask": vector(0xfda4, "v128 -> i32"),
  "i32x4.extend_low_i16x8_s": vector(0xfda7, "v128 -> v128"),
  "i32x4.extend_high_i16x8_s": vector(0xfda8, "v128 -> v128"),
  "i32x4.extend_low_i16x8_u": vector(0xfda9, "v128 -> v128"),
  "i32x4.extend_high_i16x8_u": vector(0xfdaa, "v128 -> v128"),
  "i32x4.shl": vector(0xfdab, "v128 i32 -> v128"),
  "i32x4.shr_s": vector(0xfdac, "v128 i32 -> v128"),
  "i32x4.shr_u": vector(0xfdad, "v128 i32 -> v128"),
  "i32x4.add": vector(0xfdae, "v128 v128 -> v128"),
  "i32x4.sub": vector(0xfdb1, "v128 v128 -> v128"),
  "i32x4.mul": vector(0xfdb5, "v128 v128 -> v128"),
  "i32x4.min_s": vector(0xfdb6, "v128 v128 -> v128"),
  "i32x4.min_u": vector(0xfdb7, "v128 v128 -> v128"),
  "i32x4.max_s": vector(0xfdb8, "v128 v128 -> v128"),
  "i32x4.max_u": vector(0xfdb9, "v128 v128 -> v128"),
  "i32x4.dot_i16x8_s": vector(0xfdba, "v128 v128 -> v128"),
  "i32x4.extmul_low_i16x8_s": vector(0xfdbc, "v128 v128 -> v128"),
  "i32x4.extmul_high_i16x8_s": vector(0xfdbd, "v128 v128 -> v128"),
  "i32x4.extmul_low_i16x8_u": vector(0xfdbe, "v128 v128 -> v128"),
  "i32x4.extmul_high_i16x8_u": vector(0xfdbf, "v128 v128 -> v128"),
  "i64x2.abs": vector(0xfdc0, "v128 -> v128"),
  "i64x2.neg": vector(0xfdc1, "v128 -> v128"),
  "i64x2.all_true": vector(0xfdc3, "v128 -> i32"),
  "i64x2.bitmask": vector(0xfdc4, "v128 -> i32"),
  "i64x2.extend_low_i32x4_s": vector(0xfdc7, "v128 -> v128"),
  "i64x2.extend_high_i32x4_s": vector(0xfdc8, "v128 -> v128"),
  "i64x2.extend_low_i32x4_u": vector(0xfdc9, "v128 -> v128"),
  "i64x2.extend_high_i32x4_u": vector(0xfdca, "v128 -> v128"),
  "i64x2.shl": vector(0xfdcb, "v128 i32 -> v128"),
  "i64x2.shr_s": vector(0xfdcc, "v128 i32 -> v128"),
  "i64x2.shr_u": vector(0xfdcd, "v128 i32 -> v128"),
  "i64x2.add": vector(0xfdce, "v128 v128 -> v128"),
  "i64x2.sub": vector(0xfdd1, "v128 v128 -> v128"),
  "i64x2.mul": vector(0xfdd5, "v128 v128 -> v128"),
  "i64x2.eq": vector(0xfdd6, "v128 v128 -> v128"),
  "i64x2.ne": vector(0xfdd7, "v128 v128 -> v128"),
  "i64x2.lt_s": vector(0xfdd8, "v128 v128 -> v128"),
  "i64x2.gt_s": vector(0xfdd9, "v128 v128 -> v128"),
  "i64x2.le_s": vector(0xfdda, "v128 v128 -> v128"),
  "i64x2.ge_s": vector(0xfddb, "v128 v128 -> v128"),
  "i64x2.extmul_low_i32x4_s": vector(0xfddc, "v128 v128 -> v128"),
  "i64x2.extmul_high_i32x4_s": vector(0xfddd, "v128 v128 -> v128"),
  "i64x2.extmul_low_i32x4_u": vector(0xfdde, "v128 v128 -> v128"),
  "i64x2.extmul_high_i32x4_u": vector(0xfddf, "v128 v128 -> v128"),
  "f32x4.abs": vector(0xfde0, "v128 -> v128"),
  "f32x4.neg": vector(0xfde1, "v128 -> v128"),
  "f32x4.sqrt": vector(0xfde3, "v128 -> v128"),
  "f32x4.add": vector(0xfde4, "v128 v128 -> v128"),
  "f32x4.sub": vector(0xfde5, "v128 v128 -> v128"),
  "f32x4.mul": vector(0xfde6, "v128 v128 -> v128"),
  "f32x4.div": vector(0xfde7, "v128 v128 -> v128"),
  "f32x4.min": vector(0xfde8, "v128 v128 -> v128"),
  "f32x4.max": vector(0xfde9, "v128 v128 -> v128"),
  "f32x4.pmin": vector(0xfdea, "v128 v128 -> v128"),
  "f32x4.pmax": vector(0xfdeb, "v128 v128 -> v128"),
  "f64x2.abs": vector(0xfdec, "v128 -> v128"),
  "f64x2.neg": vector(0xfded, "v128 -> v128"),
  "f64x2.sqrt": vector(0xfdef, "v128 -> v128"),
  "f64x2.add": vector(0xfdf0, "v128 v128 -> v128"),
  "f64x2.sub": vector(0xfdf1, "v128 v128 -> v128"),
  "f64x2.mul": vector(0xfdf2, "v128 v128 -> v128"),
  "f64x2.div": vector(0xfdf3, "v128 v128 -> v128"),
  "f64x2.min": vector(0xfdf4, "v128 v128 -> v128"),
  "f64x2.max": vector(0xfdf5, "v128 v128 -> v128"),
  "f64x2.pmin": vector(0xfdf6, "v128 v128 -> v128"),
  "f64x2.pmax": vector(0xfdf7, "v128 v128 -> v128"),
  "i32x4.trunc_sat_f32x4_s": vector(0xfdf8, "v128 -> v128"),
  "i32x4.trunc_sat_f32x4_u": vector(0xfdf9, "v128 -> v128"),
  "f32x4.convert_i32x4_s": vector(0xfdfa, "v128 -> v128"),
  "f32x4.convert_i32x4_u": vector(0xfdfb, "v128 -> v128"),
  "i32x4.trunc_sat_f64x2_s_zero": vector(0xfdfc, "v128 -> v128"),
  "i32x4.trunc_sat_f64x2_u_zero": vector(0xfdfd, "v128 -> v128"),
  "f64x2.convert_low_i32x4_s": vector(0xfdfe, "v128 -> v128"),
  "f64x2.convert_low_i32x4_u": vector(0xfdff, "v128 -> v128"),
} as const;

type Underscored<Name> = Name extends `${infer Head}.${infer Tail}` ? `${Head}_${Tail}` : Name;
type OpcodeNumbers = {
  readonly [Name in keyof typeof table as Underscored<Name>]: (typeof table)[Name]["code"];
};

/** Every opcode's code by name, the dot an underscore: `Op.i32_add` is 0x6a. */
export const Op: OpcodeNumbers = Object.fromEntries(
  Object.entries(table).map(([name, { code }]) => [name.replace(".", "_"), code]),
) as unknown as OpcodeNumbers;

/** All rows, by code. `select_t` is the name here of the `select` with a type. */
export const opcodeRows: readonly OpcodeRow[] = Object.entries(table)
  .map(([name, row]) => ({ name, ...row }))
  .sort((a, b) => a.code - b.code);
