/**
 * The immediates of A64: which values an instruction can hold, and how they lie in its word.
 *
 * Enters: an instruction's imm2 (`lo`) and imm0 (`hi`), in the form that its kind documents. Leaves: bits for the
 * instruction word. A value that the kind can't hold throws EngineBug: lowering asks the predicates here beforehand.
 *
 * Source: Arm Architecture Reference Manual for A-profile (DDI 0487), C6.2 and C7.2 (the instructions' encodings),
 * `DecodeBitMasks` and `VFPExpandImm` in the shared pseudocode.
 */
import { EngineBug } from "../../ssa/engine-bug.js";

export interface ImmediateKind {
  readonly encode: (lo: number, hi: number) => number;
  /** As assembly text, in place of `#i`. */
  readonly text: (lo: number, hi: number) => string;
  /** Values for the encoding test: [lo, hi]. */
  readonly samples: readonly (readonly [number, number])[];
}

function outOfRange(what: string, value: number): never {
  throw new EngineBug("encode", -1, "", `${what} ${value} doesn't fit its instruction`);
}

/** An unsigned number of `bits` bits at `shift`. */
function unsigned(
  bits: number,
  shift: number,
  samples: readonly number[] = [0, 1, 2 ** bits - 1],
): ImmediateKind {
  return {
    encode: (lo) => (lo >>> 0 < 2 ** bits ? lo << shift : outOfRange("immediate", lo)),
    text: (lo) => `#${lo}`,
    samples: samples.map((n) => [n, 0] as const),
  };
}

/** A signed multiple of `scale` in `bits` bits at `shift`. */
function signedMultiple(bits: number, shift: number, scale: number): ImmediateKind {
  const limit = 2 ** (bits - 1);
  return {
    encode: (lo) => {
      const n = lo / scale;
      if (n < -limit || n >= limit || n !== Math.floor(n)) outOfRange("offset", lo);
      return (n & (2 * limit - 1)) << shift;
    },
    text: (lo) => `#${lo}`,
    samples: [0, 1, -1, limit - 1, -limit].map((n) => [n * scale, 0] as const),
  };
}

// ---------------------------------------------------------------- additions

/** Whether `n` is an immediate of add, sub and their comparisons: 12 bits, perhaps shifted by 12. */
export function isAddImmediate(n: number): boolean {
  return n >= 0 && (n <= 0xfff || (n <= 0xfff000 && (n & 0xfff) === 0));
}

const add: ImmediateKind = {
  encode: (lo) => {
    if (!isAddImmediate(lo)) outOfRange("addend", lo);
    return lo <= 0xfff ? lo << 10 : (1 << 22) | ((lo >> 12) << 10);
  },
  text: (lo) => `#${lo}`,
  samples: [0, 1, 4095, 4096, 0xabc000, 0xfff000].map((n) => [n, 0] as const),
};

// ---------------------------------------------------------------- bit masks

