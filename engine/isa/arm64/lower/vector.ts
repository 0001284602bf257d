/**
 * Vector arithmetic lane by lane, comparisons, and bits. Most ops are one instruction whose row depends on the shape; what
 * the processor lacks is put together here: 64-bit products, Wasm's pseudo-minima, inequality.
 */
import { mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { Shape } from "../../../ssa/shapes.js";
import { Arm64 } from "../instructions.js";
import type { Lowering } from "./lowering.js";
import { binary, changed, choose, newVector, unary } from "./vector-emit.js";

const i = Arm64;
const none = -1;

/** Rows by shape: i8x16, i16x8, i32x4, i64x2, f32x4, f64x2. */
type ByShape = readonly number[];

const binaryRows: Readonly<Record<number, ByShape>> = {
  [Op.vadd]: [i.add_16b, i.add_8h, i.add_4s, i.add_2d, i.fadd_4s, i.fadd_2d],
  [Op.vsub]: [i.sub_16b, i.sub_8h, i.sub_4s, i.sub_2d, i.fsub_4s, i.fsub_2d],
  [Op.vmul]: [none, i.mul_8h, i.mul_4s, none, i.fmul_4s, i.fmul_2d],
  [Op.vdiv]: [none, none, none, none, i.fdiv_4s, i.fdiv_2d],
  [Op.vmin]: [none, none, none, none, i.fmin_4s, i.fmin_2d],
  [Op.vmax]: [none, none, none, none, i.fmax_4s, i.fmax_2d],
  [Op.vaddsats]: [i.sqadd_16b, i.sqadd_8h],
  [Op.vaddsatu]: [i.uqadd_16b, i.uqadd_8h],
  [Op.vsubsats]: [i.sqsub_16b, i.sqsub_8h],
  [Op.vsubsatu]: [i.uqsub_16b, i.uqsub_8h],
  [Op.vmins]: [i.smin_16b, i.smin_8h, i.smin_4s],
  [Op.vminu]: [i.umin_16b, i.umin_8h, i.umin_4s],
  [Op.vmaxs]: [i.smax_16b, i.smax_8h, i.smax_4s],
  [Op.vmaxu]: [i.umax_16b, i.umax_8h, i.umax_4s],
  [Op.vavgru]: [i.urhadd_16b, i.urhadd_8h],
  // Twice the product, rounded and without its lower half, is the product shifted by 15; both saturate at -1 * -1.
  [Op.vq15mulrsats]: [none, i.sqrdmulh_8h],
  [Op.veq]: [i.cmeq_16b, i.cmeq_8h, i.cmeq_4s, i.cmeq_2d, i.fcmeq_4s, i.fcmeq_2d],
  [Op.vgt]: [i.cmgt_16b, i.cmgt_8h, i.cmgt_4s, i.cmgt_2d, i.fcmgt_4s, i.fcmgt_2d],
  [Op.vge]: [i.cmge_16b, i.cmge_8h, i.cmge_4s, i.cmge_2d, i.fcmge_4s, i.fcmge_2d],
  [Op.vgtu]: [i.cmhi_16b, i.cmhi_8h, i.cmhi_4s, i.cmhi_2d],
  [Op.vgeu]: [i.cmhs_16b, i.cmhs_8h, i.cmhs_4s, i.cmhs_2d],
};
/** Comparisons with zero. */
const zeroRows: Readonly<Record<number, ByShape>> = {
  [Op.veq]: [i.cmeqz_16b, i.cmeqz_8h, i.cmeqz_4s, i.cmeqz_2d],
  [Op.vgt]: [i.cmgtz_16b, i.cmgtz_8h, i.cmgtz_4s, i.cmgtz_2d],
  [Op.vge]: [i.cmgez_16b, i.cmgez_8h, i.cmgez_4s, i.cmgez_2d],
};
const unaryRows: Readonly<Record<number, ByShape>> = {
  [Op.vabs]: [i.abs_16b, i.abs_8h, i.abs_4s, i.abs_2d, i.fabs_4s, i.fabs_2d],
  [Op.vneg]: [i.neg_16b, i.neg_8h, i.neg_4s, i.neg_2d, i.fneg_4s, i.fneg_2d],
  [Op.vsqrt]: [none, none, none, none, i.fsqrt_4s, i.fsqrt_2d],
  [Op.vceil]: [none, none, none, none, i.frintp_4s, i.frintp_2d],
  [Op.vfloor]: [none, none, none, none, i.frintm_4s, i.frintm_2d],
  [Op.vtrunc]: [none, none, none, none, i.frintz_4s, i.frintz_2d],
  [Op.vnearest]: [none, none, none, none, i.frintn_4s, i.frintn_2d],
  [Op.vpopcnt]: [i.cnt_16b],
};

/** Whether a constant vector is all zeros. */
const isZeroVector = (c: Lowering, v: number): boolean => c.isConstant(v) && c.lo[v] === 0;

/** The ops of `binaryRows`. */
export function lowerBinaryLanes(c: Lowering, v: number): void {
  const shape = c.hi[v]!;
  const x = c.a0[v]!;
  const y = c.a1[v]!;
  if (c.op[v] === Op.vmul && shape === Shape.i64x2) multiply64(c, c.reg(x), c.reg(y), c.defined(v));
  else compareOrCompute(c, c.op[v]!, shape, x, y, c.defined(v));
}

function compareOrCompute(c: Lowering, op: Op, shape: number, x: number, y: number, to: VReg): void {
  const withZero = zeroRows[op]?.[shape];
  if (withZero !== undefined && isZeroVector(c, y)) {
    unary(c, withZero, c.reg(x), to);
    return;
  }
  const left = c.reg(x);
  binary(c, binaryRows[op]![shape]!, left, c.reg(y), to);
}

export function lowerUnaryLanes(c: Lowering, v: number): void {
  unary(c, unaryRows[c.op[v]!]![c.hi[v]!]!, c.reg(c.a0[v]!), c.defined(v));
}

export function lowerNotEqual(c: Lowering, v: number): void {
  const equal = newVector(c);
  compareOrCompute(c, Op.veq, c.hi[v]!, c.a0[v]!, c.a1[v]!, equal);
  unary(c, i.not_16b, equal, c.defined(v));
}

/** Both cross products of the halves, shifted up, and the product of the lower halves. */
function multiply64(c: Lowering, x: VReg, y: VReg, to: VReg): void {
  const crossed = binary(c, i.mul_4s, unary(c, i.rev64_4s, y), x);
  const upper = unary(c, i.shl_2d, unary(c, i.uaddlp_2d, crossed), newVector(c), 32);
  changed(c, i.umlal_2d, upper, unary(c, i.xtn_2d, x), unary(c, i.xtn_2d, y), to);
}

/** y < x ? y : x, and x < y ? y : x. */
export function lowerPseudoMinMax(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  const y = c.reg(c.a1[v]!);
  const greater = c.hi[v] === Shape.f32x4 ? i.fcmgt_4s : i.fcmgt_2d;
  const takesSecond = c.op[v] === Op.vpmin ? binary(c, greater, x, y) : binary(c, greater, y, x);
  choose(c, takesSecond, y, x, c.defined(v));
}

// ---------------------------------------------------------------- bits

const bitRows: Readonly<Record<number, readonly [plain: number, inverted: number]>> = {
  [Op.vand]: [i.and_16b, i.bic_16b],
  [Op.vor]: [i.orr_16b, i.orn_16b],
  [Op.vxor]: [i.eor_16b, none],
};

/** vand, vor, vxor; with the inversion of an operand taken in. */
export function lowerBits(c: Lowering, v: number): void {
  if (c.op[v] === Op.vor && (rotateLanes(c, v, c.a0[v]!, c.a1[v]!) || rotateLanes(c, v, c.a1[v]!, c.a0[v]!)))
    return;
  const [plain, inverted] = bitRows[c.op[v]!]!;
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (inverted !== none && c.op[x] === Op.vnot && mayTakeIn(c, x)) [x, y] = [y, x];
  const isInverted = inverted !== none && c.op[y] === Op.vnot && mayTakeIn(c, y);
  const left = c.reg(x);
  binary(c, isInverted ? inverted : plain, left, c.reg(isInverted ? c.a0[y]! : y), c.defined(v));
}

/** (x << n) | (y >> bits - n): y's upper bits in their place, then x's inserted above them. */
function rotateLanes(c: Lowering, v: number, upper: number, lower: number): boolean {
  if (c.op[upper] !== Op.vshl || c.op[lower] !== Op.vshru || !mayTakeIn(c, upper) || !mayTakeIn(c, lower)) {
    return false;
  }
  const shape = c.hi[upper]!;
  const [left, right] = [c.a1[upper]!, c.a1[lower]!];
  if (c.hi[lower] !== shape || !c.isConstant(left) || !c.isConstant(right)) return false;
  const bits = 8 << shape;
  const n = c.lo[left]! & (bits - 1);
  const m = c.lo[right]! & (bits - 1);
  if (n === 0 || n + m !== bits) return false;
  const below = unary(c, shiftRows[Op.vshru]![shape]!, c.reg(c.a0[lower]!), newVector(c), m);
  binary(c, insertRows[shape]!, below, c.reg(c.a0[upper]!), c.defined(v), n);
  return true;
}

export function lowerAndNot(c: Lowering, v: number): void {
  const left = c.reg(c.a0[v]!);
  binary(c, i.bic_16b, left, c.reg(c.a1[v]!), c.defined(v));
}

export function lowerNot(c: Lowering, v: number): void {
  unary(c, i.not_16b, c.reg(c.a0[v]!), c.defined(v));
}

export function lowerBitselect(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  const y = c.reg(c.a1[v]!);
  choose(c, c.reg(c.a2[v]!), x, y, c.defined(v));
}

// ---------------------------------------------------------------- shifts

const shiftRows: Readonly<Record<number, ByShape>> = {
  [Op.vshl]: [i.shl_16b, i.shl_8h, i.shl_4s, i.shl_2d],
  [Op.vshrs]: [i.sshr_16b, i.sshr_8h, i.sshr_4s, i.sshr_2d],
  [Op.vshru]: [i.ushr_16b, i.ushr_8h, i.ushr_4s, i.ushr_2d],
};
/** Shifted to the left and inserted above the bits that the definition has. */
const insertRows: ByShape = [i.sli_16b, i.sli_8h, i.sli_4s, i.sli_2d];
/** By the counts in another vector's lanes, to the right if negative. */
const shiftByRows: Readonly<Record<number, ByShape>> = {
  [Op.vshl]: [i.sshl_16b, i.sshl_8h, i.sshl_4s, i.sshl_2d],
  [Op.vshrs]: [i.sshl_16b, i.sshl_8h, i.sshl_4s, i.sshl_2d],
  [Op.vshru]: [i.ushl_16b, i.ushl_8h, i.ushl_4s, i.ushl_2d],
};
const splatRows = [i.dup_16b, i.dup_8h, i.dup_4s, i.dup_2d] as const;

export function lowerShiftLanes(c: Lowering, v: number): void {
  const op = c.op[v]!;
  const shape = c.hi[v]!;
  const count = c.a1[v]!;
  const most = (8 << shape) - 1;
  const x = c.reg(c.a0[v]!);
  const to = c.defined(v);
  if (c.isConstant(count)) {
    const n = c.lo[count]! & most;
    if (n === 0) c.move(to, x);
    else unary(c, shiftRows[op]![shape]!, x, to, n);
    return;
  }
  let lanes = c.newInt();
  c.emit(i.and32_ri, most, 0, most);
  c.rowArgs(i.and32_ri, lanes, c.reg32(count));
  if (op !== Op.vshl) {
    const negated = c.newInt();
    // In 64 bits: lanes of that width read all of it.
    c.row2(i.neg64_r, negated, lanes);
    lanes = negated;
  }
  binary(c, shiftByRows[op]![shape]!, x, unary(c, splatRows[shape]!, lanes), to);
}

// ---------------------------------------------------------------- pairs of lanes

/** Sums of the products of neighbours. */
export function lowerDot(c: Lowering, v: number): void {
  const x = c.reg(c.a0[v]!);
  const y = c.reg(c.a1[v]!);
  const low = binary(c, i.smull_4s, x, y);
  binary(c, i.addp_4s, low, binary(c, i.smull2_4s, x, y), c.defined(v));
}
