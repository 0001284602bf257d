/**
 * Vector instructions, a row per opcode: the SSA op and the shape of its lanes, read from the opcode's name.
 *
 * "Less" becomes "greater" with the operands exchanged. Loads and stores of less than a whole vector become a scalar
 * load or store and the op that puts its value into lanes or takes it from one; lowering makes one instruction of both.
 */
import { denseIndex, OPCODE_ROWS } from "../../wasm/opcode-columns.js";
import { opcodeRows, Op as W } from "../../wasm/opcodes.js";
import type { Value } from "../function.js";
import { Op, opArity, Type } from "../ops.js";
import { laneType, Shape } from "../shapes.js";
import type { Builder } from "./builder.js";
import { checkedBase } from "./memory.js";

// ---------------------------------------------------------------- lane-wise instructions

/** Names after the shape, with the operand's shape taken out where that is another, and their ops. */
const ops: Readonly<Record<string, Op>> = {
  splat: Op.vsplat,
  not: Op.vnot,
  and: Op.vand,
  andnot: Op.vandnot,
  or: Op.vor,
  xor: Op.vxor,
  bitselect: Op.vbitselect,
  swizzle: Op.vswizzle,
  add: Op.vadd,
  sub: Op.vsub,
  mul: Op.vmul,
  div: Op.vdiv,
  min: Op.vmin,
  max: Op.vmax,
  pmin: Op.vpmin,
  pmax: Op.vpmax,
  add_sat_s: Op.vaddsats,
  add_sat_u: Op.vaddsatu,
  sub_sat_s: Op.vsubsats,
  sub_sat_u: Op.vsubsatu,
  min_s: Op.vmins,
  min_u: Op.vminu,
  max_s: Op.vmaxs,
  max_u: Op.vmaxu,
  avgr_u: Op.vavgru,
  q15mulr_sat_s: Op.vq15mulrsats,
  eq: Op.veq,
  ne: Op.vne,
  gt: Op.vgt,
  gt_s: Op.vgt,
  gt_u: Op.vgtu,
  ge: Op.vge,
  ge_s: Op.vge,
  ge_u: Op.vgeu,
  abs: Op.vabs,
  neg: Op.vneg,
  sqrt: Op.vsqrt,
  ceil: Op.vceil,
  floor: Op.vfloor,
  trunc: Op.vtrunc,
  nearest: Op.vnearest,
  popcnt: Op.vpopcnt,
  shl: Op.vshl,
  shr_s: Op.vshrs,
  shr_u: Op.vshru,
  any_true: Op.vanytrue,
  all_true: Op.valltrue,
  bitmask: Op.vbitmask,
  narrow_s: Op.vnarrows,
  narrow_u: Op.vnarrowu,
  extend_low_s: Op.vextlows,
  extend_low_u: Op.vextlowu,
  extend_high_s: Op.vexthighs,
  extend_high_u: Op.vexthighu,
  extadd_pairwise_s: Op.vextadds,
  extadd_pairwise_u: Op.vextaddu,
  extmul_low_s: Op.vextmullows,
  extmul_low_u: Op.vextmullowu,
  extmul_high_s: Op.vextmulhighs,
  extmul_high_u: Op.vextmulhighu,
  dot_s: Op.vdots,
  convert_s: Op.vsitof,
  convert_u: Op.vuitof,
  convert_low_s: Op.vsitof,
  convert_low_u: Op.vuitof,
  demote_zero: Op.vdemote,
  promote_low: Op.vpromote,
};
/** The same op with the operands exchanged. */
const exchanged: Readonly<Record<string, Op>> = {
  lt: Op.vgt,
  lt_s: Op.vgt,
  lt_u: Op.vgtu,
  le: Op.vge,
  le_s: Op.vge,
  le_u: Op.vgeu,
};
/** The shape that counts is the operand's. */
const byOperand: Readonly<Record<string, readonly [Op, Shape]>> = {
  trunc_sat_s: [Op.vftosisat, Shape.f32x4],
  trunc_sat_u: [Op.vftouisat, Shape.f32x4],
  trunc_sat_s_zero: [Op.vftosisat, Shape.f64x2],
  trunc_sat_u_zero: [Op.vftouisat, Shape.f64x2],
};
/** Ops without a shape, whose opcodes name one. */
const shapeless: readonly Op[] = [Op.vswizzle, Op.vdemote, Op.vpromote];

