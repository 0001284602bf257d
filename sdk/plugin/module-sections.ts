/**
 * What the host has to know of a module's bytes beyond its imports and exports: how large its memory may grow, which
 * it may have to lower, and whether it has a global that can be a stack pointer.
 *
 * The bytes must be those of a module that compiled: nothing is checked here again.
 * Source: WebAssembly Core Specification 2.0, "Binary Format": Modules.
 */
import { BackplaneError } from "../errors.js";

const pageSize = 65_536;
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

/** In LEB128. */
function unsignedBytes(value: number): number[] {
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
