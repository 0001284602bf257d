/**
 * Loads and stores: of linear memory, of the engine's records, of frame slots. A store of `op(load, x)` to where
 * the load came from is one instruction on memory.
 */
import { lowBits, mayMoveDown, mayTakeIn, storedBytes } from "../../../machine/lower/matching.js";
import { Op, TrapKind, Type } from "../../../ssa/ops.js";
import { AddressBase, Amd64, Condition, operandWords } from "../instructions.js";
import { linearAddress, recordAddress, takeAddress, takeLoad } from "./address.js";
import { binaryRows } from "./integer.js";
import type { Lowering } from "./lowering.js";
import { storeLane } from "./vector-lanes.js";

const i = Amd64;

/** The row that loads a whole value of a type. */
export function loadRow(type: Type): number {
  switch (type) {
    case Type.i32:
      return i.mov32_rm;
    case Type.f32:
      return i.movss_rm;
    case Type.f64:
      return i.movsd_rm;
    case Type.v128:
      return i.movups_rm;
    default:
      return i.mov64_rm;
  }
}

/** The row that stores a whole value of a type. */
export function storeRow(type: Type): number {
  switch (type) {
    case Type.i32:
      return i.mov32_mr;
    case Type.f32:
      return i.movss_mr;
    case Type.f64:
      return i.movsd_mr;
    case Type.v128:
      return i.movups_mr;
    default:
      return i.mov64_mr;
  }
}

function partialLoadRow(op: Op, is64: boolean): number {
  switch (op) {
    case Op.load8u:
      return i.movzx8_rm;
    case Op.load16u:
      return i.movzx16_rm;
    case Op.load8s:
      return is64 ? i.movsx8to64_rm : i.movsx8to32_rm;
    case Op.load16s:
      return is64 ? i.movsx16to64_rm : i.movsx16to32_rm;
    case Op.load32u:
      return i.mov32_rm;
    default:
      return i.movsx32to64_rm;
  }
}

export function lowerLoad(c: Lowering, v: number): void {
  linearAddress(c, v);
  const op = c.op[v]!;
  c.load1(op === Op.load ? loadRow(c.type[v]! as Type) : partialLoadRow(op, c.is64(v)), c.defined(v));
}

export function lowerPeek(c: Lowering, v: number): void {
  recordAddress(c, c.a0[v]!, c.lo[v]!);
  c.load1(c.op[v] === Op.peek32 ? i.mov32_rm : loadRow(c.type[v]! as Type), c.defined(v));
}

// ---------------------------------------------------------------- stores

export function lowerStore(c: Lowering, v: number): void {
  const value = c.a2[v]!;
  const bytes = storedBytes(c.op[v]!, c.type[value]! as Type);
  if (bytes >= 4 && updateMemory(c, v, value, bytes)) return;
  linearAddress(c, v);
  storeAtAddress(c, value, bytes);
}

export function lowerPoke(c: Lowering, v: number): void {
  const value = c.a1[v]!;
  const bytes = storedBytes(c.op[v]!, c.type[value]! as Type);
  if (bytes <= 8 && updateMemory(c, v, value, bytes)) return;
  recordAddress(c, c.a0[v]!, c.lo[v]!);
  storeAtAddress(c, value, bytes);
}

/** Stores the low `bytes` bytes of a value at the address found last. */
function storeAtAddress(c: Lowering, value: number, bytes: number): void {
  const type = c.type[value]! as Type;
  if (c.isConstant(value) && storeConstant(c, value, bytes)) return;
  if (storeLane(c, value, bytes)) return;
  if (type === Type.f32 || type === Type.f64 || type === Type.v128) {
    c.load1(storeRow(type), c.reg(value));
    return;
  }
  if (bytes === 8) {
    c.load1(i.mov64_mr, c.reg(value));
    return;
  }
  const source = c.reg(lowBits(c, value, bytes));
  c.load1(bytes === 4 ? i.mov32_mr : bytes === 2 ? i.mov16_mr : i.mov8_mr, source);
}

