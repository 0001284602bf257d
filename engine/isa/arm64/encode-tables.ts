/**
 * What goes with the code: sites, stack maps, relocations, constants, jump tables; and putting it all together.
 *
 * Positions are recorded while instructions are emitted, as (raw position, items before) pairs, and become offsets
 * at the end, when the lengths of branches are known.
 */
import { alignUp, CodeData } from "../../machine/emit/code-data.js";
import { CodeTables } from "../../machine/emit/code-tables.js";
import type { MachineCode } from "../../machine/machine-code.js";
import { type Allocation, firstSlot, type Location, type VCode } from "../../machine/vcode.js";
import { type Label, LabelledEncoder } from "./encode-layout.js";
import { type Frame, layOutFrame } from "./frame.js";
import type { Arm64VCode } from "./virtual-code.js";

/** Data begin at a multiple of it; `layOut` counts on that. */
const dataAlignment = 16;

export class TableEncoder extends LabelledEncoder {
  readonly frame: Frame;
  private readonly tables: CodeTables;
  private readonly data: CodeData;

  /** Where the body begins, behind the prologue. */
  protected bodyRaw = 0;
  protected bodyItems = 0;

  constructor(
    readonly code: VCode,
    readonly allocation: Allocation,
  ) {
    super();
    this.frame = layOutFrame(code, allocation);
    this.tables = new CodeTables(allocation, this.frame.slots);
    this.data = new CodeData(code as Arm64VCode);
  }

  slotOffset(location: Location): number {
    return this.frame.slots + 8 * (location - firstSlot);
  }

  /** A new jump table; its number as a datum. */
  addTable(labels: readonly Label[]): number {
    return this.data.addTable(labels);
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
    const { offsets, size } = this.data.place();
    const codeSize = this.layOut(size);
    const dataStart = size === 0 ? codeSize : alignUp(codeSize, dataAlignment);
    const datumOffset = offsets.map((offset) => dataStart + offset);
    const bytes = new Uint8Array(dataStart + size);
    this.write(bytes, datumOffset);
    this.data.write(bytes, datumOffset, (label) => this.labelOffset(label));
    return {
      bytes,
      codeSize,
      frameSize: this.frame.size,
      returnOffset: this.frame.returnOffset,
      bodyOffset: this.finalOffset(this.bodyRaw, this.bodyItems),
      ...this.tables.build((raw, items) => this.finalOffset(raw, items)),
    };
  }
}
