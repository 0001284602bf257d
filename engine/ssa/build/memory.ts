/**
 * Linear memory: loads, stores, size, and the bulk instructions.
 *
 * With guard pages an access needs no check, since the reservation covers every 32-bit index with any offset
 * that can succeed at all. With explicit bounds, base and length are read from the memory's record before each
 * access, for calls may change them; GVN merges what can be merged.
 */
import { builtinNumber, Instance, MemoryRecord } from "../../runtime/layout.js";
import { Op as W } from "../../wasm/opcodes.js";
import type { Value } from "../function.js";
import { AliasClass, Op, TrapKind, Type } from "../ops.js";
import type { Builder } from "./builder.js";

const pageBytes = 65536;
const mostPages = 65536;

/** Opcode -> op, type of the value, bytes accessed. */
export const memoryOp = new Uint16Array(0x40);
const memoryType = new Uint8Array(0x40);
const memoryWidth = new Uint8Array(0x40);

function row(opcode: number, op: number, type: Type, width: number): void {
  memoryOp[opcode] = op;
  memoryType[opcode] = type;
  memoryWidth[opcode] = width;
}

row(W.i32_load, Op.load, Type.i32, 4);
row(W.i64_load, Op.load, Type.i64, 8);
row(W.f32_load, Op.load, Type.f32, 4);
row(W.f64_load, Op.load, Type.f64, 8);
row(W.i32_load8_s, Op.load8s, Type.i32, 1);
row(W.i32_load8_u, Op.load8u, Type.i32, 1);
row(W.i32_load16_s, Op.load16s, Type.i32, 2);
row(W.i32_load16_u, Op.load16u, Type.i32, 2);
row(W.i64_load8_s, Op.load8s, Type.i64, 1);
row(W.i64_load8_u, Op.load8u, Type.i64, 1);
row(W.i64_load16_s, Op.load16s, Type.i64, 2);
row(W.i64_load16_u, Op.load16u, Type.i64, 2);
row(W.i64_load32_s, Op.load32s, Type.i64, 4);
row(W.i64_load32_u, Op.load32u, Type.i64, 4);
row(W.i32_store, Op.store, Type.none, 4);
row(W.i64_store, Op.store, Type.none, 8);
row(W.f32_store, Op.store, Type.none, 4);
row(W.f64_store, Op.store, Type.none, 8);
row(W.i32_store8, Op.store8, Type.none, 1);
row(W.i32_store16, Op.store16, Type.none, 2);
row(W.i64_store8, Op.store8, Type.none, 1);
row(W.i64_store16, Op.store16, Type.none, 2);
row(W.i64_store32, Op.store32, Type.none, 4);

function record(b: Builder): Value {
  return b.peek(Type.ptr, b.instance, Instance.memoryRecord, AliasClass.invariant);
}

function base(b: Builder): Value {
  if (!b.explicitBounds) return b.memoryBase(Instance.memoryBase);
  return b.peek(Type.ptr, record(b), MemoryRecord.base, AliasClass.record);
}

function byteLength(b: Builder): Value {
  return b.peek(Type.i64, record(b), MemoryRecord.byteLength, AliasClass.record);
}

/** The most bytes that memory 0 can ever have. */
function mostBytes(b: Builder): number {
  const maximum = b.module.memories[0]!.maximum ?? mostPages;
  return Math.min(maximum, mostPages) * pageBytes;
}

/**
 * Checks an access of `end` = offset + width bytes from the index on, and returns the base; 0 if it can't
 * succeed: then the block has ended with a trap.
 */
export function checkedBase(b: Builder, index: Value, end: number): number {
  if (end > mostBytes(b)) {
    b.trap(TrapKind.memoryOutOfBounds);
    return 0;
  }
  if (b.explicitBounds) {
    b.emit(Op.check, Type.none, index, byteLength(b), 0, end | 0, end >= 0x1_0000_0000 ? 1 : 0);
  }
  return base(b);
}

export function load(b: Builder, opcode: number): void {
  const offset = b.cursor.memoryOffset;
  const index = b.pop();
  const from = checkedBase(b, index, offset + memoryWidth[opcode]!);
  if (from !== 0) b.push(b.emit(memoryOp[opcode]!, memoryType[opcode]!, from, index, 0, offset | 0));
}

export function store(b: Builder, opcode: number): void {
  const offset = b.cursor.memoryOffset;
  const v = b.pop();
  const index = b.pop();
  const to = checkedBase(b, index, offset + memoryWidth[opcode]!);
  if (to !== 0) b.emit(memoryOp[opcode]!, Type.none, to, index, v, offset | 0);
}

export function memorySize(b: Builder): void {
  const pageBits = b.emit(Op.const, Type.i64, 0, 0, 0, 16);
  const pages = b.emit(Op.ushr, Type.i64, byteLength(b), pageBits);
  b.push(b.emit(Op.wrap, Type.i32, pages));
}

export function memoryGrow(b: Builder): void {
  b.push(b.builtin(builtinNumber.memoryGrow, Type.i32, [b.pop()]));
}

/** Traps unless the `count` bytes (i64) from an index (i32) on are inside; returns their address. */
function checkedRange(b: Builder, index: Value, count: Value): Value {
  const end = b.emit(Op.add, Type.i64, b.emit(Op.zext, Type.i64, index), count);
  b.trapIf(b.emit(Op.ugt, Type.i32, end, byteLength(b)), TrapKind.memoryOutOfBounds);
  return b.emit(Op.add, Type.ptr, base(b), b.emit(Op.zext, Type.ptr, index));
}

export function memoryCopy(b: Builder): void {
  const count = b.emit(Op.zext, Type.i64, b.pop());
  const source = b.pop();
  const destination = b.pop();
  const to = checkedRange(b, destination, count);
  const from = checkedRange(b, source, count);
  b.builtin(builtinNumber.memoryMove, Type.none, [to, from, count]);
}

export function memoryFill(b: Builder): void {
  const count = b.emit(Op.zext, Type.i64, b.pop());
  const byte = b.pop();
  const to = checkedRange(b, b.pop(), count);
  b.builtin(builtinNumber.memorySet, Type.none, [to, byte, count]);
}

export function memoryInit(b: Builder): void {
  const segment = b.constI32(b.cursor.index);
  const count = b.pop();
  const source = b.pop();
  const destination = b.pop();
  b.builtin(builtinNumber.memoryInit, Type.none, [segment, destination, source, count]);
}

export function dataDrop(b: Builder): void {
  b.builtin(builtinNumber.dataDrop, Type.none, [b.constI32(b.cursor.index)]);
}
