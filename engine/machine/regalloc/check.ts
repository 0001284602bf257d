/**
 * A symbolic checker of allocations, for tests and for `BACKPLANE_VERIFY=1`.
 *
 * Enters: virtual code and an allocation of it. Leaves nothing, or throws `EngineBug`.
 *
 * The allocated code is executed symbolically: the state says for each location which virtual registers it
 * surely holds (several, after copies). Moves copy that knowledge, definitions replace it, clobbers erase it, an
 * edge renames arguments to parameters, and states that meet are intersected, until nothing changes. Then each
 * use must find its register in its location. This proves all moves, splits and spills of one compilation without
 * trusting the allocator (the method is regalloc2's, see its `checker.rs`; the idea is that of translation
 * validation, Rideau and Leroy: "Validating register allocation and spilling", 2010).
 *
 * Knowledge of registers that aren't live at a block's start is dropped there, which keeps states small and
 * also takes care of stale values of an earlier round of a loop.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import {
  type Allocation,
  Constraint,
  firstSlot,
  floatFile,
  InstructionFlag,
  type Location,
  operandConstraint,
  operandDef,
  operandPayload,
  operandUnusualPosition,
  RegisterClass,
  type RegisterFile,
  Rematerializable,
  type VCode,
} from "../vcode.js";
import {
  computeLiveIn,
  type Definitions,
  findDefinitions,
  findSafepointReferences,
  type LiveIn,
  type SafepointReferences,
} from "./liveness.js";

/** What each location holds: at least one register, without repetition. */
type State = Map<Location, readonly number[]>;

/** @throws EngineBug naming the first broken rule found */
export function checkAllocation(code: VCode, allocation: Allocation, registers: RegisterFile): void {
  new Checker(code, allocation, registers).run();
}

class Checker {
  private readonly definitions: Definitions;
  private readonly liveIn: LiveIn;
  private readonly references: SafepointReferences;
  private readonly entryStates: (State | undefined)[] = [];
  /** First edit before each instruction; one more at the end. */
  private readonly editStart: Int32Array;
  private readonly liveMark: Int32Array;
  private mark = 0;

  constructor(
    private readonly code: VCode,
    private readonly allocation: Allocation,
    private readonly registers: RegisterFile,
  ) {
    this.definitions = findDefinitions(code);
    this.liveIn = computeLiveIn(code, this.definitions, Infinity) as LiveIn;
    this.references = findSafepointReferences(code, this.definitions);
    this.editStart = new Int32Array(code.instructionCount + 1);
    this.liveMark = new Int32Array(code.vregCount);
  }

  run(): void {
    this.checkShape();
    this.findEntryStates();
    for (let b = 0; b < this.code.blockCount; b++) {
      const entry = this.entryStates[b];
      if (entry !== undefined) this.walkBlock(b, new Map(entry), true);
    }
  }

  // -- what can be seen without execution

  private checkShape(): void {
    const { code, allocation, editStart } = this;
    let e = 0;
    for (let i = 0; i < code.instructionCount; i++) {
      editStart[i] = e;
      while (e < allocation.editCount && allocation.editBefore[e] === i) e++;
    }
    editStart[code.instructionCount] = e;
    if (e !== allocation.editCount) this.fail(-1, `edit ${e} is out of order or before no instruction`);
    for (e = 0; e < allocation.editCount; e++) this.checkEdit(e);
    for (let o = 0; o < code.operandCount; o++) {
      const v = code.operandVReg[o];
      const l = allocation.operandLocation[o];
      if (l < 0 && this.readsPool(o)) continue;
      this.checkLocation(l, code.vregClass[v], false, `operand ${o} (v${v})`);
    }
    const { instructions } = this.references;
    if (allocation.safepoints.length !== instructions.length) this.fail(-1, "number of safepoints");
    if (allocation.mapStart.length !== instructions.length + 1) this.fail(-1, "length of mapStart");
    for (let n = 0; n < instructions.length; n++) {
      if (allocation.safepoints[n] !== instructions[n])
        this.fail(instructions[n], "isn't listed as a safepoint");
    }
  }

