/** What the lowerings of vector ops share: rows by shape, new registers, constants. */
import type { VReg } from "../../../machine/vcode.js";
import { Type } from "../../../ssa/ops.js";
import { laneBits } from "../../../ssa/shapes.js";
import { Arm64, floatImmediate } from "../instructions.js";
import type { Lowering } from "./lowering.js";

const i = Arm64;

export const newVector = (c: Lowering): VReg => c.newOf(Type.v128);

/** A row with three operands, of which the first is defined: a new register unless named. */
export function binary(c: Lowering, row: number, x: VReg, y: VReg, to = newVector(c), imm2 = 0): VReg {
  c.row3(row, to, x, y, imm2);
  return to;
}
export function unary(c: Lowering, row: number, x: VReg, to = newVector(c), imm2 = 0): VReg {
  c.row2(row, to, x, imm2);
  return to;
}
/** A row that changes a copy of `old`. */
export function changed(c: Lowering, row: number, old: VReg, x: VReg, y: VReg, to = newVector(c)): VReg {
  c.row4(row, to, old, x, y);
  return to;
}

/** Where `mask` has ones the bits of x, else those of y. */
export const choose = (c: Lowering, mask: VReg, x: VReg, y: VReg, to = newVector(c)): VReg =>
  changed(c, i.bsl_16b, mask, x, y, to);

// ---------------------------------------------------------------- constants

export type Words = readonly [number, number, number, number];
export const splat32 = (word: number): Words => [word, word, word, word];
export const splat16 = (half: number): Words => splat32((half & 0xffff) * 0x10001);
export const splat8 = (byte: number): Words => splat32((byte & 0xff) * 0x1010101);
export const splat64 = (lo: number, hi: number): Words => [lo, hi, lo, hi];

/** The words of constant x in every lane of a shape. */
export function splatWords(c: Lowering, x: number, shape: number): Words {
  const lo = c.lo[x]!;
  switch (laneBits[shape]) {
    case 8:
      return splat8(lo);
    case 16:
      return splat16(lo);
    case 32:
      return splat32(lo);
    default:
      return splat64(lo, c.hi[x]!);
  }
}

/** Defines a register as four words, in one instruction: by an immediate, or read from the constant pool. */
export function emitWords(c: Lowering, to: VReg, words: Words): void {
  const immediate = immediateOf(words);
  if (immediate !== null) c.row1(immediate[0], to, immediate[1]);
  else {
    c.poolAddress(c.code.constant128(...words));
    c.load1(i.ldr_q, to);
  }
}

/** Four words in a register, which the loop around keeps where it can. */
export const constantVector = (c: Lowering, words: Words): VReg => c.ownWords(words);

/** The row and imm2 that make four words without memory, if there are such. */
function immediateOf(words: Words): readonly [row: number, imm2: number] | null {
  const [lo, hi] = words;
  if (words[2] !== lo || words[3] !== hi) return null;
  const bits = byteMask(lo) | (byteMask(hi) << 4);
  if (bits === 0) return [i.fzero, 0];
  if (bits > 0) return [i.movi_2d, bits];
  const double = floatImmediate(lo, hi, true);
  if (double !== -1) return [i.fmov_2d, double];
  if (hi !== lo) return null;
  const half = lo & 0xffff;
  if (lo >>> 16 === half) {
    if ((half & 0xff) === half >> 8) return [i.movi_16b, half & 0xff];
    const plain = shiftedByte(half, 16);
    if (plain !== -1) return [i.movi_8h, plain];
    const inverted = shiftedByte(~half & 0xffff, 16);
    if (inverted !== -1) return [i.mvni_8h, inverted];
  }
  const plain = shiftedByte(lo, 32);
  if (plain !== -1) return [i.movi_4s, plain];
  const inverted = shiftedByte(~lo, 32);
  if (inverted !== -1) return [i.mvni_4s, inverted];
  const single = floatImmediate(lo, 0, false);
  return single !== -1 ? [i.fmov_4s, single] : null;
}

/** A bit for each byte of a word that is 255; a large negative number if one is neither 255 nor 0. */
function byteMask(word: number): number {
  let bits = 0;
  for (let k = 0; k < 4; k++) {
    const byte = (word >>> (8 * k)) & 255;
    if (byte === 255) bits |= 1 << k;
    else if (byte !== 0) return -0x10000;
  }
  return bits;
}

/** 8 bits | shift << 8 if a number of so many bits is one byte that isn't zero, shifted by a multiple of 8; else -1. */
function shiftedByte(n: number, bits: number): number {
  for (let shift = 0; shift < bits; shift += 8) {
    if ((n & ~(0xff << shift)) === 0) return ((n >>> shift) & 0xff) | (shift << 8);
  }
  return -1;
}
