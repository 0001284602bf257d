/**
 * Fibers: a stack of our own with a guard region, an execution context, and the slots through which arguments
 * and results pass between TypeScript and native code.
 *
 * A fiber is taken from the pool for each call from JavaScript and given back when the call ends, by returning
 * or by being abandoned (a trap, an exception). What lies on its stack is meaningless then.
 */
import { PieceViews } from "../platform/index.js";
import type { Engine } from "./engine.js";
import { Context } from "./layout.js";
import { type Scope, unlimitedFuel } from "./limits.js";
import type { LinkGroup } from "./link-group.js";
import { setWord64, word64 } from "./words.js";

/** Inaccessible bytes below each stack. */
const guardSize = 1 << 16;
/** Left below the stack limit for what doesn't check it: stubs, the C library, and a signal's handler. */
const reserveSize = 1 << 14;

/** Bytes of a stack that are seen at a time. */
const viewPiece = 1 << 14;

/** What every context of a thread has in common: addresses of stubs and routines, by offset. */
export type ContextTemplate = ArrayBuffer;

export class Fiber {
  /** The context as 32-bit words; index = offset / 4. */
  readonly words: Int32Array;
  /** `contextAddress` in halves, as the context word takes it. */
  readonly contextLo: number;
  readonly contextHi: number;

  /** Views of the slots: 8 bytes a slot. */
  i32!: Int32Array;
  i64!: BigInt64Array;
  u64!: BigUint64Array;
  f32!: Float32Array;
  f64!: Float64Array;
  private slotBytes: Buffer | undefined;
  slotCount = 0;

  /** Address of the null function's record. */
  readonly nullFunction: number;
  readonly stackTop: number;
  readonly stackTopLo: number;
  readonly stackTopHi: number;
  /** Below it a function may not go. */
  private stackFloor: number;
  /** The lowest that it can be. */
  private readonly lowestFloor: number;
  private readonly stack: PieceViews<DataView>;

  /** The group whose code runs on it, for stack maps and dispatch; undefined in the pool. */
  group: LinkGroup | undefined = undefined;
  /** Calls are numbered as they begin. */
  sequence = 0;
  /** True when it was entered by a promising call and so may be parked. */
  promising = false;

  /** The limits that the call began with. */
  scope: Scope | undefined = undefined;
  /** When a promising call lets the event loop run, in the clock's nanoseconds. */
  sliceEnd = Number.POSITIVE_INFINITY;
  /** Its Wasm code runs on a thread now (threads.ts). */
  isOnThread = false;
  /** What it has left for is done in part: it is served again, not entered (routines.ts). */
  unfinished = false;
  /** Parked where no stack map tells its references: handles can't be swept. */
  hasUnmapped = false;

  /** The exported function's object that was called, where stack traces of errors begin. */
  // biome-ignore lint/complexity/noBannedTypes: any exported function
  entry: Function | undefined = undefined;

  constructor(
    readonly engine: Engine,
    template: ContextTemplate,
    readonly contextAddress: number,
    readonly stackBase: number,
    readonly stackSize: number,
    slotCount: number,
  ) {
    this.words = engine.contexts.words(contextAddress);
    this.words.set(new Int32Array(template));
    const { platform } = engine;
    this.stack = new PieceViews(
      stackSize,
      viewPiece,
      (offset, size) => new DataView(platform.view(stackBase + offset, size)),
    );
    this.contextLo = this.contextAddress | 0;
    this.contextHi = Math.floor(this.contextAddress / 2 ** 32);
    this.nullFunction = word64(this.words, Context.nullFuncref);
    this.stackTop = stackBase + stackSize;
    this.stackTopLo = this.stackTop | 0;
    this.stackTopHi = Math.floor(this.stackTop / 2 ** 32);
    this.lowestFloor = stackBase + guardSize + reserveSize + platform.signalFrameSize;
    this.stackFloor = this.lowestFloor;
    setWord64(this.words, Context.stackFloor, this.stackFloor);
    setWord64(this.words, Context.stackTop, this.stackTop);
    setWord64(this.words, Context.stackBottom, stackBase + guardSize);
    setWord64(this.words, Context.fuel, unlimitedFuel);
    this.lowerInterrupt();
    this.ensureSlots(slotCount);
  }

