/**
 * Memory operands: which address a load, store or record access has, and which loads may become the memory
 * operand of their user.
 *
 * An address is base + index * scale + displacement with a signed 32-bit displacement. Linear memory's index is
 * an i32 that was computed modulo 2^32, so a shift or sum in it may only move into the addressing mode when it
 * can't overflow: `upperBound` finds that for what compilers write to index tables.
 */
import {
  bytesRead,
  isDisplacement,
  mayMoveDown,
  mayTakeIn,
  shiftCount,
  upperBound,
} from "../../../machine/lower/matching.js";
import type { VReg } from "../../../machine/vcode.js";
import { Op, Type } from "../../../ssa/ops.js";
import { AddressBase, Amd64 } from "../instructions.js";
import type { Lowering } from "./lowering.js";

const maxDisplacement = 0x7fffffff;

// ---------------------------------------------------------------- linear memory

/** The address of `v`, a load or store of linear memory that is being lowered or taken in by its user. */
export function linearAddress(c: Lowering, v: number): void {
  const index = c.a1[v]!;
  const offset = c.lo[v]! >>> 0;
  c.clearAddress();
  c.addressFaults = c.options.guardPages;
  c.addressSource = c.func.source[v]!;
  c.base = c.reg(c.a0[v]!);
  if (c.isConstant(index)) {
    const sum = offset + (c.lo[index]! >>> 0);
    if (sum <= maxDisplacement) {
      c.displacement = sum;
      return;
    }
  }
  if (offset > maxDisplacement) {
    c.index = largeIndex(c, index, offset);
    return;
  }
  c.displacement = offset;
  scaledIndex(c, index);
}

/** index + offset in a register, for an offset that isn't a displacement. */
function largeIndex(c: Lowering, index: number, offset: number): VReg {
  const sum = c.newInt();
  c.row3(Amd64.add64_rr, sum, c.ownInteger(offset | 0), c.reg(index));
  return sum;
}

/** Sets index and scale to an i32 value, taking in sums and shifts that don't wrap around. */
function scaledIndex(c: Lowering, v: number): void {
  v = c.resolve(v);
  if (c.op[v] === Op.add && mayTakeIn(c, v) && c.isConstant(c.a1[v]!)) {
    const addend = c.lo[c.a1[v]!]! >>> 0;
    if (c.displacement + addend <= maxDisplacement && upperBound(c, c.a0[v]!, 4) + addend < 2 ** 32) {
      c.displacement += addend;
      v = c.resolve(c.a0[v]!);
    }
  }
  if (c.op[v] === Op.shl && mayTakeIn(c, v)) {
    const scale = shiftCount(c, v);
    if (scale >= 1 && scale <= 3 && upperBound(c, c.a0[v]!, 4) * 2 ** scale < 2 ** 32) {
      c.index = c.reg(c.a0[v]!);
      c.scale = scale;
      return;
    }
  }
  c.index = c.reg(v);
}

// ---------------------------------------------------------------- the engine's records

/** The address pointer + displacement; `pointer` may be an address computation, which is taken in. */
export function recordAddress(c: Lowering, pointer: number, displacement: number): void {
  c.clearAddress();
  c.displacement = displacement;
  pointer = c.resolve(pointer);
  while (c.op[pointer] === Op.offset && isDisplacement(c.displacement + c.lo[pointer]!)) {
    c.displacement += c.lo[pointer]!;
    pointer = c.resolve(c.a0[pointer]!);
  }
  if (c.op[pointer] === Op.ctx) {
    c.special = AddressBase.context;
    return;
  }
  if (c.op[pointer] === Op.element && mayTakeIn(c, pointer) && c.lo[pointer]! <= 3) {
    const index = c.a1[pointer]!;
    const scale = c.lo[pointer]!;
    c.base = c.reg(c.a0[pointer]!);
    if (c.isConstant(index) && isDisplacement(c.displacement + (c.lo[index]! >>> 0) * 2 ** scale)) {
      c.displacement += (c.lo[index]! >>> 0) << scale;
      return;
    }
    c.index = c.reg(index);
    c.scale = scale;
    return;
  }
  c.base = c.reg(pointer);
}

// ---------------------------------------------------------------- loads as operands

/**
 * Makes the load `v` the memory operand of the row being lowered, if `v` is read there only and reads `bytes`
 * bytes (of a 64-bit record field, a part may be read). On success the address is set and `v` must be consumed.
 */
export function takeLoad(c: Lowering, v: number, bytes: 4 | 8 | 16): boolean {
  if (c.emittedAgain !== 0 || !mayTakeIn(c, v)) return false;
  // At most one conversion in between, so that long chains of them aren't walked again and again.
  if ((c.op[v] === Op.wrap && bytes === 4) || c.op[v] === Op.bitcast) {
    v = c.a0[v]!;
    if (!mayTakeIn(c, v)) return false;
  }
  return takeAccess(c, v, bytes);
}

function takeAccess(c: Lowering, v: number, bytes: number): boolean {
  const read = bytesRead(c, v);
  // Part of one of the engine's own records may be read; an access to linear memory must trap for all its bytes.
  const mayReadPart = bytes === 4 && c.op[v] === Op.peek;
  if (read < bytes || (read > bytes && !mayReadPart)) return false;
  if (!mayMoveDown(c, v)) return false;
  takeAddress(c, v);
  return true;
}

/** Marks the load or peek `v` as consumed and sets its address. */
export function takeAddress(c: Lowering, v: number): void {
  c.folded[v] = 1;
  if (c.op[v] === Op.peek || c.op[v] === Op.peek32) recordAddress(c, c.a0[v]!, c.lo[v]!);
  else linearAddress(c, v);
}

/**
 * Takes in a load of part of a value (`load8u`...), op as given, for comparisons and extensions; see `takeLoad`.
 */
export function takePartialLoad(c: Lowering, v: number, op: Op): boolean {
  if (c.op[v] !== op || c.emittedAgain !== 0 || !mayTakeIn(c, v) || !mayMoveDown(c, v)) return false;
  takeAddress(c, v);
  return true;
}

/** Float constant or load `v` as memory operand. */
export function takeFloatOperand(c: Lowering, v: number): boolean {
  if (c.isConstant(v)) return c.takeConstant(v);
  return takeLoad(c, v, c.type[v] === Type.f32 ? 4 : 8);
}
