/**
 * The element and data sections. The same contract as decode-sections.ts: the reader's `end` is the section's
 * end, and no count allocates before as many bytes are known to be there.
 */
import { readConstExpr } from "./decode-const-expr.js";
import { readCount } from "./decode-sections.js";
import { badElementKind, badFlags, dataCountMismatch, typeMismatch } from "./errors.js";
import { LIMITS } from "./limits.js";
import type { ModuleBuilder } from "./module-builder.js";
import type { ByteReader } from "./reader.js";
import {
  type ConstExpr,
  ELEMENT_NULL,
  type ElementSegment,
  elementOfGlobal,
  type RefType,
  ValType,
  valTypeName,
} from "./types.js";

export function decodeElementSection(reader: ByteReader, module: ModuleBuilder): void {
  const count = readCount(reader, "element segments", LIMITS.elementSegments, 3);
  for (let i = 0; i < count; i++) module.elements.push(readElementSegment(reader));
}

/**
 * The flags of a segment: bit 0 says passive or declarative; bit 1 an explicit table index, or, with bit 0,
 * declarative; bit 2 expressions in place of function indices.
 */
function readElementSegment(reader: ByteReader): ElementSegment {
  const byteOffset = reader.position;
  const flags = reader.u32("an element segment");
  if (flags > 7) throw badFlags(reader.place(byteOffset), "element segment", flags);
  const active = (flags & 1) === 0;
  const itemsAreExpressions = (flags & 4) !== 0;
  const tableIndex = active && (flags & 2) !== 0 ? reader.u32("a table index") : 0;
  const offset = active ? readConstExpr(reader) : null;
  const type = (flags & 3) === 0 ? ValType.funcref : readElementType(reader, itemsAreExpressions);
  const itemsStart = reader.position;
  const items = itemsAreExpressions ? readExpressionItems(reader, type) : readFunctionItems(reader);
  const mode = active ? "active" : (flags & 2) !== 0 ? "declarative" : "passive";
  return { mode, type, tableIndex, offset, items, itemsAreExpressions, itemsStart, byteOffset };
}

function readElementType(reader: ByteReader, itemsAreExpressions: boolean): RefType {
  if (itemsAreExpressions) return reader.refType();
  const at = reader.position;
  const kind = reader.u8("an element kind");
  if (kind !== 0) throw badElementKind(reader.place(at), kind);
  return ValType.funcref;
}

function readFunctionItems(reader: ByteReader): Int32Array {
  const count = readCount(reader, "elements", LIMITS.elements);
  const items = new Int32Array(count);
  for (let i = 0; i < count; i++) items[i] = asItem(reader.u32("a function index"));
  return items;
}

/** An index beyond 2**31 - 1 is unknown in any module, and so is 2**31 - 1: keeps items int32. */
function asItem(index: number): number {
  return Math.min(index, 0x7fffffff);
}

function readExpressionItems(reader: ByteReader, type: RefType): Int32Array {
  const count = readCount(reader, "elements", LIMITS.elements);
  const items = new Int32Array(count);
  for (let i = 0; i < count; i++) items[i] = expressionItem(reader, readConstExpr(reader), type);
  return items;
}

function expressionItem(reader: ByteReader, expr: ConstExpr, type: RefType): number {
  if (expr.op === "global.get") return elementOfGlobal(Math.min(expr.index, 0x7ffffffe));
  if (expr.op === "ref.null" && expr.refType === type) return ELEMENT_NULL;
  if (expr.op === "ref.func" && type === ValType.funcref) return asItem(expr.index);
  const found = expr.refType === 0 ? expr.op : `${expr.op} ${valTypeName(expr.refType)}`;
  throw typeMismatch(reader.place(expr.byteOffset), "element segment", valTypeName(type), found);
}

/** Where entry `wanted` of a segment stands: for errors only, it reads the segment again. */
export function locateElement(reader: ByteReader, segment: ElementSegment, wanted: number): number {
  reader.position = segment.itemsStart;
  reader.u32();
  for (let i = 0; i < wanted; i++) {
    if (segment.itemsAreExpressions) readConstExpr(reader);
    else reader.u32();
  }
  return reader.position;
}

export function decodeDataSection(reader: ByteReader, module: ModuleBuilder): void {
  const at = reader.position;
  const count = readCount(reader, "data segments", LIMITS.dataSegments, 2);
  if (module.dataCount >= 0 && module.dataCount !== count) {
    throw dataCountMismatch(reader.place(at), module.dataCount, count);
  }
  for (let i = 0; i < count; i++) readDataSegment(reader, module);
}

function readDataSegment(reader: ByteReader, module: ModuleBuilder): void {
  const byteOffset = reader.position;
  const flags = reader.u32("a data segment");
  if (flags > 2) throw badFlags(reader.place(byteOffset), "data segment", flags);
  const memoryIndex = flags === 2 ? reader.u32("a memory index") : 0;
  const offset = flags === 1 ? null : readConstExpr(reader);
  const size = reader.u32("a data segment's size");
  const start = reader.position;
  reader.skip(size, `a data segment of ${size} bytes`);
  const mode = flags === 1 ? "passive" : "active";
  module.data.push({ mode, memoryIndex, offset, start, end: start + size, byteOffset });
}
