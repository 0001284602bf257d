/**
 * Addresses of loads, stores and record accesses.
 *
 * An access has base + displacement (a multiple of its width below 4096 times that, or -256 to 255), or base + index,
 * where the index is 32 bits wide, zero-extended in passing, and may be multiplied with the access's width. Base, index and
 * displacement at once take an addition: of base and index if the displacement fits then, so that accesses to the
 * fields of one record share it, else of base and displacement, which accesses to one table share.
 *
 * Linear memory's index is an i32 that was computed modulo 2^32, so a shift or sum in it may only move into the
 * address when it can't overflow: `upperBound` finds that for what compilers write to index tables.
 */
import { mayMoveDown, mayTakeIn, shiftCount, upperBound } from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { AddressBase, IndexExtend, isOffset } from "../instructions.js";
import type { Lowering } from "./lowering.js";

const fitsAccess = (displacement: number, access: number): boolean => isOffset(displacement, 1 << access);

// ---------------------------------------------------------------- linear memory

/** The address of `v`, a load or store of linear memory of 2^access bytes. */
export function linearAddress(c: Lowering, v: number, access: number): void {
  const index = c.a1[v]!;
  const offset = c.lo[v]! >>> 0;
  c.clearAddress();
  c.addressFaults = c.options.guardPages;
  c.addressSource = c.func.source[v]!;
  const base = c.reg(c.a0[v]!);
  if (c.isConstant(index)) constantIndex(c, base, offset + (c.lo[index]! >>> 0), access);
  else variableIndex(c, base, index, offset, access);
}

function constantIndex(c: Lowering, base: VReg, sum: number, access: number): void {
  c.base = base;
  if (fitsAccess(sum, access)) c.displacement = sum;
  else c.index = c.ownInteger(sum | 0, sum >= 2 ** 32 ? 1 : 0);
}

function variableIndex(c: Lowering, base: VReg, v: number, offset: number, access: number): void {
  v = c.low32(v);
  if (c.op[v] === Op.add && mayTakeIn(c, v) && c.isConstant(c.a1[v]!)) {
    const addend = c.lo[c.a1[v]!]! >>> 0;
    if (offset + addend < 2 ** 32 && upperBound(c, c.a0[v]!, 4) + addend < 2 ** 32) {
      offset += addend;
      v = c.low32(c.a0[v]!);
    }
  }
  let shift = 0;
  if (c.op[v] === Op.shl && c.type[v] === Type.i32 && mayTakeIn(c, v)) {
    const count = shiftCount(c, v);
    const fits = offset === 0 || !fitsAccess(offset, access) ? count === access : count <= 4;
    if (count > 0 && fits && upperBound(c, c.a0[v]!, 4) * 2 ** count < 2 ** 32) {
      shift = count;
      v = c.low32(c.a0[v]!);
    }
  }
  const index = c.reg(v);
  if (offset !== 0 && fitsAccess(offset, access)) {
    c.base = c.indexedSum(base, index, shift);
    c.displacement = offset;
    return;
  }
  c.base = offset === 0 ? base : c.offsetSum(base, offset);
  c.index = index;
  c.extend = IndexExtend.uxtw;
  c.scaled = shift !== 0;
}

// ---------------------------------------------------------------- the engine's records

/** The address pointer + displacement; `pointer` may be an address computation, which is taken in. */
export function recordAddress(c: Lowering, pointer: number, displacement: number, access: number): void {
  c.clearAddress();
  pointer = c.resolve(pointer);
  while (c.op[pointer] === Op.offset) {
    const sum = displacement + c.lo[pointer]!;
    const inner = c.resolve(c.a0[pointer]!);
    if (c.op[inner] !== Op.ctx && !fitsAccess(sum, access)) break;
    displacement = sum;
    pointer = inner;
  }
  if (c.op[pointer] === Op.ctx) {
    c.special = AddressBase.context;
    c.displacement = displacement;
    return;
  }
  if (
    c.op[pointer] === Op.element &&
    mayTakeIn(c, pointer) &&
    elementAddress(c, pointer, displacement, access)
  ) {
    return;
  }
  c.base = c.reg(pointer);
  if (fitsAccess(displacement, access)) c.displacement = displacement;
  else c.index = c.ownInteger(displacement, displacement >> 31);
}

/** base + (index << scale) + displacement. */
function elementAddress(c: Lowering, element: number, displacement: number, access: number): boolean {
  const base = c.a0[element]!;
  const index = c.a1[element]!;
  const scale = c.lo[element]!;
  if (c.isConstant(index)) {
    const sum = displacement + (c.lo[index]! >>> 0) * 2 ** scale;
    if (!fitsAccess(sum, access)) return false;
    c.base = c.reg(base);
    c.displacement = sum;
    return true;
  }
  if (displacement !== 0 || (scale !== access && scale !== 0)) return false;
  c.base = c.reg(base);
  c.index = c.reg32(index);
  c.extend = IndexExtend.uxtw;
  c.scaled = scale !== 0;
  return true;
}

// ---------------------------------------------------------------- loads taken in

/**
 * Makes the load or peek `v` of 2^access bytes part of the row being lowered, if it is read there only. On success the
 * address is set and `v` must be consumed.
 */
export function takeLoad(c: Lowering, v: number, access: number): boolean {
  if (!mayTakeIn(c, v) || !mayMoveDown(c, v) || wholeAccess(c, v) !== access) return false;
  c.folded[v] = 1;
  if (c.op[v] === Op.load) linearAddress(c, v, access);
  else recordAddress(c, c.a0[v]!, c.lo[v]!, access);
  return true;
}

/** log2 of the bytes that a load or peek reads, if what it yields is what it reads; else -1. */
function wholeAccess(c: Lowering, v: number): number {
  switch (c.op[v]) {
    case Op.load:
    case Op.peek:
      return accessOf(c.type[v]! as Type);
    case Op.peek32:
      return 2;
    default:
      return -1;
  }
}

/** log2 of the bytes of a type's values. */
export function accessOf(type: Type): number {
  return type === Type.i32 || type === Type.f32 ? 2 : type === Type.v128 ? 4 : 3;
}
