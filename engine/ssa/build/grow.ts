/** A copy with room for at least `needed` elements, and at least twice as many as before. */
export function grown(old: Int32Array, needed = 0): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(Math.max(needed, old.length * 2));
  bigger.set(old);
  return bigger;
}
