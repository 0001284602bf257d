/** A small deterministic generator of random numbers (xorshift32), so that a seed names a test case. */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  }
  /** Uniform 32 bits. */
  bits(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }
  /** 0 .. n-1. */
  below(n: number): number {
    return this.bits() % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}
