/**
 * The sections that declare things: types, imports, functions, tables, memories, globals, exports, start.
 *
 * Each function takes the reader, its `end` at the section's end, and adds to the module being built. A count
 * is compared with its limit and with the bytes that are left before anything is read, and nothing is
 * allocated by a count. Source: core specification 2.0, "Binary Format / Modules".
 */
import { readConstExpr } from "./decode-const-expr.js";
import {
  badExternalKind,
  badFlags,
  badMutability,
  badTypeForm,
  limitExceeded,
  unexpectedEnd,
} from "./errors.js";
import { LIMITS } from "./limits.js";
import type { ModuleBuilder } from "./module-builder.js";
import type { ByteReader } from "./reader.js";
import { type ExternKind, type GlobalType, type Limits, ValType } from "./types.js";

/** A vector's count: no more than `limit`, and no more than the bytes left can hold. */
export function readCount(reader: ByteReader, what: string, limit: number, bytesEach = 1): number {
  const at = reader.position;
  const count = reader.u32(`the number of ${what}`);
  if (count > limit) throw limitExceeded(reader.place(at), what, limit, count);
  if (count * bytesEach > reader.end - reader.position) {
    throw unexpectedEnd(reader.place(reader.end), `${count} ${what}`);
  }
  return count;
}

export function decodeTypeSection(reader: ByteReader, module: ModuleBuilder): void {
  const count = readCount(reader, "types", LIMITS.types, 3);
  for (let i = 0; i < count; i++) {
    const at = reader.position;
    const form = reader.u8("a function type");
    if (form !== 0x60) throw badTypeForm(reader.place(at), form);
    const params = readValTypes(reader, module, "parameters", LIMITS.params);
    const results = readValTypes(reader, module, "results", LIMITS.results);
    module.types.push({ params, results });
  }
}

function readValTypes(reader: ByteReader, module: ModuleBuilder, what: string, limit: number): ValType[] {
  const count = readCount(reader, what, limit);
  const types: ValType[] = [];
  for (let i = 0; i < count; i++) types.push(readValType(reader, module));
  return types;
}

function readValType(reader: ByteReader, module: ModuleBuilder): ValType {
  const type = reader.valType();
  if (type === ValType.v128) module.sawVectorType(reader.position - 1);
  return type;
}

export function decodeImportSection(reader: ByteReader, module: ModuleBuilder): void {
  const count = readCount(reader, "imports", LIMITS.imports, 4);
  for (let i = 0; i < count; i++) decodeImport(reader, module);
  module.importedFunctionCount = module.functionTypes.length;
  module.importedTableCount = module.tables.length;
  module.importedMemoryCount = module.memories.length;
  module.importedGlobalCount = module.globals.length;
}

function decodeImport(reader: ByteReader, module: ModuleBuilder): void {
  const byteOffset = reader.position;
  const names = { module: reader.name(), name: reader.name(), byteOffset };
  const at = reader.position;
  const kind = reader.u8("the kind of an import");
  switch (kind) {
    case 0: {
      const typeIndex = reader.u32("a type index");
      module.imports.push({ ...names, kind: "function", index: module.functionTypes.length, typeIndex });
      module.functionTypes.push(typeIndex);
      return;
    }
    case 1:
      module.imports.push({
        ...names,
        kind: "table",
        index: module.tables.length,
        table: readTable(reader, module),
      });
      return;
    case 2: {
      const index = module.memories.length;
      module.imports.push({ ...names, kind: "memory", index, memory: readMemory(reader, module) });
      return;
    }
    case 3: {
      const global = readGlobalType(reader, module);
      module.imports.push({ ...names, kind: "global", index: module.globals.length, global });
      module.globals.push({ ...global, init: null, byteOffset });
      return;
    }
    default:
      throw badExternalKind(reader.place(at), "import", kind);
  }
}

