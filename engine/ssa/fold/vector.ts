/**
 * Simplification of vector ops: shuffles of shuffles, rotations by whole bytes, what is negated and chosen by, constants
 * in every lane. Nothing else is computed at compile time.
 */
import type { Value } from "../function.js";
import { Op } from "../ops.js";
import { isFloatShape, laneBits, Shape } from "../shapes.js";
import { again, type Folder, keep } from "./folder.js";

export function simplifyVector(f: Folder, v: Value): number {
  const { func } = f;
  const a = func.a0[v]!;
  switch (func.op[v]) {
    case Op.vsplat:
      return f.isConst(a) ? splatConstant(f, v) : keep;
    case Op.vshuffle:
      return simplifyShuffle(f, v);
    case Op.vor:
      return rotation(f, v);
    case Op.vnot:
      return opposite(f, a);
    case Op.vand:
      return andNot(f, v);
    case Op.vandnot:
      return func.op[func.a1[v]!] === Op.vnot ? f.become(v, Op.vand, a, func.a0[func.a1[v]!]!) : keep;
    case Op.vbitselect:
      return exchangedSelection(f, v);
    case Op.vanytrue:
    case Op.valltrue:
      return testedLanes(f, v);
    default:
      return keep;
  }
}

// ---------------------------------------------------------------- constants

function splatConstant(f: Folder, v: Value): number {
  const { func } = f;
  const x = func.a0[v]!;
  const lo = func.lo[x]!;
  const hi = func.hi[x]!;
  switch (laneBits[func.hi[v]!]) {
    case 8:
      return becomeWords(f, v, (lo & 0xff) * 0x1010101, (lo & 0xff) * 0x1010101);
    case 16:
      return becomeWords(f, v, (lo & 0xffff) * 0x10001, (lo & 0xffff) * 0x10001);
    case 32:
      return becomeWords(f, v, lo, lo);
    default:
      return becomeWords(f, v, lo, hi);
  }
}

/** Turns v into a constant whose halves are both the same two words. */
function becomeWords(f: Folder, v: Value, low: number, high: number): number {
  return f.becomeConst(v, f.func.vectorNumber(low | 0, high | 0, low | 0, high | 0), 0);
}

// ---------------------------------------------------------------- masks

/**
 * A value of the opposite bits of x, or `keep` if that would take an instruction more. Instruction sets have "equal" but
 * not "not equal"; of the other pairs the one kept is one that all have or make sooner.
 */
function opposite(f: Folder, x: number): number {
  const { func } = f;
  if (func.op[x] === Op.vnot) return func.a0[x]!;
  if (f.uses[x]! > 1) return keep;
  switch (func.op[x]) {
    case Op.vne:
      func.op[x] = Op.veq;
      return x;
    case Op.vgtu:
      exchange(f, x, Op.vgeu);
      return x;
    case Op.vge:
      if (func.hi[x] !== Shape.i64x2) return keep;
      exchange(f, x, Op.vgt);
      return x;
    default:
      return keep;
  }
}

/** Turns x into a comparison of the same operands in the other order. */
function exchange(f: Folder, x: number, op: Op): void {
  const { func } = f;
  func.op[x] = op;
  [func.a0[x], func.a1[x]] = [func.a1[x]!, func.a0[x]!];
}

/** x & ~y */
function andNot(f: Folder, v: Value): number {
  const { func } = f;
  const [x, y] = [func.a0[v]!, func.a1[v]!];
  if (func.op[y] === Op.vnot) return f.become(v, Op.vandnot, x, func.a0[y]!);
  if (func.op[x] === Op.vnot) return f.become(v, Op.vandnot, y, func.a0[x]!);
  return keep;
}

/** A choice by the opposite of a mask is one by the mask with the choices exchanged. */
function exchangedSelection(f: Folder, v: Value): number {
  const { func } = f;
  const mask = opposite(f, func.a2[v]!);
  if (mask === keep) return keep;
  [func.a0[v], func.a1[v]] = [func.a1[v]!, func.a0[v]!];
  func.a2[v] = f.use(mask);
  return again;
}

