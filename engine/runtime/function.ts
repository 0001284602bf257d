/**
 * References to functions, and calls of them from JavaScript.
 *
 * A FunctionReference is a native FunctionRecord with what JavaScript needs beside it. Its `object` is the one
 * JavaScript function that stands for it, made when first asked for, so an exported function keeps its identity.
 */
import type { FuncType, ValType } from "../wasm/types.js";
import { run } from "./dispatch.js";
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import { Context, ExitStatus, FunctionRecord } from "./layout.js";
import type { LinkGroup } from "./link-group.js";
import type { CanonicalSignature } from "./signatures.js";
import {
  isNumber,
  passesVectors,
  readResults,
  readSlot,
  vectorsDontPass,
  writeSlot,
  writeSlots,
} from "./values.js";
import { setWord64 } from "./words.js";

// biome-ignore lint/complexity/noBannedTypes: the JS API's exported functions
export type FunctionObject = Function;

const references = new WeakMap<object, FunctionReference>();

/** The slots of a call, 8 bytes each, as the numbers of a signature lie in them one after the other; little endian. */
export interface Slots {
  readonly i32: Int32Array;
  /** All of their bytes. */
  readonly bytes: Buffer;
}

/** Fills the slots of a call and reads them. Neither may keep them, or call anything of the engine's. */
export interface SlotIo<A, R> {
  /** Puts the arguments there. */
  write(slots: Slots, argument: A): void;
  /** Makes of the results what the call gives. */
  read(slots: Slots): R;
}

export abstract class FunctionReference {
  readonly address: number;
  private made: FunctionObject | undefined;
  private readonly hasVectors: boolean;
  protected readonly params: readonly ValType[];
  /** The first result's type. */
  private readonly result: ValType | undefined;
  /** The entry adapter's address in halves. */
  private adapterLo = 0;
  private adapterHi = 0;
  /** The function has code, and the adapter an address: since the first call from JavaScript. */
  private prepared = false;

  /**
   * @param words the record's bytes, among others, as 32-bit words
   * @param at index of the record's first word
   */
  constructor(
    readonly engine: Engine,
    readonly signature: CanonicalSignature,
    protected readonly words: Int32Array,
    private readonly at: number,
    readonly ownGroup: LinkGroup,
    recordAddress = engine.platform.addressOf(words.buffer) + at * 4,
  ) {
    this.address = recordAddress;
    this.params = signature.type.params;
    this.result = signature.type.results[0];
    this.hasVectors = passesVectors(signature.type.params) || passesVectors(signature.type.results);
    ownGroup.root().addFunction(this);
  }

  /** The reference that an exported function's object stands for, or undefined for any other value. */
  static of(value: unknown): FunctionReference | undefined {
    return typeof value === "function" ? references.get(value) : undefined;
  }

  get type(): FuncType {
    return this.signature.type;
  }

  get linkGroup(): LinkGroup {
    return this.ownGroup.root();
  }

  /** What `name` of the function's object says. */
  abstract get objectName(): string;

  get object(): FunctionObject {
    if (this.made === undefined) {
      this.made = this.makeObject();
      references.set(this.made, this);
    }
    return this.made;
  }

  /** Copies code and environment, 16 bytes, to where native code calls through them. */
  copyTarget(to: Int32Array, offset: number): void {
    const { words } = this;
    const from = this.at + (FunctionRecord.code >> 2);
    const target = offset >> 2;
    to[target] = words[from];
    to[target + 1] = words[from + 1];
    to[target + 2] = words[from + 2];
    to[target + 3] = words[from + 3];
  }

  protected fillRecord(code: number, env: number): void {
    const record = this.words.subarray(this.at, this.at + FunctionRecord.size / 4);
    setWord64(record, FunctionRecord.code, code);
    setWord64(record, FunctionRecord.env, env);
    record[FunctionRecord.signature >> 2] = this.signature.number;
  }

  /** Called before the first entry from JavaScript: a function without code gets it here rather than by an exit. */
  protected prepare(): void {}

  /** Calls it with JavaScript values. Errors: TypeError of a conversion, RuntimeError, RangeError, the host's own. */
  call(args: ArrayLike<unknown>): unknown {
    const fiber = this.enterFiber(args);
    try {
      run(this.engine, fiber);
      return readResults(fiber, fiber.group!, this.type.results);
    } finally {
      leaveFiber(this.engine, fiber);
    }
  }

