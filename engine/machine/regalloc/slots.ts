/**
 * Numbers for spill slots, with reuse of those given back. A number is either narrow (8 bytes) or wide (16
 * bytes, even) for as long as the function lives, so that slots never overlap in part.
 */
import { firstSlot, type Location, RegisterClass } from "../vcode.js";

export class SlotPool {
  private readonly narrow: number[] = [];
  private readonly wide: number[] = [];

  constructor(private next: number) {}

  take(cls: number): Location {
    if (cls === RegisterClass.vector) {
      const free = this.wide.pop();
      if (free !== undefined) return free;
      if (this.next & 1) this.narrow.push(firstSlot + this.next++);
      this.next += 2;
      return firstSlot + this.next - 2;
    }
    return this.narrow.pop() ?? firstSlot + this.next++;
  }

  give(slot: Location, cls: number): void {
    if (cls === RegisterClass.vector) this.wide.push(slot);
    else this.narrow.push(slot);
  }

  /** 8-byte slots handed out so far, those below the first one included. */
  get slotCount(): number {
    return this.next;
  }
}