  private checkEdit(e: number): void {
    const { code, allocation } = this;
    const from = allocation.editFrom[e];
    const to = allocation.editTo[e];
    const cls = allocation.editClass[e];
    const what = `edit ${e}`;
    this.checkLocation(to, cls, true, what);
    if (from >= 0) {
      this.checkLocation(from, cls, true, what);
      if (from >= firstSlot && to >= firstSlot)
        this.fail(allocation.editBefore[e], `${what} moves slot to slot`);
      return;
    }
    const i = -1 - from;
    if (i >= code.instructionCount) this.fail(allocation.editBefore[e], `${what} repeats no instruction`);
    const v = this.constantOf(i);
    if (v < 0) this.fail(allocation.editBefore[e], `${what} repeats instruction ${i}, not a constant`);
    if (to >= firstSlot) this.fail(allocation.editBefore[e], `${what} repeats a definition into a slot`);
    if (code.vregClass[v] !== cls) this.fail(allocation.editBefore[e], `${what} has the wrong class`);
  }

  /** The rematerializable register that instruction i defines, or -1. */
  private constantOf(i: number): number {
    const { code } = this;
    if (code.operandStart[i + 1] - code.operandStart[i] !== 1) return -1;
    const o = code.operandStart[i];
    const v = code.operandVReg[o];
    return code.operandWord[o] & operandDef && code.vregRematerializable[v] ? v : -1;
  }

  /** Whether operand o, which has no register, may be read where the definition of its value reads it. */
  private readsPool(o: number): boolean {
    const { code, allocation } = this;
    const word = code.operandWord[o];
    const v = code.operandVReg[o];
    return (
      (word & operandDef) === 0 &&
      operandConstraint(word) === Constraint.any &&
      code.vregRematerializable[v] === Rematerializable.fromPool &&
      this.constantOf(-1 - allocation.operandLocation[o]) === v
    );
  }

  private checkLocation(l: Location, cls: number, isEdit: boolean, what: string): void {
    const { code, registers, allocation } = this;
    if (l < 0) this.fail(-1, `${what} has no location`);
    if (l >= firstSlot) {
      const slot = l - firstSlot;
      const wide = cls === RegisterClass.vector ? 1 : 0;
      if (slot < code.reservedSlots || slot + wide >= allocation.slotCount)
        this.fail(-1, `${what}: slot ${slot}`);
      if (wide && slot & 1) this.fail(-1, `${what}: vector in odd slot ${slot}`);
      return;
    }
    if (isEdit && l === registers.scratch) return;
    const isFloat = l >= floatFile;
    if (isFloat !== (cls !== RegisterClass.int))
      this.fail(-1, `${what}: ${registers.name(l)} is of the wrong file`);
    const mask = isFloat ? registers.allocatableFloat : registers.allocatableInt;
    if ((mask & (1 << (l & 31))) === 0) this.fail(-1, `${what}: ${registers.name(l)} isn't allocatable`);
  }

  // -- states

  private findEntryStates(): void {
    const { code, entryStates } = this;
    const queued = new Uint8Array(code.blockCount);
    const queue: number[] = [0];
    entryStates[0] = new Map();
    queued[0] = 1;
    for (let n = 0; n < queue.length; n++) {
      const b = queue[n];
      queued[b] = 0;
      const state: State = new Map(entryStates[b]);
      this.walkBlock(b, state, false);
      const successors = code.successors[b];
      for (let s = 0; s < successors.length; s++) {
        const t = successors[s];
        if (!this.meet(t, this.followEdge(b, s, state)) || queued[t]) continue;
        queued[t] = 1;
        queue.push(t);
      }
    }
  }

  /** The state at the start of the successor: what is live there, arguments renamed to parameters. */
  private followEdge(b: number, s: number, state: State): State {
    const { code, liveIn, liveMark } = this;
    const t = code.successors[b][s];
    const params = code.blockParams[t];
    const args = code.successorArgs[b][s];
    if (params.length !== args.length) this.fail(code.blockStart[b + 1] - 1, "number of block arguments");
    const mark = ++this.mark;
    for (let n = liveIn.start[t]; n < liveIn.start[t + 1]; n++) liveMark[liveIn.vregs[n]] = mark;
    const renamed = new Map<number, number[]>();
    for (let k = 0; k < args.length; k++) {
      const list = renamed.get(args[k]);
      if (list === undefined) renamed.set(args[k], [params[k]]);
      else list.push(params[k]);
    }
    const result: State = new Map();
    for (const [location, held] of state) {
      const next: number[] = [];
      for (const v of held) {
        if (liveMark[v] === mark && !params.includes(v as never)) next.push(v);
        const names = renamed.get(v);
        if (names !== undefined) next.push(...names);
      }
      if (next.length > 0) result.set(location, next);
    }
    return result;
  }

