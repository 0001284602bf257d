/**
 * Shuffles: sixteen bytes chosen by constants from two vectors. What one instruction does is recognized, from the
 * cheapest on; else pshufb picks bytes from each vector (a negative choice gives zero) and both are joined.
 *
 * Choices 0 to 15 are bytes of the first vector, 16 to 31 of the second. A shuffle that takes from one vector only, or
 * whose vectors are the same, has choices 0 to 15.
 */
import { mayTakeIn } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { Amd64 } from "../instructions.js";
import type { BinaryName } from "../vector-instructions.js";
import type { Lowering } from "./lowering.js";
import {
  binary,
  binaryConstant,
  binaryImmediate,
  binaryImmediateMemory,
  constantVector,
  lowerBinary,
  shiftBytes,
  splat8,
  takeVector,
  unaryImmediate,
} from "./vector-emit.js";

/** Choice of a byte that is to be zero. */
const zero = -1;

export function lowerShuffle(c: Lowering, v: number): void {
  shuffle(c, v, c.a0[v]!, c.a1[v]!, choicesOf(c, v));
}

function choicesOf(c: Lowering, v: number): number[] {
  const same = c.a0[v] === c.a1[v];
  const at = 4 * c.lo[v]!;
  return Array.from(
    { length: 16 },
    (_, k) => (c.func.vectors[at + (k >> 2)]! >>> (8 * (k & 3))) & (same ? 15 : 31),
  );
}

/** The lanes of 32 bits that the shuffle `v` chooses (from 4 on those of the second vector), or null if it divides some. */
export function shuffledWords(c: Lowering, v: number): number[] | null {
  return grouped(choicesOf(c, v), 4);
}

/** Choices by the bytes of a vector: a shuffle if they are constants. */
export function lowerSwizzle(c: Lowering, v: number): void {
  const choices = c.a1[v]!;
  if (c.isConstant(choices)) {
    const words = c.func.vectors.subarray(4 * c.lo[choices]!, 4 * c.lo[choices]! + 4);
    const lanes: number[] = [];
    for (let k = 0; k < 16; k++) {
      const byte = (words[k >> 2]! >>> (8 * (k & 3))) & 255;
      lanes.push(byte < 16 ? byte : zero);
    }
    const x = c.a0[v]!;
    if (lanes.includes(zero)) chooseFromOne(c, x, lanes, c.defined(v));
    else shuffle(c, v, x, x, lanes);
    return;
  }
  // pshufb looks at the highest bit and the lowest four: 0x70 more, saturated, sets the highest from 16 on.
  const x = c.reg(c.a0[v]!);
  const bounded = binaryConstant(c, "paddusb", c.reg(choices), splat8(0x70));
  binary(c, "pshufb", x, bounded, c.defined(v));
}

function shuffle(c: Lowering, v: number, x: number, y: number, lanes: number[]): void {
  const to = c.defined(v);
  const same = x === y || lanes.every((lane) => lane < 16);
  if (same || lanes.every((lane) => lane >= 16)) {
    const only = same ? x : y;
    oneVector(
      c,
      v,
      only,
      lanes.map((lane) => lane & 15),
      to,
    );
    return;
  }
  if (c.isZero(x) || c.isZero(y)) {
    const second = c.isZero(x);
    const chosen = lanes.map((lane) => (lane >= 16 === second ? lane & 15 : zero));
    if (withZeros(c, second ? y : x, chosen, to)) return;
  }
  if (throughOperands(c, v, x, y, lanes, to)) return;
  if (oneInstruction(c, v, x, y, lanes, to)) return;
  if (words(c, x, y, lanes, to)) return;
  chooseFromBoth(c, x, y, lanes, to);
}

const exchanged = (lanes: readonly number[]): number[] => lanes.map((lane) => lane ^ 16);

function oneInstruction(
  c: Lowering,
  v: number,
  x: number,
  y: number,
  lanes: readonly number[],
  to: VReg,
): boolean {
  return (
    interleave(c, v, x, y, lanes, to) ||
    align(c, x, y, lanes, to) ||
    align(c, y, x, exchanged(lanes), to) ||
    blend(c, x, y, lanes, to) ||
    halves(c, x, y, lanes, to) ||
    halves(c, y, x, exchanged(lanes), to)
  );
}

/**
 * Where an operand is itself a shuffle of one vector, that isn't needed if one instruction brings its bytes straight to
 * their places. C code with "unpack" and "shuffle" of SSE is full of such pairs.
 */
function throughOperands(
  c: Lowering,
  v: number,
  x: number,
  y: number,
  lanes: readonly number[],
  to: VReg,
): boolean {
  const left = shuffledOperand(c, x);
  const right = shuffledOperand(c, y);
  const through = (first: ShuffledOperand | null, second: ShuffledOperand | null): boolean => {
    if (first === null && second === null) return false;
    const composed = lanes.map((lane) =>
      lane < 16 ? (first?.lanes[lane] ?? lane) : 16 + (second?.lanes[lane & 15] ?? lane & 15),
    );
    const [from, other] = [first?.of ?? x, second?.of ?? y];
    if (from !== other) return oneInstruction(c, v, from, other, composed, to);
    oneVector(
      c,
      v,
      from,
      composed.map((lane) => lane & 15),
      to,
    );
    return true;
  };
  return through(left, right) || through(left, null) || through(null, right);
}

