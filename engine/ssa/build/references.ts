/**
 * References and tables. A funcref is the address of a function record, its null that of the context's null
 * record; an externref is a handle, its null 0. Table elements are 64 bits of either.
 */
import { builtinNumber, Context, ImportSlot, TableRecord } from "../../runtime/layout.js";
import { ValType } from "../../wasm/types.js";
import type { Value } from "../function.js";
import { AliasClass, Op, TrapKind, Type } from "../ops.js";
import { type Builder, typeOfValType } from "./builder.js";

export function tableRecord(b: Builder, table: number): Value {
  return b.peek(Type.ptr, b.instance, b.layout.table(table), AliasClass.invariant);
}

/** The address of a table's element; a trap of the given kind if there is none. */
export function elementAddress(b: Builder, record: Value, index: Value, kind: number): Value {
  const length = b.peek32(record, TableRecord.length, AliasClass.record);
  b.trapIf(b.emit(Op.uge, Type.i32, index, length), kind);
  const elements = b.peek(Type.ptr, record, TableRecord.elements, AliasClass.record);
  return b.emit(Op.element, Type.ptr, elements, index, 0, 3);
}

function nullFuncref(b: Builder): Value {
  return b.peek(Type.ptr, b.emit(Op.ctx, Type.ptr), Context.nullFuncref, AliasClass.invariant);
}

export function refNull(b: Builder): void {
  b.push(b.cursor.type === ValType.funcref ? nullFuncref(b) : b.emit(Op.const, Type.ref));
}

export function refIsNull(b: Builder): void {
  const v = b.pop();
  const zero = b.f.type[v] === Type.ptr ? nullFuncref(b) : b.emit(Op.const, Type.ref);
  b.push(b.emit(Op.eq, Type.i32, v, zero));
}

export function refFunc(b: Builder): void {
  const index = b.cursor.index;
  if (index < b.module.importedFunctionCount) {
    const slot = b.layout.importSlot(index);
    b.push(b.peek(Type.ptr, b.instance, slot + ImportSlot.record, AliasClass.invariant));
  } else {
    const record = b.layout.functionRecord(index);
    b.push(b.emit(Op.offset, Type.ptr, b.instance, 0, 0, record, AliasClass.invariant));
  }
}

export function tableGet(b: Builder): void {
  const table = b.cursor.index;
  const index = b.pop();
  const address = elementAddress(b, tableRecord(b, table), index, TrapKind.tableOutOfBounds);
  const type = typeOfValType[b.module.tables[table]!.element]!;
  b.push(b.peek(type, address, 0, AliasClass.table));
}

export function tableSet(b: Builder): void {
  const table = b.cursor.index;
  const v = b.pop();
  const index = b.pop();
  const address = elementAddress(b, tableRecord(b, table), index, TrapKind.tableOutOfBounds);
  b.emit(Op.poke, Type.none, address, v, 0, 0, AliasClass.table);
}

export function tableSize(b: Builder): void {
  b.push(b.peek32(tableRecord(b, b.cursor.index), TableRecord.length, AliasClass.record));
}

export function tableGrow(b: Builder): void {
  const table = b.constI32(b.cursor.index);
  const delta = b.pop();
  const initial = b.emit(Op.bitcast, Type.i64, b.pop());
  b.push(b.builtin(builtinNumber.tableGrow, Type.i32, [table, initial, delta]));
}

export function tableFill(b: Builder): void {
  const table = b.constI32(b.cursor.index);
  const count = b.pop();
  const v = b.emit(Op.bitcast, Type.i64, b.pop());
  const start = b.pop();
  b.builtin(builtinNumber.tableFill, Type.none, [table, start, v, count]);
}

export function tableCopy(b: Builder): void {
  const to = b.constI32(b.cursor.index);
  const from = b.constI32(b.cursor.index2);
  const count = b.pop();
  const source = b.pop();
  const destination = b.pop();
  b.builtin(builtinNumber.tableCopy, Type.none, [to, from, destination, source, count]);
}

export function tableInit(b: Builder): void {
  const segment = b.constI32(b.cursor.index);
  const table = b.constI32(b.cursor.index2);
  const count = b.pop();
  const source = b.pop();
  const destination = b.pop();
  b.builtin(builtinNumber.tableInit, Type.none, [table, segment, destination, source, count]);
}

export function elemDrop(b: Builder): void {
  b.builtin(builtinNumber.elemDrop, Type.none, [b.constI32(b.cursor.index)]);
}
