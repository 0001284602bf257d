/**
 * Seeded pseudo-random numbers for tests: the same seed gives the same sequence on every platform.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state, run 12 times after seeding.
 */

export class Random {
  private a = 0;
  private b = 0;
  private c = 0;
  private d = 1;

  /** @param seed any safe integer; both its halves count */
  constructor(seed: number) {
    this.a = seed | 0;
    this.b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.c = 0x9e3779b9 | 0;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** 32 random bits as a signed integer. */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t;
  }

  /** An integer in `0 <= n < bound`; `bound` at most 2^32. */
  below(bound: number): number {
    return Math.floor(((this.next() >>> 0) / 0x1_0000_0000) * bound);
  }

  /** An integer in `low <= n <= high`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: ArrayLike<T>): T {
    return items[this.below(items.length)] as T;
  }

  /** 64 random bits as an unsigned bigint. */
  bits64(): bigint {
    return (BigInt(this.next() >>> 0) << 32n) | BigInt(this.next() >>> 0);
  }
}
