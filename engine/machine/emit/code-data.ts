/**
 * What a function's code reads of its own: constants and jump tables, which lie behind it.
 *
 * Each is a *datum* with a number: first the constants of the virtual code, then jump tables in the order in which they are
 * added. Constants lie largest first, so that each is aligned to its size; tables follow, 32 bits for each entry: from the
 * table's start to the code that it stands for.
 */
import type { PooledVCode } from "../pooled-vcode.js";

/** Where the data lie. */
export interface DataPlaces {
  /** By datum, from the first byte of the data. */
  readonly offsets: Int32Array;
  readonly size: number;
  /** What the first byte must be a multiple of. */
  readonly alignment: number;
}

const entrySize = 4;

export class CodeData {
  /** The labels of all tables' entries; `tableStart` says where each table's begin. */
  private readonly labels: number[] = [];
  private readonly tableStart: number[] = [0];

  constructor(private readonly code: Partial<PooledVCode>) {}

  private get constantCount(): number {
    return this.code.constantCount ?? 0;
  }

  /** A new jump table; its number as a datum. */
  addTable(labels: readonly number[]): number {
    for (let k = 0; k < labels.length; k++) this.labels.push(labels[k]!);
    this.tableStart.push(this.labels.length);
    return this.constantCount + this.tableStart.length - 2;
  }

  place(): DataPlaces {
    const { constantCount, tableStart } = this;
    const tableCount = tableStart.length - 1;
    const offsets = new Int32Array(constantCount + tableCount);
    let size = 0;
    let alignment = 1;
    for (let bytes = 16; bytes >= 4; bytes >>= 1) {
      for (let k = 0; k < constantCount; k++) {
        if (this.code.constantSize![k] !== bytes) continue;
        alignment = Math.max(alignment, bytes);
        offsets[k] = size;
        size += bytes;
      }
    }
    if (tableCount > 0) alignment = Math.max(alignment, entrySize);
    for (let t = 0; t < tableCount; t++) {
      offsets[constantCount + t] = size;
      size += entrySize * (tableStart[t + 1]! - tableStart[t]!);
    }
    return { offsets, size, alignment };
  }

  /**
   * Writes the data behind the code.
   * @param datumOffset by datum, from the first byte of `bytes`
   * @param labelOffset where a label is in `bytes`
   */
  write(bytes: Uint8Array, datumOffset: Int32Array, labelOffset: (label: number) => number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { constantCount, tableStart, labels } = this;
    for (let k = 0; k < constantCount; k++) {
      for (let w = 0; w < this.code.constantSize![k]!; w += 4) {
        view.setInt32(datumOffset[k]! + w, this.code.constantWords![4 * k + (w >> 2)]!, true);
      }
    }
    for (let t = 0; t + 1 < tableStart.length; t++) {
      const table = datumOffset[constantCount + t]!;
      for (let k = tableStart[t]!, at = table; k < tableStart[t + 1]!; k++, at += entrySize) {
        view.setInt32(at, labelOffset(labels[k]!) - table, true);
      }
    }
  }
}

export const alignUp = (n: number, to: number): number => (n + to - 1) & -to;
