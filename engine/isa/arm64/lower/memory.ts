/** Loads and stores: of linear memory, of the engine's records, of frame slots. */
import { lowBits, mayTakeIn, storedBytes } from "../../../machine/lower/matching.js";
import { Op, TrapKind, Type } from "../../../ssa/ops.js";
import { AddressBase, Arm64, Condition, isAddImmediate, operandWords } from "../instructions.js";
import { accessOf, linearAddress, recordAddress } from "./address.js";
import type { Lowering } from "./lowering.js";
import { storeLane } from "./vector-lanes.js";

const i = Arm64;

/** The row that loads a whole value of a type. */
export function loadRow(type: Type): number {
  switch (type) {
    case Type.i32:
      return i.ldr32;
    case Type.f32:
      return i.ldr_s;
    case Type.f64:
      return i.ldr_d;
    case Type.v128:
      return i.ldr_q;
    default:
      return i.ldr64;
  }
}

/** The row that stores a whole value of a type. */
export function storeRow(type: Type): number {
  switch (type) {
    case Type.i32:
      return i.str32;
    case Type.f32:
      return i.str_s;
    case Type.f64:
      return i.str_d;
    case Type.v128:
      return i.str_q;
    default:
      return i.str64;
  }
}

function partialLoadRow(op: Op, is64: boolean): number {
  switch (op) {
    case Op.load8u:
      return i.ldrb;
    case Op.load16u:
      return i.ldrh;
    case Op.load8s:
      return is64 ? i.ldrsb64 : i.ldrsb32;
    case Op.load16s:
      return is64 ? i.ldrsh64 : i.ldrsh32;
    case Op.load32u:
      return i.ldr32;
    default:
      return i.ldrsw;
  }
}

/** log2 of the bytes that a load reads. */
function loadAccess(c: Lowering, v: number): number {
  switch (c.op[v]) {
    case Op.load8u:
    case Op.load8s:
      return 0;
    case Op.load16u:
    case Op.load16s:
      return 1;
    case Op.load32u:
    case Op.load32s:
      return 2;
    default:
      return accessOf(c.type[v]! as Type);
  }
}

export function lowerLoad(c: Lowering, v: number): void {
  linearAddress(c, v, loadAccess(c, v));
  const op = c.op[v]!;
  c.load1(op === Op.load ? loadRow(c.type[v]! as Type) : partialLoadRow(op, c.is64(v)), c.defined(v));
}

export function lowerPeek(c: Lowering, v: number): void {
  const isWord = c.op[v] === Op.peek32;
  const type = c.type[v]! as Type;
  recordAddress(c, c.a0[v]!, c.lo[v]!, isWord ? 2 : accessOf(type));
  c.load1(isWord ? i.ldr32 : loadRow(type), c.defined(v));
}

// ---------------------------------------------------------------- stores

export function lowerStore(c: Lowering, v: number): void {
  const value = c.a2[v]!;
  const bytes = storedBytes(c.op[v]!, c.type[value]! as Type);
  linearAddress(c, v, log2(bytes));
  storeAtAddress(c, value, bytes);
}

export function lowerPoke(c: Lowering, v: number): void {
  const value = c.a1[v]!;
  const bytes = storedBytes(c.op[v]!, c.type[value]! as Type);
  recordAddress(c, c.a0[v]!, c.lo[v]!, log2(bytes));
  storeAtAddress(c, value, bytes);
}

const log2 = (bytes: number): number => 31 - Math.clz32(bytes);

/** Stores the low `bytes` bytes of a value at the address found last. */
export function storeAtAddress(c: Lowering, value: number, bytes: number): void {
  if (c.isConstant(value) && bytes <= 8 && isZeroIn(c, value, bytes)) {
    c.memory0(zeroRow(bytes));
    return;
  }
  if (storeLane(c, value, bytes)) return;
  // Only the whole of it: a narrower store of float bits takes them from an integer register.
  const isWhole = bytes === storedBytes(Op.store, c.type[value]! as Type);
  if (isWhole && c.op[value] === Op.bitcast && mayTakeIn(c, value)) value = c.a0[value]!;
  const type = c.type[value]! as Type;
  if (type === Type.f32 || type === Type.f64 || type === Type.v128) {
    c.load1(storeRow(type), c.reg(value));
    return;
  }
  if (bytes === 8) {
    c.load1(i.str64, c.reg(value));
    return;
  }
  const source = c.reg(lowBits(c, value, bytes));
  c.load1(bytes === 4 ? i.str32 : bytes === 2 ? i.strh : i.strb, source);
}

/** Whether the low bytes of a constant are zero; floats by their bits. */
function isZeroIn(c: Lowering, value: number, bytes: number): boolean {
  const lo = c.lo[value]!;
  if (bytes === 8) return lo === 0 && c.hi[value] === 0;
  return bytes === 4 ? lo === 0 : (lo & (2 ** (8 * bytes) - 1)) === 0;
}

function zeroRow(bytes: number): number {
  return bytes === 8 ? i.str64_z : bytes === 4 ? i.str32_z : bytes === 2 ? i.strh_z : i.strb_z;
}

// ---------------------------------------------------------------- checks and slots

/** Traps unless index + limit <= length, in 64 bits. */
export function lowerCheck(c: Lowering, v: number): void {
  const index = c.a0[v]!;
  const length = c.reg(c.a1[v]!);
  const limit = c.hi[v]! * 2 ** 32 + (c.lo[v]! >>> 0);
  const known = c.isConstant(index) ? limit + (c.lo[index]! >>> 0) : -1;
  if (known >= 0 && isAddImmediate(known)) {
    c.row1(i.cmp64_ri, length, known);
    c.emit(i.trapif, TrapKind.memoryOutOfBounds, 0, Condition.lo);
    return;
  }
  const end = c.newInt();
  if (isAddImmediate(limit)) c.row2(i.add64_ri, end, c.reg(index), limit);
  else c.row3(i.add64_rr, end, c.ownInteger(c.lo[v]!, c.hi[v]!), c.reg(index));
  c.row2(i.cmp64_rr, end, length);
  c.emit(i.trapif, TrapKind.memoryOutOfBounds, 0, Condition.hi);
}

export function lowerSlotLoad(c: Lowering, v: number): void {
  c.specialAddress(AddressBase.slot, c.slots[c.lo[v]!]!);
  c.load1(loadRow(c.type[v]! as Type), c.defined(v));
}

export function lowerSlotStore(c: Lowering, v: number): void {
  const value = c.a0[v]!;
  c.specialAddress(AddressBase.slot, c.slots[c.lo[v]!]!);
  storeAtAddress(c, value, storedBytes(Op.store, c.type[value]! as Type));
}

/** ctx, and offset: an address as a value. */
export function lowerContext(c: Lowering, v: number): void {
  c.specialAddress(AddressBase.context, 0);
  c.load1(i.lea64, c.defined(v));
}

export function lowerSignature(c: Lowering, v: number): void {
  const to = c.defined(v);
  c.code.vregRematerializable[to] = 1;
  c.emit(i.mov32_signature, c.lo[v]!);
  c.arg(to, operandWords[i.mov32_signature]![0]!);
}
