/**
 * Which constants loops keep in registers, so that they aren't made or read again in each iteration.
 *
 * Enters: a function and the plan of its blocks. A constant that is wanted in a register somewhere in a loop is defined
 * once, at the end of a block in front of it: of the outermost loop around the place that has no call, since calls leave
 * nothing in registers. Blocks from which only traps are reached count for nothing.
 *
 * There is no guess at how many registers are free. Allocation weighs a kept constant like any other value, by the uses
 * in each loop, but at half the price: what loses is made again before its use, or read from the constant pool by the
 * instruction that uses it (`vregRematerializable`), as if it had never been kept. Only the number of definitions in front
 * of a loop has a limit.
 */
import { type DominatorTree, findDominators } from "../../ssa/analysis/dominators.js";
import { findPredecessors, type Predecessors } from "../../ssa/analysis/predecessors.js";
import type { SsaFunction } from "../../ssa/function.js";
import { Op, OpFlag, opFlags } from "../../ssa/ops.js";
import type { VReg } from "../vcode.js";
import type { BlockPlan } from "./plan-blocks.js";

/** Constants in front of one loop: about as many as a file has registers. */
const mostKept = 16;

/** A constant that a loop keeps; what `value` stands for is `LoweringState.emitConstant`'s affair. */
export interface KeptConstant {
  readonly value: number;
  readonly register: VReg;
}

export const nothingKept: readonly KeptConstant[] = [];

export class KeptConstants {
  /** Loop -> the outermost loop without calls that it is, or lies in; -1 none. */
  private readonly keeper: Int32Array;
  /** Loop -> the block of the virtual code in front of it, once asked for. */
  private readonly front: Int32Array;
  /** Loop -> what it keeps. */
  private readonly constants: (KeptConstant[] | undefined)[] = [];
  /** Block of the virtual code -> loops that it is in front of and that keep something. */
  private readonly loopsBehind = new Map<number, number[]>();
  private predecessors: Predecessors | undefined;
  private dominators: DominatorTree | undefined;

  constructor(
    private readonly func: SsaFunction,
    private readonly plan: BlockPlan,
  ) {
    const { headers, parent } = plan.loops;
    this.keeper = new Int32Array(headers.length).fill(-1);
    this.front = new Int32Array(headers.length).fill(-1);
    const calls = this.findCalls();
    // Outer loops have lower numbers.
    for (let loop = 0; loop < headers.length; loop++) {
      if (calls[loop] === 1) continue;
      const outer = parent[loop]! === -1 ? -1 : this.keeper[parent[loop]!]!;
      this.keeper[loop] = outer === -1 ? loop : outer;
    }
  }

  /** The loop that keeps the constants of SSA block `b`, or -1. */
  loopFor(b: number): number {
    const loop = this.plan.loops.loopOf[b]!;
    return loop === -1 || this.plan.cold[this.plan.placeOf[b]!] === 1 ? -1 : this.keeper[loop]!;
  }

  /** The register in which `loop` keeps `value`, or undefined. */
  find(loop: number, value: number): VReg | undefined {
    const list = this.constants[loop];
    if (list === undefined) return undefined;
    for (let k = 0; k < list.length; k++) if (this.isSame(list[k]!.value, value)) return list[k]!.register;
    return undefined;
  }

  /** Rows of the function are the same if their constants are; what else there is has one number each. */
  private isSame(x: number, y: number): boolean {
    const { type, lo, hi } = this.func;
    return x === y || (x >= 0 && y >= 0 && type[x] === type[y] && lo[x] === lo[y] && hi[x] === hi[y]);
  }

  /** Whether one more constant may be kept by `loop`. */
  hasRoom(loop: number): boolean {
    const list = this.constants[loop];
    return list === undefined || list.length < mostKept;
  }

  add(loop: number, value: number, register: VReg): void {
    const list = this.constants[loop];
    if (list !== undefined) {
      list.push({ value, register });
      return;
    }
    this.constants[loop] = [{ value, register }];
    const place = this.frontOf(loop);
    const others = this.loopsBehind.get(place);
    if (others === undefined) this.loopsBehind.set(place, [loop]);
    else others.push(loop);
  }

  /** What is to be defined at the end of the block of the virtual code at `place`, all loops behind it being lowered. */
  definedAt(place: number): readonly KeptConstant[] {
    const loops = this.loopsBehind.get(place);
    return loops === undefined ? nothingKept : loops.flatMap((loop) => this.constants[loop]!);
  }

  /** By loop: 1 if there is a call in it, or in one inside of it. */
  private findCalls(): Uint8Array {
    const { plan } = this;
    const { loopOf, parent } = plan.loops;
    const calls = new Uint8Array(plan.loops.headers.length);
    for (let place = 0; place < plan.order.length; place++) {
      const b = plan.order[place]!;
      if (b < 0 || plan.cold[place] === 1 || loopOf[b] === -1 || calls[loopOf[b]!] === 1) continue;
      if (!this.hasCall(b)) continue;
      for (let loop = loopOf[b]!; loop !== -1 && calls[loop] === 0; loop = parent[loop]!) calls[loop] = 1;
    }
    return calls;
  }

  /** A look for interrupts keeps the registers. */
  private hasCall(b: number): boolean {
    const { func } = this;
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
      const op = func.op[v]!;
      if (opFlags[op]! & OpFlag.call && op !== Op.interrupt) return true;
    }
    return false;
  }

  /** The block of the virtual code that dominates the loop and is in no loop that the loop isn't in. */
  private frontOf(loop: number): number {
    if (this.front[loop] !== -1) return this.front[loop]!;
    return (this.front[loop] = this.onlyEntry(loop) ?? this.plan.placeOf[this.dominatorOutside(loop)]!);
  }

  /** Where the only edge into the loop comes from: the block on it, or its source, which then leads nowhere else. */
  private onlyEntry(loop: number): number | undefined {
    const { func, plan } = this;
    this.predecessors ??= findPredecessors(func);
    const { start, edges } = this.predecessors;
    const header = plan.loops.headers[loop]!;
    let entry = -1;
    for (let k = start[header]!; k < start[header + 1]!; k++) {
      const e = edges[k]!;
      const source = func.edgeSource[e]!;
      if (plan.placeOf[source] === -1 || plan.loops.contains(loop, source) || plan.sameAs[e] !== e) continue;
      if (entry !== -1) return undefined;
      entry = e;
    }
    if (plan.isSplit[entry] === 1) return plan.leadsTo[entry]!;
    return plan.placeOf[func.edgeSource[entry]!]!;
  }

  private dominatorOutside(loop: number): number {
    const { func, plan } = this;
    const { loops } = plan;
    this.dominators ??= findDominators(func, this.predecessors!);
    const header = loops.headers[loop]!;
    for (let b = this.dominators.idom[header]!; b !== -1; b = this.dominators.idom[b]!) {
      const around = loops.loopOf[b]!;
      if (around === -1 || loops.contains(around, header)) return b;
    }
    return plan.order[0]!;
  }
}
