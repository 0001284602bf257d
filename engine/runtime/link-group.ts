/**
 * Link groups: everything that native code can move references between, kept and collected as a whole.
 *
 * Instances that share a table, a function or a global of reference type are of one group; joining two merges
 * them (union by pointing one at the other). A group holds what native records can lead to without JavaScript
 * seeing it: environments (instances and host functions, which native code knows by index), function
 * references (by the address of their record) and external references (by handle).
 *
 * Nothing outside of a group refers to it for ever, so a cycle through an `externref` is collected by
 * JavaScript's collector like any other.
 */
import type { Fiber } from "./fiber.js";
import type { FunctionReference } from "./function.js";
import type { Global } from "./global.js";
import type { HostFunction } from "./host-function.js";
import type { Instance } from "./instance.js";
import { Monitor } from "./monitor.js";
import { markStack } from "./stack-trace.js";
import type { Table } from "./table.js";

/** An instance or a host function: what the first word of its native record numbers. */
export type Environment = Instance | HostFunction;

const chunkBits = 10;
const chunkSize = 1 << chunkBits;
const sweepAtLeast = 1 << 14;

/**
 * Numbers of chunks of handles, unique in the thread so that merging groups renumbers nothing. Those of collected
 * groups are used again.
 */
const freeChunks: number[] = [];
let chunkCount = 1;
const chunkFinalizer = new FinalizationRegistry<number[]>((chunks) => {
  freeChunks.push(...chunks);
});

/** Handles `number << chunkBits` and up, with a mark each for the sweep. */
class Chunk {
  readonly values: unknown[] = new Array<unknown>(chunkSize).fill(undefined);
  readonly marks = new Uint8Array(chunkSize);
}

export class LinkGroup {
  private mergedInto: LinkGroup | undefined = undefined;

  environments: Environment[] = [];
  instances: Instance[] = [];
  tables = new Set<Table>();
  globals = new Set<Global>();
  /** Fibers that run or are suspended in this group's code. */
  fibers: Fiber[] = [];
  /** Held by the call whose Wasm code runs on a thread. */
  readonly monitor = new Monitor();
  private functions = new Map<number, FunctionReference>();

  private chunks = new Map<number, Chunk>();
  private freeHandles: number[] = [];
  private readonly chunkNumbers: number[] = [];
  private liveAfterSweep = 0;
  private handleCapacity = 0;

  constructor() {
    chunkFinalizer.register(this, this.chunkNumbers);
  }

  /** The group this one is part of now. */
  root(): LinkGroup {
    let g: LinkGroup = this;
    while (g.mergedInto !== undefined) {
      if (g.mergedInto.mergedInto !== undefined) g.mergedInto = g.mergedInto.mergedInto;
      g = g.mergedInto;
    }
    return g;
  }

  /** Makes one group of two; returns it. Errors: InstanceBusy while code of either runs on a thread. */
  static join(one: LinkGroup, other: LinkGroup): LinkGroup {
    let a = one.root();
    let b = other.root();
    if (a === b) return a;
    Monitor.unite(a.monitor, b.monitor);
    if (b.environments.length > a.environments.length) [a, b] = [b, a];
    for (const environment of b.environments) a.addEnvironment(environment);
    for (const instance of b.instances) a.instances.push(instance);
    for (const table of b.tables) a.tables.add(table);
    for (const global of b.globals) a.globals.add(global);
    for (const fiber of b.fibers) {
      fiber.group = a;
      a.fibers.push(fiber);
    }
    for (const [address, reference] of b.functions) a.functions.set(address, reference);
    for (const [number, chunk] of b.chunks) a.chunks.set(number, chunk);
    for (const handle of b.freeHandles) a.freeHandles.push(handle);
    a.chunkNumbers.push(...b.chunkNumbers);
    a.liveAfterSweep += b.liveAfterSweep;
    a.handleCapacity += b.handleCapacity;
    b.chunkNumbers.length = 0;
    b.dissolve(a);
    return a;
  }

