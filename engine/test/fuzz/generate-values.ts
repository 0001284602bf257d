/**
 * Random expressions: each writes code that leaves exactly one value of the wanted type.
 *
 * In: the function's state, a type, how deep to nest. When budget or depth run out, a leaf is written (a constant
 * or a local), so every expression ends. `canonical` says that the value's bits will be seen (`generate-state.ts`).
 */

import { OP } from "../support/opcodes.js";
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type ValueType } from "../support/wasm-bytes.js";
import { edgeInt32, writeConstant } from "./generate-constants.js";
import {
  blockValue,
  branchValue,
  callIndirectValue,
  callValue,
  divergentValue,
  ifValue,
  loopValue,
} from "./generate-control.js";
import { load, memoryGrow, tableGet, tableSizeOrGrow } from "./generate-memory.js";
import type { ModulePlan } from "./generate-plan.js";
import type { FunctionState } from "./generate-state.js";
import { addVectorProducers } from "./generate-vectors.js";

/** Writes a value. Leaves it canonical if asked to. */
export type Producer = (s: FunctionState, type: ValueType, depth: number, canonical: boolean) => void;

const menus = new WeakMap<ModulePlan, Map<ValueType, Producer[]>>();

/** Writes code for one value of `type`. */
export function expression(s: FunctionState, type: ValueType, depth: number, canonical = true): void {
  s.left--;
  if (depth <= 0 || s.left <= 0) {
    leaf(s, type, depth, canonical);
    return;
  }
  s.random.pick(menuOf(s.plan, type))(s, type, depth, canonical);
}

function menuOf(plan: ModulePlan, type: ValueType): Producer[] {
  let byType = menus.get(plan);
  if (byType === undefined) {
    byType = new Map();
    menus.set(plan, byType);
  }
  let menu = byType.get(type);
  if (menu === undefined) {
    menu = makeMenu(plan, type);
    byType.set(type, menu);
  }
  return menu;
}

function makeMenu(plan: ModulePlan, type: ValueType): Producer[] {
  const features = plan.features;
  const menu: Producer[] = [];
  const add = (weight: number, producer: Producer, enabled = true) => {
    for (let count = enabled ? weight : 0; count > 0; count--) menu.push(producer);
  };
  add(14, leaf);
  add(4, tee);
  add(4, select);
  add(4, globalGet);
  add(4, (s, wanted, depth) => ifValue(s, wanted, depth));
  add(4, (s, wanted, depth) => blockValue(s, wanted, depth));
  add(2, (s, wanted, depth) => loopValue(s, wanted, depth), features.loops);
  add(3, (s, wanted, depth) => branchValue(s, wanted, depth));
  add(1, (s, wanted, depth) => divergentValue(s, wanted, depth), features.dead);
  add(5, (s, wanted, depth) => callValue(s, wanted, depth), features.calls);
  add(4, (s, wanted, depth) => callIndirectValue(s, wanted, depth), features.indirect);
  if (type === I32 || type === I64) {
    add(30, integerBinary);
    add(3, sameOperands);
    add(6, integerUnary);
    add(3, rotatePattern);
    add(3, bitField);
    add(5, fromFloat, features.floats);
    add(9, (s, wanted, depth) => load(s, wanted, depth), features.memory);
    add(2, pressure, features.pressure);
  }
  if (type === I32) {
    add(14, compare);
    add(4, bitTest);
    add(5, wrap, features.wide);
    add(1, memorySize, features.memory);
    add(1, (s, _type, depth) => memoryGrow(s, depth), features.memory);
    add(3, isNull, features.references);
    add(2, (s, _type, depth) => tableSizeOrGrow(s, depth), plan.tables.length > 0 && features.references);
  }
  if (type === I64) add(8, extend);
  if (type === F32 || type === F64) {
    add(22, floatBinary);
    add(10, floatUnary);
    add(3, copySign);
    add(6, fromInteger);
    add(5, betweenFloats);
    add(3, reinterpretInteger, type === F32 || features.wide);
    add(6, (s, wanted, depth) => load(s, wanted, depth), features.memory);
    add(2, pressure, features.pressure);
  }
  if (features.vectors && type !== FUNCREF && type !== EXTERNREF) addVectorProducers(plan, type, add);
  if (type === FUNCREF || type === EXTERNREF) add(8, (s, wanted, depth) => tableGet(s, wanted, depth));
  return menu;
}