/** By dense index of the opcode: op or 0, shape, whether the operands are exchanged. */
export const vectorOp = new Uint16Array(OPCODE_ROWS);
const vectorShape = new Uint8Array(OPCODE_ROWS);
const isExchanged = new Uint8Array(OPCODE_ROWS);
const resultType = new Uint8Array(OPCODE_ROWS);

function readRow(name: string, index: number): void {
  const [prefix, rest] = name.split(".") as [string, string];
  const key = rest.replace(/_[if]\d+x\d+/, "");
  const [op, shape] = byOperand[key] ?? [
    ops[key] ?? exchanged[key] ?? 0,
    Shape[prefix as keyof typeof Shape] ?? 0,
  ];
  vectorOp[index] = op;
  vectorShape[index] = shapeless.includes(op) ? 0 : shape;
  isExchanged[index] = key in exchanged ? 1 : 0;
  resultType[index] = op === Op.vanytrue || op === Op.valltrue || op === Op.vbitmask ? Type.i32 : Type.v128;
}
for (const { code, name, feature } of opcodeRows) if (feature === "simd") readRow(name, denseIndex(code));

/** An instruction of the table. */
export function vector(b: Builder, index: number): void {
  const op = vectorOp[index]!;
  const arity = opArity[op]!;
  const last = arity > 2 ? b.pop() : 0;
  let second = arity > 1 ? b.pop() : 0;
  let first: number = b.pop();
  if (isExchanged[index] === 1) [first, second] = [second, first];
  b.push(b.emit(op, resultType[index]!, first, second, last, 0, vectorShape[index]!));
}

// ---------------------------------------------------------------- constants, lanes, shuffles

/** The number of the sixteen bytes of the immediate. */
function immediateVector(b: Builder): number {
  const { lo, hi, upperLo, upperHi } = b.cursor;
  return b.f.vectorNumber(lo, hi, upperLo, upperHi);
}

export function v128Const(b: Builder): void {
  b.push(b.emit(Op.const, Type.v128, 0, 0, 0, immediateVector(b)));
}

export function shuffle(b: Builder): void {
  const second = b.pop();
  b.push(b.emit(Op.vshuffle, Type.v128, b.pop(), second, 0, immediateVector(b)));
}

/** The shape and signedness of extract_lane and replace_lane, in the order of their opcodes. */
const laneRows: readonly (readonly [opcode: number, shape: Shape, op: Op])[] = [
  [W.i8x16_extract_lane_s, Shape.i8x16, Op.vextracts],
  [W.i8x16_extract_lane_u, Shape.i8x16, Op.vextractu],
  [W.i8x16_replace_lane, Shape.i8x16, Op.vreplace],
  [W.i16x8_extract_lane_s, Shape.i16x8, Op.vextracts],
  [W.i16x8_extract_lane_u, Shape.i16x8, Op.vextractu],
  [W.i16x8_replace_lane, Shape.i16x8, Op.vreplace],
  [W.i32x4_extract_lane, Shape.i32x4, Op.vextractu],
  [W.i32x4_replace_lane, Shape.i32x4, Op.vreplace],
  [W.i64x2_extract_lane, Shape.i64x2, Op.vextractu],
  [W.i64x2_replace_lane, Shape.i64x2, Op.vreplace],
  [W.f32x4_extract_lane, Shape.f32x4, Op.vextractu],
  [W.f32x4_replace_lane, Shape.f32x4, Op.vreplace],
  [W.f64x2_extract_lane, Shape.f64x2, Op.vextractu],
  [W.f64x2_replace_lane, Shape.f64x2, Op.vreplace],
];
for (const [opcode, shape, op] of laneRows) {
  vectorOp[denseIndex(opcode)] = op;
  vectorShape[denseIndex(opcode)] = shape;
}
export const laneOpcodes: readonly number[] = laneRows.map(([opcode]) => opcode);

export function laneAccess(b: Builder, index: number): void {
  const op = vectorOp[index]!;
  const shape = vectorShape[index]!;
  const { lane } = b.cursor;
  if (op === Op.vreplace) {
    const value = b.pop();
    b.push(b.emit(op, Type.v128, b.pop(), value, 0, lane, shape));
  } else b.push(b.emit(op, laneType[shape]!, b.pop(), 0, 0, lane, shape));
}

// ---------------------------------------------------------------- memory

