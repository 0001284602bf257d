/**
 * The state of an instance as plain bytes: its own memory, mutable globals, tables and which segments were dropped.
 *
 * What an instance imports belongs to whoever gave it and isn't part of it. References to functions are kept as
 * indices of the module, so that a snapshot can be restored in another process; other references of the host's have no
 * such form. Nothing is changed unless everything fits: bytes are checked when they are parsed, against the instance
 * when they are restored.
 *
 * Bytes, all integers u32 little endian: "BPSN", version 1, then
 *   memory      0, or 1, pages, count of pages that aren't all zero, and for each its number and 65,536 bytes
 *   tables      count, for each: length, and for each element 0 for null or 1 + the function's index
 *   globals     count of mutable ones, for each: 16 bytes; of a function reference the first 4 are as in tables
 *   segments    count of data segments, then a byte for each that is 1 if it was dropped; the same for elements
 */
import { isUint8Array } from "node:util/types";
import { ValType } from "../wasm/types.js";
import type { Global } from "./global.js";
import type { Instance } from "./instance.js";
import { type Memory, pageSize } from "./memory.js";
import type { Table } from "./table.js";

/** A snapshot can't be taken, read or restored. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

const magic = 0x4e535042;
const version = 1;
const zeroPage = new Uint8Array(pageSize);

interface MemoryImage {
  readonly pages: number;
  /** By page number; undefined where all is zero. */
  readonly contents: readonly (Uint8Array | undefined)[];
}

/** For each element 0, or 1 + the function's index. */
type References = Uint32Array;

export class Snapshot {
  /** Table elements as words of the instance that was restored last: restoring it again and again is then quick. */
  private resolved:
    | { readonly instance: WeakRef<Instance>; readonly tables: readonly Float64Array[] }
    | undefined;

  private constructor(
    private readonly memory: MemoryImage | undefined,
    private readonly tables: readonly References[],
    /** Four 32-bit words each. */
    private readonly globals: readonly Uint32Array[],
    private readonly droppedData: Uint8Array,
    private readonly droppedElements: Uint8Array,
  ) {}

  /** Errors: SnapshotError while calls run or are parked, and for references that aren't functions of the module. */
  static capture(instance: Instance): Snapshot {
    requireIdle(instance);
    const { ownMemory, ownTables, mutableGlobals } = partsOf(instance);
    const references = new ReferenceReader(instance);
    return new Snapshot(
      ownMemory && captureMemory(ownMemory),
      ownTables.map((table) => references.table(table)),
      mutableGlobals.map((global) => (isReference(global) ? references.global(global) : global.bits())),
      instance.droppedData.slice(),
      instance.droppedElements.slice(),
    );
  }

  /**
   * Puts an instance of the same module in the state that was captured. Errors: SnapshotError while calls run or are
   * parked, if it isn't of such a module, if its memory or a table has grown beyond (they can't shrink) or can't grow.
   */
  restore(instance: Instance): void {
    requireIdle(instance);
    const parts = partsOf(instance);
    this.requireFits(instance, parts);
    this.grow(parts);
    if (this.memory !== undefined) restoreMemory(parts.ownMemory!, this.memory);
    const words = this.tableWords(instance, parts.ownTables);
    parts.ownTables.forEach((table, i) => {
      restoreTable(table, words[i]!);
    });
    parts.mutableGlobals.forEach((global, i) => {
      restoreGlobal(instance, global, this.globals[i]!);
    });
    instance.droppedData.set(this.droppedData);
    instance.droppedElements.set(this.droppedElements);
  }

  toBytes(): Uint8Array {
    const writer = new Writer();
    writer.words(magic, version);
    const { memory } = this;
    if (memory === undefined) writer.words(0);
    else {
      const filled = [...memory.contents.entries()].filter(([, page]) => page !== undefined);
      writer.words(1, memory.pages, filled.length);
      for (const [number, page] of filled) {
        writer.words(number);
        writer.bytes(page!);
      }
    }
    writer.words(this.tables.length);
    for (const table of this.tables) {
      writer.words(table.length);
      writer.array(table);
    }
    writer.words(this.globals.length);
    for (const global of this.globals) writer.array(global);
    for (const flags of [this.droppedData, this.droppedElements]) {
      writer.words(flags.length);
      writer.bytes(flags);
    }
    return writer.result();
  }

