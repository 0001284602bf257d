/**
 * Views of native memory, a piece each, made when first asked for. V8 counts the bytes of a view as memory in use, whether
 * there is anything behind them or not, and its collector starts accordingly; a view of all code memory would be a gigabyte.
 */
export class PieceViews<T> {
  private readonly pieces: (T | undefined)[] = [];

  /**
   * @param size of all pieces, in bytes
   * @param pieceSize bytes
   * @param make of a piece's offset and size: the last one may be smaller
   */
  constructor(
    private readonly size: number,
    readonly pieceSize: number,
    private readonly make: (offset: number, size: number) => T,
  ) {}

  /** The piece that holds an offset. */
  at(offset: number): T {
    const number = Math.floor(offset / this.pieceSize);
    return (this.pieces[number] ??= this.create(number * this.pieceSize));
  }

  /** Calls `visit` for each part of a range that lies in one piece, with where in it that begins and ends. */
  eachIn(start: number, end: number, visit: (piece: T, from: number, to: number) => void): void {
    for (let at = start; at < end; ) {
      const from = at % this.pieceSize;
      const to = Math.min(from + end - at, this.pieceSize);
      visit(this.at(at), from, to);
      at += to - from;
    }
  }

  private create(offset: number): T {
    return this.make(offset, Math.min(this.pieceSize, this.size - offset));
  }
}
