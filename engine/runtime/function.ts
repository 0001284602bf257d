/**
 * References to functions, and calls of them from JavaScript.
 *
 * A FunctionReference is a native FunctionRecord with what JavaScript needs beside it. Its `object` is the one
 * JavaScript function that stands for it, made when first asked for, so an exported function keeps its identity.
 */
import type { FuncType } from "../wasm/types.js";
import { run } from "./dispatch.js";
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import { Context, ExitStatus, FunctionRecord } from "./layout.js";
import type { LinkGroup } from "./link-group.js";
import type { CanonicalSignature } from "./signatures.js";
import { passesVectors, readResults, vectorsDontPass, writeSlots } from "./values.js";
import { setWord64 } from "./words.js";

// biome-ignore lint/complexity/noBannedTypes: the JS API's exported functions
export type FunctionObject = Function;

const references = new WeakMap<object, FunctionReference>();

export abstract class FunctionReference {
  readonly address: number;
  private made: FunctionObject | undefined;
  private readonly hasVectors: boolean;
  /** The entry adapter's address in halves; 0 until the first call from JavaScript. */
  private adapterLo = 0;
  private adapterHi = 0;

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
    const { words, at } = this;
    const from = at + (FunctionRecord.code >> 2);
    for (let i = 0; i < 4; i++) to[(offset >> 2) + i] = words[from + i];
  }

  protected fillRecord(code: number, env: number): void {
    const record = this.words.subarray(this.at, this.at + FunctionRecord.size / 4);
    setWord64(record, FunctionRecord.code, code);
    setWord64(record, FunctionRecord.env, env);
    record[FunctionRecord.signature >> 2] = this.signature.number;
  }

  /** Called before each entry from JavaScript: a function without code gets it here rather than by an exit. */
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

  /** Takes a fiber, converts the arguments into its slots and makes it ready to run. */
  enterFiber(args: ArrayLike<unknown>): Fiber {
    if (this.adapterHi === 0) this.prepareEntry();
    this.prepare();
    const engine = this.engine;
    const group = this.ownGroup.root();
    group.sweepIfDue();
    const fiber = engine.fibers.acquire(engine.signatures.slotCount);
    try {
      writeSlots(engine, fiber, group, this.type.params, args);
    } catch (error) {
      engine.fibers.release(fiber);
      throw error;
    }
    const to = fiber.words;
    this.copyTarget(to, Context.entryCode);
    to[Context.status >> 2] = ExitStatus.done;
    to[Context.wasmSp >> 2] = fiber.stackTopLo;
    to[(Context.wasmSp >> 2) + 1] = fiber.stackTopHi;
    to[Context.resumePc >> 2] = this.adapterLo;
    to[(Context.resumePc >> 2) + 1] = this.adapterHi;
    const joined = group.root();
    fiber.group = joined;
    fiber.entry = this.made;
    fiber.scope = engine.scope;
    fiber.sequence = engine.nextSequence++;
    joined.fibers.push(fiber);
    return fiber;
  }

  private prepareEntry(): void {
    if (this.hasVectors) throw vectorsDontPass();
    const address = this.signature.entryAdapterAddress;
    this.adapterLo = address | 0;
    this.adapterHi = Math.floor(address / 2 ** 32);
  }

  private makeObject(): FunctionObject {
    const object = (...args: unknown[]): unknown => this.call(args);
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
