/**
 * An instance of a plugin as its host keeps it: with its ABI's side of it, and with what calls need to know.
 *
 * It is the ABI's `Guest`. Whether the guest was entered, and whether it can be called again, is noted here, so that
 * an ABI can't leave an instance in use that isn't sound.
 */
import {
  Global,
  type Instance,
  parkable,
  type RefusedGrowth,
  Snapshot,
  SnapshotError,
  takeRefusedGrowth,
  WebAssembly,
  whenFree,
} from "../../engine/index.js";
import type { AbiCall, AbiInstance, ExportedFunction, Guest } from "../abi/abi.js";
import { methodOf } from "../abi/text-method.js";
import { withinAllocatorTime, withinTime } from "../binding/limits.js";
import { PluginMemory } from "../binding/memory.js";
import type { FunctionSignature } from "../declare/signature.js";
import { messageOf, PluginError } from "../errors.js";
import type { InstanceWasi } from "../wasi/plugin-wasi.js";
import { defaultStartTimeout } from "./options.js";

// biome-ignore lint/complexity/noBannedTypes: as the engine takes it
type ExportedObject = Function;

/** Makes of an export the function that is called in its place. */
export type EntryWay = (exported: ExportedObject) => ExportedFunction;

/** An export as a typed method. */
export type BoundMethod = (...args: unknown[]) => unknown;

export interface InstanceOptions {
  /** The plugin's name. */
  readonly plugin: string;
  /** Imports may make it wait. */
  readonly waits?: boolean;
  /** Calls begin with the instance as it was after its start. */
  readonly resets?: boolean;
  /** Milliseconds for each of its hooks. */
  readonly startTimeout?: number;
  readonly wasi?: InstanceWasi;
  /** Bytes of a value that it hands to the host. Default: no limit. */
  readonly outputBytes?: number;
}

export class PluginInstance implements Guest {
  readonly exports: Readonly<Record<string, unknown>>;
  /** The guest was called since this was set to false. */
  entered = false;
  /** It serves no further call. */
  retired = false;
  /** What it reported last. */
  private reported: PluginError | undefined;
  private users = 0;
  private abandoned = false;
  /** How the calls of `function` enter it, in place of the usual way. */
  private way: EntryWay | undefined;
  private readonly stackPointer: Global | undefined;
  private readonly functions = new Map<string, ExportedFunction>();
  private readonly calls = new Map<string, AbiCall>();
  private readonly methods = new Map<string, { signature: FunctionSignature; call: BoundMethod }>();
  private guestMemory: PluginMemory | undefined;
  private image: Snapshot | undefined;
  /** Calls of WASI when its image was taken. */
  private wasiCalls = 0;

  constructor(
    readonly instance: Instance,
    private readonly side: AbiInstance,
    private readonly options: InstanceOptions,
  ) {
    this.exports = instance.exports;
    const global = this.exports.__stack_pointer;
    if (global instanceof Global && typeof global.value === "number") this.stackPointer = global;
  }

  /** Errors: what the guest's start functions throw. */
  start(): void {
    this.side.start(this);
    this.entered = false;
    // A guest that exits when it has initialized itself can be called all the same.
    this.retired = false;
    if (this.options.resets) this.image = imageOf(this.instance);
    this.wasiCalls = this.options.wasi?.calls ?? 0;
  }

  get memory(): PluginMemory {
    if (this.guestMemory === undefined) {
      const { plugin, outputBytes } = this.options;
      this.guestMemory = new PluginMemory(plugin, outputBytes);
      this.guestMemory.attach(this.instance);
    }
    return this.guestMemory;
  }

  output(pointer: number, length: number): Uint8Array {
    const { memory } = this;
    memory.requireOutput(length, `${memory.plugin}: output`);
    return memory.bytes(pointer, length);
  }

  afterWait<T>(action: () => T): T | Promise<Awaited<T>> {
    return withinAllocatorTime(this.memory, action);
  }

  get restoresStack(): boolean {
    return this.stackPointer !== undefined;
  }

  stackTop(): number {
    return (this.stackPointer?.value as number | undefined) ?? 0;
  }

  restoreStack(top: number): void {
    if (this.stackPointer !== undefined) this.stackPointer.value = top;
  }

  /** Puts it back to how it was after its start, if calls are to begin so; false if that takes a new instance. */
  reset(): boolean {
    if (!this.options.resets) return true;
    if (this.image === undefined || (this.options.wasi?.calls ?? 0) !== this.wasiCalls) return false;
    if (this.side.reset?.() === false) return false;
    try {
      this.image.restore(this.instance);
      return true;
    } catch (error) {
      if (error instanceof SnapshotError) return false;
      throw error;
    }
  }

  enter(): void {
    this.entered = true;
  }

  retire(): void {
    this.retired = true;
  }

  failure(message: string, options?: ErrorOptions): PluginError {
    this.reported = new PluginError(message, options);
    return this.reported;
  }