/** The load behind a partial load: op, type, bytes; and what makes a vector of it: op (0: nothing), shape. */
type LoadRow = readonly [load: Op, type: Type, bytes: number, then: Op, shape: Shape];
const loadRows = new Map<number, LoadRow>([
  [W.v128_load, [Op.load, Type.v128, 16, 0, 0]],
  [W.v128_load8x8_s, [Op.load, Type.f64, 8, Op.vextlows, Shape.i16x8]],
  [W.v128_load8x8_u, [Op.load, Type.f64, 8, Op.vextlowu, Shape.i16x8]],
  [W.v128_load16x4_s, [Op.load, Type.f64, 8, Op.vextlows, Shape.i32x4]],
  [W.v128_load16x4_u, [Op.load, Type.f64, 8, Op.vextlowu, Shape.i32x4]],
  [W.v128_load32x2_s, [Op.load, Type.f64, 8, Op.vextlows, Shape.i64x2]],
  [W.v128_load32x2_u, [Op.load, Type.f64, 8, Op.vextlowu, Shape.i64x2]],
  [W.v128_load8_splat, [Op.load8u, Type.i32, 1, Op.vsplat, Shape.i8x16]],
  [W.v128_load16_splat, [Op.load16u, Type.i32, 2, Op.vsplat, Shape.i16x8]],
  [W.v128_load32_splat, [Op.load, Type.f32, 4, Op.vsplat, Shape.f32x4]],
  [W.v128_load64_splat, [Op.load, Type.f64, 8, Op.vsplat, Shape.f64x2]],
  [W.v128_load32_zero, [Op.load, Type.f32, 4, Op.vscalar, 0]],
  [W.v128_load64_zero, [Op.load, Type.f64, 8, Op.vscalar, 0]],
  [W.v128_load8_lane, [Op.load8u, Type.i32, 1, Op.vreplace, Shape.i8x16]],
  [W.v128_load16_lane, [Op.load16u, Type.i32, 2, Op.vreplace, Shape.i16x8]],
  [W.v128_load32_lane, [Op.load, Type.i32, 4, Op.vreplace, Shape.i32x4]],
  [W.v128_load64_lane, [Op.load, Type.f64, 8, Op.vreplace, Shape.f64x2]],
]);
/** The store behind a partial store: op, bytes, and the shape that has the lane. */
const storeRows = new Map<number, readonly [store: Op, bytes: number, shape: Shape]>([
  [W.v128_store, [Op.store, 16, 0]],
  [W.v128_store8_lane, [Op.store8, 1, Shape.i8x16]],
  [W.v128_store16_lane, [Op.store16, 2, Shape.i16x8]],
  [W.v128_store32_lane, [Op.store, 4, Shape.i32x4]],
  [W.v128_store64_lane, [Op.store, 8, Shape.f64x2]],
]);
export const vectorLoads: readonly number[] = [...loadRows.keys()];
export const vectorStores: readonly number[] = [...storeRows.keys()];

export function vectorLoad(b: Builder): void {
  const { opcode, memoryOffset, lane } = b.cursor;
  const [load, type, bytes, then, shape] = loadRows.get(opcode)!;
  const into = then === Op.vreplace ? b.pop() : 0;
  const index = b.pop();
  const from = checkedBase(b, index, memoryOffset + bytes);
  if (from === 0) return;
  const loaded = b.emit(load, type, from, index, 0, memoryOffset | 0);
  b.push(then === 0 ? loaded : inLanes(b, then, shape, loaded, into, lane));
}

function inLanes(b: Builder, op: Op, shape: Shape, loaded: Value, into: number, lane: number): Value {
  switch (op) {
    case Op.vreplace:
      return b.emit(op, Type.v128, into, loaded, 0, lane, shape);
    case Op.vsplat:
      return b.emit(op, Type.v128, loaded, 0, 0, 0, shape);
  }
  const scalar = b.emit(Op.vscalar, Type.v128, loaded);
  return op === Op.vscalar ? scalar : b.emit(op, Type.v128, scalar, 0, 0, 0, shape);
}

export function vectorStore(b: Builder): void {
  const { opcode, memoryOffset, lane } = b.cursor;
  const [store, bytes, shape] = storeRows.get(opcode)!;
  const v = b.pop();
  const index = b.pop();
  const to = checkedBase(b, index, memoryOffset + bytes);
  if (to === 0) return;
  const value = bytes === 16 ? v : b.emit(Op.vextractu, laneType[shape]!, v, 0, 0, lane, shape);
  b.emit(store, Type.none, to, index, value, memoryOffset | 0);
}
