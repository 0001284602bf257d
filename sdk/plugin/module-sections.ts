/**
 * What the host has to know of a module's bytes beyond its imports and exports: how large its memory and tables may
 * grow, which it may have to lower, and whether it has a global that can be a stack pointer.
 *
 * The bytes must be those of a module that compiled: nothing is checked here again.
 * Source: WebAssembly Core Specification 2.0, "Binary Format": Modules.
 */
import { LimitError } from "../errors.js";
import type { PluginLimits } from "../manifest/manifest.js";

const pageSize = 65_536;
const mostPages = 65_536;
const tableSection = 4;
const memorySection = 5;
const globalSection = 6;

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

/** Where a section's head and its contents are. */
interface Section {
  readonly head: number;
  readonly start: number;
  readonly end: number;
}

function sectionOf(bytes: Uint8Array, id: number): Section | undefined {
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length) {
    const head = reader.at;
    const found = reader.byte();
    const size = reader.unsigned();
    if (found === id) return { head, start: reader.at, end: reader.at + size };
    reader.at += size;
  }
  return undefined;
}

/** Pages that a module's own memory begins with; 0 without one. The bytes need not be checked. */
export function initialPages(bytes: Uint8Array): number {
  const section = sectionOf(bytes, memorySection);
  if (section === undefined) return 0;
  const reader = new Reader(bytes, section.start);
  if (reader.unsigned() === 0) return 0;
  reader.byte();
  return reader.unsigned();
}

/** In LEB128. */
function unsignedBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}

/** Lowers the maximum of something that can grow, if it is above; undefined: it isn't. */
type Lower = (minimum: number, maximum: number | undefined) => number | undefined;

/**
 * The module with the maxima of its own memory and tables lowered, where they are above; then growing beyond them fails in
 * the plugin as the specification says, with -1. Offsets of what follows in the file can move by a few bytes.
 *
 * Errors: LimitError for a module that starts with more.
 */
export function limitGrowth(bytes: Uint8Array, limits: PluginLimits, plugin: string): Uint8Array {
  const { memory, tableEntries } = limits;
  let limited = bytes;
  if (memory !== undefined) {
    const lower = lowerTo(
      "memory",
      memory,
      pageSize,
      mostPages,
      `${plugin}: limit memory: it starts with`,
      "bytes",
    );
    limited = withMaxima(limited, memorySection, 0, lower);
  }
  if (tableEntries !== undefined) {
    const start = `${plugin}: limit tableEntries: a table starts with`;
    const lower = lowerTo("tableEntries", tableEntries, 1, 2 ** 32 - 1, start, "entries");
    limited = withMaxima(limited, tableSection, 1, lower);
  }
  return limited;
}

/** @param unit what the counts in the module are of, in the limit's own measure */
function lowerTo(
  limit: keyof PluginLimits,
  value: number,
  unit: number,
  most: number,
  start: string,
  what: string,
): Lower {
  const count = Math.floor(value / unit);
  return (minimum, maximum = most) => {
    if (minimum <= count) return maximum > count ? count : undefined;
    throw new LimitError(limit, value, `${start} ${minimum * unit} ${what}, ${value} are allowed`);
  };
}

/**
 * The module with other maxima in a section of types with limits.
 *
 * @param head bytes of each type before its limits
 */
function withMaxima(bytes: Uint8Array, section: number, head: number, lower: Lower): Uint8Array {
  const found = sectionOf(bytes, section);
  if (found === undefined) return bytes;
  const reader = new Reader(bytes, found.start);
  const count = reader.unsigned();
  const content: number[] = unsignedBytes(count);
  let changed = false;
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < head; k++) content.push(reader.byte());
    const hasMaximum = (reader.byte() & 1) === 1;
    const minimum = reader.unsigned();
    const maximum = hasMaximum ? reader.unsigned() : undefined;
    const lowered = lower(minimum, maximum);
    if (lowered !== undefined) changed = true;
    const bound = lowered ?? maximum;
    content.push(bound === undefined ? 0 : 1, ...unsignedBytes(minimum));
    if (bound !== undefined) content.push(...unsignedBytes(bound));
  }
  if (!changed) return bytes;
  return Buffer.concat([
    bytes.subarray(0, found.head),
    Uint8Array.from([section, ...unsignedBytes(content.length), ...content]),
    bytes.subarray(found.end),
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
  const section = sectionOf(bytes, globalSection);
  if (section === undefined) return false;
  const reader = new Reader(bytes, section.start);
  for (let left = reader.unsigned(); left > 0; left--) {
    const type = reader.byte();
    const mutable = reader.byte() === 1;
    if (mutable && type === 0x7f) return true;
    skipConstant(reader);
  }
  return false;
}
