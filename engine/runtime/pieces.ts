/** How much of what a module may ask for without bound is done at a stretch: a fraction of a millisecond's work. */

/** Bytes. */
export const bytePiece = 1 << 20;
/** Entries of tables. */
export const entryPiece = 1 << 16;

/** Calls `action` for each piece of `count`, with what is done before it and its size. */
export function inPieces(count: number, most: number, action: (done: number, piece: number) => void): void {
  for (let done = 0; done < count; done += most) action(done, Math.min(most, count - done));
}