  /** Errors: SnapshotError for bytes that `toBytes` can't have made. */
  static fromBytes(bytes: Uint8Array): Snapshot {
    if (!isUint8Array(bytes)) {
      const given = (bytes as unknown) === null ? "null" : typeof bytes;
      throw new SnapshotError(`a snapshot's bytes: expected a Uint8Array, got ${given}`);
    }
    const reader = new Reader(bytes);
    if (reader.word() !== magic) throw new SnapshotError("these bytes are not a snapshot");
    const found = reader.word();
    if (found !== version) throw new SnapshotError(`snapshot version ${found}, expected ${version}`);
    const memory = reader.word() === 0 ? undefined : readMemory(reader);
    const tables = reader.list(4, () => reader.wordArray(reader.count(4)));
    const globals = reader.list(16, () => reader.wordArray(4));
    const droppedData = reader.flags();
    const droppedElements = reader.flags();
    reader.requireEnd();
    return new Snapshot(memory, tables, globals, droppedData, droppedElements);
  }

  private tableWords(instance: Instance, tables: readonly Table[]): readonly Float64Array[] {
    if (this.resolved?.instance.deref() !== instance) {
      const words = this.tables.map((references, i) =>
        Float64Array.from(references, (reference) => referenceWord(instance, tables[i]!.element, reference)),
      );
      this.resolved = { instance: new WeakRef(instance), tables: words };
    }
    return this.resolved!.tables;
  }

  /** Makes memory and tables as large as they were. Errors: SnapshotError; then nothing else was changed. */
  private grow({ ownMemory, ownTables }: Parts): void {
    const pages = this.memory?.pages ?? 0;
    if (
      ownMemory !== undefined &&
      ownMemory.pages < pages &&
      ownMemory.tryGrow(pages - ownMemory.pages) < 0
    ) {
      throw new SnapshotError(`there is no memory for ${pages} pages`);
    }
    ownTables.forEach((table, i) => {
      const { length } = this.tables[i]!;
      if (table.length < length && table.grow(length - table.length, table.nullWord) < 0) {
        throw new SnapshotError(`there is no memory for a table of ${length} elements`);
      }
    });
  }

  private requireFits(instance: Instance, parts: Parts): void {
    const { ownMemory, ownTables, mutableGlobals } = parts;
    const known = this.resolved?.instance.deref() === instance;
    const same =
      (ownMemory === undefined) === (this.memory === undefined) &&
      ownTables.length === this.tables.length &&
      mutableGlobals.length === this.globals.length &&
      instance.droppedData.length === this.droppedData.length &&
      instance.droppedElements.length === this.droppedElements.length;
    if (!same) throw new SnapshotError("the snapshot is of another module");
    if (ownMemory !== undefined)
      requireSize("memory", "pages", ownMemory, ownMemory.pages, this.memory!.pages);
    ownTables.forEach((table, i) => {
      requireSize(`table ${i}`, "elements", table, table.length, this.tables[i]!.length);
      if (known) return;
      for (const reference of this.tables[i]!) requireReference(instance, table.element, reference);
    });
    mutableGlobals.forEach((global, i) => {
      if (isReference(global)) requireReference(instance, global.type.type, this.globals[i]![0]!);
    });
  }
}

interface Parts {
  readonly ownMemory: Memory | undefined;
  readonly ownTables: readonly Table[];
  readonly mutableGlobals: readonly Global[];
}

function partsOf(instance: Instance): Parts {
  const { module: wasm } = instance.module;
  return {
    ownMemory: wasm.importedMemoryCount > 0 ? undefined : instance.memory,
    ownTables: instance.tables.slice(wasm.importedTableCount),
    mutableGlobals: instance.globals.slice(wasm.importedGlobalCount).filter((global) => global.type.mutable),
  };
}

function requireIdle(instance: Instance): void {
  const running = instance.linkGroup.fibers.length;
  if (running === 0) return;
  throw new SnapshotError(
    `${running} calls are running or parked in it, or in an instance it is linked with`,
  );
}

function requireSize(
  what: string,
  unit: string,
  sized: { readonly maximum: number | undefined },
  has: number,
  wanted: number,
): void {
  if (has > wanted) {
    throw new SnapshotError(`the ${what} has ${has} ${unit}, the snapshot ${wanted}: it can't shrink`);
  }
  if (wanted > (sized.maximum ?? Number.POSITIVE_INFINITY)) {
    throw new SnapshotError(
      `the snapshot's ${what} has ${wanted} ${unit}, at most ${sized.maximum} are allowed`,
    );
  }
}

function requireReference(instance: Instance, type: ValType, reference: number): void {
  if (reference === 0 || (type === ValType.funcref && instance.isReferable(reference - 1))) return;
  throw new SnapshotError(`the snapshot has a reference (${reference}) that the module can't have`);
}

// ---------------------------------------------------------------- memory

function captureMemory(memory: Memory): MemoryImage {
  const { view } = memory;
  const contents = Array.from({ length: memory.pages }, (_, i) => {
    const page = view.subarray(i * pageSize, (i + 1) * pageSize);
    return Buffer.compare(page, zeroPage) === 0 ? undefined : page.slice();
  });
  return { pages: memory.pages, contents };
}