function populationCount(x: number): number {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

const trailingZeros = (x: number): number => 31 - Math.clz32(x & -x);

/**
 * The fields N, immr and imms (13 bits: N << 12 | immr << 6 | imms) of a 64-bit mask, or -1.
 *
 * Such a mask repeats an element of 2, 4, ... 64 bits that is a rotated run of ones. Where a run starts, its lowest bit is
 * one and the bit below zero: as many starts as elements.
 */
export function logicalFields(lo: number, hi: number): number {
  const startsLo = lo & ~((lo << 1) | (hi >>> 31));
  const startsHi = hi & ~((hi << 1) | (lo >>> 31));
  const elements = populationCount(startsLo) + populationCount(startsHi);
  if (elements === 0 || (elements & (elements - 1)) !== 0) return -1;
  const size = 64 / elements;
  if (size <= 32 && lo !== hi) return -1;
  if (size < 32 && ((lo << size) | (lo >>> (32 - size))) !== lo) return -1;
  const start = startsLo !== 0 ? trailingZeros(startsLo) : 32 + trailingZeros(startsHi);
  const ones = (populationCount(lo) + populationCount(hi)) / elements;
  const immr = (size - start) & (size - 1);
  const imms = ((-size << 1) & 0x3f) | (ones - 1);
  return (size === 64 ? 1 << 12 : 0) | (immr << 6) | imms;
}

/** Whether a constant is an immediate of and, orr, eor; of a 32-bit one `hi` is ignored. */
export function isLogicalImmediate(lo: number, hi: number, is64: boolean): boolean {
  return logicalFields(lo | 0, is64 ? hi | 0 : lo | 0) !== -1;
}

function hex64(lo: number, hi: number): string {
  const low = (lo >>> 0).toString(16);
  return hi === 0 ? `#0x${low}` : `#0x${(hi >>> 0).toString(16)}${low.padStart(8, "0")}`;
}

function logical(is64: boolean): ImmediateKind {
  return {
    encode: (lo, hi) => {
      const fields = logicalFields(lo | 0, is64 ? hi | 0 : lo | 0);
      if (fields === -1) outOfRange("mask", lo);
      return fields << 10;
    },
    text: (lo, hi) => (is64 ? hex64(lo, hi) : `#0x${(lo >>> 0).toString(16)}`),
    samples: [
      [1, is64 ? 0 : 1],
      [0xff, is64 ? 0 : 0xff],
      [0x55555555, 0x55555555],
      [0x0ff00ff0, 0x0ff00ff0],
      [-2, -1],
      [is64 ? 0 : -8, is64 ? 0x7ff0 : -8],
      [is64 ? 3 : 0x80000001 | 0, 0xc0000000 | 0],
    ],
  };
}

// ---------------------------------------------------------------- shifts and fields

/** imm2 of shifted operands: what is done to the last source. */
export const Shift = { lsl: 0, lsr: 1, asr: 2, ror: 3 } as const;
export type Shift = (typeof Shift)[keyof typeof Shift];
export const shiftedBy = (kind: Shift, amount: number): number => (kind << 6) | amount;
const shiftNames = ["lsl", "lsr", "asr", "ror"];

function shift(is64: boolean, withRor: boolean): ImmediateKind {
  const most = is64 ? 63 : 31;
  const samples: (readonly [number, number])[] = [
    [shiftedBy(Shift.lsl, 1), 0],
    [shiftedBy(Shift.lsl, most), 0],
    [shiftedBy(Shift.lsr, 7), 0],
    [shiftedBy(Shift.asr, 13), 0],
  ];
  if (withRor) samples.push([shiftedBy(Shift.ror, 3), 0]);
  return {
    encode: (lo) => {
      if ((lo & 63) > most) outOfRange("shift", lo);
      return ((lo >> 6) << 22) | ((lo & 63) << 10);
    },
    text: (lo) => `${shiftNames[lo >> 6]} #${lo & 63}`,
    samples,
  };
}

/** imm2 of extended operands: how the 8 to 64 low bits of the last source are read, then a shift left by 0 to 4. */
export const Extend = { uxtb: 0, uxth: 1, uxtw: 2, uxtx: 3, sxtb: 4, sxth: 5, sxtw: 6, sxtx: 7 } as const;
export type Extend = (typeof Extend)[keyof typeof Extend];
export const extendedBy = (kind: Extend, amount: number): number => (kind << 3) | amount;
const extendNames = Object.keys(Extend);

const extend: ImmediateKind = {
  encode: (lo) => {
    if ((lo & 7) > 4) outOfRange("shift", lo);
    return ((lo >> 3) << 13) | ((lo & 7) << 10);
  },
  text: (lo) => `${extendNames[lo >> 3]} #${lo & 7}`,
  // Of registers of 32 bits; with 64-bit ones only uxtx and sxtx, see the test.
  samples: [0, 1, 2, 4, 5, 6].flatMap((kind) => [[kind << 3, 0] as const, [(kind << 3) | 3, 0] as const]),
};

/** lsl by a constant: the alias of ubfm. */
function shiftLeft(is64: boolean): ImmediateKind {
  const most = is64 ? 63 : 31;
  return {
    encode: (lo) => (lo >>> 0 > most ? outOfRange("shift", lo) : ((-lo & most) << 16) | ((most - lo) << 10)),
    text: (lo) => `#${lo}`,
    samples: [1, 5, most].map((n) => [n, 0] as const),
  };
}

/** imm2 of bit fields: the lowest bit's number, the number of bits. */
export const bitField = (lowest: number, width: number): number => lowest | (width << 8);

/** ubfx, sbfx, bfxil: from bit `lowest` down to bit 0. */
function extractField(is64: boolean): ImmediateKind {
  const size = is64 ? 64 : 32;
  return {
    encode: (lo) => {
      const lowest = lo & 255;
      const width = lo >> 8;
      if (width < 1 || lowest + width > size) outOfRange("field", lo);
      return (lowest << 16) | ((lowest + width - 1) << 10);
    },
    text: (lo) => `#${lo & 255}, #${lo >> 8}`,
    samples: [
      [bitField(1, 5), 0],
      [bitField(3, size - 4), 0],
      [bitField(7, 9), 0],
    ],
  };
}

/** ubfiz, sbfiz, bfi: from bit 0 up to bit `lowest`. */
function insertField(is64: boolean): ImmediateKind {
  const size = is64 ? 64 : 32;
  return {
    encode: (lo) => {
      const lowest = lo & 255;
      const width = lo >> 8;
      if (width < 1 || lowest + width > size) outOfRange("field", lo);
      return ((-lowest & (size - 1)) << 16) | ((width - 1) << 10);
    },
    text: (lo) => `#${lo & 255}, #${lo >> 8}`,
    samples: [
      [bitField(1, 5), 0],
      [bitField(3, size - 4), 0],
      [bitField(7, 9), 0],
    ],
  };
}

// ---------------------------------------------------------------- moves

/** movz, movn, movk: imm2 = 16 bits | number of the halfword << 16. */
function halfword(most: number): ImmediateKind {
  return {
    encode: (lo) =>
      lo >>> 16 > most ? outOfRange("halfword", lo) : ((lo >>> 16) << 21) | ((lo & 0xffff) << 5),
    text: (lo) => `#${lo & 0xffff}, lsl #${16 * (lo >>> 16)}`,
    samples: Array.from({ length: most + 1 }, (_, n) => [0x1234 | (n << 16), 0] as const),
  };
}

/**
 * The 8 bits of fmov's immediate for a float, or -1: plus or minus n/16 * 2^r with n from 16 to 31 and r from -3 to 4.
 * @param lo, hi the bits of the float; of an f32 `hi` is ignored
 */
export function floatImmediate(lo: number, hi: number, is64: boolean): number {
  const top = is64 ? hi : lo;
  const fraction = is64 ? 16 : 19;
  if ((is64 && lo !== 0) || (top & ((1 << fraction) - 1)) !== 0) return -1;
  // The exponent's highest bit is the opposite of all its others but the last two.
  const ones = is64 ? 0xff : 0x1f;
  const exponent = (top >>> (fraction + 6)) & (2 * ones + 1);
  if (exponent !== ones && exponent !== ones + 1) return -1;
  return ((top >>> 31) << 7) | (exponent === ones ? 0x40 : 0) | ((top >>> fraction) & 0x3f);
}

/** The number that 8 bits of fmov mean. */
function expandFloat(imm8: number): number {
  const exponent = ((imm8 & 0x40) !== 0 ? -3 : 1) + ((imm8 >> 4) & 3);
  return (imm8 & 0x80 ? -1 : 1) * (1 + (imm8 & 15) / 16) * 2 ** exponent;
}

const floatText = (lo: number): string => `#${expandFloat(lo).toFixed(10)}`;
const floatSamples = [0x00, 0x70, 0x7f, 0xf0, 0x3f, 0x9a].map((n) => [n, 0] as const);

const float: ImmediateKind = {
  encode: (lo) => (lo >>> 0 > 255 ? outOfRange("immediate", lo) : lo << 13),
  text: floatText,
  samples: floatSamples,
};

const vectorByte = (lo: number): number => (((lo >> 5) & 7) << 16) | ((lo & 31) << 5);

/** The 8 bits of movi and mvni, and of fmov for vectors. */
const vectorImmediate: ImmediateKind = {
  encode: (lo) => (lo >>> 0 > 255 ? outOfRange("immediate", lo) : vectorByte(lo)),
  text: (lo) => `#${lo}`,
  samples: [0, 1, 0xa5, 255].map((n) => [n, 0] as const),
};
const vectorFloat: ImmediateKind = { encode: vectorImmediate.encode, text: floatText, samples: floatSamples };

/** imm2 = 8 bits | shift << 8: shifted left by a multiple of 8, below 16 or 32. */
function shiftedByte(most: number): ImmediateKind {
  return {
    encode: (lo) => {
      const amount = lo >> 8;
      if (amount > most || (amount & 7) !== 0) outOfRange("shift", amount);
      return vectorByte(lo & 255) | ((amount >> 3) << 13);
    },
    text: (lo) => `#${lo & 255}, lsl #${lo >> 8}`,
    samples: [0, 8, 16, 24].filter((s) => s <= most).map((s) => [0xa5 | (s << 8), 0] as const),
  };
}

/** Bit k of imm2 stands for eight bits of the 64-bit pattern. */
const byteMask: ImmediateKind = {
  encode: vectorImmediate.encode,
  text: (lo) => `#0x${Array.from({ length: 8 }, (_, k) => ((lo >> (7 - k)) & 1 ? "ff" : "00")).join("")}`,
  samples: [0, 1, 0x80, 0x5a, 255].map((n) => [n, 0] as const),
};

// ---------------------------------------------------------------- vectors

/** The number of a lane of 8 << size bits, with the size, as dup, umov, smov and ins have it in imm5. */
function lane(size: number): ImmediateKind {
  const most = 15 >> size;
  return {
    encode: (lo) => (lo >>> 0 > most ? outOfRange("lane", lo) : ((2 * lo + 1) << size) << 16),
    text: (lo) => String(lo),
    samples: [0, 1, most].map((n) => [n, 0] as const),
  };
}

/** ins from a lane: imm2 = lane of the definition | lane of the source << 8; in the text at `#i` and `#j`. */
function twoLanes(size: number): ImmediateKind {
  const most = 15 >> size;
  return {
    encode: (lo) => {
      const to = lo & 255;
      const from = lo >> 8;
      if (to > most || from > most) outOfRange("lane", lo);
      return (((2 * to + 1) << size) << 16) | ((from << size) << 11);
    },
    text: (lo) => `${lo & 255}/${lo >> 8}`,
    samples: [
      [0, 0],
      [1 | (most << 8), 0],
      [most | (1 << 8), 0],
    ],
  };
}

/** The lane of ld1 and st1: Q, S and size. */
function memoryLane(size: number): ImmediateKind {
  const most = 15 >> size;
  return {
    encode: (lo) => {
      if (lo >>> 0 > most) outOfRange("lane", lo);
      const index = lo << size;
      return ((index >> 3) << 30) | ((index & 7) << 10);
    },
    text: (lo) => String(lo),
    samples: Array.from({ length: most + 1 }, (_, n) => [n, 0] as const),
  };
}

/** A shift left of lanes by 0 to bits - 1. */
function lanesLeft(bits: number): ImmediateKind {
  return {
    encode: (lo) => (lo >>> 0 >= bits ? outOfRange("shift", lo) : (bits + lo) << 16),
    text: (lo) => `#${lo}`,
    samples: [0, 1, bits - 1].map((n) => [n, 0] as const),
  };
}

/** A shift right of lanes by 1 to bits. */
function lanesRight(bits: number): ImmediateKind {
  return {
    encode: (lo) => (lo < 1 || lo > bits ? outOfRange("shift", lo) : (2 * bits - lo) << 16),
    text: (lo) => `#${lo}`,
    samples: [1, 2, bits].map((n) => [n, 0] as const),
  };
}

// ---------------------------------------------------------------- conditions

/** Condition numbers as in the machine code. `condition ^ 1` is the opposite. */
export const Condition = {
  eq: 0,
  ne: 1,
  /** Unsigned: at least; carry. */
  hs: 2,
  lo: 3,
  mi: 4,
  pl: 5,
  /** Overflow; a floating comparison was unordered. */
  vs: 6,
  vc: 7,
  /** Unsigned: more. */
  hi: 8,
  ls: 9,
  ge: 10,
  lt: 11,
  gt: 12,
  le: 13,
} as const;
export type Condition = (typeof Condition)[keyof typeof Condition];
export const conditionNames = Object.keys(Condition) as readonly (keyof typeof Condition)[];

const everyCondition = conditionNames.map((_, n) => [n, 0] as const);

const condition: ImmediateKind = {
  encode: (lo) => (lo & 15) << 12,
  text: (lo) => conditionNames[lo & 15]!,
  samples: everyCondition,
};
/** Of cset and csetm, which are csinc and csinv on the opposite. */
const oppositeCondition: ImmediateKind = { ...condition, encode: (lo) => ((lo & 15) ^ 1) << 12 };

/**
 * imm2 of ccmp and ccmn: the comparison is made when `cond` holds, else the flags become `flags` (N 8, Z 4, C 2, V 1).
 * @param value the immediate compared with, 0 to 31, in the rows that have one
 */
export const conditionalCompare = (cond: Condition, flags: number, value = 0): number =>
  cond | (flags << 4) | (value << 8);

function compareOn(withValue: boolean): ImmediateKind {
  return {
    encode: (lo) => ((lo & 15) << 12) | ((lo >> 4) & 15) | ((lo >> 8) << 16),
    text: (lo) => `${withValue ? `#${lo >> 8}, ` : ""}#${(lo >> 4) & 15}, ${conditionNames[lo & 15]}`,
    samples: [
      [conditionalCompare(Condition.eq, 4, withValue ? 31 : 0), 0],
      [conditionalCompare(Condition.hi, 2, withValue ? 5 : 0), 0],
      [conditionalCompare(Condition.le, 9), 0],
    ],
  };
}

/** The kinds that rows have. */
export const immediates = {
  none: { encode: () => 0, text: () => "", samples: [[0, 0]] } as ImmediateKind,
  add,
  logical32: logical(false),
  logical64: logical(true),
  /** Of add and sub, which can't rotate. */
  shift32: shift(false, false),
  shift64: shift(true, false),
  rotate32: shift(false, true),
  rotate64: shift(true, true),
  extend,
  lsl32: shiftLeft(false),
  lsl64: shiftLeft(true),
  /** lsr and asr by a constant: immr. */
  lsr32: unsigned(5, 16, [1, 7, 31]),
  lsr64: unsigned(6, 16, [1, 7, 63]),
  /** The amount of extr, and of ror by a constant, in imms. */
  extr32: unsigned(5, 10, [0, 7, 31]),
  extr64: unsigned(6, 10, [0, 7, 63]),
  extractField32: extractField(false),
  extractField64: extractField(true),
  insertField32: insertField(false),
  insertField64: insertField(true),
  halfword32: halfword(1),
  halfword64: halfword(3),
  float,
  condition,
  oppositeCondition,
  compareOn: compareOn(false),
  compareOnValue: compareOn(true),
  /** Unscaled offset of an address with pre- or post-index. */
  offset9: signedMultiple(9, 12, 1),
  /** Offsets of pairs. */
  pair32: signedMultiple(7, 15, 4),
  pair64: signedMultiple(7, 15, 8),
  pair128: signedMultiple(7, 15, 16),
  /** Of brk, svc. */
  code: unsigned(16, 5),
  /** Vectors. */
  byte: vectorImmediate,
  vectorFloat,
  shiftedByte16: shiftedByte(8),
  shiftedByte32: shiftedByte(24),
  byteMask,
  lanes: [lane(0), lane(1), lane(2), lane(3)] as const,
  twoLanes: [twoLanes(0), twoLanes(1), twoLanes(2), twoLanes(3)] as const,
  memoryLanes: [memoryLane(0), memoryLane(1), memoryLane(2), memoryLane(3)] as const,
  left: [lanesLeft(8), lanesLeft(16), lanesLeft(32), lanesLeft(64)] as const,
  right: [lanesRight(8), lanesRight(16), lanesRight(32), lanesRight(64)] as const,
  /** ext: how many bytes of the first source are left out. */
  bytes: unsigned(4, 11, [0, 1, 8, 15]),
};
