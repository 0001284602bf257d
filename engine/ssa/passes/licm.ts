/**
 * Loop-invariant code motion: rows in a loop whose operands are computed outside of it move in front of the loop.
 * Enters: no unreachable blocks. Leaves: the same; loops with something to move have a block before their header
 * that only jumps to it.
 *
 * Only rows that can't trap move, so moving them to where they may run in vain is safe. Reads of records and
 * globals move if nothing in the loop writes their class. To keep registers for the loop itself, a row only moves
 * if it costs something there: constants, comparisons (fused with branches), and sums that addressing modes take
 * in stay, and at most `maxMoved` values move out of one loop. A constant operand is repeated before the loop.
 *
 * Blocks are visited in reverse postorder, so a row's operands have moved before it is looked at.
 */
import { type BlockOrder, reversePostorder } from "../analysis/block-order.js";
import { findLoops, type LoopNest } from "../analysis/loops.js";
import { findMemoryVersions, readClass } from "../analysis/memory-versions.js";
import { findPredecessors, type Predecessors } from "../analysis/predecessors.js";
import { isPure } from "../can-trap.js";
import { isComparison } from "../fold/folder.js";
import type { Block, SsaFunction, Value } from "../function.js";
import { Op, OpFlag, opFlags, Type } from "../ops.js";

const maxMoved = 12;
/** How many loops outward one row may move. */
const maxLevels = 8;

export function hoistInvariants(func: SsaFunction): void {
  const predecessors = findPredecessors(func);
  const order = reversePostorder(func);
  const loops = findLoops(func, predecessors, order);
  if (loops.headers.length === 0) return;
  const { writtenInLoop } = findMemoryVersions(func, predecessors, order, loops);
  new Hoister(func, predecessors, order, loops, writtenInLoop).run();
}

class Hoister {
  /** Loop -> the block before its header, once asked for; -1 until then. */
  private readonly preheaders: Int32Array;
  /** New blocks' innermost loops, by block - the count of blocks at the start. */
  private readonly newBlockLoops: number[] = [];
  private readonly oldBlocks: number;
  private readonly moved: Int32Array;

  constructor(
    private readonly func: SsaFunction,
    private readonly predecessors: Predecessors,
    private readonly blockOrder: BlockOrder,
    private readonly loops: LoopNest,
    private readonly writtenInLoop: Uint8Array,
  ) {
    this.preheaders = new Int32Array(loops.headers.length).fill(-1);
    this.moved = new Int32Array(loops.headers.length);
    this.oldBlocks = func.blockCount;
  }

  run(): void {
    const { func, loops } = this;
    const { order } = this.blockOrder;
    for (let i = 0; i < order.length; i++) {
      const loop = loops.loopOf[order[i]!]!;
      if (loop === -1) continue;
      for (let v = func.firstRow[order[i]!]!; v !== -1; ) {
        const following = func.next[v]!;
        this.visit(v as Value, loop);
        v = following;
      }
    }
  }

  private visit(v: Value, innermost: number): void {
    if (!this.isWorthMoving(v)) return;
    let target = -1;
    let loop = innermost;
    for (let level = 0; level < maxLevels && loop !== -1; level++) {
      if (!this.isInvariant(v, loop)) break;
      if (this.moved[loop]! < maxMoved) target = loop;
      loop = this.loops.parent[loop]!;
    }
    if (target !== -1) this.move(v, target);
  }

  private isWorthMoving(v: Value): boolean {
    const { func } = this;
    const op = func.op[v]!;
    if ((opFlags[op]! & OpFlag.read) !== 0)
      return (op === Op.peek || op === Op.peek32) && readClass(func, v) >= 0;
    if (!isPure(func, v) || isComparison(op)) return false;
    switch (op) {
      case Op.const:
      case Op.nop:
      case Op.ctx:
      case Op.signature:
      case Op.offset:
      case Op.element:
      case Op.wrap:
      case Op.zext:
        return false;
      case Op.add:
        return func.op[func.a1[v]!] !== Op.const;
      default:
        return true;
    }
  }

  private loopOfBlock(b: number): number {
    return b < this.oldBlocks ? this.loops.loopOf[b]! : this.newBlockLoops[b - this.oldBlocks]!;
  }

  private isInLoop(v: number, loop: number): boolean {
    const inner = this.loopOfBlock(this.func.blockOf[v]!);
    return inner !== -1 && this.loops.encloses(loop, inner);
  }

  private isInvariant(v: Value, loop: number): boolean {
    const { func } = this;
    if ((opFlags[func.op[v]!]! & OpFlag.read) !== 0) {
      const c = readClass(func, v);
      if (c > 0 && (this.writtenInLoop[loop]! & (1 << c)) !== 0) return false;
    }
    const n = func.operandCount(v);
    for (let i = 0; i < n; i++) {
      const operand = func.operand(v, i);
      if (func.op[operand] !== Op.const && this.isInLoop(operand, loop)) return false;
    }
    return true;
  }

  private move(v: Value, loop: number): void {
    const { func } = this;
    const before = func.terminator(this.preheader(loop));
    const n = func.operandCount(v);
    for (let i = 0; i < n; i++) {
      const c = func.operand(v, i);
      if (func.op[c] !== Op.const || !this.isInLoop(c, loop)) continue;
      const copy = func.newRow(
        Op.const,
        func.type[c] as Type,
        0,
        0,
        0,
        func.lo[c]!,
        func.hi[c]!,
        func.source[c]!,
      );
      func.insertBefore(copy, before);
      func.setOperand(v, i, copy);
    }
    func.detach(v);
    func.insertBefore(v, before);
    this.moved[loop]!++;
  }

  /** The block that jumps to a loop's header from outside; made if there is no single one. */
  private preheader(loop: number): Block {
    if (this.preheaders[loop] !== -1) return this.preheaders[loop]! as Block;
    const { func, predecessors, loops } = this;
    const { position } = this.blockOrder;
    const header = loops.headers[loop]! as Block;
    const entering: number[] = [];
    for (let k = predecessors.start[header]!; k < predecessors.start[header + 1]!; k++) {
      const e = predecessors.edges[k]!;
      if (position[func.edgeSource[e]!]! < position[header]!) entering.push(e);
    }
    let block = func.edgeSource[entering[0]!]! as Block;
    if (entering.length !== 1 || func.successorCount(block) !== 1)
      block = this.newPreheader(header, loop, entering);
    this.preheaders[loop] = block;
    return block;
  }

  private newPreheader(header: Block, loop: number, entering: readonly number[]): Block {
    const { func } = this;
    const block = func.newBlock();
    this.newBlockLoops.push(this.loops.parent[loop]!);
    const params = func.params[header]!;
    const args: number[] = [];
    for (let i = 0; i < params.length; i++) args.push(func.addParam(block, func.type[params[i]!]! as Type));
    const onward = func.addEdge(block, header, args);
    func.append(block, Op.jump, Type.none, 0, 0, 0, onward, 1, -1);
    for (const e of entering) func.edgeTarget[e] = block;
    return block;
  }
}
