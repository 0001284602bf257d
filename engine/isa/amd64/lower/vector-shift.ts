/**
 * Shifts of vectors by an i32 count, taken modulo the lanes' width. There are instructions for lanes of 16, 32 and 64
 * bits but the arithmetic shift of 64; bytes are shifted as 16-bit lanes, and bits that crossed a byte are cleared.
 */
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { laneBits, Shape } from "../../../ssa/shapes.js";
import { Amd64 } from "../instructions.js";
import type { ShiftName } from "../vector-instructions.js";
import type { Lowering } from "./lowering.js";
import {
  binary,
  binaryConstant,
  constantVector,
  newVector,
  ones,
  shift,
  shiftBy,
  splat8,
  splat64,
} from "./vector-emit.js";

/** Names by shape, from i16x8 on. */
const names: Readonly<Record<number, readonly (ShiftName | "")[]>> = {
  [Op.vshl]: ["", "psllw", "pslld", "psllq"],
  [Op.vshrs]: ["", "psraw", "psrad", ""],
  [Op.vshru]: ["", "psrlw", "psrld", "psrlq"],
};

export function lowerShiftLanes(c: Lowering, v: number): void {
  const op = c.op[v]!;
  const shape = c.hi[v]!;
  const name = names[op]![shape]!;
  const count = c.a1[v]!;
  const x = c.reg(c.a0[v]!);
  const to = c.defined(v);
  if (c.isConstant(count)) {
    const n = c.lo[count]! & (laneBits[shape]! - 1);
    if (name !== "") shift(c, name, x, n, to);
    else if (shape === Shape.i8x16) shiftBytesBy(c, op, x, n, to);
    else shiftRight64(c, x, n, to);
    return;
  }
  const n = c.newInt();
  c.row2(Amd64.and32_ri, n, c.reg32(count), laneBits[shape]! - 1);
  if (name !== "") shiftBy(c, name, x, inFloatFile(c, n), to);
  else if (shape === Shape.i8x16) shiftBytesVariably(c, op, x, n, to);
  else {
    const by = inFloatFile(c, n);
    const sign = shiftBy(c, "psrlq", constantVector(c, splat64(0, 0x80000000)), by);
    const moved = shiftBy(c, "psrlq", x, by);
    binary(c, "psubq", binary(c, "pxor", moved, sign), sign, to);
  }
}

function inFloatFile(c: Lowering, n: VReg): VReg {
  const to = newVector(c);
  c.row2(Amd64.movd_xr, to, n);
  return to;
}

/** The sign bit, where it has got to, is extended by exclusive or and subtraction. */
function shiftRight64(c: Lowering, x: VReg, n: number, to: VReg): void {
  if (n === 0) {
    c.move(to, x);
    return;
  }
  const sign = n < 32 ? splat64(0, 0x80000000 >>> n) : splat64(0x80000000 >>> (n - 32), 0);
  const flipped = binaryConstant(c, "pxor", shift(c, "psrlq", x, n), sign);
  binaryConstant(c, "psubq", flipped, sign, to);
}

function shiftBytesBy(c: Lowering, op: Op, x: VReg, n: number, to: VReg): void {
  if (op === Op.vshrs) {
    const low = shift(c, "psraw", binary(c, "punpcklbw", x, x), n + 8);
    const high = shift(c, "psraw", binary(c, "punpckhbw", x, x), n + 8);
    binary(c, "packsswb", low, high, to);
  } else if (n === 0) c.move(to, x);
  else if (op === Op.vshru) binaryConstant(c, "pand", shift(c, "psrlw", x, n), splat8(0xff >> n), to);
  else if (n === 1) binary(c, "paddb", x, x, to);
  else binaryConstant(c, "pand", shift(c, "psllw", x, n), splat8(0xff << n), to);
}

function shiftBytesVariably(c: Lowering, op: Op, x: VReg, n: VReg, to: VReg): void {
  const more = c.newInt();
  c.row2(Amd64.add32_ri, more, n, 8);
  const byMore = inFloatFile(c, more);
  if (op === Op.vshrs) {
    const low = shiftBy(c, "psraw", binary(c, "punpcklbw", x, x), byMore);
    const high = shiftBy(c, "psraw", binary(c, "punpckhbw", x, x), byMore);
    binary(c, "packsswb", low, high, to);
    return;
  }
  // 0xff >> n in every byte: the bits that a shift to the left may keep, or that one to the right leaves.
  const halves = shiftBy(c, "psrlw", ones(c), byMore);
  const mask = binary(c, "packuswb", halves, halves);
  const by = inFloatFile(c, n);
  if (op === Op.vshl) shiftBy(c, "psllw", binary(c, "pand", x, mask), by, to);
  else binary(c, "pand", shiftBy(c, "psrlw", x, by), mask, to);
}
