/**
 * Text and bytes in a plugin's memory: UTF-8 or bytes at a pointer and a length, both i32. What the host puts there
 * lies in memory of the plugin's `backplane_alloc(size) -> pointer` and belongs to the plugin; a result is an i64,
 * pointer in the low half and length in the high one, and is given back by `backplane_free(pointer, size)`.
 * Null is pointer 0; what is empty has another pointer.
 */
import type { Instance } from "../../engine/index.js";
import { BackplaneError, MarshalError } from "../errors.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export class PluginMemory {
  private instance: Instance | undefined;

  constructor(private readonly plugin: string) {}

  attach(instance: Instance): void {
    this.instance = instance;
  }

  /** A copy of bytes. Errors: MarshalError out of bounds, and without an exported `memory`. */
  bytes(pointer: number, length: number): Uint8Array {
    return this.range(pointer, length, "bytes").slice();
  }

  /** Errors: MarshalError out of bounds, for text that isn't UTF-8, and without an exported `memory`. */
  text(pointer: number, length: number): string {
    const range = this.range(pointer, length, "a string");
    try {
      return decoder.decode(range);
    } catch (cause) {
      throw new MarshalError(`${this.plugin}: string at ${pointer >>> 0} is not valid UTF-8`, { cause });
    }
  }

  /** Puts bytes, or text as UTF-8, into memory that the plugin allocates; pointer and length. Errors: MarshalError. */
  put(value: Uint8Array | string): [pointer: number, length: number] {
    if (typeof value === "string" && /\p{Surrogate}/u.test(value)) {
      throw new MarshalError(`${this.plugin}: the text has a lone surrogate, which UTF-8 can't express`);
    }
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    const pointer = this.exported("backplane_alloc")(Math.max(bytes.length, 1)) as number;
    if (pointer === 0)
      throw new MarshalError(`${this.plugin}: backplane_alloc(${bytes.length}) gave no memory`);
    this.range(pointer, bytes.length, "allocated memory").set(bytes);
    return [pointer, bytes.length];
  }

  /** Copies what a result refers to and gives its memory back; null for pointer 0. Errors: MarshalError. */
  take(packed: bigint): Uint8Array | null {
    const pointer = Number(BigInt.asUintN(32, packed));
    const length = Number(BigInt.asUintN(32, packed >> 32n));
    if (pointer === 0) return null;
    const bytes = this.bytes(pointer, length);
    this.exported("backplane_free")(pointer, length);
    return bytes;
  }

  decode(bytes: Uint8Array): string {
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new MarshalError(`${this.plugin}: the result is not valid UTF-8`, { cause });
    }
  }

  private exported(name: string): (...args: number[]) => unknown {
    const found = this.instance?.exports[name];
    if (typeof found === "function") return found as (...args: number[]) => unknown;
    throw new MarshalError(`${this.plugin}: text and bytes need its export "${name}", which is missing`);
  }

  private range(pointer: number, length: number, what: string): Uint8Array {
    const memory = this.instance?.exports.memory as { buffer: ArrayBuffer } | undefined;
    if (memory === undefined) {
      throw new MarshalError(`${this.plugin}: ${what} was passed, but the plugin exports no "memory"`);
    }
    const start = pointer >>> 0;
    const size = length >>> 0;
    const has = memory.buffer.byteLength;
    if (start + size > has) {
      throw new MarshalError(
        `${this.plugin}: ${what} at ${start}, ${size} bytes, ends outside of ${has} bytes of memory`,
      );
    }
    return new Uint8Array(memory.buffer, start, size);
  }
}

/** Errors: BackplaneError MARSHAL for what JSON can't express. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new BackplaneError("MARSHAL", `${typeof value} has no form in JSON`);
  return text;
}