/** Whether any lane, or each, of those that aren't zero is set: the vector itself says so. */
function testedLanes(f: Folder, v: Value): number {
  const { func } = f;
  const x = func.a0[v]!;
  if (func.op[x] !== Op.vne || isFloatShape(func.hi[x]! as Shape)) return keep;
  if (func.op[v] === Op.valltrue && func.hi[v] !== func.hi[x]) return keep;
  const [a, b] = [func.a0[x]!, func.a1[x]!];
  if (!isZeroVector(f, a) && !isZeroVector(f, b)) return keep;
  func.a0[v] = f.use(isZeroVector(f, b) ? a : b);
  return again;
}

const isZeroVector = (f: Folder, v: number): boolean => f.isConst(v) && f.func.lo[v] === 0;

// ---------------------------------------------------------------- shuffles

/** The bytes that a shuffle chooses. */
function choices(f: Folder, v: number): number[] {
  const { vectors } = f.func;
  const at = 4 * f.func.lo[v]!;
  return Array.from({ length: 16 }, (_, k) => (vectors[at + (k >> 2)]! >>> (8 * (k & 3))) & 31);
}

/** The number of a list of 16 bytes. */
function vectorOf(f: Folder, bytes: readonly number[]): number {
  const word = (k: number): number =>
    bytes[4 * k]! | (bytes[4 * k + 1]! << 8) | (bytes[4 * k + 2]! << 16) | (bytes[4 * k + 3]! << 24);
  return f.func.vectorNumber(word(0), word(1), word(2), word(3));
}

/** A shuffle of one vector that moves nothing is that; of another shuffle's result, it chooses from that one's operands. */
function simplifyShuffle(f: Folder, v: Value): number {
  const { func } = f;
  const outer = choices(f, v);
  const upper = func.a0[v] !== func.a1[v] && outer.every((choice) => choice >= 16);
  if (!upper && func.a0[v] !== func.a1[v] && outer.some((choice) => choice >= 16)) return keep;
  const x = upper ? func.a1[v]! : func.a0[v]!;
  if (outer.every((choice, k) => (choice & 15) === k)) return x;
  const uses = func.a0[v] === func.a1[v] ? 2 : 1;
  if (func.op[x] !== Op.vshuffle || f.uses[x]! > uses) return keep;
  const inner = choices(f, x);
  // What chooses from two vectors may take several instructions: it is better done once for all.
  const isOne =
    func.a0[x] === func.a1[x] || inner.every((choice) => choice < 16) || inner.every((c) => c >= 16);
  if (!isOne) return keep;
  func.lo[v] = vectorOf(
    f,
    outer.map((choice) => inner[choice & 15]!),
  );
  func.a0[v] = f.use(func.a0[x]!);
  func.a1[v] = f.use(func.a1[x]!);
  return again;
}

/** x << n | x >>> width - n, where n is a number of bytes: a shuffle within lanes. */
function rotation(f: Folder, v: Value): number {
  const { func } = f;
  let left = func.a0[v]!;
  let right = func.a1[v]!;
  if (func.op[left] === Op.vshru) [left, right] = [right, left];
  if (func.op[left] !== Op.vshl || func.op[right] !== Op.vshru) return keep;
  const x = func.a0[left]!;
  const shape = func.hi[left]!;
  const [n, rest] = [func.a1[left]!, func.a1[right]!];
  if (func.a0[right] !== x || func.hi[right] !== shape || !f.isConst(n) || !f.isConst(rest)) return keep;
  const width = laneBits[shape]!;
  const count = func.lo[n]! & (width - 1);
  if (count === 0 || count % 8 !== 0 || (func.lo[rest]! & (width - 1)) !== width - count) return keep;
  const size = width / 8;
  const bytes = Array.from(
    { length: 16 },
    (_, k) => k - (k % size) + (((k % size) + size - count / 8) % size),
  );
  f.become(v, Op.vshuffle, x, x);
  func.lo[v] = vectorOf(f, bytes);
  return again;
}
