/**
 * Reads what tests must know of a valid module's binary: signatures of its exports, its imports, where its
 * code lies. Independent of the engine's own decoder, since it serves to test it.
 *
 * In: bytes that some engine has found valid. Out: a `ModuleShape`. Throws `RangeError` on bytes that end early.
 */

import type { ExportPart, FunctionType, GlobalType, ImportPart, Limits, TableType } from "./wasm-bytes.js";
import { KIND_FUNCTION, KIND_GLOBAL, KIND_MEMORY, KIND_TABLE } from "./wasm-bytes.js";

export interface SectionRange {
  readonly id: number;
  /** offset of the section's id byte */
  readonly start: number;
  /** offset of its payload */
  readonly payload: number;
  readonly end: number;
}

export interface ModuleShape {
  readonly types: FunctionType[];
  readonly imports: ImportPart[];
  /** type index of every function, imported ones first */
  readonly functions: number[];
  readonly importedFunctions: number;
  readonly tables: TableType[];
  readonly memories: Limits[];
  readonly globals: GlobalType[];
  readonly exports: ExportPart[];
  readonly start: number | undefined;
  readonly sections: SectionRange[];
  /** start (after the size) and end of every body defined here */
  readonly bodies: { readonly start: number; readonly end: number }[];
}

/** Reads numbers off a binary from `position` on. */
export class ByteReader {
  constructor(
    readonly bytes: Uint8Array,
    public position = 0,
  ) {}

  u8(): number {
    if (this.position >= this.bytes.length) throw new RangeError("bytes end early");
    return this.bytes[this.position++] as number;
  }

  u32(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  /** Steps over a LEB128 number of any width. */
  skipLeb(): void {
    while (this.u8() >= 0x80);
  }

  name(): string {
    const length = this.u32();
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      this.bytes.subarray(this.position, this.position + length),
    );
    this.position += length;
    return text;
  }

  take(length: number): Uint8Array {
    const part = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return part;
  }

  limits(): Limits {
    const hasMaximum = (this.u8() & 1) !== 0;
    const minimum = this.u32();
    return hasMaximum ? { minimum, maximum: this.u32() } : { minimum };
  }

  table(): TableType {
    const element = this.u8();
    return { element, ...this.limits() };
  }

  global(): GlobalType {
    return { type: this.u8(), mutable: this.u8() === 1 };
  }
}

function readImport(reader: ByteReader, shape: ModuleShape): ImportPart {
  const module = reader.name();
  const name = reader.name();
  const kind = reader.u8();
  if (kind === KIND_FUNCTION) {
    const typeIndex = reader.u32();
    shape.functions.push(typeIndex);
    return { module, name, kind, typeIndex };
  }
  if (kind === KIND_TABLE) {
    const table = reader.table();
    shape.tables.push(table);
    return { module, name, kind, table };
  }
  if (kind === KIND_MEMORY) {
    const memory = reader.limits();
    shape.memories.push(memory);
    return { module, name, kind, memory };
  }
  if (kind !== KIND_GLOBAL) throw new RangeError(`import kind ${kind}`);
  const global = reader.global();
  shape.globals.push(global);
  return { module, name, kind, global };
}

/** Steps over a constant expression of WebAssembly 2.0 with its `end`. */
export function skipConstantExpression(reader: ByteReader): void {
  for (;;) {
    const opcode = reader.u8();
    if (opcode === 0x0b) return;
    if (opcode === 0x43) reader.take(4);
    else if (opcode === 0x44) reader.take(8);
    else if (opcode === 0xfd) {
      reader.u32();
      reader.take(16);
    } else reader.skipLeb();
  }
}

type SectionReader = (
  reader: ByteReader,
  shape: { -readonly [K in keyof ModuleShape]: ModuleShape[K] },
) => void;

const sectionReaders: { readonly [id: number]: SectionReader } = {
  1(reader, shape) {
    reader.u8();
    const params = [...reader.take(reader.u32())];
    shape.types.push({ params, results: [...reader.take(reader.u32())] });
  },
  2(reader, shape) {
    shape.imports.push(readImport(reader, shape));
    shape.importedFunctions = shape.functions.length;
  },
  3: (reader, shape) => void shape.functions.push(reader.u32()),
  4: (reader, shape) => void shape.tables.push(reader.table()),
  5: (reader, shape) => void shape.memories.push(reader.limits()),
  6(reader, shape) {
    shape.globals.push(reader.global());
    skipConstantExpression(reader);
  },
  7(reader, shape) {
    const name = reader.name();
    const kind = reader.u8();
    shape.exports.push({ name, kind, index: reader.u32() });
  },
  10(reader, shape) {
    const size = reader.u32();
    shape.bodies.push({ start: reader.position, end: reader.position + size });
    reader.take(size);
  },
};

export function inspectModule(bytes: Uint8Array): ModuleShape {
  const shape: { -readonly [K in keyof ModuleShape]: ModuleShape[K] } = {
    types: [],
    imports: [],
    functions: [],
    importedFunctions: 0,
    tables: [],
    memories: [],
    globals: [],
    exports: [],
    start: undefined,
    sections: [],
    bodies: [],
  };
  const reader = new ByteReader(bytes, 8);
  while (reader.position < bytes.length) {
    const start = reader.position;
    const id = reader.u8();
    const size = reader.u32();
    const payload = reader.position;
    shape.sections.push({ id, start, payload, end: payload + size });
    const read = sectionReaders[id];
    if (read !== undefined) {
      for (let left = reader.u32(); left > 0; left--) read(reader, shape);
    } else if (id === 8) {
      shape.start = reader.u32();
    }
    reader.position = payload + size;
  }
  return shape;
}

/** The signature of function `index` (imported ones count first). */
export function functionTypeOf(shape: ModuleShape, index: number): FunctionType {
  const type = shape.types[shape.functions[index] ?? -1];
  if (type === undefined) throw new RangeError(`no function ${index}`);
  return type;
}
