/**
 * Where the quick allocator has its values: registers, home slots, slots within a block. Every change keeps the value
 * somewhere from where it can be got back; edits go before instruction `i`.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import type { Location, PReg, RegisterFile, VCode } from "../vcode.js";
import { EditList } from "./edits.js";
import { everywhere, findLastUses, findOutliving, none } from "./fast-last-uses.js";
import { assignHomeSlots } from "./home-slots.js";
import { type Definitions, findDefinitions } from "./liveness.js";
import { SlotPool } from "./slots.js";

export abstract class FastValues {
  protected readonly definitions: Definitions;
  protected readonly edits = new EditList();
  /** Slots beyond the home slots: for values of one block, and for moves. */
  protected readonly slots: SlotPool;
  /** The last instruction of its block that uses a value; `everywhere` if other blocks do; none if nobody does. */
  protected readonly lastUse: Int32Array;
  protected readonly argsOf: Int32Array;
  /** The value's home slot, or none yet. */
  protected readonly home: Int32Array;
  /** 1: the home slot holds the value. */
  protected readonly stored: Uint8Array;
  /** The value's register, or none; `holds` is the inverse, and may know of further copies. */
  protected readonly register: Int32Array;
  protected readonly holds = new Int32Array(64).fill(none);
  /** The instruction that edits go before, and its block. */
  protected i = 0;
  protected currentBlock = 0;

  constructor(
    protected readonly code: VCode,
    protected readonly registers: RegisterFile,
  ) {
    const n = code.vregCount;
    this.definitions = findDefinitions(code);
    this.home = new Int32Array(n).fill(none);
    this.stored = new Uint8Array(n);
    this.register = new Int32Array(n).fill(none);
    const { lastUse, argsOf } = findLastUses(code, this.definitions);
    this.lastUse = lastUse;
    this.argsOf = argsOf;
    const homes = new SlotPool(code.reservedSlots);
    assignHomeSlots(code, this.definitions, findOutliving(code, lastUse), homes, this.home);
    this.slots = new SlotPool(homes.slotCount);
  }

  /** Where to copy a value from: its register, its home, or its definition. */
  protected source(v: number): Location {
    if (this.register[v] !== none) return this.register[v];
    if (this.code.vregRematerializable[v]) return -1 - this.definitions.instruction[v];
    if (this.home[v] === none) this.fail(`v${v} is used but nowhere kept`);
    return this.home[v];
  }

  protected bind(v: number, r: PReg): void {
    this.holds[r] = v;
    this.register[v] = r;
  }

  protected slotFor(v: number): Location {
    if (this.home[v] === none) this.home[v] = this.slots.take(this.code.vregClass[v]);
    return this.home[v];
  }

  /** Gives back the slot of a value that lived in one block, or of a constant. */
  protected releaseSlot(v: number): void {
    if (this.home[v] === none || (this.lastUse[v] === everywhere && !this.code.vregRematerializable[v]))
      return;
    this.slots.give(this.home[v], this.code.vregClass[v]);
    this.home[v] = none;
    this.stored[v] = 0;
  }

  /** Whether the value survives without its register: a constant, stored, or stored by another block. */
  protected isKept(v: number): boolean {
    return (
      this.stored[v] === 1 ||
      this.code.vregRematerializable[v] !== 0 ||
      this.definitions.block[v] !== this.currentBlock
    );
  }

  /** Makes sure that the value can be got back without its register. */
  protected store(v: number): void {
    if (this.isKept(v)) return;
    this.edits.push(this.i, this.register[v], this.slotFor(v), this.code.vregClass[v]);
    this.stored[v] = 1;
  }

  /** Empties a register; its value is stored if it isn't elsewhere. */
  protected evict(r: PReg): void {
    const v = this.holds[r];
    if (v === none) return;
    this.holds[r] = none;
    if (this.register[v] !== r) return;
    this.store(v);
    this.register[v] = none;
  }

  protected isFree(r: PReg): boolean {
    const v = this.holds[r];
    return v === none || this.register[v] !== r;
  }

  /** A register without a value outside the mask, or none. */
  protected findFree(cls: number, avoid: number): PReg {
    const order = cls === 0 ? this.registers.orderInt : this.registers.orderFloat;
    for (let k = 0; k < order.length; k++) {
      if ((avoid & (1 << (order[k] & 31))) === 0 && this.isFree(order[k])) return order[k];
    }
    return none;
  }

  /** A register outside the mask, emptied if need be; none if all are in the mask. */
  protected take(cls: number, avoid: number): PReg {
    const free = this.findFree(cls, avoid);
    if (free !== none) {
      this.holds[free] = none;
      return free;
    }
    const order = cls === 0 ? this.registers.orderInt : this.registers.orderFloat;
    let best = none;
    let bestCost = everywhere;
    for (let k = 0; k < order.length; k++) {
      const r = order[k];
      if (avoid & (1 << (r & 31))) continue;
      const cost = this.evictionCost(this.holds[r]);
      if (cost >= bestCost) continue;
      best = r;
      bestCost = cost;
    }
    if (best !== none) this.evict(best);
    return best;
  }

  /** Constants first, then what is in memory anyway, then what must be stored; later uses before sooner ones. */
  protected evictionCost(v: number): number {
    const distance =
      this.lastUse[v] === everywhere ? 0 : Math.min(1023, 1023 - Math.min(1023, this.lastUse[v] - this.i));
    if (this.code.vregRematerializable[v]) return distance;
    return (this.isKept(v) ? 1024 : 2048) + distance;
  }

  /** Whether the value is needed after the current instruction. */
  protected livesOn(v: number): boolean {
    return this.lastUse[v] > this.i;
  }

  protected forget(v: number): void {
    const r = this.register[v];
    if (r === none) return;
    this.register[v] = none;
    if (this.holds[r] === v) this.holds[r] = none;
  }

  protected fail(detail: string): never {
    throw new EngineBug("regalloc", -1, "", `instruction ${this.i}: ${detail}`);
  }
}