/** Writes only pages that differ, so that what was never touched takes no memory of the system's. */
function restoreMemory(memory: Memory, image: MemoryImage): void {
  const { view } = memory;
  for (let i = 0; i < image.pages; i++) {
    const page = view.subarray(i * pageSize, (i + 1) * pageSize);
    const wanted = image.contents[i] ?? zeroPage;
    if (Buffer.compare(page, wanted) !== 0) page.set(wanted);
  }
}

function readMemory(reader: Reader): MemoryImage {
  const pages = reader.word();
  if (pages > 65_536) throw new SnapshotError(`${pages} pages of memory are more than there can be`);
  const contents = new Array<Uint8Array | undefined>(pages).fill(undefined);
  for (let left = reader.count(4 + pageSize); left > 0; left--) {
    const number = reader.word();
    if (number >= pages) throw new SnapshotError(`page ${number} of ${pages} pages of memory`);
    contents[number] = reader.take(pageSize).slice();
  }
  return { pages, contents };
}

// ---------------------------------------------------------------- references

const isReference = (global: Global): boolean =>
  global.type.type === ValType.funcref || global.type.type === ValType.externref;

/** References of an instance as numbers: 0, or 1 + the function's index. Errors: SnapshotError. */
class ReferenceReader {
  private readonly indexOf: (address: number) => number | undefined;
  private readonly nullFunction: number;

  constructor(instance: Instance) {
    this.indexOf = instance.functionIndexer();
    this.nullFunction = instance.module.engine.nullFunctionAddress;
  }

  table(table: Table): References {
    const references = new Uint32Array(table.length);
    for (let i = 0; i < references.length; i++) {
      references[i] = this.number(table.element, table.getWord(i), "a table");
    }
    return references;
  }

  global(global: Global): Uint32Array {
    return Uint32Array.of(this.number(global.type.type, global.word, "a global"), 0, 0, 0);
  }

  private number(type: ValType, word: number, where: string): number {
    if (type === ValType.externref) {
      if (word === 0) return 0;
      throw new SnapshotError(`${where} holds a value of the host's, which a snapshot can't carry`);
    }
    if (word === this.nullFunction) return 0;
    const index = this.indexOf(word);
    if (index !== undefined) return index + 1;
    throw new SnapshotError(`${where} holds a function of another module, which a snapshot can't carry`);
  }
}

function referenceWord(instance: Instance, type: ValType, reference: number): number {
  if (reference !== 0) return instance.function(reference - 1).address;
  return type === ValType.externref ? 0 : instance.module.engine.nullFunctionAddress;
}

function restoreTable(table: Table, words: Float64Array): void {
  for (let i = 0; i < words.length; i++) {
    if (table.getWord(i) !== words[i]) table.setWord(i, words[i]!);
  }
}

function restoreGlobal(instance: Instance, global: Global, bits: Uint32Array): void {
  if (isReference(global)) global.word = referenceWord(instance, global.type.type, bits[0]!);
  else global.setBits(bits[0]!, bits[1]!, bits[2], bits[3]);
}

// ---------------------------------------------------------------- bytes

class Writer {
  private readonly pieces: Uint8Array[] = [];

  words(...values: number[]): void {
    this.array(Uint32Array.from(values));
  }

  array(words: Uint32Array): void {
    this.bytes(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  }

  bytes(piece: Uint8Array): void {
    this.pieces.push(piece);
  }

  result(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.pieces));
  }
}

class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly source: Uint8Array) {
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  take(length: number): Uint8Array {
    if (length > this.source.length - this.at) throw new SnapshotError("the snapshot is cut off");
    this.at += length;
    return this.source.subarray(this.at - length, this.at);
  }

  word(): number {
    this.take(4);
    return this.view.getUint32(this.at - 4, true);
  }

  /** How many of something follow, each at least so many bytes: never more than the bytes that are left. */
  count(bytesEach: number): number {
    const count = this.word();
    if (count * bytesEach > this.source.length - this.at) throw new SnapshotError("the snapshot is cut off");
    return count;
  }

  wordArray(length: number): Uint32Array {
    return Uint32Array.from({ length }, () => this.word());
  }

  list<T>(bytesEach: number, read: () => T): T[] {
    return Array.from({ length: this.count(bytesEach) }, read);
  }

  flags(): Uint8Array {
    const flags = this.take(this.count(1)).slice();
    if (flags.some((flag) => flag > 1)) throw new SnapshotError("a segment's flag is neither 0 nor 1");
    return flags;
  }

  requireEnd(): void {
    const left = this.source.length - this.at;
    if (left > 0) throw new SnapshotError(`${left} bytes follow after the snapshot`);
  }
}
