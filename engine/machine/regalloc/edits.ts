/**
 * The moves that allocation inserts, as a growing table. Enters: moves one by one, in the order in which they
 * are to be executed before their instruction. Leaves: the `edit...` columns of an `Allocation`.
 */
import { firstSlot, type Location } from "../vcode.js";

export class EditList {
  count = 0;
  before: Int32Array = new Int32Array(64);
  from: Int32Array = new Int32Array(64);
  to: Int32Array = new Int32Array(64);
  cls = new Uint8Array(64);

  /** Appends a move. `from` is a location, or -1 - instruction for a definition to be executed again. */
  push(before: number, from: Location, to: Location, cls: number): void {
    const n = this.count++;
    if (n >= this.before.length) this.grow();
    this.before[n] = before;
    this.from[n] = from;
    this.to[n] = to;
    this.cls[n] = cls;
  }

  private grow(): void {
    const length = this.before.length * 2;
    const widen = (old: Int32Array): Int32Array => {
      const bigger = new Int32Array(length);
      bigger.set(old);
      return bigger;
    };
    this.before = widen(this.before);
    this.from = widen(this.from);
    this.to = widen(this.to);
    const cls = new Uint8Array(length);
    cls.set(this.cls);
    this.cls = cls;
  }
}

export const isRegister = (location: Location): boolean => location >= 0 && location < firstSlot;
export const isSlot = (location: Location): boolean => location >= firstSlot;
