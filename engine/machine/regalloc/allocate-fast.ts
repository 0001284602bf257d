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
 * Here are the blocks; `fast-last-uses.ts` looks ahead, `fast-values.ts` knows where values are, `fast-operands.ts`
 * allocates one instruction.
 */
import type { Allocation, RegisterFile, VCode } from "../vcode.js";
import { everywhere, none } from "./fast-last-uses.js";
import { FastOperands } from "./fast-operands.js";
import { movesAreAtTarget } from "./liveness.js";
import { ParallelMove } from "./parallel-move.js";

export function allocateFast(code: VCode, registers: RegisterFile): Allocation {
  return new FastAllocator(code, registers).run();
}

class FastAllocator extends FastOperands {
  private readonly moves: ParallelMove;
  /** Register states at the ends of blocks whose successors may take them over: count, then (register, value). */
  private states = new Int32Array(1024);
  private statesEnd = 0;
  private readonly stateOf: Int32Array;

  constructor(code: VCode, registers: RegisterFile) {
    super(code, registers);
    this.stateOf = new Int32Array(code.blockCount).fill(none);
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
}
