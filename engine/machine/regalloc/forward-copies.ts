/**
 * Removes moves that change nothing, and loads of what some register holds already.
 *
 * Enters: virtual code, operand locations, and edits in order. Leaves: the same with fewer or cheaper edits; some
 * uses in slots now read a register. Splitting and spilling decide place by place; here the code is walked once in
 * emission order with a value number per location, which definitions and clobbers renew and moves copy
 * (local value numbering over locations). Knowledge survives from a block to the next one if that has no other
 * predecessor.
 */
import {
  Constraint,
  constraintShift,
  firstSlot,
  InstructionFlag,
  type Location,
  operandDef,
  operandUnusualPosition,
  RegisterClass,
  type RegisterFile,
  type VCode,
} from "../vcode.js";
import type { EditList } from "./edits.js";

export function forwardCopies(
  code: VCode,
  registers: RegisterFile,
  operandLocation: Int32Array,
  edits: EditList,
  slotCount: number,
): void {
  new CopyForwarder(code, registers, operandLocation, edits, slotCount).run();
}

class CopyForwarder {
  /** What each location holds. Numbers below `floor` are from another path and mean nothing. */
  private readonly number: Int32Array;
  private next = 1;
  private floor = 1;
  private read = 0;
  private kept = 0;

  constructor(
    private readonly code: VCode,
    private readonly registers: RegisterFile,
    private readonly operandLocation: Int32Array,
    private readonly edits: EditList,
    slotCount: number,
  ) {
    this.number = new Int32Array(firstSlot + slotCount + 1);
  }

  run(): void {
    const { code, edits } = this;
    for (let b = 0; b < code.blockCount; b++) {
      if (code.predecessors[b].length !== 1 || code.predecessors[b][0] !== b - 1) this.floor = this.next;
      for (let i = code.blockStart[b]; i < code.blockStart[b + 1]; i++) {
        while (this.read < edits.count && edits.before[this.read] === i) this.edit();
        this.instruction(i);
      }
    }
    edits.count = this.kept;
  }

  /** The location's number; one that nothing is known of gets a new one. */
  private numberOf(l: Location): number {
    if (this.number[l] < this.floor) this.number[l] = this.next++;
    return this.number[l];
  }

  /** A register of the class's file that holds what the slot holds, or -1. */
  private registerWith(value: number, cls: number): Location {
    const order = cls === RegisterClass.int ? this.registers.orderInt : this.registers.orderFloat;
    for (let k = 0; k < order.length; k++) if (this.number[order[k]] === value) return order[k];
    return -1;
  }

  private edit(): void {
    const { edits, number, registers } = this;
    const e = this.read++;
    let from = edits.from[e];
    const to = edits.to[e];
    const cls = edits.cls[e];
    if (from < 0) {
      this.keep(e, from);
      number[to] = this.next++;
      return;
    }
    const value = this.numberOf(from);
    if (from >= firstSlot) {
      const register = this.registerWith(value, cls);
      const next = this.read;
      if (register < 0) {
        // Nothing to be gained.
      } else if (to !== registers.scratch) from = register;
      else if (next < edits.count && edits.from[next] === to && edits.before[next] === edits.before[e]) {
        // Slot to slot: the register goes into the second one directly.
        this.read++;
        if (number[edits.to[next]] !== value) this.keep(next, register);
        number[edits.to[next]] = value;
        return;
      }
    }
    if (number[to] !== value) this.keep(e, from);
    number[to] = value;
  }

  private keep(e: number, from: Location): void {
    const { edits } = this;
    const n = this.kept++;
    edits.before[n] = edits.before[e];
    edits.from[n] = from;
    edits.to[n] = edits.to[e];
    edits.cls[n] = edits.cls[e];
  }

  private instruction(i: number): void {
    const { code, operandLocation, number } = this;
    const start = code.operandStart[i];
    const end = code.operandStart[i + 1];
    for (let o = start; o < end; o++) {
      if (operandLocation[o] >= firstSlot && (code.operandWord[o] & operandDef) === 0)
        this.use(o, start, end);
    }
    const source = code.flags[i] & InstructionFlag.move ? operandLocation[start + 1] : -1;
    const moved = source >= 0 ? this.numberOf(source) : 0;
    this.renew(code.clobbersInt[i], 0);
    this.renew(code.clobbersFloat[i], 32);
    for (let o = start; o < end; o++) {
      if (code.operandWord[o] & operandDef) number[operandLocation[o]] = moved !== 0 ? moved : this.next++;
    }
  }

  /** An early use that may be anywhere reads the register instead of the slot, if no early definition is there. */
  private use(o: number, start: number, end: number): void {
    const { code, operandLocation } = this;
    const word = code.operandWord[o];
    if (((word >> constraintShift) & 7) !== Constraint.any || word & operandUnusualPosition) return;
    const value = this.numberOf(operandLocation[o]);
    const register = this.registerWith(value, code.vregClass[code.operandVReg[o]]);
    if (register < 0) return;
    for (let d = start; d < end; d++) {
      const other = code.operandWord[d];
      if ((other & operandDef) === 0 || operandLocation[d] !== register) continue;
      // A definition that reuses another use has overwritten the register by a move, or will before it is read.
      if (other & operandUnusualPosition || ((other >> constraintShift) & 7) === Constraint.reuse) return;
    }
    operandLocation[o] = register;
  }

  private renew(mask: number, base: number): void {
    let rest = mask;
    while (rest !== 0) {
      const bit = 31 - Math.clz32(rest);
      rest &= ~(1 << bit);
      this.number[base + bit] = this.next++;
    }
  }
}