  /** Makes the fiber leave, as the clock does, wherever it runs. Half of it is an interrupt too. */
  raiseInterrupt(): void {
    const { words } = this;
    for (const offset of [Context.stackLimit, Context.interrupt]) {
      words[offset >> 2] = -1;
      words[(offset >> 2) + 1] = -1;
    }
  }

  /** Undoes what the clock did to make the fiber leave. */
  lowerInterrupt(): void {
    setWord64(this.words, Context.stackLimit, this.stackFloor);
    setWord64(this.words, Context.interrupt, 0);
  }

  /** Sets how many bytes of the stack the next call may use. */
  limitStack(bytes: number): void {
    const floor = Math.max(this.lowestFloor, Math.floor(this.stackTop - bytes));
    if (floor === this.stackFloor) return;
    this.stackFloor = floor;
    setWord64(this.words, Context.stackFloor, floor);
    this.lowerInterrupt();
  }

  /** The slots, byte by byte. */
  get bytes(): Buffer {
    this.slotBytes ??= Buffer.from(this.i32.buffer);
    return this.slotBytes;
  }

  /** Makes room for `count` slots, keeping what is in them. */
  ensureSlots(count: number): void {
    if (count <= this.slotCount) return;
    const bytes = new ArrayBuffer(count * 8);
    if (this.slotCount > 0) new Int32Array(bytes).set(this.i32);
    this.i32 = new Int32Array(bytes);
    this.i64 = new BigInt64Array(bytes);
    this.u64 = new BigUint64Array(bytes);
    this.f32 = new Float32Array(bytes);
    this.f64 = new Float64Array(bytes);
    this.slotBytes = undefined;
    this.slotCount = count;
    setWord64(this.words, Context.slots, this.engine.platform.addressOf(bytes));
  }

  /** The 64-bit word of the stack at an address; undefined outside of it. */
  stackWord(address: number): number | undefined {
    const offset = address - this.stackBase;
    if (offset < guardSize || offset + 8 > this.stackSize) return undefined;
    const word = (at: number): number => this.stack.at(at).getUint32(at % viewPiece, true);
    return word(offset) + word(offset + 4) * 2 ** 32;
  }
}

/**
 * Gives back the stacks of fibers that were lost: parked for a promise that nobody holds any more, or in an overflow
 * of JavaScript's stack. A fiber that runs is held by the loop that runs it.
 */
const lostStacks = new FinalizationRegistry<() => void>((free) => free());

/** Fibers that wait for a call. Beyond a few, their stacks' memory goes back to the system. */
export class FiberPool {
  private readonly idle: Fiber[] = [];
  /** Pooled fibers that keep the memory of their stacks. */
  private readonly warmCount = 16;
  private readonly idleLimit = 1024;

  constructor(
    private readonly engine: Engine,
    private readonly template: ContextTemplate,
    readonly stackSize: number,
  ) {}

  acquire(slotCount: number): Fiber {
    const fiber = this.idle.pop();
    if (fiber === undefined) return this.create(slotCount);
    fiber.ensureSlots(slotCount);
    return fiber;
  }

  release(fiber: Fiber): void {
    fiber.group = undefined;
    fiber.promising = false;
    if (fiber.scope !== undefined) fiber.limitStack(Number.POSITIVE_INFINITY);
    fiber.scope = undefined;
    fiber.hasUnmapped = false;
    fiber.unfinished = false;
    fiber.entry = undefined;
    if (this.idle.length >= this.idleLimit) {
      lostStacks.unregister(fiber);
      this.free(fiber.stackBase, fiber.contextAddress);
      return;
    }
    if (this.idle.length >= this.warmCount) {
      this.engine.platform.release(fiber.stackBase + guardSize, fiber.stackSize - guardSize);
    }
    this.idle.push(fiber);
  }

  private create(slotCount: number): Fiber {
    const { engine, stackSize } = this;
    const { platform } = engine;
    const base = platform.allocate(stackSize);
    try {
      platform.protect(base, guardSize);
    } catch (cause) {
      platform.free(base, stackSize);
      throw new RangeError("the system refused another call's stack", { cause });
    }
    const context = engine.contexts.allocate();
    const fiber = new Fiber(engine, this.template, context, base, stackSize, slotCount);
    lostStacks.register(fiber, () => this.free(base, context), fiber);
    return fiber;
  }

  private free(stackBase: number, context: number): void {
    this.engine.platform.free(stackBase, this.stackSize);
    this.engine.contexts.release(context);
  }
}
