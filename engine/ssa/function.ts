/**
 * An SSA function: instructions as rows in typed-array columns, blocks with parameters, edges with arguments.
 *
 * A `Value` is the number of the row that defines it; a row without a result has type `none`. Rows of a block
 * form a doubly linked list, so that a pass may insert and remove without moving others. Row 0 is reserved (a
 * nop in no block), so 0 never names a value, and -1 ends lists.
 *
 * What must hold (the verifier checks it): every block ends with exactly one terminator; arguments of an edge
 * match the target's parameters in number and type; definitions dominate uses.
 */
import { Op, OpFlag, opArity, opFlags, opIsList, type Type } from "./ops.js";

declare const valueBrand: unique symbol;
declare const blockBrand: unique symbol;
declare const edgeBrand: unique symbol;
/** A row that defines a value. */
export type Value = number & { readonly [valueBrand]: true };
export type Block = number & { readonly [blockBrand]: true };
/** One way from a block's terminator to a target, with arguments for its parameters. */
export type Edge = number & { readonly [edgeBrand]: true };

/** The entry block: its parameters are the instance (ptr) and then the Wasm function's parameters. */
export const entryBlock = 0 as Block;
export const noValue = 0 as Value;
const end = -1;

function grown<T extends Int32Array | Uint16Array | Uint8Array>(old: T, capacity: number): T {
  const bigger = new (old.constructor as new (n: number) => T)(capacity);
  bigger.set(old as never);
  return bigger;
}

export class SsaFunction {
  /** Number of rows in use; rows are 1 .. rowCount-1. */
  rowCount = 1;
  op: Uint16Array;
  type: Uint8Array;
  a0: Int32Array;
  a1: Int32Array;
  a2: Int32Array;
  lo: Int32Array;
  hi: Int32Array;
  /** Byte offset in the module of the Wasm instruction that a row stems from, or -1. */
  source: Int32Array;
  next: Int32Array;
  previous: Int32Array;
  /** The block a row is in; -1 when it was removed. */
  blockOf: Int32Array;

  /** Operand lists of calls and returns, and edge arguments. */
  pool = new Int32Array(64);
  poolCount = 0;

  blockCount = 0;
  firstRow: Int32Array = new Int32Array(16).fill(end);
  lastRow: Int32Array = new Int32Array(16).fill(end);
  /** Parameters of each block, rows with op `param`. */
  readonly params: Value[][] = [];

  edgeCount = 0;
  edgeTarget: Int32Array = new Int32Array(16);
  edgeSource: Int32Array = new Int32Array(16);
  edgeArgsStart: Int32Array = new Int32Array(16);
  edgeArgsCount: Int32Array = new Int32Array(16);

  /**
   * Four words per vector: v128 constants and the lanes of shuffles, each kept once, so that equal ones have equal
   * numbers. Number 0 is all zeros, 1 all ones.
   */
  vectors: Int32Array = Int32Array.of(0, 0, 0, 0, -1, -1, -1, -1);
  vectorCount = 2;
  private vectorNumbers: Map<string, number> | null = null;

  /** Frame slots used by slotload/slotstore, by type. */
  readonly slotTypes: Type[] = [];

  /**
   * @param name for dumps and error messages
   * @param index the function's index in its module (imports counted)
   * @param results result types
   */
  constructor(
    readonly name: string,
    readonly index: number,
    readonly results: readonly Type[],
    capacity = 64,
  ) {
    this.op = new Uint16Array(capacity);
    this.type = new Uint8Array(capacity);
    this.a0 = new Int32Array(capacity);
    this.a1 = new Int32Array(capacity);
    this.a2 = new Int32Array(capacity);
    this.lo = new Int32Array(capacity);
    this.hi = new Int32Array(capacity);
    this.source = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
    this.previous = new Int32Array(capacity);
    this.blockOf = new Int32Array(capacity);
    this.blockOf[0] = -1;
  }

  // ---------------------------------------------------------------- blocks

  newBlock(): Block {
    const b = this.blockCount++;
    if (b >= this.firstRow.length) {
      const capacity = b * 2;
      this.firstRow = grown(this.firstRow, capacity).fill(end, b);
      this.lastRow = grown(this.lastRow, capacity).fill(end, b);
    }
    this.params.push([]);
    return b as Block;
  }

  addParam(block: Block, type: Type): Value {
    const list = this.params[block]!;
    const v = this.newRow(Op.param, type, 0, 0, 0, list.length, 0, -1);
    this.blockOf[v] = block;
    list.push(v);
    return v;
  }

  /** The terminator of a finished block. */
  terminator(block: Block): Value {
    return this.lastRow[block] as Value;
  }

  // ---------------------------------------------------------------- rows