  /** Intersects into the entry state of block t; true if that changed. */
  private meet(t: number, incoming: State): boolean {
    const old = this.entryStates[t];
    if (old === undefined) {
      this.entryStates[t] = incoming;
      return true;
    }
    let changed = false;
    for (const [location, held] of old) {
      const other = incoming.get(location);
      const both = other === undefined ? [] : held.filter((v) => other.includes(v));
      if (both.length === held.length) continue;
      changed = true;
      if (both.length === 0) old.delete(location);
      else old.set(location, both);
    }
    return changed;
  }

  // -- symbolic execution

  private walkBlock(b: number, state: State, check: boolean): void {
    const { code, editStart } = this;
    for (let i = code.blockStart[b]; i < code.blockStart[b + 1]; i++) {
      for (let e = editStart[i]; e < editStart[i + 1]; e++) this.executeEdit(b, e, state);
      if (check) this.checkInstruction(i, state);
      this.executeInstruction(i, state, check);
    }
  }

  private write(state: State, to: Location, cls: number, held: readonly number[]): void {
    if (to >= firstSlot) {
      if (cls === RegisterClass.vector) state.delete(to + 1);
      const below = state.get(to - 1);
      const odd = ((to - firstSlot) & 1) === 1;
      if (odd && below !== undefined && this.code.vregClass[below[0]] === RegisterClass.vector)
        state.delete(to - 1);
    }
    if (held.length === 0) state.delete(to);
    else state.set(to, held);
  }

  private executeEdit(b: number, e: number, state: State): void {
    const { allocation, code } = this;
    const from = allocation.editFrom[e];
    const cls = allocation.editClass[e];
    const held = from < 0 ? this.remade(b, this.constantOf(-1 - from)) : (state.get(from) ?? []);
    const moved = held.every((v) => code.vregClass[v] === cls)
      ? held
      : held.filter((v) => code.vregClass[v] === cls);
    this.write(state, allocation.editTo[e], cls, moved);
  }

  /** A constant made in a block that has it passed as an argument is the parameter too. */
  private remade(b: number, v: number): number[] {
    const { code } = this;
    const held = [v];
    if (code.predecessors[b].length !== 1 || code.blockParams[b].length === 0) return held;
    const p = code.predecessors[b][0];
    const args = code.successorArgs[p][code.successors[p].indexOf(b)];
    for (let k = 0; k < args.length; k++) if (args[k] === v) held.push(code.blockParams[b][k]);
    return held;
  }

  private executeInstruction(i: number, state: State, check: boolean): void {
    const { code, allocation } = this;
    const start = code.operandStart[i];
    const isMove = (code.flags[i] & InstructionFlag.move) !== 0;
    const source = isMove ? allocation.operandLocation[start + 1] : -1;
    const copied = source >= 0 ? (state.get(source) ?? []) : isMove ? [code.operandVReg[start + 1]] : [];
    eraseClobbered(state, code.clobbersInt[i], 0);
    eraseClobbered(state, code.clobbersFloat[i], floatFile);
    if (check && code.flags[i] & InstructionFlag.safepoint) this.checkMap(i, state);
    for (let o = start; o < code.operandStart[i + 1]; o++) {
      if ((code.operandWord[o] & operandDef) === 0) continue;
      const v = code.operandVReg[o];
      const held = copied.length > 0 && !copied.includes(v) ? [...copied, v] : [v];
      // What holds the value that is copied holds the copy as well.
      if (isMove)
        for (const [l, names] of state)
          if (names.includes(code.operandVReg[start + 1])) state.set(l, [...names, v]);
      this.write(state, allocation.operandLocation[o], code.vregClass[v], held);
    }
  }

  private checkInstruction(i: number, state: State): void {
    const { code, allocation } = this;
    const { operandLocation } = allocation;
    const start = code.operandStart[i];
    const end = code.operandStart[i + 1];
    for (let o = start; o < end; o++) {
      const l = operandLocation[o];
      const v = code.operandVReg[o];
      const word = code.operandWord[o];
      this.checkConstraint(i, o, word, l);
      if ((word & operandDef) === 0) {
        // What is read from the pool has been checked in `checkShape`.
        if (l >= 0 && !(state.get(l) ?? []).includes(v)) {
          this.fail(i, `v${v} isn't in ${this.show(l)}, which holds ${this.showHeld(state.get(l))}`);
        }
        if (word & operandUnusualPosition && this.isClobbered(i, l))
          this.fail(i, `late use of v${v} is clobbered`);
      } else if (operandConstraint(word) !== Constraint.fixed && this.isClobbered(i, l)) {
        this.fail(i, `v${v} is defined in clobbered ${this.show(l)}`);
      }
    }
    for (let o = start; o < end; o++)
      if (code.operandWord[o] & operandDef) this.checkOverlap(i, o, start, end);
  }

