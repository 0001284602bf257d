/**
 * Random expressions of vectors, and of numbers that come from vectors. See generate-values.ts.
 *
 * A vector on the stack always has certain bits: what arithmetic on its lanes as floats has made is settled at once,
 * but where only another such operation, a comparison or a conversion to integers sees it.
 */

import { OP } from "../support/opcodes.js";
import { F32, F64, I32, I64, V128, type ValueType } from "../support/wasm-bytes.js";
import { writeConstant } from "./generate-constants.js";
import { address, memoryArgument } from "./generate-memory.js";
import type { ModulePlan } from "./generate-plan.js";
import type { FunctionState } from "./generate-state.js";
import { expression, leaf, type Producer } from "./generate-values.js";

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => 0xfd00 + first + index);
const codes = (...list: number[]): number[] => list.map((code) => 0xfd00 + code);

/** Instructions on integer lanes and bits, by operands. */
const twoVectors = [
  ...range(0x4e, 0x51),
  ...range(0x65, 0x66),
  ...range(0x6e, 0x73),
  ...range(0x76, 0x79),
  ...codes(0x7b, 0x82, 0x85, 0x86, 0x9b),
  ...range(0x8e, 0x93),
  ...range(0x95, 0x99),
  ...range(0x9c, 0x9f),
  ...codes(0xae, 0xb1, 0xce, 0xd1, 0xd5),
  ...range(0xb5, 0xba),
  ...range(0xbc, 0xbf),
  ...range(0xdc, 0xdf),
];
const integerComparisons = [...range(0x23, 0x40), ...range(0xd6, 0xdb)];
const oneVector = [
  ...codes(0x4d, 0x60, 0x61, 0x62, 0x80, 0x81, 0xa0, 0xa1, 0xc0, 0xc1),
  ...range(0x7c, 0x7f),
  ...range(0x87, 0x8a),
  ...range(0xa7, 0xaa),
  ...range(0xc7, 0xca),
  // Sign changes are bitwise.
  ...codes(0xe0, 0xe1, 0xec, 0xed),
  // From integers to floats.
  ...codes(0xfa, 0xfb, 0xfe, 0xff),
];
const shifts = [...range(0x6b, 0x6d), ...range(0x8b, 0x8d), ...range(0xab, 0xad), ...range(0xcb, 0xcd)];
const tests = codes(0x53, 0x63, 0x64, 0x83, 0x84, 0xa3, 0xa4, 0xc3, 0xc4);
const floatBinary = { [F32]: range(0xe4, 0xeb), [F64]: range(0xf0, 0xf7) };
const floatUnary = {
  [F32]: [...range(0x67, 0x6a), 0xfde3],
  [F64]: [...range(0x74, 0x75), ...codes(0x7a, 0x94, 0xef)],
};
const floatComparisons = { [F32]: range(0x41, 0x46), [F64]: range(0x47, 0x4c) };
/** Saturating conversions to i32x4. */
const toIntegers = { [F32]: codes(0xf8, 0xf9), [F64]: codes(0xfc, 0xfd) };

/** Splat, extract and replace: opcode, the lane's type, how many lanes. */
const splats: readonly (readonly [opcode: number, type: ValueType])[] = [
  [0xfd0f, I32],
  [0xfd10, I32],
  [0xfd11, I32],
  [0xfd12, I64],
  [0xfd13, F32],
  [0xfd14, F64],
];
const replacements: readonly (readonly [opcode: number, type: ValueType, lanes: number])[] = [
  [0xfd17, I32, 16],
  [0xfd1a, I32, 8],
  [0xfd1c, I32, 4],
  [0xfd1e, I64, 2],
  [0xfd20, F32, 4],
  [0xfd22, F64, 2],
];
const extractions: { readonly [type: number]: readonly (readonly [opcode: number, lanes: number])[] } = {
  [I32]: [
    [0xfd15, 16],
    [0xfd16, 16],
    [0xfd18, 8],
    [0xfd19, 8],
    [0xfd1b, 4],
  ],
  [I64]: [[OP.i64x2ExtractLane, 2]],
  [F32]: [[0xfd1f, 4]],
  [F64]: [[0xfd21, 2]],
};

/** Opcode and alignment. */
const loads: readonly (readonly [opcode: number, alignment: number])[] = [
  [0xfd00, 4],
  [0xfd00, 4],
  [0xfd00, 4],
  ...range(0x01, 0x06).map((opcode) => [opcode, 3] as const),
  [0xfd07, 0],
  [0xfd08, 1],
  [0xfd09, 2],
  [0xfd0a, 3],
  [0xfd5c, 2],
  [0xfd5d, 3],
];

