/**
 * What an ABI is: the convention by which a plugin and its host exchange values. It says which imports the host
 * serves and how a call by name goes in and comes out.
 *
 * The plugin host does the rest, the same for every ABI: it compiles, links with other plugins, serves WASI, queues
 * calls, stops them in time, replaces instances after traps, reloads. An `Abi` is chosen once for the code of a
 * plugin (`choose-abi.ts`), an `AbiModule` made of it for each generation, an `AbiInstance` for each instance.
 *
 * `docs/writing-an-abi.md` shows how one is written.
 */
import type { ImportType, Instance, Module, ModuleTypes } from "../../engine/index.js";
import type { HostCallLimits } from "../binding/host-call-limits.js";
import type { Clock } from "../clock.js";
import type { GuestMemory } from "../declare/context.js";
import type { FunctionSignature, Signatures } from "../declare/signature.js";
import type { DefinedModule } from "../di.js";
import type { PluginError } from "../errors.js";
import type { Granted } from "../manifest/grant.js";
import type { PluginManifest } from "../manifest/manifest.js";
import type { LogLevel } from "../plugin/guest-log.js";
import type { CallOptions } from "../plugin/options.js";

/** A convention between plugins and their host. It keeps nothing of a plugin: one serves any number of hosts. */
export interface Abi {
  /** As a manifest's `abi` names it: `"extism"`. */
  readonly name: string;
  /** Whether a module is written for it. Without it, it serves those that are said to have it, and no others. */
  detects?(types: ModuleTypes): boolean;
  /** WASI is its to serve, if a module imports that. Default: the host does, for every ABI alike. */
  readonly servesWasi?: boolean;
  /**
   * The plugin names host modules when it calls, not in its imports: then one whose manifest names none asks for all.
   */
  readonly callsByName?: boolean;
  /**
   * Prepares a plugin's module, once for each generation.
   * Errors: BackplaneError IMPORT_MISMATCH, EXPORT_MISMATCH if the module doesn't fit; then the plugin isn't loaded,
   * or its old generation goes on serving.
   */
  prepare(plugin: AbiPlugin): AbiModule;
}

/** What an ABI may know of a plugin. */
export interface AbiPlugin {
  readonly name: string;
  /** The module, compiled. It was checked against the hash that was asked for, if one was. */
  readonly module: Module;
  readonly types: ModuleTypes;
  /**
   * The imports that are left for the ABI to serve, and that it has to refuse if it can't: all but those of WASI and
   * of other plugins.
   */
  readonly imports: readonly ImportType[];
  /** The application's host modules that the plugin was granted, and the built-in one. */
  readonly modules: readonly DefinedModule[];
  /** Names of all host modules that there are, granted or not, for errors. */
  readonly hostModules: readonly string[];
  readonly manifest: PluginManifest | undefined;
  /** Settings: the manifest's, those of the application over them; secrets revealed. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly granted: Granted;
  /** Instances that serve at the same time, each with one call. */
  readonly instances: number;
  /** Each call begins with the instance as it was after its start. */
  readonly resets: boolean;
  /** Bounds on its calls of host functions, for imports that the ABI serves. */
  readonly hostCalls: HostCallLimits;
  /** Bytes of each value that it may hand to the host, `limits.outputBytes`; undefined: no bound. */
  readonly outputBytes: number | undefined;
  readonly clock: Clock;
  /** What call frames have as `owner`. */
  readonly owner: object;
  /**
   * A function of `modules`, to be called with values that the ABI has made; undefined if there is none of that name, or none that was granted.
   */
  hostFunction(module: string, name: string): AbiHostFunction | undefined;
  /** Writes to the plugin's log: the text is made safe, and dropped beyond the plugin's rate. */
  log(level: LogLevel, text: string): void;
}

/** A function of the application's that a plugin may call. */
export interface AbiHostFunction {
  /** What it takes and gives; the ABI has to keep to it. */
  readonly signature: FunctionSignature;
  /** It may give a promise. An import that calls it has to be `Suspending` then. */
  readonly waits: boolean;
  /**
   * Gives what the function gives, or a promise of it, which is rejected as soon as the call is given up.
   * Errors: HostError with what it threw as cause. Whatever else is thrown ends the call: don't hand that to the guest.
   */
  call(guest: Guest, ...args: unknown[]): unknown;
}

