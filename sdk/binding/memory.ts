/**
 * A plugin's memory as the host sees it: text and bytes in and out, as `docs/abi.md` says.
 *
 * Enters: pointers and lengths of the guest's, any of which may be a lie. Nothing is read or written outside of its
 * memory; whatever doesn't fit is a MarshalError. The exceptions of the guest's own `backplane_alloc` and
 * `backplane_free`, traps above all, pass as they are.
 *
 * Looking up `memory.buffer` for each access would cost more than the access. So a view is kept: growing detaches it,
 * after which its length is 0 and nothing is in bounds; a shared memory's view stays, but too short. Either way an
 * access that doesn't fit looks again before it fails.
 */
import { type Instance, whenFree } from "../../engine/index.js";
import type { GuestMemory } from "../declare/context.js";
import { LimitError, MarshalError, messageOf } from "../errors.js";
import { decodeUtf8, encodeText, type TextBuffer, textSize } from "./text.js";

type Exported = (...args: number[]) => unknown;

/** Makes a value of what lies at a pointer. */
export type ReadMemory<T> = (memory: PluginMemory, pointer: number, length: number, where: string) => T;

const readBytes: ReadMemory<Uint8Array> = (memory, pointer, length, where) =>
  memory.bytes(pointer, length, where);
const readText: ReadMemory<string> = (memory, pointer, length, where) => memory.text(pointer, length, where);

const noValue = (): null => null;

/** Pointer and length in an i64, as a little-endian guest packs them. */
const packedWords = new Uint32Array(2);
const packedValue = new BigInt64Array(packedWords.buffer);

export function pack(pointer: number, length: number): bigint {
  packedWords[0] = pointer;
  packedWords[1] = length;
  return packedValue[0];
}

const nothing = Buffer.alloc(0) as TextBuffer;
const largestSize = 0xffffffff;

export class PluginMemory implements GuestMemory {
  /** Bytes of what `putText` and `putBytes` wrote last. */
  putSize = 0;
  private memory: { readonly buffer: ArrayBufferLike } | undefined;
  private allocator: Exported | undefined;
  private releaser: Exported | undefined;
  /** By which the engine knows the instance. */
  private anyFunction: Exported | undefined;
  private attached = false;
  private failure: unknown;
  private data: Uint8Array = nothing;
  private buffer = nothing;
  private words = new DataView(nothing.buffer, 0, 0);
  private shared = false;
  private readonly where: string;

  /** @param mostOutput bytes of a value that the plugin hands to the host */
  constructor(
    readonly plugin: string,
    private readonly mostOutput = Number.POSITIVE_INFINITY,
  ) {
    this.where = `${plugin}: memory`;
  }

  attach(instance: Pick<Instance, "exports">): void {
    const { memory, backplane_alloc, backplane_free } = instance.exports;
    if (typeof memory === "object" && memory !== null && "buffer" in memory) {
      this.memory = memory as { buffer: ArrayBufferLike };
    }
    this.allocator = asFunction(backplane_alloc);
    this.releaser = asFunction(backplane_free);
    this.anyFunction = Object.values(instance.exports)
      .map(asFunction)
      .find((exported) => exported !== undefined);
    this.attached = true;
  }

  /** Runs an action that enters the plugin: at once, or as a promise when no call of it runs on a thread. */
  whenFree<T>(action: () => T): T | Promise<Awaited<T>> {
    return this.anyFunction === undefined ? action() : whenFree(this.anyFunction, action);
  }

  get size(): number {
    this.refresh();
    return this.data.length;
  }

