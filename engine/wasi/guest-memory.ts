/**
 * A guest's linear memory as WASI functions see it. Every address and length comes from the guest: each access is
 * checked against the memory's present size, and what lies outside is EFAULT.
 *
 * Views are made anew when the memory has grown. None may be kept over a wait, since other calls go on meanwhile.
 */
import { fail } from "./errno.js";
import { WasiError } from "./errors.js";

/** The part of a WebAssembly.Memory that is needed; either engine's. */
export interface LinearMemory {
  readonly buffer: ArrayBufferLike;
}

/** As many vectors as a read or write takes at once, POSIX's IOV_MAX on Linux. */
const maxVectors = 1024;
/** Linux's PATH_MAX, which counts a final NUL. */
const maxPath = 4095;

const wordRange = 2 ** 32;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class GuestMemory {
  private memory: LinearMemory | undefined;
  private shared = false;
  private bytes: Uint8Array = new Uint8Array(0);
  private words = new DataView(this.bytes.buffer);

  bind(memory: LinearMemory): void {
    this.memory = memory;
    this.refresh();
  }

  get isBound(): boolean {
    return this.memory !== undefined;
  }

  private refresh(): void {
    if (this.memory === undefined) {
      throw new WasiError(
        "memory-missing",
        "no memory yet: call start(instance), initialize(instance) or bind(memory) first; a module's start " +
          "function can't use WASI unless the memory is bound before",
      );
    }
    const { buffer } = this.memory;
    if (buffer === this.bytes.buffer) return;
    this.shared = buffer instanceof SharedArrayBuffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new DataView(buffer);
  }

  /** Checks a range, and makes the views current: they are to be read after it. Guests' 32-bit integers come signed, so negative ones are large. */
  private check(at: number, length: number): number {
    // A grown memory has detached its old buffer, whose views have no bytes; a shared one keeps the old buffer.
    if (this.shared || this.bytes.length === 0) this.refresh();
    const start = at < 0 ? at + wordRange : at;
    if (start + (length >>> 0) > this.bytes.length) fail("EFAULT");
    return start;
  }

  range(at: number, length: number): Uint8Array {
    const start = this.check(at, length);
    return this.bytes.subarray(start, start + (length >>> 0));
  }

  u8(at: number): number {
    const start = this.check(at, 1);
    return this.words.getUint8(start);
  }

  u16(at: number): number {
    const start = this.check(at, 2);
    return this.words.getUint16(start, true);
  }

  u32(at: number): number {
    const start = this.check(at, 4);
    return this.words.getUint32(start, true);
  }

  u64(at: number): bigint {
    const start = this.check(at, 8);
    return this.words.getBigUint64(start, true);
  }

  setU8(at: number, value: number): void {
    const start = this.check(at, 1);
    this.words.setUint8(start, value);
  }

  setU16(at: number, value: number): void {
    const start = this.check(at, 2);
    this.words.setUint16(start, value, true);
  }

  setU32(at: number, value: number): void {
    const start = this.check(at, 4);
    this.words.setUint32(start, value, true);
  }

  setU64(at: number, value: bigint): void {
    const start = this.check(at, 8);
    this.words.setBigUint64(start, value, true);
  }

  /** A copy of UTF-8 text: EILSEQ if it isn't that. */
  text(at: number, length: number): string {
    // TextDecoder refuses shared memory, and another thread could change it meanwhile.
    const copy = this.range(at, length).slice();
    try {
      return utf8.decode(copy);
    } catch {
      return fail("EILSEQ");
    }
  }

  /** A path: ENAMETOOLONG before anything is copied, EINVAL for a NUL in it. */
  path(at: number, length: number): string {
    if (length >>> 0 > maxPath) {
      this.check(at, length);
      fail("ENAMETOOLONG");
    }
    const path = this.text(at, length);
    return path.includes("\0") ? fail("EINVAL") : path;
  }

  /** The ranges of an array of vectors. The empty ones are left out; their sum fits the 32-bit result. */
  vectors(at: number, count: number): Uint8Array[] {
    if (count >>> 0 > maxVectors) fail("EINVAL");
    const first = this.check(at, 8 * count);
    const ranges: Uint8Array[] = [];
    let total = 0;
    for (let i = 0; i < count; i++) {
      const length = this.words.getUint32(first + 8 * i + 4, true);
      const range = this.range(this.words.getUint32(first + 8 * i, true), length);
      total += length;
      if (length > 0) ranges.push(range);
    }
    return total > 0xffff_ffff ? fail("EINVAL") : ranges;
  }
}
