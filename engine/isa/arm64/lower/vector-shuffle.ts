/**
 * Shuffles: sixteen bytes chosen by constants from two vectors. What one instruction does is recognized by what it would
 * choose; else a table lookup takes bytes from the first vector, and another one those of the second.
 *
 * Choices 0 to 15 are bytes of the first vector, 16 to 31 of the second. A shuffle that takes from one vector only, or
 * whose vectors are the same, has choices 0 to 15.
 */
import type { VReg } from "../../../machine/vcode.js";
import { Arm64 } from "../instructions.js";
import type { Lowering } from "./lowering.js";
import { binary, changed, constantVector, unary, type Words } from "./vector-emit.js";

const i = Arm64;

export function lowerShuffle(c: Lowering, v: number): void {
  const at = 4 * c.lo[v]!;
  const same = c.a0[v] === c.a1[v];
  let lanes = Array.from(
    { length: 16 },
    (_, k) => (c.func.vectors[at + (k >> 2)]! >>> (8 * (k & 3))) & (same ? 15 : 31),
  );
  let x = c.a0[v]!;
  let y = c.a1[v]!;
  if (lanes.every((lane) => lane >= 16)) {
    lanes = lanes.map((lane) => lane - 16);
    x = y;
  } else if (lanes.every((lane) => lane < 16)) y = x;
  const to = c.defined(v);
  const left = c.reg(x);
  if (x === y) oneVector(c, left, lanes, to);
  else if (c.isConstant(y) && c.lo[y] === 0) {
    // A lookup gives zero for all that isn't in the table.
    binary(c, i.tbl_16b, left, constantVector(c, wordsOf(lanes)), to);
  } else twoVectors(c, left, c.reg(y), lanes, to);
}

// ---------------------------------------------------------------- what instructions choose

const range = (make: (k: number) => number): readonly number[] =>
  Array.from({ length: 16 }, (_, k) => make(k));

/** Choices of lanes of `size` bytes: lane k is lane `of(k)` of both vectors side by side. */
const byLanes = (size: number, of: (k: number) => number): readonly number[] =>
  range((k) => of(Math.floor(k / size)) * size + (k % size));

interface Pattern {
  readonly row: number;
  readonly choices: readonly number[];
}

function interleavings(): readonly Pattern[] {
  const rows = [
    [i.zip1_16b, i.zip2_16b, i.uzp1_16b, i.uzp2_16b, i.trn1_16b, i.trn2_16b],
    [i.zip1_8h, i.zip2_8h, i.uzp1_8h, i.uzp2_8h, i.trn1_8h, i.trn2_8h],
    [i.zip1_4s, i.zip2_4s, i.uzp1_4s, i.uzp2_4s, i.trn1_4s, i.trn2_4s],
    [i.zip1_2d, i.zip2_2d, i.uzp1_2d, i.uzp2_2d, i.trn1_2d, i.trn2_2d],
  ] as const;
  return rows.flatMap(([zip1, zip2, uzp1, uzp2, trn1, trn2], n) => {
    const size = 1 << n;
    const count = 16 / size;
    const second = (k: number): number => (k & 1) * count;
    return [
      { row: zip1, choices: byLanes(size, (k) => (k >> 1) + second(k)) },
      { row: zip2, choices: byLanes(size, (k) => count / 2 + (k >> 1) + second(k)) },
      { row: uzp1, choices: byLanes(size, (k) => 2 * k) },
      { row: uzp2, choices: byLanes(size, (k) => 2 * k + 1) },
      { row: trn1, choices: byLanes(size, (k) => (k & ~1) + second(k)) },
      { row: trn2, choices: byLanes(size, (k) => (k | 1) + second(k)) },
    ];
  });
}
const pairs = interleavings();

/** Lanes of `size` bytes in the opposite order within each `within` bytes. */
const reversed = (size: number, within: number): readonly number[] =>
  byLanes(size, (k) => k ^ (within / size - 1));
const reversals: readonly Pattern[] = [
  { row: i.rev16_16b, choices: reversed(1, 2) },
  { row: i.rev32_16b, choices: reversed(1, 4) },
  { row: i.rev32_8h, choices: reversed(2, 4) },
  { row: i.rev64_16b, choices: reversed(1, 8) },
  { row: i.rev64_8h, choices: reversed(2, 8) },
  { row: i.rev64_4s, choices: reversed(4, 8) },
];

