/**
 * The uses of one instruction of the quick allocator, and the registers that it destroys. Each step leaves in masks what
 * the next ones have to keep away from.
 */
import {
  Constraint,
  constraintShift,
  type Location,
  operandDef,
  operandUnusualPosition,
  type PReg,
  payloadShift,
  type RegisterFile,
  type VCode,
} from "../vcode.js";
import { none } from "./fast-last-uses.js";
import { FastValues } from "./fast-values.js";
import { emitMove } from "./parallel-move.js";

export abstract class FastUses extends FastValues {
  protected readonly location: Int32Array;

  // Masks over one instruction, by file: registers that uses occupy, those of them that stay intact, those
  // destroyed or written at the end, fixed uses, fixed early definitions, registers that definitions take over.
  protected readonly pinned = new Int32Array(2);
  protected readonly pinnedLate = new Int32Array(2);
  protected readonly destroyed = new Int32Array(2);
  protected readonly fixedLate = new Int32Array(2);
  protected readonly fixedUses = new Int32Array(2);
  protected readonly fixedEarly = new Int32Array(2);
  protected readonly written = new Int32Array(2);
  protected readonly takenOver = new Int32Array(2);
  /** By operand index: 1 if a definition takes over this use's register. */
  protected readonly reused = new Uint8Array(64);
  /** Constants that were put into a slot for the current instruction. */
  protected readonly constantsInSlots: number[] = [];

  constructor(code: VCode, registers: RegisterFile) {
    super(code, registers);
    this.location = new Int32Array(code.operandCount).fill(none);
  }

  protected clearMasks(): void {
    for (let file = 0; file < 2; file++) {
      this.pinned[file] = 0;
      this.pinnedLate[file] = 0;
      this.destroyed[file] = 0;
      this.fixedLate[file] = 0;
      this.fixedUses[file] = 0;
      this.fixedEarly[file] = 0;
      this.written[file] = 0;
      this.takenOver[file] = 0;
    }
  }

  /** Fills the masks of fixed registers and marks reused operands. Returns how many definitions there are. */
  protected scanOperands(start: number, end: number): number {
    const { operandWord } = this.code;
    let definitions = 0;
    for (let o = start; o < end; o++) {
      const word = operandWord[o];
      const kind = (word >> constraintShift) & 7;
      const payload = word >> payloadShift;
      if (word & operandDef) definitions++;
      if (kind === Constraint.reuse) this.reused[payload] = 1;
      if (kind !== Constraint.fixed) continue;
      const file = payload >> 5;
      const bit = 1 << (payload & 31);
      if ((word & operandDef) === 0) this.fixedUses[file] |= bit;
      else if (word & operandUnusualPosition) this.fixedEarly[file] |= bit;
      else this.fixedLate[file] |= bit;
    }
    return definitions;
  }

  protected fixedUse(v: number, word: number): Location {
    const r = word >> payloadShift;
    const file = r >> 5;
    const bit = 1 << (r & 31);
    if (this.holds[r] !== v) {
      this.displace(r);
      this.edits.push(this.i, this.source(v), r, this.code.vregClass[v]);
      this.holds[r] = v;
    }
    if (this.register[v] === none) this.register[v] = r;
    this.pinned[file] |= bit;
    if (word & operandUnusualPosition) this.pinnedLate[file] |= bit;
    return r;
  }

  /** Empties a register for a fixed use; its value moves to a free one if that spares a store. */
  private displace(r: PReg): void {
    const v = this.holds[r];
    if (v === none || this.register[v] !== r) {
      this.holds[r] = none;
      return;
    }
    if (!this.isKept(v)) {
      const file = r >> 5;
      const avoid =
        this.pinned[file] |
        this.fixedUses[file] |
        this.fixedEarly[file] |
        (this.livesOn(v) ? this.destroyed[file] | this.fixedLate[file] : 0);
      const free = this.findFree(this.code.vregClass[v], avoid);
      if (free !== none) {
        this.edits.push(this.i, r, free, this.code.vregClass[v]);
        this.holds[r] = none;
        this.bind(v, free);
        return;
      }
    }
    this.evict(r);
  }

