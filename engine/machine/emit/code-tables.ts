/**
 * The tables that go with a function's code: sites, stack maps, relocations.
 *
 * Enters: positions as instructions are emitted, each a pair of numbers that the encoder turns into an offset when the
 * lengths of branches are known (raw position, items before it). Leaves: the tables of MachineCode.
 */
import type { MachineCode } from "../machine-code.js";
import { type Allocation, firstSlot } from "../vcode.js";

type Tables = Pick<
  MachineCode,
  | "relocationOffset"
  | "relocationKind"
  | "relocationSymbol"
  | "siteOffset"
  | "siteKind"
  | "siteTrap"
  | "siteSource"
  | "siteMap"
  | "mapStart"
  | "mapWord"
>;

export class CodeTables {
  private safepoint = 0;

  private readonly siteRaw: number[] = [];
  private readonly siteItems: number[] = [];
  private readonly siteKind: number[] = [];
  private readonly siteTrap: number[] = [];
  private readonly siteSource: number[] = [];
  private readonly siteMap: number[] = [];
  private readonly mapStart: number[] = [0];
  private readonly mapWord: number[] = [];

  private readonly relocationRaw: number[] = [];
  private readonly relocationItems: number[] = [];
  private readonly relocationKind: number[] = [];
  private readonly relocationSymbol: number[] = [];

  constructor(
    private readonly allocation: Allocation,
    /** Offset of slot 0 from the stack pointer. */
    private readonly slots: number,
  ) {}

  site(raw: number, items: number, kind: number, trap: number, source: number, map: number): void {
    this.siteRaw.push(raw);
    this.siteItems.push(items);
    this.siteKind.push(kind);
    this.siteTrap.push(trap);
    this.siteSource.push(source);
    this.siteMap.push(map);
  }

  relocate(raw: number, items: number, kind: number, symbol: number): void {
    this.relocationRaw.push(raw);
    this.relocationItems.push(items);
    this.relocationKind.push(kind);
    this.relocationSymbol.push(symbol);
  }

  /** Stack map of a safepoint, -1 when no reference lives across it. */
  stackMap(i: number): number {
    const { safepoints, mapStart, mapLocation } = this.allocation;
    const k = this.findSafepoint(i);
    if (safepoints[k] !== i) return -1;
    this.safepoint = k + 1;
    const start = mapStart[k]!;
    const end = mapStart[k + 1]!;
    if (start === end) return -1;
    for (let m = start; m < end; m++) {
      const location = mapLocation[m]!;
      this.mapWord.push(location >= firstSlot ? this.slots + 8 * (location - firstSlot) : -1 - location);
    }
    this.mapStart.push(this.mapWord.length);
    return this.mapStart.length - 2;
  }

  /** First safepoint from instruction `i` on; mostly it is the one after the last that was found. */
  private findSafepoint(i: number): number {
    const { safepoints } = this.allocation;
    const k = this.safepoint;
    if (k < safepoints.length && safepoints[k]! >= i && (k === 0 || safepoints[k - 1]! < i)) return k;
    let lo = 0;
    let hi = safepoints.length;
    while (lo < hi) {
      const middle = (lo + hi) >> 1;
      if (safepoints[middle]! < i) lo = middle + 1;
      else hi = middle;
    }
    return lo;
  }

  /** @param finalOffset the offset of a position */
  build(finalOffset: (raw: number, items: number) => number): Tables {
    const final = (raw: readonly number[], items: readonly number[]): Int32Array => {
      const out = new Int32Array(raw.length);
      for (let k = 0; k < raw.length; k++) out[k] = finalOffset(raw[k]!, items[k]!);
      return out;
    };
    return {
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
