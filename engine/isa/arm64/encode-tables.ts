/**
 * What goes with the code: sites, stack maps, relocations, constants, jump tables; and putting it all together.
 *
 * Positions are recorded while instructions are emitted, as (raw position, items before) pairs, and become offsets
 * at the end, when the lengths of branches are known.
 */
import { CodeTables } from "../../machine/emit/code-tables.js";
import type { MachineCode } from "../../machine/machine-code.js";
import { type Allocation, firstSlot, type Location, type VCode } from "../../machine/vcode.js";
import { type Label, LabelledEncoder } from "./encode-layout.js";
import { type Frame, layOutFrame } from "./frame.js";
import type { Arm64VCode } from "./virtual-code.js";

const alignUp = (n: number, to: number): number => (n + to - 1) & -to;

export class TableEncoder extends LabelledEncoder {
  readonly frame: Frame;
  private readonly tables: CodeTables;
  private readonly constants: Arm64VCode;

  /** Where the body begins, behind the prologue. */
  protected bodyRaw = 0;
  protected bodyItems = 0;

  /** The labels of all jump tables' entries; `tableStart` says where each table's begin. */
  private readonly tableLabels: Label[] = [];
  private readonly tableStart: number[] = [0];

  constructor(
    readonly code: VCode,
    readonly allocation: Allocation,
  ) {
    super();
    this.constants = code as Arm64VCode;
    this.frame = layOutFrame(code, allocation);
    this.tables = new CodeTables(allocation, this.frame.slots);
  }

  slotOffset(location: Location): number {
    return this.frame.slots + 8 * (location - firstSlot);
  }

  /** A new jump table; its number as a datum comes after the constants. */
  addTable(labels: readonly Label[]): number {
    for (let k = 0; k < labels.length; k++) this.tableLabels.push(labels[k]!);
    this.tableStart.push(this.tableLabels.length);
    return this.constantCount + this.tableStart.length - 2;
  }

  private get constantCount(): number {
    return this.constants.constantCount ?? 0;
  }

  /** A site at the end of what has been emitted, or `back` words before. */
  site(kind: number, trap: number, source: number, map: number, back = 0): void {
    this.tables.site(this.count - back, this.itemCount, kind, trap, source, map);
  }

  /** A relocation of what is emitted next. */
  relocate(kind: number, symbol: number): void {
    this.tables.relocate(this.count, this.itemCount, kind, symbol);
  }

  protected stackMap(i: number): number {
    return this.tables.stackMap(i);
  }

  // ---------------------------------------------------------------- the end

  protected finish(): MachineCode {
    const { constantCount, constants, tableStart, tableLabels } = this;
    const tableCount = tableStart.length - 1;
    const datumOffset = new Int32Array(constantCount + tableCount);
    const dataSize = this.placeData(datumOffset);
    const codeSize = this.layOut(dataSize);
    const dataStart = dataSize === 0 ? codeSize : alignUp(codeSize, 16);
    for (let k = 0; k < datumOffset.length; k++) datumOffset[k]! += dataStart;
    const bytes = new Uint8Array(dataStart + dataSize);
    this.write(bytes, datumOffset);
    const view = new DataView(bytes.buffer);
    for (let k = 0; k < constantCount; k++) {
      for (let w = 0; w < constants.constantSize[k]!; w += 4) {
        view.setInt32(datumOffset[k]! + w, constants.constantWords[4 * k + (w >> 2)]!, true);
      }
    }
    for (let t = 0; t < tableCount; t++) {
      const table = datumOffset[constantCount + t]!;
      for (let k = tableStart[t]!, at = table; k < tableStart[t + 1]!; k++, at += 4) {
        view.setInt32(at, this.labelOffset(tableLabels[k]!) - table, true);
      }
    }
    return {
      bytes,
      codeSize,
      frameSize: this.frame.size,
      returnOffset: this.frame.returnOffset,
      bodyOffset: this.finalOffset(this.bodyRaw, this.bodyItems),
      ...this.tables.build((raw, items) => this.finalOffset(raw, items)),
    };
  }

  /** Offsets of the data from their start: constants, the largest first, then jump tables. Returns the bytes they take. */
  private placeData(datumOffset: Int32Array): number {
    const { constantCount, constants, tableStart } = this;
    let size = 0;
    for (let bytes = 16; bytes >= 4; bytes >>= 1) {
      for (let k = 0; k < constantCount; k++) {
        if (constants.constantSize[k] !== bytes) continue;
        datumOffset[k] = size;
        size += bytes;
      }
    }
    for (let t = 0; t + 1 < tableStart.length; t++) {
      datumOffset[constantCount + t] = size;
      size += 4 * (tableStart[t + 1]! - tableStart[t]!);
    }
    return size;
  }
}
