/**
 * The loop nest. Wasm's control flow is reducible, so an edge that goes backward in reverse postorder leads to a
 * block that dominates its source: a loop header. Bodies are found from the innermost loop outward, walking
 * backward from the back edges; a loop found inside is skipped over as one vertex, by union-find, which keeps it
 * near-linear however deep loops nest (Tarjan 1974, Havlak 1997).
 */
import type { SsaFunction } from "../function.js";
import type { BlockOrder } from "./block-order.js";
import type { Predecessors } from "./predecessors.js";

export class LoopNest {
  /** Nesting depth of each loop, from 1. */
  readonly depth: Int32Array;
  /** Each loop's place in a preorder of the loop tree, and that after its last inner loop. */
  private readonly from: Int32Array;
  private readonly to: Int32Array;

  constructor(
    /** Loop -> its header; outer loops have lower numbers than inner ones. */
    readonly headers: Int32Array,
    /** Block -> its innermost loop, or -1. */
    readonly loopOf: Int32Array,
    /** Loop -> the loop around it, or -1. */
    readonly parent: Int32Array,
  ) {
    const count = headers.length;
    this.depth = new Int32Array(count);
    this.from = new Int32Array(count);
    this.to = new Int32Array(count);
    const loopsWithin = new Int32Array(count).fill(1);
    for (let i = count - 1; i >= 0; i--) if (parent[i] !== -1) loopsWithin[parent[i]!]! += loopsWithin[i]!;
    const nextChild = new Int32Array(count);
    let nextRoot = 0;
    for (let i = 0; i < count; i++) {
      const p = parent[i]!;
      this.depth[i] = p === -1 ? 1 : this.depth[p]! + 1;
      this.from[i] = p === -1 ? nextRoot : nextChild[p]!;
      this.to[i] = this.from[i]! + loopsWithin[i]!;
      nextChild[i] = this.from[i]! + 1;
      if (p === -1) nextRoot = this.to[i]!;
      else nextChild[p] = this.to[i]!;
    }
  }

  /** How many loops a block is in. */
  depthOf(block: number): number {
    const loop = this.loopOf[block]!;
    return loop === -1 ? 0 : this.depth[loop]!;
  }

  isHeader(block: number): boolean {
    const loop = this.loopOf[block]!;
    return loop !== -1 && this.headers[loop] === block;
  }

  /** Whether a block is in a loop or in one inside of it. */
  contains(loop: number, block: number): boolean {
    const inner = this.loopOf[block]!;
    return inner !== -1 && this.encloses(loop, inner);
  }

  /** Whether loop `inner` is `outer` or lies inside of it. */
  encloses(outer: number, inner: number): boolean {
    const place = this.from[inner]!;
    return this.from[outer]! <= place && place < this.to[outer]!;
  }
}

function findHeaders(
  func: SsaFunction,
  predecessors: Predecessors,
  { order, position }: BlockOrder,
): Int32Array {
  const headers: number[] = [];
  const { start, edges } = predecessors;
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    for (let k = start[b]!; k < start[b + 1]!; k++) {
      if (position[func.edgeSource[edges[k]!]!]! >= i) {
        headers.push(b);
        break;
      }
    }
  }
  return Int32Array.from(headers);
}

export function findLoops(func: SsaFunction, predecessors: Predecessors, blockOrder: BlockOrder): LoopNest {
  const { start, edges } = predecessors;
  const { position } = blockOrder;
  const headers = findHeaders(func, predecessors, blockOrder);
  const loopOf = new Int32Array(func.blockCount).fill(-1);
  const parent = new Int32Array(headers.length).fill(-1);
  const outermost = Int32Array.from(headers, (_, i) => i); // union-find towards the outermost loop known yet
  const stack: number[] = [];
  for (let loop = headers.length - 1; loop >= 0; loop--) {
    const header = headers[loop]!;
    loopOf[header] = loop;
    pushSources(header, position[header]!);
    while (stack.length > 0) {
      const b = stack.pop()!;
      if (loopOf[b] === -1) {
        loopOf[b] = loop;
        pushSources(b, 0);
        continue;
      }
      const inner = find(outermost, loopOf[b]!);
      if (inner === loop) continue;
      parent[inner] = loop;
      outermost[inner] = loop;
      pushSources(headers[inner]!, 0);
    }
  }
  return new LoopNest(headers, loopOf, parent);

  /** Sources of the edges into a block that aren't before `from` in the order (nor unreachable). */
  function pushSources(b: number, from: number): void {
    for (let k = start[b]!; k < start[b + 1]!; k++) {
      const source = func.edgeSource[edges[k]!]!;
      if (position[source]! >= from) stack.push(source);
    }
  }
}

function find(up: Int32Array, x: number): number {
  let root = x;
  while (up[root] !== root) root = up[root]!;
  while (up[x] !== root) {
    const next = up[x]!;
    up[x] = root;
    x = next;
  }
  return root;
}
