/**
 * Tables: elements as 64-bit words that native code reads and writes (addresses of function records, or
 * handles), behind a record that says where they are and how many.
 */
import { type RefType, ValType } from "../wasm/types.js";
import type { Engine } from "./engine.js";
import { TableRecord } from "./layout.js";
import { LinkGroup } from "./link-group.js";
import { entryPiece, inPieces } from "./pieces.js";
import { functionAddress } from "./values.js";
import { setWord64 } from "./words.js";

export const largestTable = 10_000_000;

export class Table {
  private readonly record = new Int32Array(TableRecord.size >> 2);
  readonly recordAddress: number;
  /** The elements as pairs of 32-bit halves; longer than `length` pairs where there is room to grow. */
  private words: Int32Array;
  private readonly ownGroup = new LinkGroup();
  length: number;
  /** Elements that growing would have led to when it last failed; 0 if it didn't. */
  refusedLength = 0;

  /**
   * Every element is the null reference at first.
   *
   * @param between called after each piece of the work; what it throws is thrown
   * Errors: RangeError.
   */
  constructor(
    private readonly engine: Engine,
    readonly element: RefType,
    minimum: number,
    readonly maximum: number | undefined,
    between: () => void = () => {},
  ) {
    if (minimum > largestTable) {
      throw new RangeError(`a table of ${minimum} elements is too large: at most ${largestTable}`);
    }
    this.recordAddress = engine.platform.addressOf(this.record.buffer);
    this.length = minimum;
    this.words = new Int32Array(minimum * 2);
    inPieces(minimum, entryPiece, (done, piece) => {
      this.fillWords(done, done + piece, this.nullWord);
      between();
    });
    this.publish();
    this.ownGroup.tables.add(this);
  }

  get linkGroup(): LinkGroup {
    return this.ownGroup.root();
  }

  get nullWord(): number {
    return this.element === ValType.funcref ? this.engine.nullFunctionAddress : 0;
  }

  /** The word that stands for a JavaScript value. Errors: TypeError for what isn't a reference of the type. */
  wordOf(value: unknown): number {
    if (this.element === ValType.funcref) return functionAddress(this.engine, this.ownGroup, value);
    const group = this.linkGroup;
    group.sweepIfDue();
    return group.handleOf(value);
  }

  /** Whether `count` elements from an index on are there. */
  has(index: number, count: number): boolean {
    return index + count <= this.length;
  }

  getWord(index: number): number {
    return (this.words[index * 2]! >>> 0) + (this.words[index * 2 + 1]! >>> 0) * 2 ** 32;
  }

  setWord(index: number, word: number): void {
    this.words[index * 2] = word | 0;
    this.words[index * 2 + 1] = Math.floor(word / 2 ** 32);
  }

  /** The element as a JavaScript value; the index is in bounds. */
  get(index: number): unknown {
    const word = this.getWord(index);
    if (this.element === ValType.externref) return this.linkGroup.valueOf(word);
    return word === this.engine.nullFunctionAddress ? null : this.linkGroup.functionAt(word).object;
  }

  /** Grows by `delta` elements of `word`; returns the length before, or -1 when it can't. */
  grow(delta: number, word: number): number {
    const before = this.length;
    const after = before + delta;
    if (after > Math.min(this.maximum ?? largestTable, largestTable)) return this.refuse(after);
    if (after * 2 > this.words.length) {
      const bigger = this.largerWords(after);
      if (bigger === undefined) return this.refuse(after);
      bigger.set(this.words.subarray(0, before * 2));
      this.words = bigger;
    }
    this.fillWords(before, after, word);
    this.length = after;
    this.publish();
    return before;
  }

  private refuse(length: number): -1 {
    this.refusedLength = length;
    return -1;
  }

  /** Room for at least `length` elements, undefined when there is no memory for them. */
  private largerWords(length: number): Int32Array | undefined {
    const ample = Math.max(length, Math.min(this.length * 2, this.maximum ?? largestTable, largestTable));
    for (const count of [ample, length]) {
      try {
        return new Int32Array(2 * count);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
    return undefined;
  }

  fillWords(from: number, to: number, word: number): void {
    const lo = word | 0;
    const hi = Math.floor(word / 2 ** 32);
    const { words } = this;
    for (let i = from * 2; i < to * 2; i += 2) {
      words[i] = lo;
      words[i + 1] = hi;
    }
  }

  /** table.copy within bounds, overlapping or not. */
  copyFrom(source: Table, destinationIndex: number, sourceIndex: number, count: number): void {
    const piece = source.words.subarray(sourceIndex * 2, (sourceIndex + count) * 2);
    this.words.set(piece, destinationIndex * 2);
  }

  markHandles(group: LinkGroup): void {
    if (this.element !== ValType.externref) return;
    for (let i = 0; i < this.length; i++) group.mark(this.words[i * 2]!);
  }

  private publish(): void {
    setWord64(this.record, TableRecord.elements, this.engine.platform.addressOf(this.words.buffer));
    this.record[TableRecord.length >> 2] = this.length;
  }
}