interface ShuffledOperand {
  readonly of: number;
  /** Which of its bytes (0 to 15) each byte of the operand is. */
  readonly lanes: readonly number[];
}

/** The operand `v` as a shuffle of one vector for this user alone. */
function shuffledOperand(c: Lowering, v: number): ShuffledOperand | null {
  if (c.op[v] !== Op.vshuffle || !mayTakeIn(c, v)) return null;
  const lanes = choicesOf(c, v);
  const isFirst = lanes.every((lane) => lane < 16);
  if (!isFirst && !lanes.every((lane) => lane >= 16)) return null;
  return { of: isFirst ? c.a0[v]! : c.a1[v]!, lanes: lanes.map((lane) => lane & 15) };
}

// ---------------------------------------------------------------- patterns

/** The choices in groups of `size` bytes, or null where they don't move whole groups. */
function grouped(lanes: readonly number[], size: number): number[] | null {
  const groups: number[] = [];
  for (let k = 0; k < 16; k += size) {
    const first = lanes[k]!;
    if (first % size !== 0) return null;
    for (let j = 1; j < size; j++) if (lanes[k + j] !== first + j) return null;
    groups.push(first / size);
  }
  return groups;
}

/** n if the choices are n, n + 1, n + 2, ... (modulo `count`), else -1. */
function rotation(lanes: readonly number[], count: number): number {
  const n = lanes[0]!;
  return lanes.every((lane, k) => lane === (n + k) % count) ? n : -1;
}

const immediateOf = (groups: readonly number[]): number =>
  groups.reduce((imm, group, k) => imm | ((group & 3) << (2 * k)), 0);

// ---------------------------------------------------------------- one vector

function oneVector(c: Lowering, v: number, x: number, lanes: number[], to: VReg): void {
  const byFour = grouped(lanes, 4);
  if (rotation(lanes, 16) === 0) c.move(to, c.reg(x));
  else if (byFour !== null) {
    if (takeVector(c, x)) c.load1(c.avx ? Amd64.vpshufd_rmi : Amd64.pshufd_rmi, to, immediateOf(byFour));
    else unaryImmediate(c, "pshufd", c.reg(x), immediateOf(byFour), to);
  } else if (c.avx2 && lanes.every((lane) => lane === 0)) c.row2(Amd64.vpbroadcastb_rr, to, c.reg(x));
  else if (c.avx2 && grouped(lanes, 2)?.every((group) => group === 0))
    c.row2(Amd64.vpbroadcastw_rr, to, c.reg(x));
  else if (!halfWords(c, x, lanes, to) && !interleave(c, v, x, x, lanes, to)) {
    const n = rotation(lanes, 16);
    if (n > 0) binaryImmediate(c, "palignr", c.reg(x), c.reg(x), n, to);
    else chooseFromOne(c, x, lanes, to);
  }
}

/** 16-bit lanes within one half, the other half as it is. */
function halfWords(c: Lowering, x: number, lanes: readonly number[], to: VReg): boolean {
  const groups = grouped(lanes, 2);
  if (groups === null) return false;
  const lower = groups.slice(0, 4);
  const upper = groups.slice(4);
  if (upper.every((group, k) => group === k + 4) && lower.every((group) => group < 4)) {
    unaryImmediate(c, "pshuflw", c.reg(x), immediateOf(lower), to);
    return true;
  }
  if (lower.every((group, k) => group === k) && upper.every((group) => group >= 4)) {
    unaryImmediate(c, "pshufhw", c.reg(x), immediateOf(upper), to);
    return true;
  }
  return false;
}

function choiceWords(lanes: readonly number[]): [number, number, number, number] {
  const out: [number, number, number, number] = [0, 0, 0, 0];
  lanes.forEach((lane, k) => {
    out[k >> 2]! |= (lane === zero ? 0x80 : lane) << (8 * (k & 3));
  });
  return out;
}

function chooseFromOne(c: Lowering, x: number, lanes: readonly number[], to: VReg): void {
  binaryConstant(c, "pshufb", c.reg(x), choiceWords(lanes), to);
}

/** Bytes of x and zeros: moved by bytes, or chosen. */
function withZeros(c: Lowering, x: number, lanes: readonly number[], to: VReg): boolean {
  const left = lanes.findIndex((lane) => lane !== zero);
  if (left > 0 && lanes.every((lane, k) => lane === (k < left ? zero : k - left))) {
    shiftBytes(c, true, c.reg(x), left, to);
    return true;
  }
  const n = lanes[0]!;
  if (n > 0 && lanes.every((lane, k) => lane === (k + n < 16 ? k + n : zero))) {
    shiftBytes(c, false, c.reg(x), n, to);
    return true;
  }
  chooseFromOne(c, x, lanes, to);
  return true;
}

