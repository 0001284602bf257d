/**
 * What goes with the code: sites, stack maps, relocations, constants, jump tables; and putting it all together.
 *
 * Positions are recorded while instructions are emitted, as (raw position, items before) pairs, and become offsets
 * at the end, when the lengths of branches are known.
 */
import type { MachineCode } from "../../machine/machine-code.js";
import { type Allocation, firstSlot, type Location, type VCode } from "../../machine/vcode.js";
import { type Label, LabelledEncoder, putWord32 } from "./encode-layout.js";
import { type Frame, layOutFrame } from "./frame.js";
import type { Amd64VCode } from "./virtual-code.js";

export class TableEncoder extends LabelledEncoder {
  readonly frame: Frame;
  protected readonly constants: Amd64VCode;
  private safepoint = 0;

  private readonly siteRaw: number[] = [];
  private readonly siteItems: number[] = [];
  private readonly siteKind: number[] = [];
  private readonly siteTrap: number[] = [];
  private readonly siteSource: number[] = [];
  private readonly siteMap: number[] = [];
  private readonly mapStart: number[] = [0];
  private readonly mapWord: number[] = [];

  /** Where the body begins, behind the prologue. */
  protected bodyRaw = 0;
  protected bodyItems = 0;

  private readonly relocationRaw: number[] = [];
  private readonly relocationItems: number[] = [];
  private readonly relocationKind: number[] = [];
  private readonly relocationSymbol: number[] = [];

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

  site(kind: number, trap: number, source: number, map: number): void {
    this.siteRaw.push(this.size);
    this.siteItems.push(this.itemCount);
    this.siteKind.push(kind);
    this.siteTrap.push(trap);
    this.siteSource.push(source);
    this.siteMap.push(map);
  }

  /** Stack map of a safepoint, -1 when no reference lives across it. */
  protected stackMap(i: number): number {
    const { safepoints, mapStart, mapLocation } = this.allocation;
    let k = this.safepoint;
    const isNext = k < safepoints.length && safepoints[k]! >= i && (k === 0 || safepoints[k - 1]! < i);
    if (!isNext) {
      let lo = 0;
      let hi = safepoints.length;
      while (lo < hi) {
        k = (lo + hi) >> 1;
        if (safepoints[k]! < i) lo = k + 1;
        else hi = k;
      }
      k = lo;
    }
    if (safepoints[k] !== i) return -1;
    this.safepoint = k + 1;
    const start = mapStart[k]!;
    const end = mapStart[k + 1]!;
    if (start === end) return -1;
    for (let m = start; m < end; m++) {
      const location = mapLocation[m]!;
      this.mapWord.push(location >= firstSlot ? this.slotOffset(location) : -1 - location);
    }
    this.mapStart.push(this.mapWord.length);
    return this.mapStart.length - 2;
  }

  relocate(raw: number, kind: number, symbol: number): void {
    this.relocationRaw.push(raw);
    this.relocationItems.push(this.itemCount);
    this.relocationKind.push(kind);
    this.relocationSymbol.push(symbol);
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
    return this.tables(bytes, codeSize);
  }

  private tables(bytes: Uint8Array, codeSize: number): MachineCode {
    const final = (raw: readonly number[], items: readonly number[]): Int32Array => {
      const out = new Int32Array(raw.length);
      for (let k = 0; k < raw.length; k++) out[k] = this.finalOffset(raw[k]!, items[k]!);
      return out;
    };
    return {
      bytes,
      codeSize,
      frameSize: this.frame.size,
      returnOffset: this.frame.size,
      bodyOffset: this.finalOffset(this.bodyRaw, this.bodyItems),
      relocationOffset: final(this.relocationRaw, this.relocationItems),
      relocationKind: Uint8Array.from(this.relocationKind),
      relocationSymbol: Int32Array.from(this.relocationSymbol),
      siteOffset: final(this.siteRaw, this.siteItems),
      siteKind: Uint8Array.from(this.siteKind),
      siteTrap: Uint8Array.from(this.siteTrap),
      siteSource: Int32Array.from(this.siteSource),
      siteMap: Int32Array.from(this.siteMap),
      mapStart: Int32Array.from(this.mapStart),
      mapWord: Int32Array.from(this.mapWord),
    };
  }
}
