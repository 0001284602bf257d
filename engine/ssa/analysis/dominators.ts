/**
 * Dominator tree by Lengauer and Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph" (TOPLAS 1979),
 * the simple version with path compression, O(m log n). The iterative scheme of Cooper, Harvey and Kennedy is
 * shorter but quadratic on what compilers of large `switch` statements emit: thousands of exits into one block,
 * each found by walking the tree.
 *
 * Everything between the two searches works on preorder numbers of the depth-first search, so that "smaller"
 * means "nearer to the entry".
 */
import { type Block, entryBlock, type SsaFunction } from "../function.js";
import type { Predecessors } from "./predecessors.js";

export class DominatorTree {
  /** Immediate dominator of each block; -1 for the entry and for blocks that can't be reached. */
  readonly idom: Int32Array;
  /** The reachable blocks in preorder of the tree. */
  readonly preorder: Int32Array;
  /** Preorder number of each block; -1 if it can't be reached. */
  private readonly enter: Int32Array;
  /** Highest preorder number in each block's subtree. */
  private readonly leave: Int32Array;

  constructor(idom: Int32Array, reached: Int32Array) {
    this.idom = idom;
    const blocks = idom.length;
    this.enter = new Int32Array(blocks).fill(-1);
    this.leave = new Int32Array(blocks).fill(-1);
    this.preorder = new Int32Array(reached.length);
    const firstChild = new Int32Array(blocks).fill(-1);
    const sibling = new Int32Array(blocks).fill(-1);
    for (let i = reached.length - 1; i > 0; i--) {
      const b = reached[i]!;
      sibling[b] = firstChild[idom[b]!]!;
      firstChild[idom[b]!] = b;
    }
    this.number(firstChild, sibling, reached.length);
  }

  /** Preorder walk: down to the first child, else on to the nearest sibling on the way up. */
  private number(firstChild: Int32Array, sibling: Int32Array, count: number): void {
    if (count === 0) return;
    let n = 0;
    let b: number = entryBlock;
    for (;;) {
      this.enter[b] = n;
      this.preorder[n++] = b;
      if (firstChild[b] !== -1) {
        b = firstChild[b]!;
        continue;
      }
      this.leave[b] = n - 1;
      while (sibling[b] === -1) {
        b = this.idom[b]!;
        if (b === -1) return;
        this.leave[b] = n - 1;
      }
      b = sibling[b]!;
    }
  }

  isReachable(b: Block | number): boolean {
    return this.enter[b] !== -1;
  }

  /** Whether every way from the entry to `b` goes through `a`; a block dominates itself. Both must be reachable. */
  dominates(a: number, b: number): boolean {
    const at = this.enter[b]!;
    return this.enter[a]! <= at && at <= this.leave[a]!;
  }
}

/** Preorder of a depth-first search, and each vertex's parent, in preorder numbers. */
function search(func: SsaFunction): { vertex: Int32Array; number: Int32Array; parent: Int32Array } {
  const blocks = func.blockCount;
  const number = new Int32Array(blocks).fill(-1);
  const vertex = new Int32Array(blocks);
  const parent = new Int32Array(blocks);
  const nextEdge = new Int32Array(blocks);
  const lastEdge = new Int32Array(blocks);
  const { edgeTarget } = func;
  let count = 0;
  const enter = (b: number, from: number): number => {
    const successors = func.successorCount(b as Block);
    number[b] = count;
    vertex[count] = b;
    parent[count] = from;
    nextEdge[count] = successors === 0 ? 0 : func.successorEdge(b as Block, 0);
    lastEdge[count] = nextEdge[count]! + successors;
    return count++;
  };
  let v = blocks > 0 ? enter(entryBlock, -1) : -1;
  while (v !== -1) {
    if (nextEdge[v] === lastEdge[v]) {
      v = parent[v]!;
      continue;
    }
    const target = edgeTarget[nextEdge[v]!++]!;
    if (number[target] === -1) v = enter(target, v);
  }
  return { vertex: vertex.subarray(0, count), number, parent };
}

/** The forest of the algorithm: `best` finds the vertex of least semidominator on the way up. */
class Forest {
  private readonly ancestor: Int32Array;
  private readonly label: Int32Array;
  private readonly path: Int32Array;
  constructor(
    count: number,
    private readonly semi: Int32Array,
  ) {
    this.ancestor = new Int32Array(count).fill(-1);
    this.label = Int32Array.from({ length: count }, (_, i) => i);
    this.path = new Int32Array(count);
  }

  link(parent: number, v: number): void {
    this.ancestor[v] = parent;
  }

  best(v: number): number {
    const { ancestor, label, path, semi } = this;
    if (ancestor[v] === -1) return v;
    let length = 0;
    for (let u = v; ancestor[ancestor[u]!] !== -1; u = ancestor[u]!) path[length++] = u;
    while (length > 0) {
      const u = path[--length]!;
      const up = ancestor[u]!;
      if (semi[label[up]!]! < semi[label[u]!]!) label[u] = label[up]!;
      ancestor[u] = ancestor[up]!;
    }
    return label[v]!;
  }
}

export function findDominators(func: SsaFunction, predecessors: Predecessors): DominatorTree {
  const { vertex, number, parent } = search(func);
  const count = vertex.length;
  const { start, edges } = predecessors;
  const { edgeSource } = func;
  const semi = Int32Array.from({ length: count }, (_, i) => i);
  const dominator = new Int32Array(count).fill(-1);
  const bucket = new Int32Array(count).fill(-1); // head of the list of vertices with this semidominator
  const bucketNext = new Int32Array(count).fill(-1);
  const forest = new Forest(count, semi);
  for (let w = count - 1; w > 0; w--) {
    const b = vertex[w]!;
    for (let k = start[b]!; k < start[b + 1]!; k++) {
      const v = number[edgeSource[edges[k]!]!]!;
      if (v === -1) continue;
      const u = forest.best(v);
      if (semi[u]! < semi[w]!) semi[w] = semi[u]!;
    }
    bucketNext[w] = bucket[semi[w]!]!;
    bucket[semi[w]!] = w;
    const p = parent[w]!;
    forest.link(p, w);
    for (let v = bucket[p]!; v !== -1; v = bucketNext[v]!) {
      const u = forest.best(v);
      dominator[v] = semi[u]! < semi[v]! ? u : p;
    }
    bucket[p] = -1;
  }
  const idom = new Int32Array(func.blockCount).fill(-1);
  for (let w = 1; w < count; w++) {
    if (dominator[w] !== semi[w]) dominator[w] = dominator[dominator[w]!]!;
    idom[vertex[w]!] = vertex[dominator[w]!]!;
  }
  return new DominatorTree(idom, vertex);
}