/** A constant, a local, or a reference to a function. */
export function leaf(s: FunctionState, type: ValueType, _depth: number, canonical: boolean): void {
  const random = s.random;
  const locals = s.readable(type);
  const loose = s.loose(type);
  if (loose.length > 0 && random.chance(30)) {
    s.op1(OP.localGet, random.pick(loose));
    s.settle(type, canonical);
  } else if (locals.length > 0 && random.chance(70)) {
    s.op1(OP.localGet, random.pick(locals));
  } else if (type === FUNCREF && random.chance(60)) {
    s.op1(OP.refFunc, random.below(s.plan.functions.length));
  } else {
    writeConstant(s.code, random, type);
  }
}

function tee(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  const loose = s.loose(type);
  if (loose.length > 0 && s.random.chance(40)) {
    expression(s, type, depth - 1, false);
    s.op1(OP.localTee, s.random.pick(loose));
    s.settle(type, canonical);
    return;
  }
  expression(s, type, depth - 1);
  const locals = s.writable(type);
  if (locals.length > 0) s.op1(OP.localTee, s.random.pick(locals));
}

function select(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  expression(s, type, depth - 1, canonical);
  expression(s, type, depth - 1, canonical);
  condition(s, depth - 1);
  const reference = type === FUNCREF || type === EXTERNREF;
  if (!reference && s.random.chance(70)) {
    s.op(OP.select);
    return;
  }
  s.op(OP.selectTyped);
  s.code.u8(1);
  s.code.u8(type);
}

/** An i32 that decides: often a comparison or a bit test, which compilers fuse with what follows. */
export function condition(s: FunctionState, depth: number): void {
  const kind = s.random.below(10);
  if (depth <= 0 || s.left <= 0) leaf(s, I32, 0, true);
  else if (kind < 5) compare(s, I32, depth);
  else if (kind < 7) bitTest(s, I32, depth);
  else expression(s, I32, depth);
}

function globalGet(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  const fitting = s.plan.globals.flatMap((global, index) =>
    global.type === type && index !== s.plan.fuelGlobal ? [index] : [],
  );
  if (fitting.length === 0) {
    leaf(s, type, depth, canonical);
    return;
  }
  s.op1(OP.globalGet, s.random.pick(fitting));
}

const DIV_S = 3;
const REM_U = 6;
const FIRST_SHIFT = 10;

function integerBinary(s: FunctionState, type: ValueType, depth: number): void {
  const random = s.random;
  const first = type === I64 ? OP.i64Add : OP.i32Add;
  const which = random.below(15);
  if (which >= DIV_S && which <= REM_U) {
    division(s, type, which, depth);
    return;
  }
  expression(s, type, depth - 1);
  if (which >= FIRST_SHIFT && random.chance(60)) {
    s.integer(type, random.pick([0, 1, 2, 3, 7, 8, 15, 16, 24, 31, 32, 33, 48, 63, 64, 65, 127, -1, -31]));
  } else if (random.chance(35)) writeConstant(s.code, random, type);
  else expression(s, type, depth - 1);
  s.op(first + which);
}

const divisors = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 25, 60, 64, 100, 125, 127, 255, 256, 641, 1000, 3600, 10000, 65535,
  65536, 1000000007, 0x7fffffff, -2, -3, -4, -5, -7, -10, -128, -1000, -0x80000000,
];