  /** Numbers an environment and writes the number where native code reads it. */
  addEnvironment(environment: Environment): void {
    environment.setEnvironmentIndex(this.environments.length);
    this.environments.push(environment);
  }

  /**
   * Takes a fiber out whose call has ended; mostly it is the one that came last. Synchronous calls end in the
   * reverse order of their beginning, so those that began later and are still here were lost: an overflow of
   * JavaScript's stack struck while they were being taken out.
   */
  removeFiber(fiber: Fiber): void {
    const { fibers } = this;
    if (fibers[fibers.length - 1] === fiber) {
      fibers.pop();
      return;
    }
    const isLost = (other: Fiber): boolean =>
      !fiber.promising && !other.promising && other.sequence > fiber.sequence;
    this.fibers = fibers.filter((other) => other !== fiber && !isLost(other));
  }

  // ---------------------------------------------------------------- functions

  addFunction(reference: FunctionReference): void {
    this.functions.set(reference.address, reference);
  }

  /** The function whose record is at an address (never the null record's). */
  functionAt(address: number): FunctionReference {
    const known = this.functions.get(address);
    if (known !== undefined) return known;
    for (const instance of this.instances) {
      const own = instance.functionWithRecord(address);
      if (own !== undefined) return own;
    }
    throw new Error(`function record 0x${address.toString(16)} belongs to no instance of its group`);
  }

  // ---------------------------------------------------------------- external references

  /** A handle for a host value; 0 stands for null. May sweep: only where `sweepIfDue` could be called. */
  handleOf(value: unknown): number {
    if (value === null) return 0;
    const handle = this.freeHandles.length > 0 ? this.freeHandles.pop()! : this.newChunk();
    this.chunks.get(handle >>> chunkBits)!.values[handle & (chunkSize - 1)] = value;
    return handle;
  }

  valueOf(handle: number): unknown {
    if (handle === 0) return null;
    return this.chunks.get(handle >>> chunkBits)!.values[handle & (chunkSize - 1)];
  }

  /**
   * Frees the handles that nothing native refers to any more, once as many were given out since the last sweep as
   * survived it. Call it only where every handle is in a table, a global or a frame with a stack map: not between
   * taking arguments from the slots and putting results there.
   */
  sweepIfDue(): void {
    const used = this.handleCapacity - this.freeHandles.length;
    if (used < 2 * this.liveAfterSweep + sweepAtLeast) return;
    if (!this.fibers.some((fiber) => fiber.hasUnmapped)) this.sweep();
  }

  sweep(): void {
    for (const table of this.tables) table.markHandles(this);
    for (const global of this.globals) global.markHandles(this);
    for (const fiber of this.fibers) markStack(fiber, this);
    this.freeHandles.length = 0;
    let live = 0;
    for (const [number, chunk] of this.chunks) {
      for (let i = chunkSize - 1; i >= 0; i--) {
        if (chunk.marks[i] !== 0) {
          live++;
          continue;
        }
        const handle = (number << chunkBits) | i;
        chunk.values[i] = undefined;
        if (handle !== 0) this.freeHandles.push(handle);
      }
      chunk.marks.fill(0);
    }
    this.liveAfterSweep = live;
  }

  /** Tells the sweep that a handle (0 allowed) is still in use. */
  mark(handle: number): void {
    if (handle !== 0) this.chunks.get(handle >>> chunkBits)!.marks[handle & (chunkSize - 1)] = 1;
  }

  private newChunk(): number {
    const number = freeChunks.pop() ?? chunkCount++;
    this.chunkNumbers.push(number);
    this.chunks.set(number, new Chunk());
    this.handleCapacity += chunkSize;
    for (let i = chunkSize - 1; i > 0; i--) this.freeHandles.push((number << chunkBits) | i);
    return number << chunkBits;
  }

  /** Leaves only the pointer to the group that took everything over. */
  private dissolve(into: LinkGroup): void {
    this.mergedInto = into;
    this.environments = [];
    this.instances = [];
    this.tables = new Set();
    this.globals = new Set();
    this.fibers = [];
    this.functions = new Map();
    this.chunks = new Map();
    this.freeHandles = [];
  }
}