  private checkConstraint(i: number, o: number, word: number, l: Location): void {
    const { code, allocation } = this;
    const payload = operandPayload(word);
    const what = `operand ${o - code.operandStart[i]} (v${code.operandVReg[o]}) in ${this.show(l)}`;
    switch (operandConstraint(word)) {
      case Constraint.any:
        return;
      case Constraint.register:
        if (l >= firstSlot) this.fail(i, `${what} must be in a register`);
        return;
      case Constraint.fixed:
        if (l !== payload) this.fail(i, `${what} must be in ${this.show(payload)}`);
        return;
      case Constraint.slot:
        if (l < firstSlot) this.fail(i, `${what} must be in a slot`);
        return;
      case Constraint.reuse: {
        const other = code.operandStart[i] + payload;
        if (other >= code.operandStart[i + 1] || code.operandWord[other] & operandDef) {
          this.fail(i, `${what} reuses operand ${payload}, which isn't a use`);
        }
        if (l >= firstSlot) this.fail(i, `${what} must be in a register`);
        if (l !== allocation.operandLocation[other])
          this.fail(i, `${what} must be where operand ${payload} is`);
        return;
      }
      default:
        this.fail(i, `${what} has no known constraint`);
    }
  }

  /** A definition shares its location with no other definition, late use, or (if early) any use. */
  private checkOverlap(i: number, def: number, start: number, end: number): void {
    const { code, allocation } = this;
    const l = allocation.operandLocation[def];
    const early = (code.operandWord[def] & operandUnusualPosition) !== 0;
    for (let o = start; o < end; o++) {
      if (o === def || allocation.operandLocation[o] !== l) continue;
      const word = code.operandWord[o];
      if (word & operandDef || word & operandUnusualPosition || early) {
        this.fail(
          i,
          `${this.show(l)} is written as v${code.operandVReg[def]} while operand ${o - start} is there`,
        );
      }
    }
  }

  private isClobbered(i: number, l: Location): boolean {
    if (l >= firstSlot) return false;
    const mask = l >= floatFile ? this.code.clobbersFloat[i] : this.code.clobbersInt[i];
    return (mask & (1 << (l & 31))) !== 0;
  }

  /** The state is that after the clobbers, without the definitions. */
  private checkMap(i: number, state: State): void {
    const { allocation, references, code } = this;
    let n = 0;
    let high = references.instructions.length;
    while (n < high) {
      const middle = (n + high) >> 1;
      if (references.instructions[middle] < i) n = middle + 1;
      else high = middle;
    }
    const live = new Set<number>();
    for (let k = references.start[n]; k < references.start[n + 1]; k++) live.add(references.vregs[k]);
    const found = new Set<number>();
    for (let k = allocation.mapStart[n]; k < allocation.mapStart[n + 1]; k++) {
      const l = allocation.mapLocation[k];
      for (let o = code.operandStart[i]; o < code.operandStart[i + 1]; o++) {
        if (code.operandWord[o] & operandDef && allocation.operandLocation[o] === l) {
          this.fail(i, `the stack map names ${this.show(l)}, which the instruction defines`);
        }
      }
      const held = (state.get(l) ?? []).filter((v) => live.has(v));
      if (held.length === 0)
        this.fail(i, `the stack map names ${this.show(l)}, which holds no live reference`);
      for (const v of held) found.add(v);
    }
    for (const v of live) if (!found.has(v)) this.fail(i, `reference v${v} isn't in the stack map`);
  }

  // -- messages

  private show(l: Location): string {
    return l >= firstSlot ? `slot ${l - firstSlot}` : l < 0 ? "nowhere" : this.registers.name(l);
  }

  private showHeld(held: readonly number[] | undefined): string {
    return held === undefined ? "nothing known" : held.map((v) => `v${v}`).join(" ");
  }

  private fail(i: number, detail: string): never {
    throw new EngineBug("regalloc", -1, "", i < 0 ? detail : `instruction ${i}: ${detail}`);
  }
}

function eraseClobbered(state: State, mask: number, base: number): void {
  let rest = mask;
  while (rest !== 0) {
    const bit = 31 - Math.clz32(rest);
    rest &= ~(1 << bit);
    state.delete(base + bit);
  }
}