  /** Whether an error was reported by the guest when it returned. */
  hasReported(error: unknown): boolean {
    return error !== undefined && error === this.reported;
  }

  exitCode(error: unknown): number | undefined {
    const code = this.options.wasi?.exitCode(error);
    if (code !== undefined) this.retire();
    return code;
  }

  /** How an export is called by name; the same each time. Undefined without such an export. */
  call(name: string): AbiCall | undefined {
    const known = this.calls.get(name);
    if (known !== undefined) return known;
    const call = this.side.call(name);
    if (call !== undefined) this.calls.set(name, call);
    return call;
  }

  /** An export as a typed method; the same each time for a name and a signature. */
  method(name: string, signature: FunctionSignature): BoundMethod {
    const bound = this.methods.get(name);
    if (bound !== undefined && bound.signature === signature) return bound.call;
    const call = methodOf(this.options.plugin, this.side, name, signature);
    this.methods.set(name, { signature, call });
    return call;
  }

  get computesHere(): boolean {
    return this.options.waits !== true && this.way === undefined;
  }

  function(name: string): ExportedFunction | undefined {
    let call = this.functions.get(name);
    if (call !== undefined) return call;
    const exported = this.exports[name];
    if (typeof exported !== "function") return undefined;
    const target = this.options.waits ? parkable(exported) : (exported as ExportedFunction);
    call = exported.length <= 3 ? this.shortCall(exported, target) : this.anyCall(exported, target);
    this.functions.set(name, call);
    return call;
  }

  /** Runs an action in which the calls of `function` enter the instance in a way: `threaded`, `parkable`. */
  entering<T>(way: EntryWay, action: () => T): T {
    const outer = this.way;
    this.way = way;
    try {
      return action();
    } finally {
      this.way = outer;
    }
  }

  /** Runs an action that enters the plugin: at once, or as a promise when no call of it runs on a thread. */
  whenFree<T>(action: () => T): T | Promise<Awaited<T>> {
    const any = Object.values(this.exports).find((exported) => typeof exported === "function");
    return any === undefined ? action() : whenFree(any as ExportedFunction, action);
  }

  /** Without a list of arguments, which most calls don't need. */
  private shortCall(exported: ExportedObject, target: ExportedFunction): ExportedFunction {
    return (a, b, c) => {
      this.entered = true;
      return this.way === undefined ? target(a, b, c) : this.way(exported)(a, b, c);
    };
  }

  private anyCall(exported: ExportedObject, target: ExportedFunction): ExportedFunction {
    return (...args) => {
      this.entered = true;
      return this.way === undefined ? target(...args) : this.way(exported)(...args);
    };
  }

  /** How it wanted to grow, and couldn't, since this was last asked for. */
  refusedGrowth(): RefusedGrowth {
    return takeRefusedGrowth(this.instance);
  }

  /** Errors: what its stop hook throws; BackplaneError TIMEOUT. So for the next two. */
  async stop(): Promise<void> {
    await this.within("stop", () => this.side.stop?.());
  }

  /** Its state, null for none. */
  async save(): Promise<Uint8Array | null> {
    return this.within("save", () => this.side.save?.()) as Promise<Uint8Array | null>;
  }

  async restoreState(state: Uint8Array | null): Promise<void> {
    await this.within("restore", () => this.side.restore?.(state));
  }

  /** The engine's snapshot of it. Errors: SnapshotError. */
  snapshot(): Uint8Array {
    return Snapshot.of(this.instance).toBytes();
  }

  /** Puts it in the state of the engine's snapshot. Errors: SnapshotError. */
  restore(state: Uint8Array): void {
    Snapshot.fromBytes(state).restore(this.instance);
  }

  /** A call uses it from now on, until it leaves. */
  use(): void {
    this.users++;
  }

  leave(): void {
    this.users--;
    if (this.abandoned && this.users === 0) this.dispose();
  }

  /** It is used no more, once the calls that are in it have left. */
  abandon(): void {
    if (this.abandoned) return;
    this.abandoned = true;
    if (this.users === 0) this.dispose();
  }

  private dispose(): void {
    try {
      this.side.dispose?.();
    } catch (error) {
      // A call that has ended is not to fail by it.
      process.emitWarning(
        `${this.options.plugin}: its ABI failed to dispose of an instance: ${messageOf(error)}`,
      );
    }
    this.options.wasi?.close();
  }

  private within<T>(hook: string, action: () => T): T {
    const { plugin, startTimeout = defaultStartTimeout } = this.options;
    return withinTime(startTimeout, `${plugin}: ${hook}`, action);
  }

  memoryBytes(): number {
    const { memory } = this.exports;
    return memory instanceof WebAssembly.Memory ? memory.buffer.byteLength : 0;
  }
}

/** Undefined for a state that no snapshot can carry: one with values of the host's. */
function imageOf(instance: Instance): Snapshot | undefined {
  try {
    return Snapshot.of(instance);
  } catch (error) {
    if (error instanceof SnapshotError) return undefined;
    throw error;
  }
}
