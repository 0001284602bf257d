/**
 * Lane shapes: how an op on vectors divides the 128 bits. The number is the immediate of such ops.
 */
import { Op, opNames, Type } from "./ops.js";

export const Shape = { i8x16: 0, i16x8: 1, i32x4: 2, i64x2: 3, f32x4: 4, f64x2: 5 } as const;
export type Shape = (typeof Shape)[keyof typeof Shape];
export const shapeNames = Object.keys(Shape) as readonly (keyof typeof Shape)[];

/** Bits of a lane, lanes of a vector, and the type of a lane's value outside of the vector; by shape. */
export const laneBits = [8, 16, 32, 64, 32, 64] as const;
export const laneCount = [16, 8, 4, 2, 4, 2] as const;
export const laneType = [Type.i32, Type.i32, Type.i32, Type.i64, Type.f32, Type.f64] as const;

export const isFloatShape = (shape: number): boolean => shape >= Shape.f32x4;

const b = 1 << Shape.i8x16;
const w = 1 << Shape.i16x8;
const d = 1 << Shape.i32x4;
const q = 1 << Shape.i64x2;
const integers = b | w | d | q;
const floats = (1 << Shape.f32x4) | (1 << Shape.f64x2);

/** Ops and the set of shapes (bit = Shape) that they are defined for. */
const table: readonly (readonly [ops: string, shapes: number])[] = [
  ["vsplat vreplace vextractu", integers | floats],
  ["vextracts", b | w],
  ["vadd vsub veq vne vgt vge vabs vneg", integers | floats],
  ["vmul", w | d | q | floats],
  ["vdiv vmin vmax vpmin vpmax vsqrt vceil vfloor vtrunc vnearest", floats],
  ["vaddsats vaddsatu vsubsats vsubsatu vavgru", b | w],
  ["vmins vminu vmaxs vmaxu vgtu vgeu", b | w | d],
  ["vq15mulrsats", w],
  ["vpopcnt", b],
  ["vshl vshrs vshru valltrue vbitmask", integers],
  ["vnarrows vnarrowu", b | w],
  ["vextlows vextlowu vexthighs vexthighu", w | d | q],
  ["vextmullows vextmullowu vextmulhighs vextmulhighu", w | d | q],
  ["vextadds vextaddu", w | d],
  ["vdots", d],
  ["vsitof vuitof vftosisat vftouisat", floats],
];

/** By op: the shapes that it may have; 0 for ops without one. */
export const shapesOfOp: Uint8Array = new Uint8Array(opNames.length);
for (const [ops, shapes] of table) {
  for (const name of ops.split(" ")) shapesOfOp[Op[name as keyof typeof Op]] = shapes;
}
