/**
 * Decodes a binary module: bytes in, `WasmModule` out, or a `WasmFormatError`.
 *
 * The module keeps the bytes it was given and refers to them by offset: they must not change afterwards.
 * What can be told without types or indices is checked here (the module is well formed, within the limits);
 * the rest is `validateModule`'s, instructions included. Source: core specification 2.0, "Binary Format /
 * Modules".
 */
import { decodeCodeSection } from "./decode-code.js";
import {
  decodeDataCountSection,
  decodeExportSection,
  decodeFunctionSection,
  decodeGlobalSection,
  decodeImportSection,
  decodeMemorySection,
  decodeStartSection,
  decodeTableSection,
  decodeTypeSection,
} from "./decode-sections.js";
import { decodeDataSection, decodeElementSection } from "./decode-segments.js";
import {
  badMagic,
  badSectionId,
  componentInput,
  dataCountMismatch,
  emptyInput,
  functionCodeMismatch,
  limitExceeded,
  sectionOrder,
  sectionSize,
  sectionTooLong,
  textInput,
  unknownVersion,
} from "./errors.js";
import { LIMITS } from "./limits.js";
import { ModuleBuilder } from "./module-builder.js";
import { ByteReader } from "./reader.js";
import type { WasmModule } from "./types.js";

type DecodeSection = (reader: ByteReader, module: ModuleBuilder) => void;

/** By section id; `rank` is the place in the prescribed order (the data count section comes before code). */
const sections: readonly { readonly name: string; readonly rank: number; readonly decode: DecodeSection }[] =
  [
    { name: "custom", rank: 0, decode: decodeCustomSection },
    { name: "type", rank: 1, decode: decodeTypeSection },
    { name: "import", rank: 2, decode: decodeImportSection },
    { name: "function", rank: 3, decode: decodeFunctionSection },
    { name: "table", rank: 4, decode: decodeTableSection },
    { name: "memory", rank: 5, decode: decodeMemorySection },
    { name: "global", rank: 6, decode: decodeGlobalSection },
    { name: "export", rank: 7, decode: decodeExportSection },
    { name: "start", rank: 8, decode: decodeStartSection },
    { name: "element", rank: 9, decode: decodeElementSection },
    { name: "code", rank: 11, decode: decodeCodeSection },
    { name: "data", rank: 12, decode: decodeDataSection },
    { name: "data count", rank: 10, decode: decodeDataCountSection },
  ];

/** "type" for 1, as the specification names its sections. */
export function sectionName(id: number): string {
  return sections[id]?.name ?? `section ${id}`;
}

/**
 * Decodes a module.
 *
 * @param bytes The whole binary; kept, not copied.
 * @throws {WasmFormatError} of the family "malformed" or "limit" (or "invalid", for a constant expression
 *   that isn't one).
 * @example
 * const module = decodeModule(readFileSync("plugin.wasm"));
 * for (const { module: from, name } of module.imports) console.log(from, name);
 */
export function decodeModule(bytes: Uint8Array): WasmModule {
  const reader = new ByteReader(bytes);
  if (bytes.length > LIMITS.moduleBytes) {
    throw limitExceeded(reader.place(), "bytes in a module", LIMITS.moduleBytes, bytes.length);
  }
  readHeader(reader);
  const module = new ModuleBuilder(bytes);
  let previous = 0;
  while (reader.position < bytes.length) previous = decodeSection(reader, module, previous);
  checkCounts(reader, module);
  return module.finish();
}

const magic = [0x00, 0x61, 0x73, 0x6d];

function readHeader(reader: ByteReader): void {
  const { bytes } = reader;
  if (bytes.length === 0) throw emptyInput();
  const found = bytes.subarray(0, 4);
  if (magic.some((byte, i) => i < found.length && byte !== found[i])) {
    throw looksLikeText(bytes) ? textInput() : badMagic(found);
  }
  reader.skip(4, "the magic bytes 00 61 73 6d");
  const version = reader.bits32("the version, 4 bytes") >>> 0;
  if (version === 1) return;
  // A component's header has the layer, 1, in the upper half of what is the version for a module.
  throw version >>> 16 === 1 ? componentInput() : unknownVersion(version);
}

/** Whether a file starts like the text format: a parenthesis or a comment after blanks. */
function looksLikeText(bytes: Uint8Array): boolean {
  let i = 0;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) i = 3;
  while (i < bytes.length && (bytes[i] === 0x20 || (bytes[i] >= 0x09 && bytes[i] <= 0x0d))) i++;
  const head = String.fromCharCode(...bytes.subarray(i, i + 2));
  return (
    head === ";;" ||
    (head[0] === "(" && /^\(\s*(;|[a-z])/.test(String.fromCharCode(...bytes.subarray(i, i + 16))))
  );
}

/** Reads one section and returns the id to compare the next one's order with. */
function decodeSection(reader: ByteReader, module: ModuleBuilder, previous: number): number {
  const byteOffset = reader.position;
  const id = reader.u8();
  const section = sections[id];
  if (section === undefined) throw badSectionId(reader.place(byteOffset), id);
  const size = reader.u32("a section's size");
  const start = reader.position;
  const available = reader.end - start;
  if (size > available) throw sectionTooLong(reader.place(byteOffset), size, available);
  if (id !== 0 && section.rank <= sections[previous].rank) {
    throw sectionOrder(reader.place(byteOffset), section.name, sections[previous].name);
  }
  const end = start + size;
  module.sections.push({ id, byteOffset, start, end });
  reader.end = end;
  section.decode(reader, module);
  if (reader.position !== end) {
    throw sectionSize(reader.place(), section.name, size, reader.position - start);
  }
  reader.end = reader.bytes.length;
  return id === 0 ? previous : id;
}

function decodeCustomSection(reader: ByteReader, module: ModuleBuilder): void {
  const name = reader.name();
  module.customSections.push({ name, start: reader.position, end: reader.end });
  reader.position = reader.end;
}

function checkCounts(reader: ByteReader, module: ModuleBuilder): void {
  const declared = module.functionTypes.length - module.importedFunctionCount;
  if (declared !== module.bodies.length) {
    throw functionCodeMismatch(reader.place(), declared, module.bodies.length);
  }
  if (module.dataCount > 0 && module.data.length !== module.dataCount) {
    throw dataCountMismatch(reader.place(), module.dataCount, module.data.length);
  }
}
