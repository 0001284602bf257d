/**
 * What a host function of `createPlugin` gets first: ways to read the plugin's blocks and to give it new ones, its
 * variables, and what the caller handed to the call. One for each instance; the shape is that of Extism's JavaScript SDK.
 */
import type { Kernel } from "./kernel.js";
import { type LogLevel, levelName, levelNumber } from "./log-levels.js";
import { PluginOutput } from "./output.js";
import type { BoundValues } from "./values.js";

/** The instance that it speaks of. */
export interface ContextState {
  readonly kernel: Kernel;
  readonly values: BoundValues;
  readonly hostContext: unknown;
  logLevel: number;
}

/** What a host function gets first: the plugin that called it, as the call goes on. */
export class CallContext {
  readonly #state: ContextState;

  /** @internal */
  constructor(state: ContextState) {
    this.#state = state;
  }

  /** The third argument of the `plugin.call` that led here; undefined without one. */
  // biome-ignore lint/suspicious/noExplicitAny: as Extism's SDK has it
  hostContext<T = any>(): T {
    return this.#state.hostContext as T;
  }

  /** The address of a new block, 0 without bytes or without memory for it. */
  alloc(size: bigint | number): bigint {
    return this.#state.kernel.alloc(BigInt(size));
  }

  /** A copy of a block; null for an address that isn't a block's. */
  read(address: bigint | number): PluginOutput | null {
    const handle = BigInt(address);
    const bytes = handle === 0n ? undefined : this.#state.kernel.read(handle);
    return bytes === undefined ? null : PluginOutput.of(bytes);
  }

  /** The address of a new block with these bytes, 0 without any. Errors: HostError for want of memory. */
  store(input: string | Uint8Array): bigint {
    return this.#state.kernel.store(input);
  }

  /** Bytes of a block, 0 for an address that isn't a block's. */
  length(address: bigint): bigint {
    return this.#state.kernel.length(address);
  }

  /** A copy of a variable; null without it. */
  getVariable(name: string): PluginOutput | null {
    const value = this.#state.values.variables.get(name);
    return value === undefined ? null : new PluginOutput(new Uint8Array(value).buffer);
  }

  /** Errors: HostError if variables would take more than they may. */
  setVariable(name: string, value: string | Uint8Array): void {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value);
    this.#state.values.variables.set(name, bytes);
  }

  /** Without such a variable nothing happens. */
  deleteVariable(name: string): void {
    this.#state.values.variables.delete(name);
  }

  /** Makes the plugin's call fail with this text when it returns; null takes an error back. */
  setError(error: string | Error | null = null): void {
    const text = error instanceof Error ? error.message : (error ?? "");
    const { kernel } = this.#state;
    const set = kernel.functions.error_set as unknown as (handle: bigint) => void;
    set(kernel.store(text));
  }

  /** From which level on lines of the log are kept. */
  get logLevel(): LogLevel {
    return levelName(this.#state.logLevel);
  }

  /** It holds for the instance: for its later calls too. */
  set logLevel(level: LogLevel) {
    this.#state.logLevel = levelNumber(level);
  }
}
