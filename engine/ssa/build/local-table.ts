/**
 * The locals of the function at hand: type, current definition, frame slot.
 *
 * A body declares 50,000 locals in four bytes, so nothing here is done for each declared local: the scan calls
 * `touch` for each local that an instruction names, and only those have meaningful rows. Arrays are kept
 * between functions; a stamp tells which rows are this function's.
 */
import type { FunctionBody } from "../../wasm/types.js";
import { grown } from "./grow.js";

export class LocalTable {
  count = 0;
  type = new Uint8Array(64);
  /** The current definition; of locals in frame slots their first value. */
  definition = new Int32Array(64);
  /** The frame slot, or -1. */
  slot = new Int32Array(64);
  private stamp = new Int32Array(64);
  private now = 0;
  /** Per run of declared locals: the local behind its last. */
  private runEnd = new Int32Array(16);
  private runCount = 0;

  /** Starts with a function that has `params` parameters, which `set` makes known. */
  reset(params: number, body: FunctionBody): void {
    this.count = params + body.localCount;
    this.now++;
    if (this.count > this.type.length) {
      this.type = new Uint8Array(this.count);
      this.definition = new Int32Array(this.count);
      this.slot = new Int32Array(this.count);
      this.stamp = new Int32Array(this.count);
    }
    const { locals } = body;
    this.runCount = locals.length;
    if (locals.length > this.runEnd.length) this.runEnd = grown(this.runEnd, locals.length);
    let end = params;
    for (let i = 0; i < locals.length; i++) {
      end += locals[i]!.count;
      this.runEnd[i] = end;
    }
  }

  set(local: number, type: number, definition: number): void {
    this.stamp[local] = this.now;
    this.type[local] = type;
    this.definition[local] = definition;
    this.slot[local] = -1;
  }

  isKnown(local: number): boolean {
    return this.stamp[local] === this.now;
  }

  /** The run that declares a local. */
  runOf(local: number): number {
    const { runEnd } = this;
    let low = 0;
    let high = this.runCount - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (runEnd[middle]! > local) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
