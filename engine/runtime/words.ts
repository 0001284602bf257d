/** 64-bit words of native records, as TypeScript reads and writes them: halves, numbers below 2^53. */

/** Writes an address at a byte offset of a record viewed as 32-bit words. */
export function setWord64(words: Int32Array | Uint32Array, offset: number, value: number): void {
  words[offset >> 2] = value | 0;
  words[(offset >> 2) + 1] = Math.floor(value / 2 ** 32);
}

/** The same in one store, for a word that other threads or a signal's handler may read at any moment. */
export function storeWord64(words: Int32Array | Uint32Array, offset: number, value: number): void {
  Atomics.store(new BigUint64Array(words.buffer, words.byteOffset + offset, 1), 0, BigInt(value));
}

/** Reads an address or a length. */
export function word64(words: Int32Array | Uint32Array, offset: number): number {
  return (words[offset >> 2]! >>> 0) + (words[(offset >> 2) + 1]! >>> 0) * 2 ** 32;
}

/** Makes a word that other threads write too at least `least`. */
export function raiseTo(words: Int32Array, index: number, least: number): void {
  for (;;) {
    const now = Atomics.load(words, index);
    if (now >= least || Atomics.compareExchange(words, index, now, least) === now) return;
  }
}
