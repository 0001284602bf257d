/**
 * Writes Wasm binaries for tests: a growing byte buffer with the format's number encodings, and a
 * function that frames the sections of a module.
 *
 * In: numbers, strings and already encoded bodies. Out: the binary of WebAssembly 2.0 (core specification,
 * chapter 5). Nothing is validated: tests write broken modules too.
 */

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;

/** A value type by its byte in the binary format. */
export type ValueType = number;

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface Limits {
  readonly minimum: number;
  readonly maximum?: number | undefined;
}

export interface TableType extends Limits {
  readonly element: ValueType;
}

export interface GlobalType {
  readonly type: ValueType;
  readonly mutable: boolean;
}

/** Import and export kinds by their byte. */
export const KIND_FUNCTION = 0;
export const KIND_TABLE = 1;
export const KIND_MEMORY = 2;
export const KIND_GLOBAL = 3;

export type ImportPart = { readonly module: string; readonly name: string } & (
  | { readonly kind: typeof KIND_FUNCTION; readonly typeIndex: number }
  | { readonly kind: typeof KIND_TABLE; readonly table: TableType }
  | { readonly kind: typeof KIND_MEMORY; readonly memory: Limits }
  | { readonly kind: typeof KIND_GLOBAL; readonly global: GlobalType }
);

export interface ExportPart {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/** A module in parts; what is left out is not written. Byte arrays are entries without their count. */
export interface ModuleParts {
  readonly types?: readonly FunctionType[];
  readonly imports?: readonly ImportPart[];
  /** type indices of the functions defined here */
  readonly functions?: readonly number[];
  readonly tables?: readonly TableType[];
  readonly memories?: readonly Limits[];
  /** `init` is a constant expression with its `end` */
  readonly globals?: readonly (GlobalType & { readonly init: Uint8Array })[];
  readonly exports?: readonly ExportPart[];
  readonly start?: number | undefined;
  /** encoded element segments */
  readonly elements?: readonly Uint8Array[];
  readonly dataCount?: number | undefined;
  /** bodies with their locals and `end`, without their size */
  readonly bodies?: readonly Uint8Array[];
  /** encoded data segments */
  readonly data?: readonly Uint8Array[];
}

const textEncoder = new TextEncoder();

/** A growing buffer of bytes. All methods return nothing and append. */
export class ByteWriter {
  private buffer = new Uint8Array(256);
  length = 0;

  private reserve(more: number): void {
    const need = this.length + more;
    if (need <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(need, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  u8(byte: number): void {
    this.reserve(1);
    this.buffer[this.length++] = byte;
  }

  bytes(bytes: ArrayLike<number>): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Unsigned LEB128 of `0 <= value < 2^32`. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Signed LEB128 of a 32-bit integer. */
  s32(value: number): void {
    let rest = value | 0;
    for (;;) {
      const byte = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 0x80);
    }
  }

  /** Signed LEB128 of a 64-bit integer; any bigint, taken modulo 2^64. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 0x80);
    }
  }

  /** Four bytes, least significant first. */
  fixed32(bits: number): void {
    this.u8(bits & 0xff);
    this.u8((bits >>> 8) & 0xff);
    this.u8((bits >>> 16) & 0xff);
    this.u8(bits >>> 24);
  }

  /** Eight bytes, least significant first. */
  fixed64(bits: bigint): void {
    this.fixed32(Number(bits & 0xffffffffn));
    this.fixed32(Number((bits >> 32n) & 0xffffffffn));
  }

  name(text: string): void {
    const bytes = textEncoder.encode(text);
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** A size and then that many bytes. */
  sized(bytes: ArrayLike<number>): void {
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  toBytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}

function writeLimits(out: ByteWriter, limits: Limits): void {
  out.u8(limits.maximum === undefined ? 0 : 1);
  out.u32(limits.minimum);
  if (limits.maximum !== undefined) out.u32(limits.maximum);
}

function writeImport(out: ByteWriter, part: ImportPart): void {
  out.name(part.module);
  out.name(part.name);
  out.u8(part.kind);
  switch (part.kind) {
    case KIND_FUNCTION:
      out.u32(part.typeIndex);
      break;
    case KIND_TABLE:
      out.u8(part.table.element);
      writeLimits(out, part.table);
      break;
    case KIND_MEMORY:
      writeLimits(out, part.memory);
      break;
    case KIND_GLOBAL:
      out.u8(part.global.type);
      out.u8(part.global.mutable ? 1 : 0);
      break;
  }
}

function section<T>(
  out: ByteWriter,
  id: number,
  entries: readonly T[] | undefined,
  write: (out: ByteWriter, entry: T) => void,
): void {
  if (entries === undefined || entries.length === 0) return;
  const body = new ByteWriter();
  body.u32(entries.length);
  for (const entry of entries) write(body, entry);
  out.u8(id);
  out.sized(body.toBytes());
}

function numberSection(out: ByteWriter, id: number, value: number | undefined): void {
  if (value === undefined) return;
  const body = new ByteWriter();
  body.u32(value);
  out.u8(id);
  out.sized(body.toBytes());
}

/** The binary of a module. Sections stand in the order that the specification asks for. */
export function encodeModule(parts: ModuleParts): Uint8Array {
  const out = new ByteWriter();
  out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
  section(out, 1, parts.types, (body, type) => {
    body.u8(0x60);
    body.sized(type.params);
    body.sized(type.results);
  });
  section(out, 2, parts.imports, writeImport);
  section(out, 3, parts.functions, (body, typeIndex) => body.u32(typeIndex));
  section(out, 4, parts.tables, (body, table) => {
    body.u8(table.element);
    writeLimits(body, table);
  });
  section(out, 5, parts.memories, writeLimits);
  section(out, 6, parts.globals, (body, global) => {
    body.u8(global.type);
    body.u8(global.mutable ? 1 : 0);
    body.bytes(global.init);
  });
  section(out, 7, parts.exports, (body, part) => {
    body.name(part.name);
    body.u8(part.kind);
    body.u32(part.index);
  });
  numberSection(out, 8, parts.start);
  section(out, 9, parts.elements, (body, segment) => body.bytes(segment));
  numberSection(out, 12, parts.dataCount);
  section(out, 10, parts.bodies, (body, code) => body.sized(code));
  section(out, 11, parts.data, (body, segment) => body.bytes(segment));
  return out.toBytes();
}