const splats = [i.dup_lane_16b, i.dup_lane_8h, i.dup_lane_4s, i.dup_lane_2d] as const;
const inserts = [i.ins_lane_16b, i.ins_lane_8h, i.ins_lane_4s, i.ins_lane_2d] as const;

const matches = (lanes: readonly number[], choices: readonly number[], mask: number): boolean =>
  lanes.every((lane, k) => lane === (choices[k]! & mask));

// ---------------------------------------------------------------- emission

function oneVector(c: Lowering, x: VReg, lanes: readonly number[], to: VReg): void {
  if (
    matches(
      lanes,
      range((k) => k),
      15,
    )
  ) {
    c.move(to, x);
    return;
  }
  for (let n = 3; n >= 0; n--) {
    const size = 1 << n;
    const first = lanes[0]!;
    if (
      first % size === 0 &&
      matches(
        lanes,
        range((k) => first + (k % size)),
        15,
      )
    ) {
      unary(c, splats[n]!, x, to, first / size);
      return;
    }
  }
  const reversal = reversals.find(({ choices }) => matches(lanes, choices, 15));
  if (reversal !== undefined) unary(c, reversal.row, x, to);
  else if (!rotated(c, x, x, lanes, 15, to) && !paired(c, x, x, lanes, 15, to)) {
    binary(c, i.tbl_16b, x, constantVector(c, wordsOf(lanes)), to);
  }
}

function twoVectors(c: Lowering, x: VReg, y: VReg, lanes: readonly number[], to: VReg): void {
  if (rotated(c, x, y, lanes, 31, to) || paired(c, x, y, lanes, 31, to)) return;
  const exchanged = lanes.map((lane) => lane ^ 16);
  if (rotated(c, y, x, exchanged, 31, to) || paired(c, y, x, exchanged, 31, to)) return;
  if (inserted(c, x, y, lanes, to) || inserted(c, y, x, exchanged, to)) return;
  const first = binary(c, i.tbl_16b, x, constantVector(c, wordsOf(lanes)));
  changed(c, i.tbx_16b, first, y, constantVector(c, wordsOf(lanes.map((lane) => lane - 16))), to);
}

/** Sixteen bytes in a row of both side by side. */
function rotated(c: Lowering, x: VReg, y: VReg, lanes: readonly number[], mask: number, to: VReg): boolean {
  const first = lanes[0]!;
  if (
    first > 15 ||
    !matches(
      lanes,
      range((k) => first + k),
      mask,
    )
  )
    return false;
  binary(c, i.ext_16b, x, y, to, first);
  return true;
}

function paired(c: Lowering, x: VReg, y: VReg, lanes: readonly number[], mask: number, to: VReg): boolean {
  const pattern = pairs.find(({ choices }) => matches(lanes, choices, mask));
  if (pattern === undefined) return false;
  binary(c, pattern.row, x, y, to);
  return true;
}

/** x with one lane replaced by one of y. */
function inserted(c: Lowering, x: VReg, y: VReg, lanes: readonly number[], to: VReg): boolean {
  const differing = lanes.flatMap((lane, k) => (lane === k ? [] : [k]));
  const first = differing[0]!;
  const from = lanes[first]! - 16;
  if (from < 0) return false;
  for (let n = 3; n >= 0; n--) {
    const size = 1 << n;
    const start = first & -size;
    const source = from - (first - start);
    if (source < 0 || source % size !== 0) continue;
    if (
      !matches(
        lanes,
        range((k) => (k >= start && k < start + size ? 16 + source + k - start : k)),
        31,
      )
    )
      continue;
    c.row3(inserts[n]!, to, x, y, (start / size) | ((source / size) << 8));
    return true;
  }
  return false;
}

/** Choices as the bytes of a vector. */
function wordsOf(lanes: readonly number[]): Words {
  const words: [number, number, number, number] = [0, 0, 0, 0];
  for (let k = 0; k < 16; k++) words[k >> 2]! |= (lanes[k]! & 255) << (8 * (k & 3));
  return words;
}
