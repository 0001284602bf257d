/**
 * What the host has to know of a module's bytes beyond its imports and exports: how large its memory may grow, which
 * it may have to lower; whether it has a global that can be a stack pointer; what of its state can change.
 *
 * The bytes must be those of a module that compiled: nothing is checked here again.
 * Source: WebAssembly Core Specification 2.0, "Binary Format": Modules.
 */
import { BackplaneError } from "../errors.js";

const pageSize = 65_536;
const importSection = 2;
const tableSection = 4;
const memorySection = 5;
const globalSection = 6;
const elementSection = 9;
const dataSection = 11;

const vectorType = 0x7b;

class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  byte(): number {
    return this.bytes[this.at++];
  }

  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  skipNumber(): void {
    while (this.byte() >= 0x80);
  }
}

/** A section: its number, and where its head and its contents are. */
export interface Section {
  readonly id: number;
  readonly head: number;
  readonly start: number;
  readonly end: number;
}

export function* sectionsOf(bytes: Uint8Array): Generator<Section, undefined> {
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length) {
    const head = reader.at;
    const id = reader.byte();
    const size = reader.unsigned();
    yield { id, head, start: reader.at, end: reader.at + size };
    reader.at += size;
  }
}

function sectionOf(bytes: Uint8Array, id: number): Section | undefined {
  for (const section of sectionsOf(bytes)) if (section.id === id) return section;
  return undefined;
}

/** A reader of a section's entries, and how many there are; none without that section. */
function entriesOf(bytes: Uint8Array, id: number): { reader: Reader; count: number } {
  const section = sectionOf(bytes, id);
  const reader = new Reader(bytes, section?.start ?? 0);
  return { reader, count: section === undefined ? 0 : reader.unsigned() };
}

/** An unsigned number in LEB128, and the offset after it. */
export function unsignedAt(bytes: Uint8Array, at: number): { value: number; next: number } {
  const reader = new Reader(bytes, at);
  return { value: reader.unsigned(), next: reader.at };
}

export function unsignedBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}

/**
 * The module with the maximum of its own memory lowered, if it is above; then growing beyond it fails in the plugin
 * as the specification says, with -1. Offsets of what follows in the file can move by a few bytes.
 *
 * @param limit bytes
 * Errors: BackplaneError LIMIT for a module that starts with more.
 */
export function limitMemory(bytes: Uint8Array, limit: number, plugin: string): Uint8Array {
  const section = sectionOf(bytes, memorySection);
  if (section === undefined) return bytes;
  const reader = new Reader(bytes, section.start);
  if (reader.unsigned() === 0) return bytes;
  const hasMaximum = (reader.byte() & 1) === 1;
  const minimum = reader.unsigned();
  const maximum = hasMaximum ? reader.unsigned() : 65_536;
  const pages = Math.floor(limit / pageSize);
  if (minimum > pages) {
    const wants = minimum * pageSize;
    throw new BackplaneError(
      "LIMIT",
      `${plugin}: it starts with ${wants} bytes of memory, ${limit} are allowed`,
    );
  }
  if (maximum <= pages) return bytes;
  const content = [1, 1, ...unsignedBytes(minimum), ...unsignedBytes(pages)];
  const changed = [memorySection, ...unsignedBytes(content.length), ...content];
  return Buffer.concat([
    bytes.subarray(0, section.head),
    Uint8Array.from(changed),
    bytes.subarray(section.end),
  ]);
}

function skipConstant(reader: Reader): void {
  for (;;) {
    const op = reader.byte();
    if (op === 0x0b) return;
    if (op === 0x43) reader.at += 4;
    else if (op === 0x44) reader.at += 8;
    else if (op === 0xfd) {
      reader.skipNumber();
      reader.at += 16;
    } else reader.skipNumber(); // i32.const, i64.const, global.get, ref.null, ref.func: one number each
  }
}

/** Whether a module has a mutable i32 global of its own: without one it keeps no stack in its memory. */
export function mayHaveStackPointer(bytes: Uint8Array): boolean {
  const { reader, count } = entriesOf(bytes, globalSection);
  for (let left = count; left > 0; left--) {
    const type = reader.byte();
    const mutable = reader.byte() === 1;
    if (mutable && type === 0x7f) return true;
    skipConstant(reader);
  }
  return false;
}

/** Indices of what a module has of its own that can change. */
export interface OwnState {
  readonly memories: readonly number[];
  readonly tables: readonly number[];
  /** The mutable ones. */
  readonly globals: readonly number[];
}

/** Undefined if a mutable global is a vector, whose value JavaScript can't have. */
export function ownState(bytes: Uint8Array): OwnState | undefined {
  const imported = importCounts(bytes);
  const own = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);
  const globals: number[] = [];
  const { reader, count } = entriesOf(bytes, globalSection);
  for (let i = 0; i < count; i++) {
    const type = reader.byte();
    const mutable = reader.byte() === 1;
    if (mutable && type === vectorType) return undefined;
    if (mutable) globals.push(imported.globals + i);
    skipConstant(reader);
  }
  const memories = own(imported.memories, entriesOf(bytes, memorySection).count);
  return { memories, tables: own(imported.tables, entriesOf(bytes, tableSection).count), globals };
}

function importCounts(bytes: Uint8Array): { tables: number; memories: number; globals: number } {
  const counts = { tables: 0, memories: 0, globals: 0 };
  const { reader, count } = entriesOf(bytes, importSection);
  const skipLimits = (): void => {
    const hasMaximum = (reader.byte() & 1) === 1;
    reader.skipNumber();
    if (hasMaximum) reader.skipNumber();
  };
  for (let left = count; left > 0; left--) {
    for (const _ of ["module", "name"]) {
      const length = reader.unsigned();
      reader.at += length;
    }
    const kind = reader.byte();
    if (kind === 0) reader.skipNumber();
    else if (kind === 1) {
      reader.at++;
      skipLimits();
      counts.tables++;
    } else if (kind === 2) {
      skipLimits();
      counts.memories++;
    } else {
      reader.at += 2;
      counts.globals++;
    }
  }
  return counts;
}

/** Whether there is no segment that the code can drop: one that isn't copied when an instance is made. */
export function segmentsStay(bytes: Uint8Array): boolean {
  const data = entriesOf(bytes, dataSection);
  for (let left = data.count; left > 0; left--) {
    const flags = data.reader.unsigned();
    if (flags === 1) return false;
    if (flags === 2) data.reader.skipNumber();
    skipConstant(data.reader);
    const length = data.reader.unsigned();
    data.reader.at += length;
  }
  const { reader, count } = entriesOf(bytes, elementSection);
  for (let left = count; left > 0; left--) {
    const flags = reader.unsigned();
    const active = (flags & 1) === 0;
    const explicit = (flags & 2) !== 0;
    if (!active && !explicit) return false;
    if (active && explicit) reader.skipNumber();
    if (active) skipConstant(reader);
    if (flags !== 0 && flags !== 4) reader.at++;
    for (let items = reader.unsigned(); items > 0; items--) {
      if ((flags & 4) !== 0) skipConstant(reader);
      else reader.skipNumber();
    }
  }
  return true;
}
