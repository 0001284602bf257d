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
import type { Amd64VCode } from "./virtual-code.js";

/** What lies between code and data: int3. */
const padding = 0xcc;

export class TableEncoder extends LabelledEncoder {
  readonly frame: Frame;
  protected readonly constants: Amd64VCode;
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
    this.constants = code as Amd64VCode;
    this.frame = layOutFrame(code, allocation);
    this.tables = new CodeTables(allocation, this.frame.slots);
    this.data = new CodeData(this.constants);
  }

  slotOffset(location: Location): number {
    return this.frame.slots + 8 * (location - firstSlot);
  }

  /** A new jump table; its number as a datum. */
  addTable(labels: readonly Label[]): number {
    return this.data.addTable(labels);
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
    const { offsets, size, alignment } = this.data.place();
    const dataStart = alignUp(codeSize, alignment);
    const datumOffset = offsets.map((offset) => dataStart + offset);
    const bytes = new Uint8Array(size === 0 ? codeSize : dataStart + size);
    bytes.fill(padding, codeSize);
    this.write(bytes, datumOffset);
    this.data.write(bytes, datumOffset, (label) => this.labelOffset(label));
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
