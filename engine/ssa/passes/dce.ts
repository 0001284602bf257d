/**
 * Dead code elimination by marking: rows that must stay (effects, traps, terminators) and what they need, all else
 * goes. A parameter is needed only if a live row uses it, so that a loop counter which only counts itself goes
 * too. Enters: no unreachable blocks.
 */
import { findPredecessors, type Predecessors } from "../analysis/predecessors.js";
import { canTrap } from "../can-trap.js";
import { type Block, entryBlock, type SsaFunction, type Value } from "../function.js";
import { Op, OpFlag, opFlags } from "../ops.js";

function mustStay(func: SsaFunction, v: Value): boolean {
  const flags = opFlags[func.op[v]!]!;
  return (
    (flags & (OpFlag.effect | OpFlag.terminator)) !== 0 || ((flags & OpFlag.trap) !== 0 && canTrap(func, v))
  );
}

class Marker {
  readonly live: Uint8Array;
  private readonly stack: number[] = [];
  constructor(
    private readonly func: SsaFunction,
    private readonly predecessors: Predecessors,
  ) {
    this.live = new Uint8Array(func.rowCount);
  }

  mark(v: number): void {
    if (this.live[v] !== 0) return;
    this.live[v] = 1;
    this.stack.push(v);
  }

  /** Marks what marked rows need, until nothing is left to do. */
  spread(): void {
    const { func, stack } = this;
    while (stack.length > 0) {
      const v = stack.pop()! as Value;
      if (func.op[v] === Op.param) this.markArguments(v);
      const n = func.operandCount(v);
      for (let i = 0; i < n; i++) this.mark(func.operand(v, i));
    }
  }

  private markArguments(p: Value): void {
    const { func } = this;
    const { start, edges } = this.predecessors;
    const b = func.blockOf[p]!;
    for (let k = start[b]!; k < start[b + 1]!; k++) {
      this.mark(func.pool[func.edgeArgsStart[edges[k]!]! + func.lo[p]!]!);
    }
  }
}

export function eliminateDeadCode(func: SsaFunction): void {
  const predecessors = findPredecessors(func);
  const marker = new Marker(func, predecessors);
  for (let b = 0; b < func.blockCount; b++) {
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
      if (mustStay(func, v as Value)) marker.mark(v);
    }
  }
  marker.spread();
  const { live } = marker;
  const dead = new Uint8Array(func.rowCount);
  const { start, edges } = predecessors;
  for (let b = 0; b < func.blockCount; b++) {
    for (let v = func.firstRow[b]!; v !== -1; ) {
      const following = func.next[v]!;
      if (live[v] === 0) func.remove(v as Value);
      v = following;
    }
    if (b === entryBlock) continue;
    let any = false;
    const params = func.params[b]!;
    for (let i = 0; i < params.length; i++) {
      if (live[params[i]!] !== 0) continue;
      dead[params[i]!] = 1;
      any = true;
    }
    if (any) func.removeParams(b as Block, dead, edges, start[b]!, start[b + 1]!);
  }
}