  /** A row that is in no block yet. */
  newRow(
    op: Op,
    type: Type,
    a0: number,
    a1: number,
    a2: number,
    lo: number,
    hi: number,
    source: number,
  ): Value {
    const v = this.rowCount++;
    if (v >= this.op.length) this.growRows();
    this.op[v] = op;
    this.type[v] = type;
    this.a0[v] = a0;
    this.a1[v] = a1;
    this.a2[v] = a2;
    this.lo[v] = lo;
    this.hi[v] = hi;
    this.source[v] = source;
    this.next[v] = end;
    this.previous[v] = end;
    this.blockOf[v] = -1;
    return v as Value;
  }

  /** Appends a new row to the end of a block. */
  append(block: Block, op: Op, type: Type, a0 = 0, a1 = 0, a2 = 0, lo = 0, hi = 0, source = -1): Value {
    const v = this.newRow(op, type, a0, a1, a2, lo, hi, source);
    this.blockOf[v] = block;
    const last = this.lastRow[block]!;
    this.previous[v] = last;
    if (last === end) this.firstRow[block] = v;
    else this.next[last] = v;
    this.lastRow[block] = v;
    return v;
  }

  /** Puts a row that is in no block before another. */
  insertBefore(v: Value, before: Value): void {
    const block = this.blockOf[before]!;
    const p = this.previous[before]!;
    this.blockOf[v] = block;
    this.previous[v] = p;
    this.next[v] = before;
    this.previous[before] = v;
    if (p === end) this.firstRow[block] = v;
    else this.next[p] = v;
  }

  /** Takes a row out of its block for good. Its uses must be gone. (Parameters: see removeParams.) */
  remove(v: Value): void {
    this.detach(v);
    this.op[v] = Op.nop;
  }

  /** Takes a row out of its block, to be put elsewhere. */
  detach(v: Value): void {
    const block = this.blockOf[v]!;
    const p = this.previous[v]!;
    const n = this.next[v]!;
    if (p === end) this.firstRow[block] = n;
    else this.next[p] = n;
    if (n === end) this.lastRow[block] = p;
    else this.previous[n] = p;
    this.blockOf[v] = -1;
    this.next[v] = end;
    this.previous[v] = end;
  }

  /** Whether a block was removed: it has no rows (not even a terminator) and no parameters. */
  isRemoved(block: Block): boolean {
    return this.firstRow[block] === end;
  }

  /** Empties a block that nothing jumps to any more. */
  removeBlock(block: Block): void {
    for (let v = this.firstRow[block]!; v !== end; ) {
      const following = this.next[v]!;
      this.op[v] = Op.nop;
      this.blockOf[v] = -1;
      this.next[v] = end;
      this.previous[v] = end;
      v = following;
    }
    const params = this.params[block]!;
    for (let i = 0; i < params.length; i++) {
      this.op[params[i]!] = Op.nop;
      this.blockOf[params[i]!] = -1;
    }
    this.params[block] = [];
    this.firstRow[block] = end;
    this.lastRow[block] = end;
  }

  /**
   * Removes the parameters of a block that are marked (indexed by value), and their arguments in the edges
   * `edges[from] .. edges[to - 1]`, which must be all edges into the block. Their uses must be gone.
   */
  removeParams(block: Block, marked: Uint8Array, edges: Int32Array, from: number, to: number): void {
    const params = this.params[block]!;
    for (let k = from; k < to; k++) {
      const e = edges[k]!;
      const start = this.edgeArgsStart[e]!;
      let kept = 0;
      for (let i = 0; i < params.length; i++) {
        if (marked[params[i]!] === 0) this.pool[start + kept++] = this.pool[start + i]!;
      }
      this.edgeArgsCount[e] = kept;
    }
    const remaining: Value[] = [];
    for (let i = 0; i < params.length; i++) {
      const p = params[i]!;
      if (marked[p] === 0) {
        this.lo[p] = remaining.length;
        remaining.push(p);
      } else {
        this.op[p] = Op.nop;
        this.blockOf[p] = -1;
      }
    }
    this.params[block] = remaining;
  }

  // ---------------------------------------------------------------- lists and edges

  /** Reserves `count` words of the pool; returns the first's index. */
  allocatePool(count: number): number {
    const start = this.poolCount;
    this.poolCount += count;
    if (this.poolCount > this.pool.length)
      this.pool = grown(this.pool, Math.max(this.poolCount, this.pool.length * 2));
    return start;
  }

  /** Copies values into the pool; returns the first's index. */
  addList(values: ArrayLike<number>): number {
    const start = this.allocatePool(values.length);
    for (let i = 0; i < values.length; i++) this.pool[start + i] = values[i]!;
    return start;
  }