function division(s: FunctionState, type: ValueType, which: number, depth: number): void {
  const random = s.random;
  const opcode = (type === I64 ? OP.i64Add : OP.i32Add) + which;
  expression(s, type, depth - 1);
  if (s.dares()) {
    expression(s, type, depth - 1);
  } else if (random.chance(50)) {
    // The remainder by -1 is zero, also of the smallest integer; the quotient of that one overflows.
    const minusOne = which !== DIV_S && random.chance(8);
    if (type === I64 && random.chance(20)) s.i64(random.bits64() | 2n);
    else s.integer(type, minusOne ? -1 : random.pick(divisors));
  } else {
    expression(s, type, depth - 1);
    s.integer(type, which === DIV_S ? 0x7fffffff : -1);
    s.op(type === I64 ? OP.i64And : OP.i32And);
    s.integer(type, 1);
    s.op(type === I64 ? OP.i64Or : OP.i32Or);
  }
  s.op(opcode);
}

/** `x op x`: algebraic simplifications, and one register as both operands. */
function sameOperands(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  const locals = s.readable(type);
  if (locals.length === 0) {
    leaf(s, type, depth, canonical);
    return;
  }
  const local = s.random.pick(locals);
  s.op1(OP.localGet, local);
  s.op1(OP.localGet, local);
  const which = s.random.pick([0, 1, 2, 7, 8, 9, 10, 11, 12, 13, 14]);
  s.op((type === I64 ? OP.i64Add : OP.i32Add) + which);
}

function integerUnary(s: FunctionState, type: ValueType, depth: number): void {
  expression(s, type, depth - 1);
  const opcodes =
    type === I64 ? [0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4] : [0x67, 0x68, 0x69, 0xc0, 0xc1, OP.i32Eqz];
  s.op(s.random.pick(opcodes));
}

/** `x << k | x >> w - k` and its like. */
function rotatePattern(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  const locals = s.readable(type);
  if (locals.length === 0) {
    leaf(s, type, depth, canonical);
    return;
  }
  const wide = type === I64;
  const width = wide ? 64 : 32;
  const amount = s.random.below(width + 1);
  const [first, second] = [s.random.pick(locals), s.random.pick(locals)];
  s.op1(OP.localGet, first);
  s.integer(type, amount);
  s.op(wide ? OP.i64Shl : OP.i32Shl);
  s.op1(OP.localGet, s.random.chance(70) ? first : second);
  s.integer(type, width - amount);
  s.op(wide ? OP.i64ShrU : OP.i32ShrU);
  s.op(s.random.pick(wide ? [OP.i64Or, 0x7c, 0x85] : [OP.i32Or, 0x6a, 0x73]));
}

/** `x >> k & mask`, and `x << k >> k` as a sign or zero extension. */
function bitField(s: FunctionState, type: ValueType, depth: number): void {
  const random = s.random;
  const wide = type === I64;
  expression(s, type, depth - 1);
  const amount = random.pick(wide ? [8, 16, 24, 32, 40, 48, 56, 63] : [8, 16, 24, 31]);
  s.integer(type, amount);
  if (random.chance(50)) {
    s.op(wide ? OP.i64ShrU : OP.i32ShrU);
    s.integer(type, random.pick([1, 3, 0xff, 0xffff, 0x7fffffff]));
    s.op(wide ? OP.i64And : OP.i32And);
  } else {
    s.op(wide ? OP.i64Shl : OP.i32Shl);
    s.integer(type, amount);
    s.op(wide ? random.pick([0x87, 0x88]) : random.pick([0x75, 0x76]));
  }
}

function compare(s: FunctionState, _type: ValueType, depth: number): void {
  const random = s.random;
  const type = random.pick(s.plan.numbers);
  if ((type === I32 || type === I64) && random.chance(12)) {
    expression(s, type, depth - 1);
    s.op(type === I64 ? OP.i64Eqz : OP.i32Eqz);
    return;
  }
  expression(s, type, depth - 1, false);
  if (random.chance(35)) writeConstant(s.code, random, type);
  else expression(s, type, depth - 1, false);
  if (type === I32) s.op(OP.i32Eq + random.below(10));
  else if (type === I64) s.op(OP.i64Eq + random.below(10));
  else s.op((type === F32 ? OP.f32Eq : OP.f64Eq) + random.below(6));
}

