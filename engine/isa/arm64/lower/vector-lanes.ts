/**
 * Between single values and the lanes of vectors, tests of whole vectors, and the choice between two. What a store takes
 * comes straight out of a lane.
 */
import { mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { isFloatShape, laneBits, Shape } from "../../../ssa/shapes.js";
import { Arm64, Condition, Shift, shiftedBy } from "../instructions.js";
import { takeLoad } from "./address.js";
import type { Lowering } from "./lowering.js";
import {
  binary,
  choose,
  constantVector,
  emitWords,
  newVector,
  splatWords,
  unary,
  type Words,
} from "./vector-emit.js";

const i = Arm64;
/** Rows by log2 of a lane's bytes. */
const splatRows = [i.dup_16b, i.dup_8h, i.dup_4s, i.dup_2d] as const;
const splatLaneRows = [i.dup_lane_16b, i.dup_lane_8h, i.dup_lane_4s, i.dup_lane_2d] as const;
const laneRows = [i.mov_lane_16b, i.mov_lane_8h, i.mov_lane_4s, i.mov_lane_2d] as const;
const extractRows = [i.umov_16b, i.umov_8h, i.umov_4s, i.umov_2d] as const;
const insertRows = [i.ins_16b, i.ins_8h, i.ins_4s, i.ins_2d] as const;
const insertLaneRows = [i.ins_lane_16b, i.ins_lane_8h, i.ins_lane_4s, i.ins_lane_2d] as const;
const loadRows = [i.ldr_b, i.ldr_h, i.ldr_s, i.ldr_d] as const;
const storeRows = [i.str_b, i.str_h, i.str_s, i.str_d] as const;

/** log2 of a lane's bytes. */
const sizeOf = (shape: number): number => Math.log2(laneBits[shape]! / 8);

/** Loads a value of which only a lane's bits are wanted into a vector register, if `x` is a load of these. */
function loadLane(c: Lowering, x: number, size: number): VReg | null {
  if (size < 2 || !takeLoad(c, x, size)) return null;
  const to = newVector(c);
  c.load1(loadRows[size]!, to);
  return to;
}

// ---------------------------------------------------------------- into lanes

export function lowerSplat(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const shape = c.hi[v]!;
  const size = sizeOf(shape);
  const to = c.defined(v);
  if (c.isConstant(x)) {
    emitWords(c, to, splatWords(c, x, shape));
    return;
  }
  const loaded = loadLane(c, x, size);
  if (loaded !== null) unary(c, splatLaneRows[size]!, loaded, to);
  else if (isFloatShape(shape)) unary(c, splatLaneRows[size]!, c.reg(x), to);
  else c.row2(splatRows[size]!, to, c.operand(x, size === 3));
}

/** The copies of single floats clear what is above. */
export function lowerScalar(c: Lowering, v: number): void {
  const x = c.a0[v]!;
  const isDouble = c.type[x] === Type.f64;
  const to = c.defined(v);
  if (takeLoad(c, x, isDouble ? 3 : 2)) c.load1(isDouble ? i.ldr_d : i.ldr_s, to);
  else c.row2(isDouble ? i.fmov_d : i.fmov_s, to, c.reg(x));
}

export function lowerReplace(c: Lowering, v: number): void {
  const shape = c.hi[v]!;
  const size = sizeOf(shape);
  const lane = c.lo[v]!;
  const value = c.a1[v]!;
  const old = c.reg(c.a0[v]!);
  const to = c.defined(v);
  const loaded = loadLane(c, value, size);
  if (loaded !== null) c.row3(insertLaneRows[size]!, to, old, loaded, lane);
  else if (isFloatShape(shape)) c.row3(insertLaneRows[size]!, to, old, c.reg(value), lane);
  else c.row3(insertRows[size]!, to, old, c.operand(value, size === 3), lane);
}

// ---------------------------------------------------------------- out of lanes

export function lowerExtract(c: Lowering, v: number): void {
  const shape = c.hi[v]!;
  const size = sizeOf(shape);
  const lane = c.lo[v]!;
  const to = c.defined(v);
  const x = c.reg(c.a0[v]!);
  if (isFloatShape(shape)) c.row2(laneRows[size]!, to, x, lane);
  else if (c.op[v] === Op.vextracts) c.row2(shape === Shape.i8x16 ? i.smov_16b : i.smov_8h, to, x, lane);
  else c.row2(extractRows[size]!, to, x, lane);
}

/** Stores the low `bytes` bytes of a value that is a lane, at the address found last: from the vector register. */
export function storeLane(c: Lowering, value: number, bytes: number): boolean {
  const op = c.op[value];
  if ((op !== Op.vextractu && op !== Op.vextracts) || !mayTakeIn(c, value)) return false;
  const size = sizeOf(c.hi[value]!);
  if (bytes !== 1 << size) return false;
  const lane = c.lo[value]!;
  const x = c.reg(c.a0[value]!);
  const source = lane === 0 ? x : unary(c, laneRows[size]!, x, newVector(c), lane);
  c.load1(storeRows[size]!, source);
  return true;
}

// ---------------------------------------------------------------- tests

export const isVectorTest = (op: Op): boolean => op === Op.vanytrue || op === Op.valltrue;

/** The largest of each two words is zero if all bits are. */
function anyBit(c: Lowering, x: VReg): void {
  const bits = c.newInt();
  c.row2(i.fmov_xd, bits, binary(c, i.umaxp_4s, x, x));
  c.row1(i.cmp64_ri, bits, 0);
}

/** Sets the flags for vanytrue and valltrue. */
export function emitVectorTest(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  if (c.op[v] === Op.vanytrue) {
    anyBit(c, x);
    c.condition = Condition.ne;
    return;
  }
  if (c.hi[v] === Shape.i64x2) {
    anyBit(c, unary(c, i.cmeqz_2d, x));
    c.condition = Condition.eq;
    return;
  }
  const rows = [i.uminv_16b, i.uminv_8h, i.uminv_4s] as const;
  const smallest = c.newInt();
  c.row2(i.fmov_ws, smallest, unary(c, rows[c.hi[v] as 0]!, x));
  c.row1(i.cmp32_ri, smallest, 0);
  c.condition = Condition.ne;
}

/** A bit for each lane, at the lane's place; of bytes, for each of eight. */
const laneMasks: readonly Words[] = [
  [0x08040201, 0x80402010 | 0, 0x08040201, 0x80402010 | 0],
  [0x00020001, 0x00080004, 0x00200010, 0x00800040],
  [1, 2, 4, 8],
];

/** Signs in all bits of their lanes, of which each keeps one; then the sum of all. */
export function lowerBitmask(c: Lowering, v: number): void {
  const shape = c.hi[v]!;
  const x = c.reg(c.a0[v]!);
  const to = c.defined(v);
  if (shape === Shape.i64x2) {
    bitmask64(c, x, to);
    return;
  }
  const signRows = [i.sshr_16b, i.sshr_8h, i.sshr_4s] as const;
  const signs = unary(c, signRows[shape as 0]!, x, newVector(c), (8 << shape) - 1);
  let bits = binary(c, i.and_16b, signs, constantVector(c, laneMasks[shape]!));
  if (shape === Shape.i8x16) {
    // Bytes 0 and 8, 1 and 9... side by side: the sum's lower byte is of the first eight, the upper one of the others.
    const upper = binary(c, i.ext_16b, bits, bits, newVector(c), 8);
    bits = binary(c, i.zip1_16b, bits, upper);
  }
  const sum = unary(c, shape === Shape.i32x4 ? i.addv_4s : i.addv_8h, bits);
  c.row2(i.fmov_ws, to, sum);
}

function bitmask64(c: Lowering, x: VReg, to: VReg): void {
  const signs = unary(c, i.ushr_2d, x, newVector(c), 63);
  const low = c.newInt();
  const high = c.newInt();
  c.row2(i.umov_2d, low, signs, 0);
  c.row2(i.umov_2d, high, signs, 1);
  c.row3(i.orr32_rs, to, low, high, shiftedBy(Shift.lsl, 1));
}

// ---------------------------------------------------------------- choices

/** to = taken if `c.condition` holds, else kept: by a mask of all bits. */
export function selectVector(c: Lowering, to: VReg, taken: VReg, kept: VReg): void {
  const mask = c.newInt();
  c.row1(i.csetm64, mask, c.condition);
  choose(c, unary(c, i.dup_2d, mask), taken, kept, to);
}

/** Choices by the bytes of a vector: beyond 15, zero. */
export function lowerSwizzle(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  binary(c, i.tbl_16b, x, c.reg(c.a1[v]!), c.defined(v));
}