export function decodeFunctionSection(reader: ByteReader, module: ModuleBuilder): void {
  const count = readCount(reader, "functions", LIMITS.functions);
  for (let i = 0; i < count; i++) module.functionTypes.push(reader.u32("a type index"));
}

export function decodeTableSection(reader: ByteReader, module: ModuleBuilder): void {
  const at = reader.position;
  const count = readCount(reader, "tables", LIMITS.tables, 3);
  const total = module.tables.length + count;
  if (total > LIMITS.tables) throw limitExceeded(reader.place(at), "tables", LIMITS.tables, total);
  for (let i = 0; i < count; i++) readTable(reader, module);
}

function readTable(reader: ByteReader, module: ModuleBuilder): ModuleBuilder["tables"][number] {
  const byteOffset = reader.position;
  const element = reader.refType();
  const table = { element, ...readLimits(reader, "table"), byteOffset };
  module.tables.push(table);
  return table;
}

export function decodeMemorySection(reader: ByteReader, module: ModuleBuilder): void {
  const count = readCount(reader, "memories", LIMITS.imports, 2);
  for (let i = 0; i < count; i++) readMemory(reader, module);
}

function readMemory(reader: ByteReader, module: ModuleBuilder): ModuleBuilder["memories"][number] {
  const byteOffset = reader.position;
  const memory = { ...readLimits(reader, "memory"), byteOffset };
  module.memories.push(memory);
  return memory;
}

function readLimits(reader: ByteReader, what: "table" | "memory"): Limits {
  const at = reader.position;
  const flags = reader.u8("limits");
  if (flags > 1) throw badFlags(reader.place(at), `${what} limits`, flags, limitsHint(what, flags));
  const minimum = reader.u32("a minimum");
  return { minimum, maximum: flags === 1 ? reader.u32("a maximum") : undefined };
}

function limitsHint(what: string, flags: number): string {
  if (flags > 7) return "";
  if (flags >= 4) return ` (64-bit ${what} indices are a later proposal)`;
  return ` (shared ${what === "memory" ? "memories" : "tables"} are the threads proposal)`;
}

export function decodeGlobalSection(reader: ByteReader, module: ModuleBuilder): void {
  const count = readCount(reader, "globals", LIMITS.globals, 3);
  for (let i = 0; i < count; i++) {
    const byteOffset = reader.position;
    const type = readGlobalType(reader, module);
    const init = readConstExpr(reader);
    if (init.op === "v128.const") module.sawVectorType(init.byteOffset);
    module.globals.push({ ...type, init, byteOffset });
  }
}

function readGlobalType(reader: ByteReader, module: ModuleBuilder): GlobalType {
  const type = readValType(reader, module);
  const at = reader.position;
  const mutability = reader.u8("a global's mutability");
  if (mutability > 1) throw badMutability(reader.place(at), mutability);
  return { type, mutable: mutability === 1 };
}

const externKinds: readonly ExternKind[] = ["function", "table", "memory", "global"];

export function decodeExportSection(reader: ByteReader, module: ModuleBuilder): void {
  const count = readCount(reader, "exports", LIMITS.exports, 3);
  for (let i = 0; i < count; i++) {
    const byteOffset = reader.position;
    const name = reader.name();
    const at = reader.position;
    const kind = reader.u8("the kind of an export");
    if (kind >= externKinds.length) throw badExternalKind(reader.place(at), "export", kind);
    module.exports.push({ name, kind: externKinds[kind], index: reader.u32("an index"), byteOffset });
  }
}

export function decodeStartSection(reader: ByteReader, module: ModuleBuilder): void {
  module.start = reader.u32("a function index");
}

export function decodeDataCountSection(reader: ByteReader, module: ModuleBuilder): void {
  const at = reader.position;
  module.dataCount = reader.u32("the number of data segments");
  if (module.dataCount > LIMITS.dataSegments) {
    throw limitExceeded(reader.place(at), "data segments", LIMITS.dataSegments, module.dataCount);
  }
}
