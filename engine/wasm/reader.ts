/**
 * A bounds-checked reader of the binary format's primitives: bytes, LEB128 integers, floats as bits, names.
 *
 * `position` moves over `bytes` and never passes `end`. The only thing ever thrown is `WasmFormatError`, at
 * the place where the primitive began. 64-bit values come as two int32 halves in `lo` and `hi`.
 * Source: core specification 2.0, "Binary Format / Values".
 */
import {
  badReferenceType,
  badUtf8,
  badValueType,
  type ErrorPlace,
  integerTooLarge,
  integerTooLong,
  unexpectedEnd,
} from "./errors.js";
import { isRefType, isValType, type RefType, type ValType } from "./types.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Names up to this length are tried as ASCII first: cheaper than the decoder's call. */
const SHORT_NAME = 32;

export class ByteReader {
  /** The halves of the last 64-bit value read. */
  lo = 0;
  hi = 0;

  constructor(
    readonly bytes: Uint8Array,
    public position = 0,
    public end = bytes.length,
    /** Named in errors; -1 outside of function bodies. */
    public functionIndex = -1,
  ) {}

  place(offset: number = this.position): ErrorPlace {
    return { offset, functionIndex: this.functionIndex };
  }

  u8(wanted = "a byte"): number {
    const at = this.position;
    if (at >= this.end) throw unexpectedEnd(this.place(at), wanted);
    this.position = at + 1;
    return this.bytes[at];
  }

  /** An unsigned 32-bit LEB128 integer, as a number from 0 to 2**32 - 1. */
  u32(wanted = "an integer"): number {
    const at = this.position;
    if (at < this.end) {
      const byte = this.bytes[at];
      if (byte < 0x80) {
        this.position = at + 1;
        return byte;
      }
    }
    return this.longU32(wanted);
  }

  private longU32(wanted: string): number {
    const at = this.position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.lebByte(at, wanted);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) throw integerTooLarge(this.place(at), 32);
        return value >>> 0;
      }
    }
    throw integerTooLong(this.place(at), 32, 5);
  }

  private lebByte(start: number, wanted: string): number {
    const at = this.position;
    if (at >= this.end) throw unexpectedEnd(this.place(start), wanted);
    this.position = at + 1;
    return this.bytes[at];
  }

  /** A signed 32-bit LEB128 integer. */
  i32(): number {
    const at = this.position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.lebByte(at, "an integer");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (shift < 28) return (value << (25 - shift)) >> (25 - shift);
        // Four bits of the fifth byte count; the three above must repeat the sign.
        const sign = byte & 0x78;
        if (sign !== 0 && sign !== 0x78) throw integerTooLarge(this.place(at), 32);
        return value;
      }
    }
    throw integerTooLong(this.place(at), 32, 5);
  }

  /** A signed 33-bit LEB128 integer, as a number from -(2**32) to 2**32 - 1. */
  i33(): number {
    const at = this.position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.lebByte(at, "an integer");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (shift === 28) {
          const sign = byte & 0x70;
          if (sign !== 0 && sign !== 0x70) throw integerTooLarge(this.place(at), 33);
        }
        return (byte & 0x40) !== 0 ? value - 2 ** (shift + 7) : value;
      }
    }
    throw integerTooLong(this.place(at), 33, 5);
  }

  /** A signed 64-bit LEB128 integer, into `lo` and `hi`. */
  i64(): void {
    const at = this.position;
    let lo = 0;
    let hi = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.lebByte(at, "an integer");
      const bits = byte & 0x7f;
      if (shift < 28) lo |= bits << shift;
      else if (shift > 28) hi |= bits << (shift - 32);
      else {
        lo |= bits << 28;
        hi = bits >> 4;
      }
      if (byte >= 0x80) continue;
      if (shift === 63) {
        if (bits !== 0 && bits !== 0x7f) throw integerTooLarge(this.place(at), 64);
      } else if ((byte & 0x40) !== 0) {
        const next = shift + 7;
        if (next < 32) lo |= -1 << next;
        hi |= next < 32 ? -1 : -1 << (next - 32);
      }
      this.lo = lo;
      this.hi = hi;
      return;
    }
    throw integerTooLong(this.place(at), 64, 10);
  }

  /** Four bytes as an int32: the bits of an f32. */
  bits32(wanted = "4 bytes"): number {
    const at = this.position;
    if (this.end - at < 4) throw unexpectedEnd(this.place(at), wanted);
    this.position = at + 4;
    const b = this.bytes;
    return b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24);
  }

  /** Eight bytes, the bits of an f64, into `lo` and `hi`. */
  bits64(): void {
    if (this.end - this.position < 8) throw unexpectedEnd(this.place(), "8 bytes");
    this.lo = this.bits32();
    this.hi = this.bits32();
  }

  /** Moves over `count` bytes. */
  skip(count: number, wanted: string): void {
    if (count > this.end - this.position) throw unexpectedEnd(this.place(), wanted);
    this.position += count;
  }

  /** A name: its length in bytes and its UTF-8, which must be valid. */
  name(): string {
    const at = this.position;
    const length = this.u32("a name's length");
    const start = this.position;
    this.skip(length, `a name of ${length} bytes`);
    const ascii = length <= SHORT_NAME ? shortAscii(this.bytes, start, start + length) : undefined;
    if (ascii !== undefined) return ascii;
    try {
      return decoder.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw badUtf8(this.place(at));
    }
  }

  valType(): ValType {
    const at = this.position;
    const byte = this.u8("a value type");
    if (!isValType(byte)) throw badValueType(this.place(at), byte);
    return byte;
  }

  refType(): RefType {
    const at = this.position;
    const byte = this.u8("a reference type");
    if (!isRefType(byte)) throw badReferenceType(this.place(at), byte);
    return byte;
  }
}

function shortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
