/**
 * One instruction of the quick allocator: its operands get locations, and what it destroys is saved.
 *
 * Fixed uses take their registers first, then the other uses, then what the instruction destroys is saved, then
 * definitions take registers. All moves stand before the instruction, so each step sees registers as the moves emitted
 * so far have left them.
 */
import {
  Constraint,
  constraintShift,
  firstSlot,
  InstructionFlag,
  type Location,
  operandDef,
  operandUnusualPosition,
  type PReg,
  payloadShift,
  type RegisterFile,
  type VCode,
} from "../vcode.js";
import { none } from "./fast-last-uses.js";
import { FastUses, isFixedUse } from "./fast-uses.js";
import { findSafepointReferences, type SafepointReferences } from "./liveness.js";

export abstract class FastOperands extends FastUses {
  protected readonly references: SafepointReferences;
  private safepoint = 0;
  protected readonly mapStart: Int32Array;
  protected readonly mapLocation: number[] = [];

  constructor(code: VCode, registers: RegisterFile) {
    super(code, registers);
    this.references = findSafepointReferences(code, this.definitions);
    this.mapStart = new Int32Array(this.references.instructions.length + 1);
  }

  protected instruction(i: number): void {
    const { code, location } = this;
    const start = code.operandStart[i];
    const end = code.operandStart[i + 1];
    this.clearMasks();
    this.destroyed[0] = code.clobbersInt[i];
    this.destroyed[1] = code.clobbersFloat[i];
    const definitions = this.scanOperands(start, end);
    for (let o = start; o < end; o++) {
      if (!isFixedUse(code.operandWord[o])) continue;
      const r = this.fixedUse(code.operandVReg[o], code.operandWord[o]);
      location[o] = r;
      if (this.isReused(o - start)) this.takenOver[r >> 5] |= 1 << (r & 31);
    }
    this.otherUses(start, end);
    this.saveDestroyed();
    for (let o = start; o < end; o++) {
      const v = code.operandVReg[o];
      // The register is free for definitions; a slot is only given back after them.
      if ((code.operandWord[o] & operandDef) === 0 && this.lastUse[v] === i) this.forget(v);
    }
    if (definitions !== 0) this.defineAll(i, start, end);
    if (code.flags[i] & InstructionFlag.safepoint) this.recordSafepoint();
    for (let o = start; o < end; o++) {
      const v = code.operandVReg[o];
      if (this.lastUse[v] > i) continue;
      this.forget(v);
      this.releaseSlot(v);
    }
    for (let o = start; o < end; o++) this.reused[(o - start) & 63] = 0;
    while (this.constantsInSlots.length > 0) this.releaseSlot(this.constantsInSlots.pop() as number);
  }

  // -- definitions

  private defineAll(i: number, start: number, end: number): void {
    const { code, location } = this;
    const { operandVReg, operandWord } = code;
    let others = false;
    for (let o = start; o < end; o++) {
      const word = operandWord[o];
      if ((word & operandDef) === 0) continue;
      const kind = (word >> constraintShift) & 7;
      const v = operandVReg[o];
      if (kind === Constraint.fixed) location[o] = this.define(v, word >> payloadShift);
      else if (kind === Constraint.reuse)
        location[o] = this.defineReusing(v, location[start + (word >> payloadShift)]);
      else if (kind === Constraint.slot) {
        location[o] = this.slotFor(v);
        this.stored[v] = 1;
      } else others = true;
    }
    if (!others) return;
    const hint = code.flags[i] & InstructionFlag.move ? location[start + 1] : none;
    for (let early = operandUnusualPosition; early >= 0; early -= operandUnusualPosition) {
      for (let o = start; o < end; o++) {
        const word = operandWord[o];
        const kind = (word >> constraintShift) & 7;
        if ((word & operandDef) === 0 || (word & operandUnusualPosition) !== early) continue;
        if (kind === Constraint.register || kind === Constraint.any) {
          location[o] = this.defineAnywhere(operandVReg[o], early !== 0, kind === Constraint.any, hint);
        }
      }
    }
  }

  private define(v: number, r: PReg): Location {
    this.evict(r);
    this.bind(v, r);
    this.written[r >> 5] |= 1 << (r & 31);
    return r;
  }

  /** The use's value, if it lives on in that register only, is copied or stored before the instruction. */
  private defineReusing(v: number, r: PReg): Location {
    const u = this.holds[r];
    if (u !== none && this.register[u] === r) {
      const cls = this.code.vregClass[u];
      const file = r >> 5;
      const free = this.findFree(cls, this.unusable(file, true));
      if (free !== none && !this.code.vregRematerializable[u]) {
        this.edits.push(this.i, r, free, cls);
        this.bind(u, free);
        this.holds[r] = none;
      }
    }
    return this.define(v, r);
  }

  private unusable(file: number, early: boolean): number {
    return (
      this.destroyed[file] |
      this.fixedLate[file] |
      this.fixedEarly[file] |
      this.written[file] |
      (early ? this.pinned[file] : this.pinnedLate[file])
    );
  }

  private defineAnywhere(v: number, early: boolean, slotAllowed: boolean, hint: Location): Location {
    const cls = this.code.vregClass[v];
    const file = cls === 0 ? 0 : 1;
    const avoid = this.unusable(file, early);
    if (
      hint >= 0 &&
      hint < firstSlot &&
      hint >> 5 === file &&
      (avoid & (1 << (hint & 31))) === 0 &&
      this.isFree(hint)
    ) {
      return this.define(v, hint);
    }
    const r = this.take(cls, avoid);
    if (r !== none) return this.define(v, r);
    if (!slotAllowed) this.fail(`no register left to define v${v}`);
    this.stored[v] = 1;
    return this.slotFor(v);
  }

  private recordSafepoint(): void {
    const { instructions, start, vregs } = this.references;
    const n = this.safepoint++;
    if (instructions[n] !== this.i) this.fail("safepoints out of order");
    for (let k = start[n]; k < start[n + 1]; k++) {
      const v = vregs[k];
      this.mapLocation.push(this.register[v] !== none ? this.register[v] : this.home[v]);
    }
    this.mapStart[n + 1] = this.mapLocation.length;
  }
}
