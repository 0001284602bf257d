/**
 * Virtual code with the constants that its instructions read from memory (AddressBase.constant of either instruction set).
 *
 * Constants are 4, 8 or 16 bytes, each kept once; emission lays them out after the code, each aligned to its size.
 */
import { VCode } from "./vcode.js";

export class PooledVCode extends VCode {
  constantCount = 0;
  /** Size in bytes of each constant: 4, 8 or 16. */
  readonly constantSize: number[] = [];
  /** Four words per constant, lowest first; zeros above its size. */
  readonly constantWords: number[] = [];
  private readonly known = new Map<string, number>();

  /** Index of a 4-byte constant. */
  constant32(bits: number): number {
    return this.intern(4, bits | 0, 0, 0, 0);
  }
  /** Index of an 8-byte constant. */
  constant64(lo: number, hi: number): number {
    return this.intern(8, lo | 0, hi | 0, 0, 0);
  }
  /** Index of a 16-byte constant, 16-byte aligned. */
  constant128(w0: number, w1: number, w2: number, w3: number): number {
    return this.intern(16, w0 | 0, w1 | 0, w2 | 0, w3 | 0);
  }

  private intern(size: number, w0: number, w1: number, w2: number, w3: number): number {
    const key = `${size}:${w0}:${w1}:${w2}:${w3}`;
    const old = this.known.get(key);
    if (old !== undefined) return old;
    const index = this.constantCount++;
    this.constantSize.push(size);
    this.constantWords.push(w0, w1, w2, w3);
    this.known.set(key, index);
    return index;
  }
}
