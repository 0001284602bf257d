/** Runs of ones in masks. */

export interface Field {
  readonly lowest: number;
  readonly width: number;
}

function fieldOfWord(word: number): Field | null {
  if (word === 0) return null;
  const lowest = 31 - Math.clz32(word & -word);
  const run = word >>> lowest;
  if ((run & (run + 1)) !== 0) return null;
  return { lowest, width: 32 - Math.clz32(run) };
}

/**
 * The only run of ones in 64 bits; null if there is none or another.
 * @example fieldOf(0x3f0, 0) // { lowest: 4, width: 6 }
 */
export function fieldOf(lo: number, hi: number): Field | null {
  if (hi === 0) return fieldOfWord(lo);
  const high = fieldOfWord(hi);
  if (high === null || lo === 0) return high && { lowest: high.lowest + 32, width: high.width };
  const low = fieldOfWord(lo);
  if (low === null || low.lowest + low.width !== 32 || high.lowest !== 0) return null;
  return { lowest: low.lowest, width: low.width + high.width };
}
