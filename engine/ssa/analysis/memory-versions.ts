/**
 * Versions of mutable state: for every alias class, which write a read at some point sees. Two equal reads see the
 * same value if they see the same version and one dominates the other. It is memory SSA without phi nodes: a
 * version is the row that wrote last, or, where different ones meet, the block in which they meet.
 *
 * Classes: the peeks' (`record`, `global`, `table`) and linear memory. `invariant` never changes; `volatile` is
 * never the same twice.
 *
 * One walk in reverse postorder. At a loop header the back edges aren't known yet, so what the loop's body
 * writes is summed up beforehand: a class that it doesn't write keeps its version throughout the loop.
 */
import type { Block, SsaFunction } from "../function.js";
import { AliasClass, Op, OpFlag, opFlags } from "../ops.js";
import type { BlockOrder } from "./block-order.js";
import type { LoopNest } from "./loops.js";
import type { Predecessors } from "./predecessors.js";

/** Numbers of the tracked classes: AliasClass.record, global and table, then linear memory. */
export const linearMemory = 4;
export const classCount = 5;
const everything = 0b11110;

/** Set of classes (bit = number) that a row may write. */
export function writtenClasses(func: SsaFunction, v: number): number {
  const op = func.op[v]!;
  if ((opFlags[op]! & OpFlag.effect) === 0) return 0;
  if ((opFlags[op]! & OpFlag.call) !== 0) return everything;
  if (op >= Op.store && op <= Op.store32) return 1 << linearMemory;
  if (op !== Op.poke) return 0;
  return func.hi[v] === AliasClass.volatile ? 0 : 1 << func.hi[v]!;
}

/** The tracked class that a row reads: a class number, 0 if what it reads never changes, -1 if not trackable. */
export function readClass(func: SsaFunction, v: number): number {
  const op = func.op[v]!;
  if (op >= Op.load && op <= Op.load32s) return linearMemory;
  if (op !== Op.peek && op !== Op.peek32) return -1;
  return func.hi[v] === AliasClass.volatile ? -1 : func.hi[v]!;
}

export interface MemoryVersions {
  /** Version of class c at the start of block b: `entry[b * classCount + c]`. Rows, or rowCount + block. */
  readonly entry: Int32Array;
  /** Classes written anywhere in a loop (inner ones included). */
  readonly writtenInLoop: Uint8Array;
}

export function findMemoryVersions(
  func: SsaFunction,
  predecessors: Predecessors,
  { order, position }: BlockOrder,
  loops: LoopNest,
): MemoryVersions {
  const blocks = func.blockCount;
  const exit = new Int32Array(blocks * classCount);
  const entry = new Int32Array(blocks * classCount);
  const written = new Uint8Array(blocks);
  const writtenInLoop = new Uint8Array(loops.headers.length);
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!) {
      const classes = writtenClasses(func, v);
      if (classes === 0) continue;
      written[b]! |= classes;
      for (let c = 1; c < classCount; c++) if ((classes & (1 << c)) !== 0) exit[b * classCount + c] = v;
    }
    if (loops.loopOf[b] !== -1) writtenInLoop[loops.loopOf[b]!]! |= written[b]!;
  }
  for (let l = writtenInLoop.length - 1; l >= 0; l--) {
    if (loops.parent[l] !== -1) writtenInLoop[loops.parent[l]!]! |= writtenInLoop[l]!;
  }
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    const inLoop = loops.isHeader(b) ? writtenInLoop[loops.loopOf[b]!]! : 0;
    meet(func, b as Block, i, inLoop, predecessors, position, entry, exit);
    for (let c = 1; c < classCount; c++) {
      const at = b * classCount + c;
      if ((written[b]! & (1 << c)) === 0) exit[at] = entry[at]!;
    }
  }
  return { entry, writtenInLoop };
}

/** The versions at a block's start, from the blocks before it in the order. */
function meet(
  func: SsaFunction,
  b: Block,
  place: number,
  inLoop: number,
  predecessors: Predecessors,
  position: Int32Array,
  entry: Int32Array,
  exit: Int32Array,
): void {
  const { start, edges } = predecessors;
  const own = func.rowCount + b;
  const to = start[b + 1]!;
  for (let c = 1; c < classCount; c++) {
    let version = 0;
    if ((inLoop & (1 << c)) === 0) {
      for (let k = start[b]!; k < to; k++) {
        const source = func.edgeSource[edges[k]!]!;
        if (position[source]! >= place) continue;
        const incoming = exit[source * classCount + c]!;
        if (version === 0) version = incoming;
        else if (version !== incoming) {
          version = 0;
          break;
        }
      }
    }
    entry[b * classCount + c] = version === 0 ? own : version;
  }
}
