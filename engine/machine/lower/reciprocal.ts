/**
 * The factors by which division by a constant becomes multiplication (Granlund and Montgomery: "Division by Invariant
 * Integers using Multiplication", 1994; Warren: "Hacker's Delight", chapter 10).
 *
 * Unsigned, width N: q = floor(m * x / 2^(N+s)) for m = ceil(2^(N+s) / d) with the smallest s such that the error
 * m * d - 2^(N+s) is at most 2^s; m may need N+1 bits. 32-bit operands have 64-bit registers at hand, so their
 * products are whole; a 33-bit m is replaced by the upper half of a 64-bit product, m = floor(2^64 / d) + 1.
 * Signed: m from the same bound for the magnitude with N - 1 in place of N, plus one when the dividend is negative.
 */
import type { LoweringState } from "./lowering-state.js";

/** The constant that row `v` divides by. */
export function divisorOf(c: LoweringState, v: number, signed: boolean): bigint {
  const divisor = c.a1[v]!;
  const lo = c.lo[divisor]!;
  const hi = c.is64(v) ? c.hi[divisor]! : signed ? lo >> 31 : 0;
  const d = (BigInt(hi) << 32n) | BigInt(lo >>> 0);
  return signed ? d : BigInt.asUintN(64, d);
}

/** BigInt is used for divisors only: 128-bit quotients are needed once per division by a constant. */
export const log2 = (d: bigint): number => d.toString(2).length - 1;
export const isPowerOf2 = (d: bigint): boolean => (d & (d - 1n)) === 0n;

/** The smallest s, and m, of the bound above. */
export function reciprocal(d: bigint, bits: bigint): { m: bigint; s: number } {
  for (let s = 0n; ; s++) {
    const m = ((1n << (bits + s)) + d - 1n) / d;
    if (m * d - (1n << (bits + s)) <= 1n << s) return { m, s: Number(s) };
  }
}