  /** Uses that aren't fixed: in registers first, those that a definition takes over after them, then the rest. */
  protected otherUses(start: number, end: number): void {
    const { operandVReg, operandWord } = this.code;
    let later = false;
    for (let o = start; o < end; o++) {
      const word = operandWord[o];
      if (word & operandDef) continue;
      const kind = (word >> constraintShift) & 7;
      if (this.isReused(o - start)) later = true;
      else if (kind === Constraint.register) this.location[o] = this.registerUse(operandVReg[o], word, false);
      else if (kind !== Constraint.fixed) later = true;
    }
    if (!later) return;
    for (let o = start; o < end; o++) {
      const word = operandWord[o];
      if ((word & operandDef) === 0 && !isFixedUse(word) && this.isReused(o - start)) {
        this.location[o] = this.registerUse(operandVReg[o], word, true);
      }
    }
    for (let o = start; o < end; o++) {
      const word = operandWord[o];
      if (word & operandDef || this.isReused(o - start)) continue;
      const kind = (word >> constraintShift) & 7;
      if (kind === Constraint.any) this.location[o] = this.anyUse(operandVReg[o], word);
      else if (kind === Constraint.slot) this.location[o] = this.slotUse(operandVReg[o]);
    }
  }

  protected isReused(index: number): boolean {
    return index < 64 && this.reused[index] === 1;
  }

  private registerUse(v: number, word: number, reused: boolean): Location {
    const cls = this.code.vregClass[v];
    const file = cls === 0 ? 0 : 1;
    const late = (word & operandUnusualPosition) !== 0;
    let bad = this.fixedEarly[file];
    if (late || reused) bad |= this.destroyed[file] | this.fixedLate[file];
    if (late) bad |= this.takenOver[file];
    if (reused) bad |= this.pinnedLate[file];
    const current = this.register[v];
    let r = current;
    if (current === none || bad & (1 << (current & 31))) {
      r = this.take(cls, bad | this.pinned[file] | this.fixedUses[file]);
      if (r === none) this.fail(`no register left for v${v}`);
      // Taking may have stored the value and emptied its register, so its source is looked up now.
      this.edits.push(this.i, this.source(v), r, cls);
      this.bind(v, r);
    }
    this.pinned[file] |= 1 << (r & 31);
    if (late) this.pinnedLate[file] |= 1 << (r & 31);
    if (reused) this.takenOver[file] |= 1 << (r & 31);
    return r;
  }

  private anyUse(v: number, word: number): Location {
    const cls = this.code.vregClass[v];
    const file = cls === 0 ? 0 : 1;
    const late = (word & operandUnusualPosition) !== 0;
    const bad =
      this.fixedEarly[file] | (late ? this.destroyed[file] | this.fixedLate[file] | this.takenOver[file] : 0);
    const current = this.register[v];
    if (current === none || bad & (1 << (current & 31))) {
      const avoid = bad | this.pinned[file] | this.fixedUses[file];
      const isConstant = this.code.vregRematerializable[v] !== 0;
      if (!isConstant || this.findFree(cls, avoid) === none) return this.slotUse(v);
    }
    return this.registerUse(v, word, false);
  }

  private slotUse(v: number): Location {
    if (this.code.vregRematerializable[v]) {
      if (!this.stored[v]) {
        const from = this.source(v);
        emitMove(this.edits, this.registers, this.i, from, this.slotFor(v), this.code.vregClass[v]);
        this.stored[v] = 1;
        this.constantsInSlots.push(v);
      }
    } else if (this.register[v] !== none) this.store(v);
    return this.home[v];
  }

  /** Values in registers that the instruction destroys are stored if they live on. */
  protected saveDestroyed(): void {
    for (let file = 0; file < 2; file++) {
      let mask = this.destroyed[file];
      while (mask !== 0) {
        const bit = 31 - Math.clz32(mask);
        mask &= ~(1 << bit);
        const r = file * 32 + bit;
        const v = this.holds[r];
        if (v === none) continue;
        if (this.livesOn(v) || this.register[v] !== r) this.evict(r);
        else this.forget(v);
      }
    }
  }
}

export function isFixedUse(word: number): boolean {
  return (word & operandDef) === 0 && ((word >> constraintShift) & 7) === Constraint.fixed;
}