type Lanes = typeof F32 | typeof F64;
const lanesOf = (s: FunctionState): Lanes => (s.random.chance(50) ? F32 : F64);

export function addVectorProducers(
  plan: ModulePlan,
  type: ValueType,
  add: (weight: number, producer: Producer, enabled?: boolean) => void,
): void {
  const { memory, floats, pressure } = plan.features;
  if (type !== V128) {
    // Only of types that the module uses anyway.
    add(6, extract, plan.numbers.includes(type));
    add(5, test, type === I32);
    return;
  }
  add(24, binary);
  add(8, comparison);
  add(10, unary);
  add(10, shift);
  add(8, splat);
  add(7, replace);
  add(10, shuffle);
  add(3, swizzle);
  add(5, bitselect);
  add(10, floatLanes, floats);
  add(4, floatComparison, floats);
  add(4, truncate, floats);
  add(14, load, memory);
  add(6, loadLane, memory);
  add(3, manyVectors, pressure);
}

const vector = (s: FunctionState, depth: number): void => expression(s, V128, depth - 1);

/** A vector, a constant, or the same local as before. */
function secondVector(s: FunctionState, depth: number): void {
  if (s.random.chance(30)) writeConstant(s.code, s.random, V128);
  else vector(s, depth);
}

const binary: Producer = (s, _type, depth) => {
  const locals = s.readable(V128);
  if (locals.length > 0 && s.random.chance(8)) {
    const local = s.random.pick(locals);
    s.op1(OP.localGet, local);
    s.op1(OP.localGet, local);
  } else {
    vector(s, depth);
    secondVector(s, depth);
  }
  s.op(s.random.pick(twoVectors));
};

const comparison: Producer = (s, _type, depth) => {
  vector(s, depth);
  secondVector(s, depth);
  s.op(s.random.pick(integerComparisons));
};

const unary: Producer = (s, _type, depth) => {
  vector(s, depth);
  s.op(s.random.pick(oneVector));
};

const shift: Producer = (s, _type, depth) => {
  vector(s, depth);
  if (s.random.chance(60)) s.i32(s.random.pick([0, 1, 3, 4, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, -1]));
  else expression(s, I32, depth - 1);
  s.op(s.random.pick(shifts));
};

/** A number of the type for a lane; the module may not use its type otherwise. */
function laneValue(s: FunctionState, type: ValueType, depth: number): void {
  if (s.plan.numbers.includes(type)) expression(s, type, depth - 1);
  else writeCertain(s, type);
}

/** A constant. */
function writeCertain(s: FunctionState, type: ValueType): void {
  writeConstant(s.code, s.random, type);
}

const splat: Producer = (s, _type, depth) => {
  const [opcode, type] = s.random.pick(splats);
  laneValue(s, type, depth);
  s.op(opcode);
};

const replace: Producer = (s, _type, depth) => {
  const [opcode, type, lanes] = s.random.pick(replacements);
  vector(s, depth);
  laneValue(s, type, depth);
  s.op(opcode);
  s.code.u8(s.random.below(lanes));
};

/** Choices of bytes as compilers write them: lanes of some width, in order, interleaved, reversed, or anything. */
function writeChoices(s: FunctionState): void {
  const { random } = s;
  const size = random.pick([1, 1, 2, 4, 4, 8]);
  const count = 16 / size;
  const kind = random.below(9);
  const start = random.below(2 * count);
  for (let lane = 0; lane < count; lane++) {
    const inPlace = lane + (random.chance(50) ? count : 0);
    const interleaved = (lane >> 1) + (lane % 2) * count;
    const choice = [
      start,
      (start + lane) % (2 * count),
      (start + lane) % count,
      inPlace,
      interleaved + (start % 2) * (count / 2),
      interleaved + ((start + 1) % 2) * (count / 2),
      random.below(count),
      lane % 2 === 0 ? random.below(count) : count + random.below(count),
    ][kind];
    for (let byte = 0; byte < size; byte++) {
      s.code.u8(((choice ?? random.below(2 * count)) % (2 * count)) * size + byte);
    }
  }
}