/** `x >> k & 1`, `(x & 1 << k) != 0`, `(x & mask) == 0`. */
function bitTest(s: FunctionState, _type: ValueType, depth: number): void {
  const random = s.random;
  const type = s.plan.features.wide && random.chance(40) ? I64 : I32;
  const wide = type === I64;
  expression(s, type, depth - 1);
  const kind = random.below(3);
  if (kind === 0) {
    if (random.chance(50)) s.integer(type, random.below(wide ? 66 : 34));
    else expression(s, type, depth - 2);
    s.op(wide ? OP.i64ShrU : OP.i32ShrU);
    s.integer(type, 1);
    s.op(wide ? OP.i64And : OP.i32And);
    if (wide) s.op(OP.i32WrapI64);
    return;
  }
  if (kind === 1) {
    s.integer(type, 1);
    if (random.chance(50)) s.integer(type, random.below(wide ? 66 : 34));
    else expression(s, type, depth - 2);
    s.op(wide ? OP.i64Shl : OP.i32Shl);
  } else writeConstant(s.code, random, type);
  s.op(wide ? OP.i64And : OP.i32And);
  if (random.chance(50)) {
    s.op(wide ? OP.i64Eqz : OP.i32Eqz);
    return;
  }
  s.integer(type, 0);
  s.op((wide ? OP.i64Eq : OP.i32Eq) + random.below(2));
}

function wrap(s: FunctionState, _type: ValueType, depth: number): void {
  expression(s, I64, depth - 1);
  s.op(OP.i32WrapI64);
}

function extend(s: FunctionState, _type: ValueType, depth: number): void {
  expression(s, I32, depth - 1);
  s.op(s.random.pick([0xac, 0xad]));
}

function memorySize(s: FunctionState): void {
  s.op1(OP.memorySize, 0);
}

function isNull(s: FunctionState, _type: ValueType, depth: number): void {
  expression(s, s.random.pick([FUNCREF, EXTERNREF]), depth - 1);
  s.op(OP.refIsNull);
}

const truncationFrom = (wide: boolean, double: boolean) => (wide ? 0xae : 0xa8) + (double ? 2 : 0);
const saturationFrom = (wide: boolean, double: boolean) => 0xfc00 + (wide ? 4 : 0) + (double ? 2 : 0);

/** Reinterpretation, saturating truncation, and truncation that traps out of range. */
function fromFloat(s: FunctionState, type: ValueType, depth: number): void {
  const random = s.random;
  const wide = type === I64;
  const kind = random.below(10);
  if (kind < 3) {
    expression(s, wide ? F64 : F32, depth - 1);
    s.op(wide ? 0xbd : 0xbc);
    return;
  }
  const double = random.chance(50);
  if (kind < 7) {
    expression(s, double ? F64 : F32, depth - 1, false);
    s.op(saturationFrom(wide, double) + random.below(2));
    return;
  }
  if (s.dares()) expression(s, double ? F64 : F32, depth - 1, false);
  else {
    // 24 bits fit every format on the way.
    expression(s, I32, depth - 1);
    s.i32(0xffffff);
    s.op(OP.i32And);
    s.op(double ? 0xb7 : 0xb2);
    if (random.chance(50)) {
      s.op(double ? OP.f64Const : OP.f32Const);
      if (double) s.code.fixed64(0x3fe0000000000000n);
      else s.code.fixed32(0x3f000000);
      s.op(double ? 0xa2 : 0x94);
    }
  }
  s.op(truncationFrom(wide, double) + random.below(2));
}

function floatBinary(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  expression(s, type, depth - 1, false);
  if (s.random.chance(25)) writeConstant(s.code, s.random, type);
  else expression(s, type, depth - 1, false);
  s.op((type === F32 ? 0x92 : 0xa0) + s.random.below(6));
  s.settle(type, canonical);
}

const ABS_AND_NEG = 2;