  /** A new edge; a terminator's edges must be created one after the other. */
  addEdge(source: Block, target: Block, args: ArrayLike<number> = []): Edge {
    const e = this.edgeCount++;
    if (e >= this.edgeTarget.length) {
      const capacity = e * 2;
      this.edgeTarget = grown(this.edgeTarget, capacity);
      this.edgeSource = grown(this.edgeSource, capacity);
      this.edgeArgsStart = grown(this.edgeArgsStart, capacity);
      this.edgeArgsCount = grown(this.edgeArgsCount, capacity);
    }
    this.edgeSource[e] = source;
    this.edgeTarget[e] = target;
    this.edgeArgsStart[e] = this.addList(args);
    this.edgeArgsCount[e] = args.length;
    return e as Edge;
  }

  edgeArg(edge: Edge, i: number): Value {
    return this.pool[this.edgeArgsStart[edge]! + i] as Value;
  }

  /** Number of edges that leave a block (0 for return and trap). */
  successorCount(block: Block): number {
    const t = this.lastRow[block]!;
    if (t === end) return 0;
    const op = this.op[t]!;
    return op === Op.jump || op === Op.brif || op === Op.brtable ? this.hi[t]! : 0;
  }

  /** The i-th edge that leaves a block. */
  successorEdge(block: Block, i: number): Edge {
    return (this.lo[this.lastRow[block]!]! + i) as Edge;
  }

  /** The number of a vector in `vectors`. */
  vectorNumber(w0: number, w1: number, w2: number, w3: number): number {
    if ((w0 | w1 | w2 | w3) === 0) return 0;
    if ((w0 & w1 & w2 & w3) === -1) return 1;
    const key = `${w0 | 0}:${w1 | 0}:${w2 | 0}:${w3 | 0}`;
    this.vectorNumbers ??= new Map();
    const known = this.vectorNumbers.get(key);
    if (known !== undefined) return known;
    const n = this.vectorCount++;
    if (4 * n + 4 > this.vectors.length) this.vectors = grown(this.vectors, 8 * n + 8);
    this.vectors.set([w0, w1, w2, w3], 4 * n);
    this.vectorNumbers.set(key, n);
    return n;
  }

  // ---------------------------------------------------------------- operands

  /** Number of operands of a row, list included, edge arguments not. */
  operandCount(v: Value): number {
    const op = this.op[v]!;
    return opArity[op]! + (opIsList[op] ? this.a2[v]! : 0);
  }

  operand(v: Value, i: number): Value {
    const op = this.op[v]!;
    const arity = opArity[op]!;
    if (i < arity) return (i === 0 ? this.a0[v] : i === 1 ? this.a1[v] : this.a2[v]) as Value;
    return this.pool[this.a1[v]! + i - arity] as Value;
  }

  setOperand(v: Value, i: number, to: Value): void {
    const arity = opArity[this.op[v]!]!;
    if (i >= arity) this.pool[this.a1[v]! + i - arity] = to;
    else if (i === 0) this.a0[v] = to;
    else if (i === 1) this.a1[v] = to;
    else this.a2[v] = to;
  }

  /** Rewrites every operand and edge argument through a map: value -> replacement (0: keep). Chains must be resolved. */
  replaceUses(replacement: Int32Array): void {
    for (let b = 0; b < this.blockCount; b++) {
      for (let v = this.firstRow[b]!; v !== end; v = this.next[v]!) {
        const n = this.operandCount(v as Value);
        for (let i = 0; i < n; i++) {
          const r = replacement[this.operand(v as Value, i)]!;
          if (r !== 0) this.setOperand(v as Value, i, r as Value);
        }
        if (opFlags[this.op[v]!]! & OpFlag.terminator) this.replaceInEdges(b as Block, replacement);
      }
    }
  }

  private replaceInEdges(block: Block, replacement: Int32Array): void {
    const count = this.successorCount(block);
    for (let i = 0; i < count; i++) {
      const e = this.successorEdge(block, i);
      const start = this.edgeArgsStart[e]!;
      for (let k = start; k < start + this.edgeArgsCount[e]!; k++) {
        const r = replacement[this.pool[k]!]!;
        if (r !== 0) this.pool[k] = r;
      }
    }
  }

  private growRows(): void {
    const capacity = this.op.length * 2;
    this.op = grown(this.op, capacity);
    this.type = grown(this.type, capacity);
    this.a0 = grown(this.a0, capacity);
    this.a1 = grown(this.a1, capacity);
    this.a2 = grown(this.a2, capacity);
    this.lo = grown(this.lo, capacity);
    this.hi = grown(this.hi, capacity);
    this.source = grown(this.source, capacity);
    this.next = grown(this.next, capacity);
    this.previous = grown(this.previous, capacity);
    this.blockOf = grown(this.blockOf, capacity);
  }
}