/** Constants as immediates, floats by their bits. */
function storeConstant(c: Lowering, value: number, bytes: number): boolean {
  const lo = c.lo[value]!;
  if (bytes === 16 || (bytes === 8 && c.hi[value] !== lo >> 31)) return false;
  if (bytes === 8) c.memory0(i.mov64_mi, lo);
  else if (bytes === 4) c.memory0(i.mov32_mi, lo);
  else if (bytes === 2) c.memory0(i.mov16_mi, (lo << 16) >> 16);
  else c.memory0(i.mov8_mi, (lo << 24) >> 24);
  return true;
}

/** store(address, op(load(address), x)) as `op [m], x`. */
function updateMemory(c: Lowering, v: number, value: number, bytes: number): boolean {
  const is64 = bytes === 8;
  const rows = binaryRows(c.op[value]!, is64);
  if (rows === null || !mayTakeIn(c, value) || c.is64(value) !== is64) return false;
  let x = c.a0[value]!;
  let y = c.a1[value]!;
  if (!isSamePlace(c, v, x, bytes)) {
    if (c.op[value] === Op.sub || !isSamePlace(c, v, y, bytes)) return false;
    [x, y] = [y, x];
  }
  takeAddress(c, x);
  if (c.isImmediate(y)) c.memory0(rows.mi, c.lo[y]!);
  else c.load1(rows.mr, c.operand(y, is64));
  return true;
}

/** Whether `x` is a load, wanted only here, of what store or poke `v` overwrites. */
function isSamePlace(c: Lowering, v: number, x: number, bytes: number): boolean {
  const isLinear = c.op[v] === Op.store || c.op[v] === Op.store32;
  if (c.op[x] !== (isLinear ? Op.load : Op.peek) || !mayTakeIn(c, x) || !mayMoveDown(c, x)) return false;
  if ((c.is64(x) ? 8 : 4) !== bytes || c.a0[x] !== c.a0[v] || c.lo[x] !== c.lo[v]) return false;
  return !isLinear || c.a1[x] === c.a1[v];
}

// ---------------------------------------------------------------- checks and slots

/** Traps unless index + limit <= length, in 64 bits. */
export function lowerCheck(c: Lowering, v: number): void {
  const index = c.a0[v]!;
  const length = c.a1[v]!;
  const limit = c.hi[v]! * 2 ** 32 + (c.lo[v]! >>> 0);
  const known = c.isConstant(index) ? limit + (c.lo[index]! >>> 0) : -1;
  if (known >= 0 && known <= 0x7fffffff) {
    if (takeLoad(c, length, 8)) c.memory0(i.cmp64_mi, known);
    else c.row1(i.cmp64_ri, c.reg(length), known);
    c.emit(i.trapif, TrapKind.memoryOutOfBounds, 0, Condition.b);
    return;
  }
  const end = c.newInt();
  if (limit <= 0x7fffffff) {
    c.clearAddress();
    c.base = c.reg(index);
    c.displacement = limit;
    c.load1(i.lea64, end);
  } else {
    const far = c.ownInteger(c.lo[v]!, c.hi[v]!);
    c.row3(i.add64_rr, end, far, c.reg(index));
  }
  if (takeLoad(c, length, 8)) c.load1(i.cmp64_rm, end);
  else c.row2(i.cmp64_rr, end, c.reg(length));
  c.emit(i.trapif, TrapKind.memoryOutOfBounds, 0, Condition.a);
}

function slotAddress(c: Lowering, v: number): void {
  c.clearAddress();
  c.special = AddressBase.slot;
  c.displacement = c.slots[c.lo[v]!]!;
}

export function lowerSlotLoad(c: Lowering, v: number): void {
  slotAddress(c, v);
  c.load1(loadRow(c.type[v]! as Type), c.defined(v));
}

export function lowerSlotStore(c: Lowering, v: number): void {
  const value = c.a0[v]!;
  slotAddress(c, v);
  storeAtAddress(c, value, storedBytes(Op.store, c.type[value]! as Type));
}

export function lowerContext(c: Lowering, v: number): void {
  c.clearAddress();
  c.special = AddressBase.context;
  c.load1(i.lea64, c.defined(v));
}

export function lowerSignature(c: Lowering, v: number): void {
  c.emit(i.mov32_signature, c.lo[v]!);
  c.arg(c.defined(v), operandWords[i.mov32_signature]![0]!);
}
