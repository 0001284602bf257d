/**
 * The quick allocator: one walk over the code, for functions that should run soon.
 *
 * Enters: virtual code as `vcode.ts` demands it. Leaves: a correct allocation of middling quality, in time near
 * to linear whatever the input.
 *
 * Within a block values live in registers, found by a table in both directions. A value that outlives its block
 * has a home slot and is stored there at the end of its defining block at the latest; since it is defined once
 * it is stored at most once. Blocks start with empty registers, but for those with one predecessor that was
 * walked before: they take over its final state. Values of one block get a slot only when they are pushed out of
 * their register, and give it back with their last use. Constants are never stored but made again.
 *
 * Per instruction: fixed uses take their registers first, then the other uses, then what the instruction
 * destroys is saved, then definitions take registers. All moves stand before the instruction, so each step sees
 * registers as the moves emitted so far have left them.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import {
  type Allocation,
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
import { EditList } from "./edits.js";
import { assignHomeSlots } from "./home-slots.js";
import {
  type Definitions,
  findDefinitions,
  findSafepointReferences,
  movesAreAtTarget,
  type SafepointReferences,
} from "./liveness.js";
import { emitMove, ParallelMove } from "./parallel-move.js";
import { SlotPool } from "./slots.js";

const none = -1;
const everywhere = 0x7fffffff;

export function allocateFast(code: VCode, registers: RegisterFile): Allocation {
  return new FastAllocator(code, registers).run();
}

class FastAllocator {
  private readonly definitions: Definitions;
  private readonly edits = new EditList();
  /** Slots beyond the home slots: for values of one block, and for moves. */
  private readonly slots: SlotPool;
  private readonly moves: ParallelMove;
  private readonly location: Int32Array;
  /** The last instruction of its block that uses a value; `everywhere` if other blocks do; none if nobody does. */
  private readonly lastUse: Int32Array;
  /** The value's home slot, or none yet. */
  private readonly home: Int32Array;
  /** 1: the home slot holds the value. */
  private readonly stored: Uint8Array;
  /** The value's register, or none; `holds` is the inverse, and may know of further copies. */
  private readonly register: Int32Array;
  private readonly holds = new Int32Array(64).fill(none);

  // Masks over one instruction, by file: registers that uses occupy, those of them that stay intact, those
  // destroyed or written at the end, fixed uses, fixed early definitions, registers that definitions take over.
  private readonly pinned = new Int32Array(2);
  private readonly pinnedLate = new Int32Array(2);
  private readonly destroyed = new Int32Array(2);
  private readonly fixedLate = new Int32Array(2);
  private readonly fixedUses = new Int32Array(2);
  private readonly fixedEarly = new Int32Array(2);
  private readonly written = new Int32Array(2);
  private readonly takenOver = new Int32Array(2);
  /** By operand index: 1 if a definition takes over this use's register. */
  private readonly reused = new Uint8Array(64);
  private i = 0;
  private currentBlock = 0;

  /** Register states at the ends of blocks whose successors may take them over: count, then (register, value). */
  private states = new Int32Array(1024);
  private statesEnd = 0;
  private readonly stateOf: Int32Array;

  /** For a block with one predecessor: which of the predecessor's successors it is. */
  private readonly argsOf: Int32Array;

  private readonly references: SafepointReferences;
  private safepoint = 0;
  private readonly mapStart: Int32Array;
  private readonly mapLocation: number[] = [];

  constructor(
    private readonly code: VCode,
    private readonly registers: RegisterFile,
  ) {
    const n = code.vregCount;
    this.definitions = findDefinitions(code);
    this.location = new Int32Array(code.operandCount).fill(none);
    this.lastUse = new Int32Array(n).fill(none);
    this.home = new Int32Array(n).fill(none);
    this.stored = new Uint8Array(n);
    this.register = new Int32Array(n).fill(none);
    this.stateOf = new Int32Array(code.blockCount).fill(none);
    this.argsOf = new Int32Array(code.blockCount);
    this.references = findSafepointReferences(code, this.definitions);
    this.mapStart = new Int32Array(this.references.instructions.length + 1);
    this.findLastUses();
    const homes = new SlotPool(code.reservedSlots);
    assignHomeSlots(code, this.definitions, this.outlivesBlock(), homes, this.home);
    this.slots = new SlotPool(homes.slotCount);
    this.moves = new ParallelMove(this.edits, registers, this.slots);
  }

  run(): Allocation {
    const { code, edits } = this;
    for (let b = 0; b < code.blockCount; b++) this.block(b);
    return {
      operandLocation: this.location,
      editCount: edits.count,
      editBefore: edits.before.subarray(0, edits.count),
      editFrom: edits.from.subarray(0, edits.count),
      editTo: edits.to.subarray(0, edits.count),
      editClass: edits.cls.subarray(0, edits.count),
      slotCount: this.slots.slotCount,
      safepoints: this.references.instructions,
      mapStart: this.mapStart,
      mapLocation: Int32Array.from(this.mapLocation),
    };
  }

  // -- preparation

  private findLastUses(): void {
    const { code, lastUse } = this;
    const defBlock = this.definitions.block;
    const { operandVReg, operandWord, operandStart, blockStart } = code;
    for (let b = 0; b < code.blockCount; b++) {
      for (let i = blockStart[b]; i < blockStart[b + 1]; i++) {
        for (let o = operandStart[i]; o < operandStart[i + 1]; o++) {
          if (operandWord[o] & operandDef) continue;
          const v = operandVReg[o];
          if (defBlock[v] !== b) lastUse[v] = everywhere;
          else if (i > lastUse[v]) lastUse[v] = i;
        }
      }
      const successors = code.successors[b];
      for (let s = 0; s < successors.length; s++) {
        const args = code.successorArgs[b][s];
        const atTarget = movesAreAtTarget(code, successors[s]);
        if (atTarget) this.argsOf[successors[s]] = s;
        for (let k = 0; k < args.length; k++) {
          const v = args[k];
          if (atTarget || defBlock[v] !== b) lastUse[v] = everywhere;
          // Past the terminator, whose own operands are done with before.
          else if (lastUse[v] !== everywhere) lastUse[v] = blockStart[b + 1];
        }
      }
    }
    // Parameters arrive in their home slot, unless the moves are made in their own block.
    for (let b = 0; b < code.blockCount; b++) {
      if (movesAreAtTarget(code, b)) continue;
      const params = code.blockParams[b];
      for (let k = 0; k < params.length; k++)
        if (lastUse[params[k]] !== none) lastUse[params[k]] = everywhere;
    }
  }

  private outlivesBlock(): Uint8Array {
    const result = new Uint8Array(this.code.vregCount);
    for (let v = 0; v < result.length; v++) {
      if (this.lastUse[v] === everywhere && !this.code.vregRematerializable[v]) result[v] = 1;
    }
    return result;
  }

  // -- blocks

  private block(b: number): void {
    const { code } = this;
    this.currentBlock = b;
    this.enterBlock(b);
    const end = code.blockStart[b + 1];
    for (let i = code.blockStart[b]; i < end; i++) {
      this.i = i;
      this.instruction(i);
    }
    this.passArguments(b);
    this.leaveBlock(b);
  }

  private enterBlock(b: number): void {
    const { code } = this;
    this.i = code.blockStart[b];
    const params = code.blockParams[b];
    if (!movesAreAtTarget(code, b)) {
      for (let k = 0; k < params.length; k++) this.stored[params[k]] = 1;
      return;
    }
    const p = code.predecessors[b][0];
    if (this.stateOf[p] !== none) this.restoreState(this.stateOf[p]);
    if (params.length === 0) return;
    const args = code.successorArgs[p][this.argsOf[b]];
    for (let k = 0; k < params.length; k++) {
      if (this.lastUse[params[k]] === none) continue;
      this.clearMasks();
      const cls = code.vregClass[params[k]];
      const to = this.take(cls, 0);
      this.edits.push(this.i, this.source(args[k]), to, cls);
      this.bind(params[k], to);
    }
  }

  /** Where to copy a value from: its register, its home, or its definition. */
  private source(v: number): Location {
    if (this.register[v] !== none) return this.register[v];
    if (this.code.vregRematerializable[v]) return -1 - this.definitions.instruction[v];
    if (this.home[v] === none) this.fail(`v${v} is used but nowhere kept`);
    return this.home[v];
  }

  /**
   * At the end of a block, before its terminator: values that other blocks use go home, arguments go to the
   * homes of the parameters. Registers keep their values, so the terminator's operands stay where they are.
   */
  private passArguments(b: number): void {
    const { code, moves } = this;
    const { holds, lastUse } = this;
    this.i = code.blockStart[b + 1] - 1;
    for (let r = 0; r < 64; r++) {
      const v = holds[r];
      if (v !== none && lastUse[v] === everywhere && this.register[v] === r) this.store(v);
    }
    const successors = code.successors[b];
    for (let s = 0; s < successors.length; s++) {
      if (movesAreAtTarget(code, successors[s])) continue;
      const params = code.blockParams[successors[s]];
      const args = code.successorArgs[b][s];
      for (let k = 0; k < params.length; k++) {
        if (lastUse[params[k]] === none) continue;
        this.constantToRegister(args[k]);
        moves.add(this.source(args[k]), this.home[params[k]], code.vregClass[params[k]]);
      }
      moves.resolve(this.i);
      for (let k = 0; k < args.length; k++) {
        if (lastUse[args[k]] === everywhere) continue;
        this.forget(args[k]);
        this.releaseSlot(args[k]);
      }
    }
  }

  /** A constant argument is made in a register that is free at the block's end, if there is one. */
  private constantToRegister(v: number): void {
    if (!this.code.vregRematerializable[v] || this.register[v] !== none) return;
    const cls = this.code.vregClass[v];
    const free = this.findFree(cls, this.pinned[cls === 0 ? 0 : 1]);
    if (free === none) return;
    this.edits.push(this.i, this.source(v), free, cls);
    this.bind(v, free);
  }

  private leaveBlock(b: number): void {
    const { code, holds } = this;
    let inherits = false;
    const successors = code.successors[b];
    for (let s = 0; s < successors.length && !inherits; s++) inherits = movesAreAtTarget(code, successors[s]);
    if (inherits) this.saveState(b);
    for (let r = 0; r < 64; r++) {
      const v = holds[r];
      if (v === none) continue;
      holds[r] = none;
      this.register[v] = none;
      this.releaseSlot(v);
    }
  }

  private saveState(b: number): void {
    const { holds } = this;
    if (this.statesEnd + 129 > this.states.length) {
      const bigger = new Int32Array(this.states.length * 2);
      bigger.set(this.states);
      this.states = bigger;
    }
    const at = this.statesEnd++;
    this.stateOf[b] = at;
    for (let r = 0; r < 64; r++) {
      const v = holds[r];
      if (v === none || this.register[v] !== r || this.lastUse[v] !== everywhere) continue;
      this.states[this.statesEnd++] = r;
      this.states[this.statesEnd++] = v;
    }
    this.states[at] = this.statesEnd - at - 1;
  }

  private restoreState(at: number): void {
    const { states } = this;
    for (let n = at + 1; n <= at + states[at]; n += 2) this.bind(states[n + 1], states[n]);
  }

  // -- registers and slots

  private bind(v: number, r: PReg): void {
    this.holds[r] = v;
    this.register[v] = r;
  }

  private slotFor(v: number): Location {
    if (this.home[v] === none) this.home[v] = this.slots.take(this.code.vregClass[v]);
    return this.home[v];
  }

  /** Gives back the slot of a value that lived in one block, or of a constant. */
  private releaseSlot(v: number): void {
    if (this.home[v] === none || (this.lastUse[v] === everywhere && !this.code.vregRematerializable[v]))
      return;
    this.slots.give(this.home[v], this.code.vregClass[v]);
    this.home[v] = none;
    this.stored[v] = 0;
  }

  /** Whether the value survives without its register: a constant, stored, or stored by another block. */
  private isKept(v: number): boolean {
    return (
      this.stored[v] === 1 ||
      this.code.vregRematerializable[v] !== 0 ||
      this.definitions.block[v] !== this.currentBlock
    );
  }

  /** Makes sure that the value can be got back without its register. */
  private store(v: number): void {
    if (this.isKept(v)) return;
    this.edits.push(this.i, this.register[v], this.slotFor(v), this.code.vregClass[v]);
    this.stored[v] = 1;
  }

  /** Empties a register; its value is stored if it isn't elsewhere. */
  private evict(r: PReg): void {
    const v = this.holds[r];
    if (v === none) return;
    this.holds[r] = none;
    if (this.register[v] !== r) return;
    this.store(v);
    this.register[v] = none;
  }

  private isFree(r: PReg): boolean {
    const v = this.holds[r];
    return v === none || this.register[v] !== r;
  }

  /** A register without a value outside the mask, or none. */
  private findFree(cls: number, avoid: number): PReg {
    const order = cls === 0 ? this.registers.orderInt : this.registers.orderFloat;
    for (let k = 0; k < order.length; k++) {
      if ((avoid & (1 << (order[k] & 31))) === 0 && this.isFree(order[k])) return order[k];
    }
    return none;
  }

  /** A register outside the mask, emptied if need be; none if all are in the mask. */
  private take(cls: number, avoid: number): PReg {
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
  private evictionCost(v: number): number {
    const distance =
      this.lastUse[v] === everywhere ? 0 : Math.min(1023, 1023 - Math.min(1023, this.lastUse[v] - this.i));
    if (this.code.vregRematerializable[v]) return distance;
    return (this.isKept(v) ? 1024 : 2048) + distance;
  }

  /** Whether the value is needed after the current instruction. */
  private livesOn(v: number): boolean {
    return this.lastUse[v] > this.i;
  }

  // -- instructions

  private clearMasks(): void {
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

  private instruction(i: number): void {
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

  /** Fills the masks of fixed registers and marks reused operands. Returns how many definitions there are. */
  private scanOperands(start: number, end: number): number {
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

  private fixedUse(v: number, word: number): Location {
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
  private otherUses(start: number, end: number): void {
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

  private isReused(index: number): boolean {
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

  /** Constants that were put into a slot for the current instruction. */
  private readonly constantsInSlots: number[] = [];

  /** Values in registers that the instruction destroys are stored if they live on. */
  private saveDestroyed(): void {
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

  private forget(v: number): void {
    const r = this.register[v];
    if (r === none) return;
    this.register[v] = none;
    if (this.holds[r] === v) this.holds[r] = none;
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

  private fail(detail: string): never {
    throw new EngineBug("regalloc", -1, "", `instruction ${this.i}: ${detail}`);
  }
}

function isFixedUse(word: number): boolean {
  return (word & operandDef) === 0 && ((word >> constraintShift) & 7) === Constraint.fixed;
}