  /** The same for the commonest signatures, up to three numbers, without an array of them. */
  private callNumbers(count: number, a?: unknown, b?: unknown, c?: unknown): unknown {
    const { engine, params } = this;
    const fiber = this.takeFiber();
    try {
      const group = this.ownGroup;
      if (count > 0) writeSlot(engine, fiber, group, params[0], 0, a);
      if (count > 1) writeSlot(engine, fiber, group, params[1], 1, b);
      if (count > 2) writeSlot(engine, fiber, group, params[2], 2, c);
    } catch (error) {
      engine.fibers.release(fiber);
      throw error;
    }
    this.makeReady(fiber);
    try {
      run(engine, fiber);
      return this.result === undefined ? undefined : readSlot(fiber, fiber.group!, this.result, 0);
    } finally {
      leaveFiber(engine, fiber);
    }
  }

  /**
   * Calls it with arguments and results as they lie in the slots: none becomes a JavaScript value. Only for signatures of
   * numbers. Errors: what `io` throws; as `call`.
   *
   * @param entry where stack traces of errors begin
   */
  callSlots<A, R>(io: SlotIo<A, R>, argument: A, entry: FunctionObject): R {
    const { engine } = this;
    const fiber = this.takeFiber();
    try {
      io.write(fiber, argument);
    } catch (error) {
      engine.fibers.release(fiber);
      throw error;
    }
    this.makeReady(fiber);
    fiber.entry = entry;
    try {
      run(engine, fiber);
      return io.read(fiber);
    } finally {
      leaveFiber(engine, fiber);
    }
  }

  /** Takes a fiber, converts the arguments into its slots and makes it ready to run. */
  enterFiber(args: ArrayLike<unknown>): Fiber {
    const { engine } = this;
    const fiber = this.takeFiber();
    try {
      writeSlots(engine, fiber, this.ownGroup.root(), this.params, args);
    } catch (error) {
      engine.fibers.release(fiber);
      throw error;
    }
    this.makeReady(fiber);
    return fiber;
  }

  private takeFiber(): Fiber {
    const { fibers, signatures, threadedCalls } = this.engine;
    const group = this.ownGroup.root();
    if (threadedCalls !== 0) group.monitor.requireStopped();
    // Then only: it writes to the function's record, in halves, through which code on a thread may call.
    if (!this.prepared) this.prepareEntry();
    group.sweepIfDue();
    return fibers.acquire(signatures.slotCount);
  }

  private makeReady(fiber: Fiber): void {
    const to = fiber.words;
    this.copyTarget(to, Context.entryCode);
    to[Context.status >> 2] = ExitStatus.done;
    to[Context.wasmSp >> 2] = fiber.stackTopLo;
    to[(Context.wasmSp >> 2) + 1] = fiber.stackTopHi;
    to[Context.resumePc >> 2] = this.adapterLo;
    to[(Context.resumePc >> 2) + 1] = this.adapterHi;
    const group = this.ownGroup.root();
    fiber.group = group;
    fiber.entry = this.made;
    const { scope } = this.engine;
    fiber.scope = scope;
    if (scope !== undefined) fiber.limitStack(scope.stackBytes);
    fiber.sequence = this.engine.nextSequence++;
    group.fibers.push(fiber);
  }

  private prepareEntry(): void {
    if (this.hasVectors) throw vectorsDontPass();
    const address = this.signature.entryAdapterAddress;
    this.adapterLo = address | 0;
    this.adapterHi = Math.floor(address / 2 ** 32);
    this.prepare();
    this.prepared = true;
  }

  private caller(): (...args: unknown[]) => unknown {
    const { params, results } = this.type;
    if (params.length > 3 || results.length > 1 || !params.every(isNumber))
      return (...args) => this.call(args);
    switch (params.length) {
      case 0:
        return () => this.callNumbers(0);
      case 1:
        return (a) => this.callNumbers(1, a);
      case 2:
        return (a, b) => this.callNumbers(2, a, b);
      default:
        return (a, b, c) => this.callNumbers(3, a, b, c);
    }
  }

  private makeObject(): FunctionObject {
    const object = this.caller();
    Object.defineProperty(object, "length", { value: this.type.params.length, configurable: true });
    Object.defineProperty(object, "name", { value: this.objectName, configurable: true });
    return object;
  }
}

/** Ends a call's use of a fiber, whatever is left on its stack. */
export function leaveFiber(engine: Engine, fiber: Fiber): void {
  fiber.group!.removeFiber(fiber);
  engine.fibers.release(fiber);
}