  bytes(pointer: number, length: number, where = this.where): Uint8Array {
    const start = this.place(pointer, length, where);
    try {
      return this.data.slice(start, start + (length >>> 0));
    } catch (cause) {
      throw new MarshalError(`${where}: ${length >>> 0} bytes can't be copied: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  view(pointer: number, length: number, where = this.where): Uint8Array {
    const start = this.place(pointer, length, where);
    return this.data.subarray(start, start + (length >>> 0));
  }

  text(pointer: number, length: number, where = this.where): string {
    const start = this.place(pointer, length, where);
    const size = length >>> 0;
    if (!this.shared) return decodeUtf8(this.buffer, start, size, where, start);
    const copy = Buffer.from(this.data.slice(start, start + size).buffer as ArrayBuffer) as TextBuffer;
    return decodeUtf8(copy, 0, size, where, start);
  }

  write(pointer: number, bytes: Uint8Array): void {
    const start = this.place(pointer, bytes.length, this.where);
    this.data.set(bytes, start);
  }

  put(value: Uint8Array | string, where = this.where): [pointer: number, length: number] {
    const pointer = this.putData(value, where);
    return [pointer, this.putSize];
  }

  /** Puts text or bytes into memory that the plugin allocates. Returns the address; the size is in `putSize`. */
  putData(value: Uint8Array | string, where: string): number {
    return typeof value === "string" ? this.putText(value, where) : this.putBytes(value, where);
  }

  /** Puts text into memory that the plugin allocates. Returns its address; its size is in `putSize`. */
  putText(text: string, where: string): number {
    const size = textSize(text);
    if (size < 0) {
      throw new MarshalError(`${where}: the text has a lone surrogate, which UTF-8 can't express`);
    }
    const pointer = this.allocate(size, where);
    encodeText(this.buffer, text, pointer, size);
    this.putSize = size;
    return pointer;
  }

  /** The same for bytes. */
  putBytes(bytes: Uint8Array, where: string): number {
    const size = bytes.length;
    const pointer = this.allocate(size, where);
    // A view of the plugin's own memory ends when allocating grows that.
    if (bytes.length !== size) {
      throw new MarshalError(`${where}: the bytes are a view that has ended; hand over a copy`);
    }
    this.data.set(bytes, pointer);
    this.putSize = size;
    return pointer;
  }

  /** The bytes of a packed result, as a copy, their memory given back; null for pointer 0. */
  take(packed: unknown, where = this.where): Uint8Array | null {
    return this.takeWith(packed, where, readBytes, noValue);
  }

  /** The same for text. */
  takeText(packed: unknown, where = this.where): string | null {
    return this.takeWith(packed, where, readText, noValue);
  }

  /** What `read` makes of a packed result, whose memory is given back even if it throws; `absent`'s for pointer 0. */
  takeWith<T, N>(packed: unknown, where: string, read: ReadMemory<T>, absent: (where: string) => N): T | N {
    if (typeof packed !== "bigint") {
      throw new MarshalError(`${where}: expected an i64 of pointer and length, got a ${typeof packed}`);
    }
    packedValue[0] = packed;
    const pointer = packedWords[0];
    const length = packedWords[1];
    if (pointer === 0) return absent(where);
    this.place(pointer, length, where);
    try {
      this.requireOutput(length, where);
      return read(this, pointer, length, where);
    } finally {
      this.release(pointer, length, where);
    }
  }

  /** Errors: LimitError for a value of more bytes than the plugin may hand to the host. */
  requireOutput(length: number, where: string): void {
    const size = length >>> 0;
    if (size <= this.mostOutput) return;
    const text = `${where}: limit outputBytes: it has ${size} bytes, ${this.mostOutput} are allowed`;
    throw new LimitError("outputBytes", this.mostOutput, text);
  }

  /** Whether this is what the plugin's allocator threw last: a trap above all. */
  isFailure(error: unknown): boolean {
    return error !== undefined && error === this.failure;
  }

  /** Gives memory back to the plugin. */
  release(pointer: number, size: number, where = this.where): void {
    if (this.releaser === undefined) throw this.missing("backplane_free", where);
    this.releaser(pointer, size);
  }

  /** The address of `size` bytes that are in bounds. */
  requireRange(pointer: number, size: number, where: string): number {
    return this.place(pointer, size, where);
  }

  readInt32(pointer: number): number {
    const at = this.place(pointer, 4, this.where);
    return this.words.getInt32(at, true);
  }

  readUint32(pointer: number): number {
    const at = this.place(pointer, 4, this.where);
    return this.words.getUint32(at, true);
  }

  readInt64(pointer: number): bigint {
    const at = this.place(pointer, 8, this.where);
    return this.words.getBigInt64(at, true);
  }

  readFloat64(pointer: number): number {
    const at = this.place(pointer, 8, this.where);
    return this.words.getFloat64(at, true);
  }

  writeInt32(pointer: number, value: number): void {
    const at = this.place(pointer, 4, this.where);
    this.words.setInt32(at, value, true);
  }

  writeInt64(pointer: number, value: bigint): void {
    const at = this.place(pointer, 8, this.where);
    this.words.setBigInt64(at, value, true);
  }

  writeFloat64(pointer: number, value: number): void {
    const at = this.place(pointer, 8, this.where);
    this.words.setFloat64(at, value, true);
  }

  private allocate(size: number, where: string): number {
    if (size > largestSize)
      throw new MarshalError(`${where}: ${size} bytes are more than a plugin can address`);
    if (this.allocator === undefined) throw this.missing("backplane_alloc", where);
    let given: unknown;
    try {
      // An allocator may give nothing for 0, but pointer 0 is null.
      given = this.allocator(size === 0 ? 1 : size);
    } catch (error) {
      this.failure = error;
      throw error;
    }
    return this.allocated(given, size, where);
  }

  /** The address of what the plugin's allocator gave. Errors: MarshalError if that isn't memory. */
  allocated(given: unknown, size: number, where: string): number {
    if (typeof given !== "number" || given === 0) {
      throw new MarshalError(`${where}: backplane_alloc(${size}) gave no memory`);
    }
    return this.place(given, size === 0 ? 1 : size, where);
  }

  private missing(name: string, where: string): MarshalError {
    if (!this.attached) return this.tooEarly(where);
    return new MarshalError(`${where}: text and bytes need the plugin's export "${name}", which is missing`);
  }

  private tooEarly(where: string): MarshalError {
    const remedy = 'do in "backplane_start" what needs the host';
    return new MarshalError(
      `${where}: the plugin's memory isn't known while its start section runs; ${remedy}`,
    );
  }

  /** Where a range starts. Errors: MarshalError unless it lies in the memory as it is now. */
  private place(pointer: number, length: number, where: string): number {
    const start = pointer >>> 0;
    const size = length >>> 0;
    if (start + size <= this.data.length) return start;
    this.refresh();
    if (start + size <= this.data.length) return start;
    throw this.outside(start, size, where);
  }

  private outside(start: number, size: number, where: string): MarshalError {
    if (this.memory === undefined) {
      if (!this.attached) return this.tooEarly(where);
      return new MarshalError(`${where}: text and bytes need the plugin's export "memory", which is missing`);
    }
    const has = this.data.length;
    return new MarshalError(`${where}: ${size} bytes at ${start} end outside of ${has} bytes of memory`);
  }

  private refresh(): void {
    const buffer = this.memory?.buffer;
    if (buffer === undefined || (buffer === this.data.buffer && this.data.length > 0)) return;
    this.data = new Uint8Array(buffer);
    this.buffer = Buffer.from(buffer) as TextBuffer;
    this.words = new DataView(buffer);
    this.shared = typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
  }
}

function asFunction(value: unknown): Exported | undefined {
  return typeof value === "function" ? (value as Exported) : undefined;
}
