/**
 * The vector instructions of WebAssembly 2.0 as tests need them; part of the table in opcodes.ts, and like it written
 * apart from the engine's own. In the order of the codes, core specification, chapter 5.4.8: each line begins with a
 * code, a prefix of the names and a signature (v is v128); "." leaves a code out.
 */

export interface VectorRow {
  readonly opcode: number;
  readonly name: string;
  readonly signature: string;
  readonly immediate: "none" | "memory" | "memory-lane" | "lane" | "v128" | "shuffle";
}

const COMPARISONS = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const FLOATS = "add sub mul div min max pmin pmax";

const lines: readonly (readonly [code: number, prefix: string, names: string, signature: string])[] = [
  [0x00, "v128.", "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u", "i:v"],
  [0x07, "v128.", "load8_splat load16_splat load32_splat load64_splat", "i:v"],
  [0x0b, "v128.", "store", "iv:"],
  [0x0c, "v128.", "const", ":v"],
  [0x0d, "i8x16.", "shuffle swizzle", "vv:v"],
  [0x0f, "", "i8x16.splat i16x8.splat i32x4.splat", "i:v"],
  [0x12, "i64x2.", "splat", "l:v"],
  [0x13, "f32x4.", "splat", "f:v"],
  [0x14, "f64x2.", "splat", "d:v"],
  [0x15, "i8x16.", "extract_lane_s extract_lane_u", "v:i"],
  [0x17, "i8x16.", "replace_lane", "vi:v"],
  [0x18, "i16x8.", "extract_lane_s extract_lane_u", "v:i"],
  [0x1a, "i16x8.", "replace_lane", "vi:v"],
  [0x1b, "i32x4.", "extract_lane", "v:i"],
  [0x1c, "i32x4.", "replace_lane", "vi:v"],
  [0x1d, "i64x2.", "extract_lane", "v:l"],
  [0x1e, "i64x2.", "replace_lane", "vl:v"],
  [0x1f, "f32x4.", "extract_lane", "v:f"],
  [0x20, "f32x4.", "replace_lane", "vf:v"],
  [0x21, "f64x2.", "extract_lane", "v:d"],
  [0x22, "f64x2.", "replace_lane", "vd:v"],
  [0x23, "i8x16.", COMPARISONS, "vv:v"],
  [0x2d, "i16x8.", COMPARISONS, "vv:v"],
  [0x37, "i32x4.", COMPARISONS, "vv:v"],
  [0x41, "f32x4.", "eq ne lt gt le ge", "vv:v"],
  [0x47, "f64x2.", "eq ne lt gt le ge", "vv:v"],
  [0x4d, "v128.", "not", "v:v"],
  [0x4e, "v128.", "and andnot or xor", "vv:v"],
  [0x52, "v128.", "bitselect", "vvv:v"],
  [0x53, "v128.", "any_true", "v:i"],
  [0x54, "v128.", "load8_lane load16_lane load32_lane load64_lane", "iv:v"],
  [0x58, "v128.", "store8_lane store16_lane store32_lane store64_lane", "iv:"],
  [0x5c, "v128.", "load32_zero load64_zero", "i:v"],
  [0x5e, "", "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4", "v:v"],
  [0x60, "i8x16.", "abs neg popcnt", "v:v"],
  [0x63, "i8x16.", "all_true bitmask", "v:i"],
  [0x65, "i8x16.", "narrow_i16x8_s narrow_i16x8_u", "vv:v"],
  [0x67, "f32x4.", "ceil floor trunc nearest", "v:v"],
  [0x6b, "i8x16.", "shl shr_s shr_u", "vi:v"],
  [0x6e, "i8x16.", "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u", "vv:v"],
  [0x74, "f64x2.", "ceil floor", "v:v"],
  [0x76, "i8x16.", "min_s min_u max_s max_u", "vv:v"],
  [0x7a, "f64x2.", "trunc", "v:v"],
  [0x7b, "i8x16.", "avgr_u", "vv:v"],
  [0x7c, "i16x8.", "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u", "v:v"],
  [0x7e, "i32x4.", "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u", "v:v"],
  [0x80, "i16x8.", "abs neg", "v:v"],
  [0x82, "i16x8.", "q15mulr_sat_s", "vv:v"],
  [0x83, "i16x8.", "all_true bitmask", "v:i"],
  [0x85, "i16x8.", "narrow_i32x4_s narrow_i32x4_u", "vv:v"],
  [0x87, "i16x8.", "extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u", "v:v"],
  [0x8b, "i16x8.", "shl shr_s shr_u", "vi:v"],
  [0x8e, "i16x8.", "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u", "vv:v"],
  [0x94, "f64x2.", "nearest", "v:v"],
  [0x95, "i16x8.", "mul min_s min_u max_s max_u . avgr_u", "vv:v"],
  [0x9c, "i16x8.", "extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u", "vv:v"],
  [0xa0, "i32x4.", "abs neg", "v:v"],
  [0xa3, "i32x4.", "all_true bitmask", "v:i"],
  [0xa7, "i32x4.", "extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u", "v:v"],
  [0xab, "i32x4.", "shl shr_s shr_u", "vi:v"],
  [0xae, "i32x4.", "add . . sub . . . mul min_s min_u max_s max_u dot_i16x8_s", "vv:v"],
  [0xbc, "i32x4.", "extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u", "vv:v"],
  [0xc0, "i64x2.", "abs neg", "v:v"],
  [0xc3, "i64x2.", "all_true bitmask", "v:i"],
  [0xc7, "i64x2.", "extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u", "v:v"],
  [0xcb, "i64x2.", "shl shr_s shr_u", "vi:v"],
  [0xce, "i64x2.", "add . . sub . . . mul eq ne lt_s gt_s le_s ge_s", "vv:v"],
  [0xdc, "i64x2.", "extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u", "vv:v"],
  [0xe0, "f32x4.", "abs neg . sqrt", "v:v"],
  [0xe4, "f32x4.", FLOATS, "vv:v"],
  [0xec, "f64x2.", "abs neg . sqrt", "v:v"],
  [0xf0, "f64x2.", FLOATS, "vv:v"],
  [0xf8, "i32x4.", "trunc_sat_f32x4_s trunc_sat_f32x4_u", "v:v"],
  [0xfa, "f32x4.", "convert_i32x4_s convert_i32x4_u", "v:v"],
  [0xfc, "i32x4.", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero", "v:v"],
  [0xfe, "f64x2.", "convert_low_i32x4_s convert_low_i32x4_u", "v:v"],
];

function immediateOf(name: string): VectorRow["immediate"] {
  if (/^v128\.(load|store)\d+_lane/.test(name)) return "memory-lane";
  if (/^v128\.(load|store)/.test(name)) return "memory";
  if (/_lane/.test(name)) return "lane";
  if (name === "v128.const") return "v128";
  return name === "i8x16.shuffle" ? "shuffle" : "none";
}

/** All 236. */
export const vectorRows: readonly VectorRow[] = lines.flatMap(([code, prefix, names, signature]) =>
  names.split(" ").flatMap((name, index): VectorRow[] => {
    if (name === ".") return [];
    const full = prefix + name;
    return [{ opcode: 0xfd00 + code + index, name: full, signature, immediate: immediateOf(full) }];
  }),
);
