/**
 * Ends of blocks: jumps, branches, branch tables, and the blocks on critical edges. Successors are noted in the
 * order their instruction wants them; arguments go with the edges that have no block of their own.
 */
import { Op } from "../../ssa/ops.js";
import type { VReg } from "../vcode.js";
import type { LoweringState } from "./lowering-state.js";
import type { BlockPlan } from "./plan-blocks.js";

/** The terminators of an instruction set; their successors are in the block's list. */
export interface ControlRules<L extends LoweringState> {
  /** To the only successor. */
  jump(c: L): void;
  /** To the first successor if i32 value `v` isn't zero, else to the second. */
  branch(c: L, v: number): void;
  /** The opposite. */
  branchIfZero(c: L, v: number): void;
  /** To the successor with the number of i32 value `v`, or to the last one. */
  table(c: L, v: number): void;
  /** Row `v` is a return, a trap. */
  return(c: L, v: number): void;
  trap(c: L, v: number): void;
}

const noArguments: VReg[] = [];

/** Per block of the virtual code, what its end leads to. */
export class Successors {
  readonly targets: number[][] = [];
  readonly args: VReg[][][] = [];

  constructor(count: number) {
    for (let b = 0; b < count; b++) {
      this.targets.push([]);
      this.args.push([]);
    }
  }

  add(place: number, target: number, args: VReg[]): void {
    this.targets[place]!.push(target);
    this.args[place]!.push(args);
  }
}

/** Lowers what ends blocks, and notes successors. */
export class ControlLowering<L extends LoweringState> {
  readonly successors: Successors;

  constructor(
    private readonly c: L,
    private readonly plan: BlockPlan,
    private readonly rules: ControlRules<L>,
  ) {
    this.successors = new Successors(plan.order.length);
  }

  /** The content of the block on edge `e`: its jump. */
  edgeBlock(place: number, e: number): void {
    const { c, plan } = this;
    c.startFreeRoot();
    this.rules.jump(c);
    this.successors.add(place, plan.placeOf[c.func.edgeTarget[e]!]!, this.edgeArguments(e));
  }

  /** The terminator `v` of the block at `place`. */
  terminator(place: number, v: number): void {
    const { c, rules } = this;
    switch (c.op[v]) {
      case Op.return:
        rules.return(c, v);
        return;
      case Op.trap:
        rules.trap(c, v);
        return;
      case Op.brif:
        this.branch(place, v);
        return;
      case Op.brtable:
        this.branchTable(place, v);
        return;
      default:
        this.jump(place, c.lo[v]!);
    }
  }

  /** The registers an edge passes; parameters that nobody reads are left out. */
  private edgeArguments(e: number): VReg[] {
    const { c } = this;
    const { func } = c;
    const params = func.params[func.edgeTarget[e]!]!;
    if (params.length === 0) return noArguments;
    const start = func.edgeArgsStart[e]!;
    const list: VReg[] = [];
    for (let k = 0; k < params.length; k++) {
      if (c.uses[params[k]!] !== 0) list.push(c.argument(func.pool[start + k]!));
    }
    return list;
  }

  /** Notes an edge as the next successor of the block at `place`. */
  private addEdge(place: number, e: number): void {
    const { plan } = this;
    this.successors.add(place, plan.leadsTo[e]!, plan.isSplit[e] === 1 ? noArguments : this.edgeArguments(e));
  }

  private jump(place: number, e: number): void {
    this.addEdge(place, e);
    this.rules.jump(this.c);
  }

  private branch(place: number, v: number): void {
    const { c } = this;
    const first = c.lo[v]!;
    if (this.plan.sameAs[first + 1] === first) {
      this.jump(place, first);
      return;
    }
    this.addEdge(place, first);
    this.addEdge(place, first + 1);
    this.rules.branch(c, c.a0[v]!);
  }

  private branchTable(place: number, v: number): void {
    const { c, plan } = this;
    const first = c.lo[v]!;
    const count = c.hi[v]!;
    let distinct = 0;
    for (let e = first; e < first + count; e++) if (plan.sameAs[e] === e) distinct++;
    if (distinct === 1) {
      this.jump(place, first);
      return;
    }
    if (count === 2) {
      // Index 0 takes the first edge, all others the second.
      this.addEdge(place, first);
      this.addEdge(place, first + 1);
      this.rules.branchIfZero(c, c.a0[v]!);
      return;
    }
    this.addTableEdges(place, first, count);
    this.rules.table(c, c.a0[v]!);
  }

  /** All edges of a table; those that are the same share one list of arguments. */
  private addTableEdges(place: number, first: number, count: number): void {
    const { plan, successors } = this;
    const base = successors.targets[place]!.length;
    for (let e = first; e < first + count; e++) {
      const same = plan.sameAs[e]!;
      if (same === e) this.addEdge(place, e);
      else successors.add(place, plan.leadsTo[same]!, successors.args[place]![base + same - first]!);
    }
  }
}
