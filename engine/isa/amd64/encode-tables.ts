/**
 * What goes with the code: sites, stack maps, relocations, constants, jump tables; and putting it all together.
 *
 * Positions are recorded while instructions are emitted, as (raw position, items before) pairs, and become offsets
 * at the end, when the lengths of branches are known.
 */
import { CodeTables } from "../../machine/emit/code-tables.js";
import type { MachineCode } from "../../machine/machine-code.js";
import { type Allocation, firstSlot, type Location, type VCode } from "../../machine/vcode.js";
import { type Label, LabelledEncoder, putWord32 } from "./encode-layout.js";
import { type Frame, layOutFrame } from "./frame.js";
import type { Amd64VCode } from "./virtual-code.js";

export class TableEncoder extends LabelledEncoder {
  readonly frame: Frame;
  protected readonly constants: Amd64VCode;
  private readonly tables: CodeTables;

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
    this.constants = code as Amd64VCode;
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

  /** A site at the end of what has been emitted. */
  site(kind: number, trap: number, source: number, map: number): void {
    this.tables.site(this.size, this.itemCount, kind, trap, source, map);
  }

  protected stackMap(i: number): number {
    return this.tables.stackMap(i);
  }

  relocate(raw: number, kind: number, symbol: number): void {
    this.tables.relocate(raw, this.itemCount, kind, symbol);
  }

  // ---------------------------------------------------------------- the end

  protected finish(): MachineCode {
    const codeSize = this.layOut();
    const { constantCount, constants, tableStart, tableLabels } = this;
    const tableCount = tableStart.length - 1;
    const datumOffset = new Int32Array(constantCount + tableCount);
    let size = codeSize;
    for (let bytes = 16; bytes >= 4; bytes >>= 1) {
      for (let k = 0; k < constantCount; k++) {
        if (constants.constantSize[k] !== bytes) continue;
        size = (size + bytes - 1) & -bytes;
        datumOffset[k] = size;
        size += bytes;
      }
    }
    if (tableCount > 0) size = (size + 3) & ~3;
    for (let t = 0; t < tableCount; t++) {
      datumOffset[constantCount + t] = size;
      size += 4 * (tableStart[t + 1]! - tableStart[t]!);
    }
    const bytes = new Uint8Array(size);
    bytes.fill(0xcc, codeSize);
    this.write(bytes, datumOffset);
    for (let k = 0; k < constantCount; k++) {
      for (let w = 0; w < constants.constantSize[k]!; w += 4) {
        putWord32(bytes, datumOffset[k]! + w, constants.constantWords[4 * k + (w >> 2)]!);
      }
    }
    for (let t = 0; t < tableCount; t++) {
      const table = datumOffset[constantCount + t]!;
      for (let k = tableStart[t]!, at = table; k < tableStart[t + 1]!; k++, at += 4) {
        putWord32(bytes, at, this.labelOffset(tableLabels[k]!) - table);
      }
    }
    return {
      bytes,
      codeSize,
      frameSize: this.frame.size,
      returnOffset: this.frame.size,
      bodyOffset: this.finalOffset(this.bodyRaw, this.bodyItems),
      ...this.tables.build((raw, items) => this.finalOffset(raw, items)),
    };
  }
}
