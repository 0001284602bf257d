/**
 * Ends of blocks: jumps, branches, branch tables, and the blocks on critical edges. Successors are noted in the
 * order their instruction wants them; arguments go with the edges that have no block of their own.
 */
import { InstructionFlag, type VReg } from "../../../machine/vcode.js";
import { Op } from "../../../ssa/ops.js";
import { Amd64, Condition } from "../instructions.js";
import { emitJumpTable, lowerReturn, lowerTrap } from "./call.js";
import { emitCondition } from "./compare.js";
import type { Lowering } from "./lowering.js";
import type { BlockPlan } from "./plan-blocks.js";

const i = Amd64;
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

/** The registers an edge passes; parameters that nobody reads are left out. */
function edgeArguments(c: Lowering, e: number): VReg[] {
  const { func } = c;
  const params = func.params[func.edgeTarget[e]!]!;
  if (params.length === 0) return noArguments;
  const start = func.edgeArgsStart[e]!;
  const list: VReg[] = [];
  for (let k = 0; k < params.length; k++) {
    if (c.uses[params[k]!] !== 0) list.push(c.reg(func.pool[start + k]!));
  }
  return list;
}

/** Notes an edge as the next successor of the block at `place`. */
function addEdge(c: Lowering, plan: BlockPlan, to: Successors, place: number, e: number): void {
  to.add(place, plan.leadsTo[e]!, plan.isSplit[e] === 1 ? noArguments : edgeArguments(c, e));
}

/** The content of the block on edge `e`: its jump. */
export function lowerEdgeBlock(c: Lowering, plan: BlockPlan, to: Successors, place: number, e: number): void {
  c.startFreeRoot();
  c.emit(i.jmp, 0, 0, 0, InstructionFlag.terminator);
  to.add(place, plan.placeOf[c.func.edgeTarget[e]!]!, edgeArguments(c, e));
}

/** The terminator `v` of the block at `place`. */
export function lowerTerminator(
  c: Lowering,
  plan: BlockPlan,
  to: Successors,
  place: number,
  v: number,
): void {
  switch (c.op[v]) {
    case Op.return:
      lowerReturn(c, v);
      return;
    case Op.trap:
      lowerTrap(c, v);
      return;
    case Op.brif:
      lowerBranch(c, plan, to, place, v);
      return;
    case Op.brtable:
      lowerBranchTable(c, plan, to, place, v);
      return;
    default:
      lowerJump(c, plan, to, place, c.lo[v]!);
  }
}

function lowerJump(c: Lowering, plan: BlockPlan, to: Successors, place: number, e: number): void {
  addEdge(c, plan, to, place, e);
  c.emit(i.jmp, 0, 0, 0, InstructionFlag.terminator);
}

function lowerBranch(c: Lowering, plan: BlockPlan, to: Successors, place: number, v: number): void {
  const first = c.lo[v]!;
  if (plan.sameAs[first + 1] === first) {
    lowerJump(c, plan, to, place, first);
    return;
  }
  addEdge(c, plan, to, place, first);
  addEdge(c, plan, to, place, first + 1);
  emitCondition(c, c.a0[v]!);
  c.emit(c.conditionIsPair ? i.jccp : i.jcc, 0, 0, c.condition, InstructionFlag.terminator);
}

function lowerBranchTable(c: Lowering, plan: BlockPlan, to: Successors, place: number, v: number): void {
  const first = c.lo[v]!;
  const count = c.hi[v]!;
  let distinct = 0;
  for (let e = first; e < first + count; e++) if (plan.sameAs[e] === e) distinct++;
  if (distinct === 1) {
    lowerJump(c, plan, to, place, first);
    return;
  }
  const index = c.a0[v]!;
  if (count === 2) {
    // Index 0 takes the first edge, all others the second.
    addEdge(c, plan, to, place, first);
    addEdge(c, plan, to, place, first + 1);
    const x = c.reg32(index);
    c.row2(i.test32_rr, x, x);
    c.emit(i.jcc, 0, 0, Condition.e, InstructionFlag.terminator);
    return;
  }
  addTableEdges(c, plan, to, place, first, count);
  emitJumpTable(c, c.reg(index));
}

/** All edges of a table; those that are the same share one list of arguments. */
function addTableEdges(
  c: Lowering,
  plan: BlockPlan,
  to: Successors,
  place: number,
  first: number,
  count: number,
): void {
  const base = to.targets[place]!.length;
  for (let e = first; e < first + count; e++) {
    const same = plan.sameAs[e]!;
    if (same === e) addEdge(c, plan, to, place, e);
    else to.add(place, plan.leadsTo[same]!, to.args[place]![base + same - first]!);
  }
}
