/**
 * The engine's records without the engine, for tests: a byte array stands for the address space in which
 * instances, tables and function records lie as runtime/layout.ts says, so that SSA which reads and writes
 * them can be interpreted.
 *
 * Addresses are numbers. Records lie below 2**32; linear memory k begins at (k + 1) * 2**40; the "code" of
 * function n is at `codeBase` + n.
 */
import { Context, FunctionRecord, MemoryRecord, TableRecord } from "../../runtime/layout.js";
import { Type } from "../../ssa/ops.js";
import type { FuncType } from "../../wasm/types.js";
import type { Word } from "./arithmetic.js";

export const memorySpacing = 2 ** 40;
const codeBase = 2 ** 50;
export const pageSize = 65536;

export type Code = (args: readonly Word[], env: number) => Word[];

export interface MemoryState {
  readonly record: number;
  bytes: Uint8Array;
  readonly maximum: number;
}

export interface TableState {
  readonly record: number;
  readonly maximum: number;
  readonly nullElement: number;
  /** Type of the elements: ptr or ref. */
  readonly type: number;
}

export class World {
  private records = new DataView(new ArrayBuffer(1 << 16));
  private used = 4096;
  readonly memories: MemoryState[] = [];
  /** By record address. */
  readonly tables = new Map<number, TableState>();
  private readonly functions: Code[] = [];
  private readonly signatures = new Map<string, number>();
  /** Host objects behind externref handles; handle 0 is null. */
  readonly externs: unknown[] = [null];
  readonly context: number;
  readonly nullFuncref: number;

  constructor() {
    this.nullFuncref = this.allocate(FunctionRecord.size);
    this.context = this.allocate(Context.size);
    this.write(Type.ptr, this.context + Context.nullFuncref, this.nullFuncref);
  }

  allocate(size: number): number {
    const address = Math.ceil(this.used / 32) * 32;
    this.used = address + size;
    if (this.used > this.records.byteLength) {
      const bigger = new Uint8Array(Math.max(this.used, this.records.byteLength * 2));
      bigger.set(new Uint8Array(this.records.buffer));
      this.records = new DataView(bigger.buffer);
    }
    return address;
  }

  read(type: number, address: number): Word {
    const { records } = this;
    switch (type) {
      case Type.i32:
      case Type.f32:
        return records.getInt32(address, true);
      case Type.i64:
      case Type.f64:
        return records.getBigInt64(address, true);
      case Type.ptr:
      case Type.ref:
        return Number(records.getBigUint64(address, true));
    }
    throw new Error(`reading type ${type}`);
  }

  write(type: number, address: number, value: Word): void {
    const { records } = this;
    if (type === Type.i32 || type === Type.f32) records.setInt32(address, value as number, true);
    else if (type === Type.i64 || type === Type.f64) records.setBigInt64(address, value as bigint, true);
    else records.setBigUint64(address, BigInt(value), true);
  }

  read32(address: number): number {
    return this.records.getInt32(address, true);
  }

  // ---------------------------------------------------------------- functions

  /** The canonical number of a signature; 0 stays the null record's. */
  signature(type: FuncType): number {
    const key = `${type.params} -> ${type.results}`;
    let number = this.signatures.get(key);
    if (number === undefined) {
      number = this.signatures.size + 1;
      this.signatures.set(key, number);
    }
    return number;
  }

  addFunction(code: Code): number {
    this.functions.push(code);
    return codeBase + this.functions.length - 1;
  }

  function(code: number): Code {
    const found = this.functions[code - codeBase];
    if (found === undefined) throw new Error(`no code at ${code}`);
    return found;
  }

  writeFunctionRecord(record: number, code: number, env: number, type: FuncType): void {
    this.write(Type.ptr, record + FunctionRecord.code, code);
    this.write(Type.ptr, record + FunctionRecord.env, env);
    this.write(Type.i32, record + FunctionRecord.signature, this.signature(type));
  }

  hostFunction(type: FuncType, code: Code): number {
    const record = this.allocate(FunctionRecord.size);
    this.writeFunctionRecord(record, this.addFunction(code), 0, type);
    return record;
  }

  // ---------------------------------------------------------------- memories and tables

  addMemory(pages: number, maximum: number | undefined): MemoryState {
    const record = this.allocate(MemoryRecord.size);
    const memory = { record, bytes: new Uint8Array(pages * pageSize), maximum: maximum ?? 65536 };
    this.memories.push(memory);
    this.write(Type.ptr, record + MemoryRecord.base, this.memories.length * memorySpacing);
    this.write(Type.i64, record + MemoryRecord.byteLength, BigInt(memory.bytes.length));
    return memory;
  }

  growMemory(memory: MemoryState, delta: number): number {
    const old = memory.bytes.length / pageSize;
    // More than the tests need isn't given, whatever the maximum.
    if (old + delta > Math.min(memory.maximum, 4096)) return -1;
    const bigger = new Uint8Array((old + delta) * pageSize);
    bigger.set(memory.bytes);
    memory.bytes = bigger;
    this.write(Type.i64, memory.record + MemoryRecord.byteLength, BigInt(bigger.length));
    return old;
  }

  memoryAt(record: number): MemoryState {
    return this.memories.find((memory) => memory.record === record)!;
  }

  addTable(type: number, size: number, maximum: number | undefined): TableState {
    const record = this.allocate(TableRecord.size);
    const nullElement = type === Type.ptr ? this.nullFuncref : 0;
    const table = { record, type, nullElement, maximum: maximum ?? 0xffffffff };
    this.tables.set(record, table);
    this.growTable(table, size, nullElement);
    return table;
  }

  growTable(table: TableState, delta: number, initial: number): number {
    const old = this.tableLength(table);
    if (old + delta > Math.min(table.maximum, 1 << 20)) return -1;
    const elements = this.allocate((old + delta) * 8);
    for (let i = 0; i < old; i++) this.write(Type.ptr, elements + i * 8, this.element(table, i));
    for (let i = old; i < old + delta; i++) this.write(Type.ptr, elements + i * 8, initial);
    this.write(Type.ptr, table.record + TableRecord.elements, elements);
    this.write(Type.i32, table.record + TableRecord.length, old + delta);
    return old;
  }

  tableLength(table: TableState): number {
    return this.read32(table.record + TableRecord.length) >>> 0;
  }

  element(table: TableState, index: number): number {
    return this.read(
      Type.ptr,
      Number(this.read(Type.ptr, table.record + TableRecord.elements)) + index * 8,
    ) as number;
  }

  setElement(table: TableState, index: number, value: number): void {
    this.write(
      Type.ptr,
      (this.read(Type.ptr, table.record + TableRecord.elements) as number) + index * 8,
      value,
    );
  }

  /** The handle of a host value. */
  extern(value: unknown): number {
    const known = this.externs.indexOf(value);
    return known >= 0 ? known : this.externs.push(value) - 1;
  }
}