const shuffle: Producer = (s, _type, depth) => {
  const locals = s.readable(V128);
  if (locals.length > 0 && s.random.chance(25)) {
    const local = s.random.pick(locals);
    s.op1(OP.localGet, local);
    s.op1(OP.localGet, local);
  } else {
    vector(s, depth);
    if (s.random.chance(10)) {
      s.op(OP.v128Const);
      s.code.bytes(new Uint8Array(16));
    } else vector(s, depth);
  }
  s.op(OP.i8x16Shuffle);
  writeChoices(s);
};

const swizzle: Producer = (s, _type, depth) => {
  vector(s, depth);
  if (s.random.chance(40)) {
    s.op(OP.v128Const);
    writeChoices(s);
  } else vector(s, depth);
  s.op(0xfd0e);
};

const bitselect: Producer = (s, type, depth) => {
  vector(s, depth);
  vector(s, depth);
  if (s.random.chance(60)) comparison(s, type, depth - 1, true);
  else vector(s, depth);
  s.op(OP.v128Bitselect);
};

/** Float arithmetic on lanes; not settled. */
function loose(s: FunctionState, lanes: Lanes, depth: number): void {
  s.left--;
  if (depth <= 0 || s.left <= 0) leaf(s, V128, 0, true);
  else if (s.random.chance(40)) vector(s, depth);
  else looseOperation(s, lanes, depth);
}

function looseOperation(s: FunctionState, lanes: Lanes, depth: number): void {
  const kind = s.random.below(10);
  if (kind < 6) {
    loose(s, lanes, depth - 1);
    if (s.random.chance(25)) writeConstant(s.code, s.random, V128);
    else loose(s, lanes, depth - 1);
    s.op(s.random.pick(floatBinary[lanes]));
  } else if (kind < 9) {
    loose(s, lanes, depth - 1);
    s.op(s.random.pick(floatUnary[lanes]));
  } else {
    loose(s, lanes === F32 ? F64 : F32, depth - 1);
    s.op(lanes === F32 ? 0xfd5e : 0xfd5f);
  }
}

const floatLanes: Producer = (s, _type, depth) => {
  const lanes = lanesOf(s);
  looseOperation(s, lanes, depth);
  s.settleLanes(lanes);
};

const floatComparison: Producer = (s, _type, depth) => {
  const lanes = lanesOf(s);
  loose(s, lanes, depth - 1);
  loose(s, lanes, depth - 1);
  s.op(s.random.pick(floatComparisons[lanes]));
};

const truncate: Producer = (s, _type, depth) => {
  const lanes = lanesOf(s);
  loose(s, lanes, depth - 1);
  s.op(s.random.pick(toIntegers[lanes]));
};

const load: Producer = (s, _type, depth) => {
  const [opcode, alignment] = s.random.pick(loads);
  const offset = address(s, 1 << alignment, depth);
  s.op(opcode);
  memoryArgument(s, alignment, offset);
};

const loadLane: Producer = (s, _type, depth) => {
  const alignment = s.random.below(4);
  const offset = address(s, 1 << alignment, depth);
  vector(s, depth);
  s.op(0xfd54 + alignment);
  memoryArgument(s, alignment, offset);
  s.code.u8(s.random.below(16 >> alignment));
};

/** Many vectors alive at once, more than there are registers. */
const manyVectors: Producer = (s) => {
  const count = s.random.between(8, 24);
  s.left -= count;
  for (let index = 0; index < count; index++) expression(s, V128, s.random.below(2));
  for (let index = 1; index < count; index++) s.op(s.random.pick([0xfd6e, 0xfd51, 0xfdb1, 0xfdce]));
};

const extract: Producer = (s, type, depth) => {
  const [opcode, lanes] = s.random.pick(extractions[type] ?? []);
  vector(s, depth);
  s.op(opcode);
  s.code.u8(s.random.below(lanes));
};

const test: Producer = (s, _type, depth) => {
  if (s.random.chance(50)) comparison(s, V128, depth - 1, true);
  else vector(s, depth);
  s.op(s.random.pick(tests));
};

/** A store of a vector or of one of its lanes. */
export function vectorStore(s: FunctionState, depth: number): void {
  if (s.random.chance(50)) {
    const offset = address(s, 16, depth);
    vector(s, depth);
    s.op(0xfd0b);
    memoryArgument(s, 4, offset);
    return;
  }
  const alignment = s.random.below(4);
  const offset = address(s, 1 << alignment, depth);
  vector(s, depth);
  s.op(0xfd58 + alignment);
  memoryArgument(s, alignment, offset);
  s.code.u8(s.random.below(16 >> alignment));
}
