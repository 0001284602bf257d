/**
 * Linear memory: a real WebAssembly.Memory of Node's, hidden behind ours, and the record of its base and
 * length that native code reads.
 *
 * The record changes only here, since only here the memory grows. With guard pages the base never changes: V8
 * reserves the address space around a memory and makes what lies beyond its length inaccessible.
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

  get buffer(): ArrayBuffer {
    return this.native.buffer;
  }

  /** The current bytes; asked for anew after anything that may grow the memory. */
  get view(): Uint8Array {
    if (this.bytes === undefined || this.bytes.buffer !== this.native.buffer) {
      this.bytes = new Uint8Array(this.native.buffer);
    }
    return this.bytes;
  }

  get pages(): number {
    return this.native.buffer.byteLength / pageSize;
  }

  /** Grows by a number of pages; returns the size before. Errors: RangeError, nothing changed. */
  grow(delta: number): number {
    const before = this.native.grow(delta);
    this.refresh();
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

  private refresh(): void {
    const buffer = this.native.buffer;
    if (buffer.byteLength > 0 || this.base === 0) this.base = this.engine.platform.addressOf(buffer);
    setWord64(this.record, MemoryRecord.base, this.base);
    setWord64(this.record, MemoryRecord.byteLength, buffer.byteLength);
  }
}