// ---------------------------------------------------------------- two vectors

const lowNames: Readonly<Record<number, BinaryName>> = {
  1: "punpcklbw",
  2: "punpcklwd",
  4: "punpckldq",
  8: "punpcklqdq",
};
const highNames: Readonly<Record<number, BinaryName>> = {
  1: "punpckhbw",
  2: "punpckhwd",
  4: "punpckhdq",
  8: "punpckhqdq",
};

/** Lanes of both in turn, from the lower or upper halves. */
function interleave(
  c: Lowering,
  v: number,
  x: number,
  y: number,
  lanes: readonly number[],
  to: VReg,
): boolean {
  const other = x === y ? 0 : 16;
  for (let size = 1; size <= 8; size *= 2) {
    const groups = grouped(lanes, size);
    if (groups === null) continue;
    const offset = other / size;
    const count = 16 / size;
    for (const [names, start] of [
      [lowNames, 0],
      [highNames, count / 2],
    ] as const) {
      const follows = (first: number, second: number): boolean =>
        groups.every((group, k) => group === start + (k >> 1) + (k % 2 === 0 ? first : second));
      if (follows(0, offset)) {
        lowerBinary(c, v, names[size]!, x, y, false, to);
        return true;
      }
      if (follows(offset, 0)) {
        lowerBinary(c, v, names[size]!, y, x, false, to);
        return true;
      }
    }
  }
  return false;
}

/** Sixteen bytes in a row out of x followed by y. */
function align(c: Lowering, x: number, y: number, lanes: readonly number[], to: VReg): boolean {
  const n = rotation(lanes, 32);
  if (n <= 0 || n >= 16) return false;
  const upper = c.reg(y);
  if (takeVector(c, x)) binaryImmediateMemory(c, "palignr", upper, n, to);
  else binaryImmediate(c, "palignr", upper, c.reg(x), n, to);
  return true;
}

/** Every byte stays at its place. */
function blend(c: Lowering, x: number, y: number, lanes: readonly number[], to: VReg): boolean {
  if (!lanes.every((lane, k) => (lane & 15) === k)) return false;
  const byTwo = grouped(lanes, 2);
  if (byTwo !== null) {
    const imm = byTwo.reduce((bits, group, k) => bits | (group >= 8 ? 1 << k : 0), 0);
    const left = c.reg(x);
    if (takeVector(c, y)) binaryImmediateMemory(c, "pblendw", left, imm, to);
    else binaryImmediate(c, "pblendw", left, c.reg(y), imm, to);
    return true;
  }
  if (!c.avx) return false;
  const mask = [0, 0, 0, 0] as [number, number, number, number];
  lanes.forEach((lane, k) => {
    if (lane >= 16) mask[k >> 2]! |= 0xff << (8 * (k & 3));
  });
  const chosen = constantVector(c, mask);
  const left = c.reg(x);
  c.emit(Amd64.vpblendvb_rrrr);
  c.rowArgs(Amd64.vpblendvb_rrrr, to, left, c.reg(y), chosen);
  return true;
}

/** Two lanes of 32 bits from x, then two from y. */
function halves(c: Lowering, x: number, y: number, lanes: readonly number[], to: VReg): boolean {
  const groups = grouped(lanes, 4);
  if (groups === null || groups[0]! > 3 || groups[1]! > 3 || groups[2]! < 4 || groups[3]! < 4) return false;
  const left = c.reg(x);
  if (takeVector(c, y)) binaryImmediateMemory(c, "shufps", left, immediateOf(groups), to);
  else binaryImmediate(c, "shufps", left, c.reg(y), immediateOf(groups), to);
  return true;
}

/** Any lanes of 32 bits: both are brought in order, then blended. */
function words(c: Lowering, x: number, y: number, lanes: readonly number[], to: VReg): boolean {
  const groups = grouped(lanes, 4);
  if (groups === null) return false;
  const order = (second: boolean): number =>
    immediateOf(groups.map((group, k) => (group >= 4 === second ? group & 3 : k)));
  const inPlace = immediateOf([0, 1, 2, 3]);
  const arranged = (value: number, imm: number): VReg =>
    imm === inPlace ? c.reg(value) : unaryImmediate(c, "pshufd", c.reg(value), imm);
  const left = arranged(x, order(false));
  const right = arranged(y, order(true));
  const imm = groups.reduce((bits, group, k) => bits | (group >= 4 ? 3 << (2 * k) : 0), 0);
  binaryImmediate(c, "pblendw", left, right, imm, to);
  return true;
}

function chooseFromBoth(c: Lowering, x: number, y: number, lanes: readonly number[], to: VReg): void {
  const of = (second: boolean): [number, number, number, number] =>
    choiceWords(lanes.map((lane) => (lane >= 16 === second ? lane & 15 : zero)));
  const first = binaryConstant(c, "pshufb", c.reg(x), of(false));
  binary(c, "por", first, binaryConstant(c, "pshufb", c.reg(y), of(true)), to);
}
