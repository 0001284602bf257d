/**
 * Linear memory: a real WebAssembly.Memory of Node's, hidden behind ours, and the record of its base and
 * length that native code reads.
 *
 * The record changes only here, since only here the memory grows. With guard pages the base never changes: V8
 * reserves the address space around a memory and makes what lies beyond its length inaccessible.
 *
 * For V8 (up to Node 24's) a memory that grows is a new buffer of all its bytes, so that growing by a page at 100 MiB has
 * its collector start as if 100 MiB had been allocated. What grows while nobody holds a buffer, which growing would have to detach,
 * is therefore opened here, within V8's reservation; V8 follows when a buffer is asked for, or when the memory is twice
 * as large as V8 knows: its collector is to see what a memory takes, too.
 */
import { type NativeMemory, nodeWebAssembly } from "../platform/index.js";
import type { Engine } from "./engine.js";
import { MemoryRecord } from "./layout.js";
import { Monitor } from "./monitor.js";
import { setWord64 } from "./words.js";

export const pageSize = 65536;
export const largestPages = 65536;

export class Memory {
  private readonly record = new Int32Array(MemoryRecord.size >> 2);
  readonly recordAddress: number;
  /** Of all instances that have the memory. */
  readonly monitor = new Monitor();
  base = 0;
  private byteLength = 0;
  /** What V8 takes the length for: at most `byteLength`. */
  private nativeLength = 0;
  /** Somebody may hold V8's buffer. */
  private isShown = false;
  /** Pages that `memory.grow` would have led to when it last failed; 0 if it didn't. */
  refusedPages = 0;
  private bytes: Uint8Array | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly native: NativeMemory,
    readonly maximum: number | undefined,
  ) {
    this.recordAddress = engine.platform.addressOf(this.record.buffer);
    this.refresh();
  }

  /** Errors: RangeError when the system refuses the memory. */
  static create(engine: Engine, minimum: number, maximum: number | undefined): Memory {
    const { Memory: NativeMemory } = nodeWebAssembly();
    const native = new NativeMemory(
      maximum === undefined ? { initial: minimum } : { initial: minimum, maximum },
    );
    return new Memory(engine, native, maximum);
  }

  get isShared(): boolean {
    return !(this.native.buffer instanceof ArrayBuffer);
  }

  /** Errors: RangeError if V8 allows less than the memory has grown to (`--wasm-max-mem-pages`). */
  get buffer(): ArrayBuffer {
    this.isShown = true;
    return this.followed();
  }

  /** The current bytes; asked for anew after anything that may grow the memory. Errors: as `buffer`. */
  get view(): Uint8Array {
    const buffer = this.followed();
    if (this.bytes?.buffer !== buffer) this.bytes = new Uint8Array(buffer);
    return this.bytes;
  }

  get pages(): number {
    return this.byteLength / pageSize;
  }

  /** Grows by a number of pages; returns the size before. Errors: RangeError, nothing changed. */
  grow(delta: number): number {
    const before = this.pages;
    if (!this.open(delta)) {
      this.native.grow((this.byteLength - this.nativeLength) / pageSize + delta);
      this.isShown = false;
      this.refresh();
    }
    return before;
  }

  /** memory.grow: -1 when it can't. */
  tryGrow(delta: number): number {
    const after = this.pages + delta;
    if (after <= (this.maximum ?? largestPages)) {
      try {
        return this.grow(delta);
      } catch {
        // Refused by the system: -1 as well.
      }
    }
    this.refusedPages = after;
    return -1;
  }

  /** Grows without V8; false if that isn't possible, or V8 is to know. */
  private open(delta: number): boolean {
    const { platform, guardPages } = this.engine;
    const length = this.byteLength + delta * pageSize;
    if (!guardPages || this.isShown || length > 2 * this.nativeLength) return false;
    if (length > (this.maximum ?? largestPages) * pageSize || this.isShared) return false;
    if (!platform.signals!.open(this.base + this.byteLength, delta * pageSize)) return false;
    this.setLength(length);
    return true;
  }

  /** V8's buffer, of all bytes. */
  private followed(): ArrayBuffer {
    const { native, byteLength, nativeLength } = this;
    if (byteLength !== nativeLength) {
      native.grow((byteLength - nativeLength) / pageSize);
      this.nativeLength = byteLength;
    }
    return native.buffer;
  }

  private refresh(): void {
    const { buffer } = this.native;
    if (buffer.byteLength > 0 || this.base === 0) this.base = this.engine.platform.addressOf(buffer);
    setWord64(this.record, MemoryRecord.base, this.base);
    this.nativeLength = buffer.byteLength;
    this.setLength(buffer.byteLength);
  }

  private setLength(length: number): void {
    this.byteLength = length;
    setWord64(this.record, MemoryRecord.byteLength, length);
  }
}