/** A plugin's module under an ABI. */
export interface AbiModule {
  /** Imports of it may give promises: then calls run on stacks that can be parked, which costs a little. */
  readonly waits: boolean;
  /** An instance can give its state away as bytes (`save`), or take such bytes (`restore`). Default: neither. */
  readonly saves?: boolean;
  readonly restores?: boolean;
  /**
   * Whether typed handles can be made of these exports. Without it, handles are made of functions with one parameter
   * at most that is a string, bytes or JSON, and such a result, which go through `call`.
   * Errors: BackplaneError EXPORT_MISMATCH.
   */
  checkHandle?(signatures: Signatures): void;
  /** The ABI's side of one instance, before that exists. */
  instance(): AbiInstance;
}

/** An import: a function, a `Suspending` one, or another kind of thing that WebAssembly imports. */
export type ImportValue = object;
/** By module and name. Without a prototype, names like "constructor" are none of JavaScript's own. */
export type AbiImports = Readonly<Record<string, Readonly<Record<string, ImportValue>>>>;

/** The ABI's side of an instance. */
export interface AbiInstance {
  /**
   * What the instance is linked with. Exports of other instances, made here for this one, are linked natively: a call
   * of them doesn't leave compiled code.
   */
  readonly imports: AbiImports;
  /**
   * Starts the instance, once: takes its memory, calls what the convention wants called first. Imports that wait can't
   * be called yet. `startTimeout` holds. Errors: any; then the instance isn't used.
   */
  start(guest: Guest): void;
  /** How an export is called by name: asked once for each name. Undefined: there is no such export. */
  call(name: string): AbiCall | undefined;
  /**
   * An export as a typed method: asked once for each name and signature. Goes with `checkHandle`.
   * The method gives the result, or a promise of it.
   */
  method?(name: string, signature: FunctionSignature): (...args: unknown[]) => unknown;
  /** Before it is given up, by closing or reloading, not after a trap. `startTimeout` holds. */
  stop?(): unknown;
  /** The state to hand over upon a reload, null for none, or a promise of it. */
  save?(): unknown;
  /** Takes such a state. May give a promise. */
  restore?(state: Uint8Array | null): unknown;
  /**
   * With `reset: "call"`: puts what the ABI keeps for the instance back to how it was after `start`, as is done with
   * the instance itself. False: an instance is made anew. Without it the ABI keeps nothing that a call could see.
   */
  reset?(): boolean;
  /** The instance is used no more, for whatever reason: last of all. Not to throw. */
  dispose?(): void;
}

/** One export, called by name. Made once for an instance; calls of it may overlap if the plugin is re-entrant. */
export interface AbiCall {
  /**
   * Runs it; gives the result, or a promise of it if imports make the plugin wait.
   *
   * @param input what `plugin.call` was given
   * @param options what it was given as well: `result`, `signal`, `context`
   * Errors: the application gets them as they are. What `guest.failure` made leaves the instance in use. A trap has it
   * replaced, and counts for the circuit. After any other error it is kept if nothing in it can have been left half done,
   * see `afterError`.
   */
  run(input: unknown, options: CallOptions): unknown;
}

/** An exported function: takes and gives core values. */
export type ExportedFunction = (...args: unknown[]) => unknown;

/** The instance as its ABI sees it. */
export interface Guest {
  readonly instance: Instance;
  /** The export `memory`, with every access checked. `put` needs the plugin's `backplane_alloc`. */
  readonly memory: GuestMemory;
  /**
   * A copy of a value that the guest hands to the host, in its memory.
   * Errors: MarshalError; LimitError for one that is longer than the plugin's `limits.outputBytes`.
   */
  output(pointer: number, length: number): Uint8Array;
  /**
   * Runs an action that enters the guest or reads its memory after a wait, when the call's own limits aren't set any
   * more and another call may compute on a thread: within time, and as a promise if that has to end first.
   */
  afterWait<T>(action: () => T): T | Promise<Awaited<T>>;
  /** As the engine gives them. Functions from here can't wait; during `start` they are the ones to call. */
  readonly exports: Readonly<Record<string, unknown>>;
  /** Its calls compute at once, here and without a break: no import makes them wait, and no thread or slice was asked for. */
  readonly computesHere: boolean;
  /** An exported function for calls: gives a promise if imports make it wait. The same each time for a name. */
  function(name: string): ExportedFunction | undefined;
  /** The guest runs from now on, by other means than `function`: an error may leave it half done. */
  enter(): void;
  /**
   * An error that the guest reports by returning, as its convention says, to be thrown: nothing in it is half done.
   * @param message begins with the plugin and the export
   */
  failure(message: string, options?: ErrorOptions): PluginError;
  /** The instance serves no further call: after this one it is made anew. */
  retire(): void;
  /**
   * If an error is this guest's `proc_exit`, its exit code, and the instance is retired; else undefined.
   * An exit that the ABI passes on is the application's `PluginExitError`.
   */
  exitCode(error: unknown): number | undefined;
}