function floatUnary(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  const which = s.random.below(7);
  const bitwise = which < ABS_AND_NEG;
  expression(s, type, depth - 1, bitwise && canonical);
  s.op((type === F32 ? OP.f32Abs : OP.f64Abs) + which);
  if (!bitwise) s.settle(type, canonical);
}

function copySign(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  expression(s, type, depth - 1, canonical);
  expression(s, type, depth - 1);
  s.op(type === F32 ? 0x98 : 0xa6);
}

function fromInteger(s: FunctionState, type: ValueType, depth: number): void {
  const wide = s.plan.features.wide && s.random.chance(50);
  expression(s, wide ? I64 : I32, depth - 1);
  s.op((type === F32 ? 0xb2 : 0xb7) + (wide ? 2 : 0) + s.random.below(2));
}

function betweenFloats(s: FunctionState, type: ValueType, depth: number, canonical: boolean): void {
  expression(s, type === F32 ? F64 : F32, depth - 1, false);
  s.op(type === F32 ? OP.f32DemoteF64 : OP.f64PromoteF32);
  s.settle(type, canonical);
}

function reinterpretInteger(s: FunctionState, type: ValueType, depth: number): void {
  expression(s, type === F32 ? I32 : I64, depth - 1);
  s.op(type === F32 ? 0xbe : 0xbf);
}

/** Conversions that never trap, by source and target. */
const conversions: { readonly [from: number]: { readonly [to: number]: readonly number[] } } = {
  [I32]: { [I64]: [0xac, 0xad], [F32]: [0xb2, 0xb3], [F64]: [0xb7, 0xb8] },
  [I64]: { [I32]: [0xa7], [F32]: [0xb4, 0xb5], [F64]: [0xb9, 0xba] },
  [F32]: { [I32]: [0xfc00, 0xfc01], [I64]: [0xfc04, 0xfc05], [F64]: [0xbb] },
  [F64]: { [I32]: [0xfc02, 0xfc03], [I64]: [0xfc06, 0xfc07], [F32]: [0xb6] },
};

/** Converts the number on top of the stack; a float is left loose. */
export function convert(s: FunctionState, from: ValueType, to: ValueType): void {
  if (from !== to) s.op(s.random.pick(conversions[from]?.[to] ?? []));
}

/** Combines the two numbers on top of the stack, never trapping; a float is left loose. */
export function combine(s: FunctionState, type: ValueType): void {
  if (type === I32 || type === I64) {
    s.op((type === I64 ? OP.i64Add : OP.i32Add) + s.random.pick([0, 0, 1, 2, 7, 8, 9, 9, 10, 12, 13]));
  } else s.op((type === F32 ? 0x92 : 0xa0) + s.random.pick([0, 1, 2, 4, 5]));
}

/** Many values alive at once, integers and floats mixed, then folded into one. */
function pressure(s: FunctionState, type: ValueType, _depth: number, canonical: boolean): void {
  const count = s.random.between(6, 26);
  const types = [type, ...s.plan.randomTypes(count, s.plan.numbers)];
  s.left -= count;
  for (const value of types) {
    if (s.random.chance(35)) {
      leaf(s, value, 0, false);
      writeConstant(s.code, s.random, value);
      combine(s, value);
    } else expression(s, value, s.random.below(2), false);
  }
  for (let index = types.length - 1; index > 0; index--) {
    const below = types[index - 1] as ValueType;
    convert(s, types[index] as ValueType, below);
    combine(s, below);
  }
  s.settle(type, canonical);
}

/** An i32 in `0 <= n < bound` for small bounds, or anything now and then. */
export function smallIndex(s: FunctionState, bound: number, depth: number): void {
  expression(s, I32, depth - 1);
  const kind = s.random.below(10);
  if (kind < 6) {
    s.i32(Math.max(bound, 1));
    s.op(OP.i32RemU);
  } else if (kind < 9) {
    s.i32(2 ** Math.ceil(Math.log2(Math.max(bound, 2))) - 1);
    s.op(OP.i32And);
  } else {
    s.i32(edgeInt32(s.random));
    s.op(OP.i32Add);
  }
}
