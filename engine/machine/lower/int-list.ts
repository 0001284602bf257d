/** A cleared list doesn't keep more words than this. */
const keptLength = 1 << 16;

/** A list of 32-bit integers that grows by doubling. */
export class IntList {
  count = 0;
  items = new Int32Array(64);

  push(value: number): void {
    if (this.count === this.items.length) {
      const bigger = new Int32Array(this.items.length * 2);
      bigger.set(this.items);
      this.items = bigger;
    }
    this.items[this.count++] = value;
  }

  /** Empties the list; memory beyond what most uses need is given back. */
  clear(): void {
    this.count = 0;
    if (this.items.length > keptLength) this.items = new Int32Array(keptLength);
  }

  get(i: number): number {
    return this.items[i]!;
  }

  set(i: number, value: number): void {
    this.items[i] = value;
  }
}
