/**
 * An instance of an Extism plugin: its kernel, the modules beside its main one, and its functions as calls.
 *
 * A call fills the kernel with the input, runs the function, and takes the output or the error out. The kernel has one
 * of each, so calls of an instance don't overlap.
 */
import { type Instance, Memory, parkable, trapOf } from "../../../engine/index.js";
import { BackplaneError, LimitError, messageOf } from "../../errors.js";
import type { CallOptions } from "../../plugin/options.js";
import type { InstanceWasi } from "../../wasi/plugin-wasi.js";
import type { AbiCall, AbiImports, AbiInstance, ExportedFunction, Guest } from "../abi.js";
import { CallContext, type ContextState } from "./call-context.js";
import type { EnvironmentState } from "./environment.js";
import { inputOf } from "./input.js";
import { Kernel } from "./kernel.js";
import { ModuleLinker } from "./linking.js";
import type { ExtismSettings, LinkedModule } from "./settings.js";
import { startModule } from "./start.js";
import type { BoundValues } from "./values.js";

type Exports = Readonly<Record<string, unknown>>;

const pageSize = 65_536;

/** A call of one of the plugin's functions. */
interface RunningCall {
  readonly name: string;
  readonly input: unknown;
  readonly options: CallOptions;
}

/** Between a module's name and a function's, in the name of a call of a module beside the main one. */
export const moduleSeparator = "\0";

export class ExtismInstance implements AbiInstance, EnvironmentState, ContextState {
  readonly imports: AbiImports;
  readonly kernel: Kernel;
  /** For the application's functions. */
  readonly context: CallContext;
  readonly values: BoundValues;
  logLevel: number;
  hostContext: unknown;
  /** A call is in it. */
  active = false;
  private started: Guest | undefined;
  private readonly linker: ModuleLinker;
  private readonly wasis = new Map<LinkedModule, InstanceWasi>();
  /** With the pages that they began with. */
  private readonly memories = new Map<Memory, number>();

  /** Errors: what modules beside the main one throw when they start. */
  constructor(
    private readonly settings: ExtismSettings,
    private readonly waits: boolean,
  ) {
    const { grant, resets, outputBytes = Number.POSITIVE_INFINITY } = settings;
    this.logLevel = grant.logLevel;
    this.kernel = new Kernel(
      (pages) => this.growth() + pages <= settings.maxGrowth,
      (bytes) => {
        if (bytes > outputBytes) throw this.tooLarge(bytes, outputBytes);
      },
    );
    this.values = (resets ? grant.values.fresh() : grant.values).bind(this.kernel);
    this.context = new CallContext(this);
    this.linker = new ModuleLinker(this, settings, waits);
    try {
      this.imports = this.linker.link();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get guest(): Guest {
    return this.started as Guest;
  }

  start(guest: Guest): void {
    this.started = guest;
    const { main } = this.settings;
    this.attach(guest.exports, this.wasis.get(main));
    startModule(guest.exports, main.types);
    // What the start left in the kernel is no call's.
    this.kernel.reset();
  }

  /** Takes a module's memory: for its WASI, and to count what it grows. */
  attach(exports: Exports, wasi: InstanceWasi | undefined): void {
    for (const value of Object.values(exports)) {
      if (value instanceof Memory && !this.memories.has(value)) this.memories.set(value, pagesOf(value));
    }
    wasi?.attach(exports, () => this.guest.retire());
  }

  /** The exports of a module that is made; undefined before. */
  exportsOf(linked: LinkedModule): Exports | undefined {
    return this.instanceOf(linked)?.exports;
  }

  /** The instance of a module; undefined before it is made. */
  instanceOf(linked: LinkedModule): Instance | undefined {
    return linked === this.settings.main ? this.started?.instance : this.linker.instances.get(linked.name);
  }

  call(name: string): AbiCall | undefined {
    const target = this.target(name);
    if (target === undefined) return undefined;
    const run = (input: unknown, options: CallOptions): unknown => this.run(name, target, input, options);
    return { run };
  }

  /** Variables are private to the instance then, and begin empty with each call. */
  reset(): boolean {
    if (this.linker.instances.size > 0) return false;
    this.kernel.reset();
    this.values.variables.clear();
    return true;
  }

  dispose(): void {
    for (const wasi of this.wasis.values()) wasi.close();
  }

  /** A function of type () or () -> i32. Errors: BackplaneError EXPORT_MISMATCH for another one. */
  private target(name: string): ExportedFunction | undefined {
    const [first, second] = name.split(moduleSeparator);
    const { main, companions, plugin } = this.settings;
    const linked = second === undefined ? main : [main, ...companions].find((one) => one.name === first);
    const exported = linked?.types.exports.find((one) => one.name === (second ?? first));
    if (linked === undefined || exported?.type === undefined) return undefined;
    if (!isCallable(exported.type)) {
      const text = `expected a function without parameters that gives nothing or an i32`;
      throw new BackplaneError("EXPORT_MISMATCH", `${plugin}: export ${exported.name}: ${text}`);
    }
    if (linked === main) return this.guest.function(exported.name);
    const target = this.exportsOf(linked)?.[exported.name] as ExportedFunction;
    const call = this.waits ? (parkable(target) as ExportedFunction) : target;
    return () => {
      this.guest.enter();
      return call();
    };
  }

  private run(name: string, target: ExportedFunction, input: unknown, options: CallOptions): unknown {
    if (this.active) {
      const text = "calls of an Extism plugin's instance can't overlap: it has one input and one output";
      throw new BackplaneError("BUSY", `${this.settings.plugin}.${name}: ${text}`);
    }
    this.kernel.begin(inputOf(input));
    this.active = true;
    this.hostContext = options.context;
    const call: RunningCall = { name, input, options };
    let code: unknown;
    try {
      code = target();
    } catch (error) {
      return this.failed(call, error);
    }
    if (!(code instanceof Promise)) return this.returned(call, code);
    return code.then(
      (value) => this.guest.afterWait(() => this.returned(call, value)),
      (error) => this.guest.afterWait(() => this.failed(call, error)),
    );
  }

  private leave(): void {
    this.active = false;
    this.hostContext = undefined;
  }

  /** What the plugin says went wrong; undefined if it doesn't. */
  private error({ name }: RunningCall): string | undefined {
    const text = this.kernel.error();
    return text === "" ? `${this.settings.plugin}.${name}: the plugin set an error without a text` : text;
  }

  /** The output. Errors: PluginError if the plugin set an error, or gave another code than 0. */
  private returned(call: RunningCall, code: unknown): unknown {
    const { name, input, options } = call;
    this.leave();
    // A command ends the state that its functions would need.
    if (name === "_start") this.guest.retire();
    const error = this.error(call);
    if (error !== undefined) throw this.guest.failure(error);
    if (code !== undefined && code !== 0) {
      throw this.guest.failure(`${this.settings.plugin}.${name}: Returned non-zero exit code: ${code}`);
    }
    return this.settings.outputAs(this.kernel.output(), input, options);
  }

  /** As if it had returned, if it exited; else throws: the error that the plugin set, or the one that ended the call. */
  private failed(call: RunningCall, error: unknown): unknown {
    const code = this.exitCode(error);
    if (code !== undefined) return this.returned(call, code);
    this.leave();
    const text = this.error(call);
    if (text === undefined) throw error;
    // It can't go on where it was.
    if (trapOf(error) !== undefined) this.guest.retire();
    throw this.guest.failure(text, { cause: error });
  }

  /** Of a `proc_exit` of one of the modules. */
  private exitCode(error: unknown): number | undefined {
    for (const wasi of this.wasis.values()) {
      const code = wasi.exitCode(error);
      if (code === undefined) continue;
      this.guest.retire();
      return code;
    }
    return this.guest.exitCode(error);
  }

  /**
   * WASI for a module that imports it, made once; undefined where the plugin host serves it.
   * Errors: BackplaneError PLUGIN_LOAD for a folder that can't be opened.
   */
  wasiFor(linked: LinkedModule): InstanceWasi | undefined {
    const { plugin, wasi } = this.settings;
    const granted = typeof wasi === "object" ? wasi.get(linked) : undefined;
    let made = this.wasis.get(linked);
    if (made !== undefined || granted === undefined) return made;
    try {
      made = granted.instance();
    } catch (cause) {
      throw new BackplaneError("PLUGIN_LOAD", `${plugin}: allowed_paths: ${messageOf(cause)}`, { cause });
    }
    this.wasis.set(linked, made);
    return made;
  }

  private tooLarge(bytes: number, limit: number): LimitError {
    const text = `${this.settings.plugin}: limit outputBytes: it hands ${bytes} bytes to its host, ${limit} are allowed`;
    return new LimitError("outputBytes", limit, text);
  }

  /** Pages that its memories have grown by. */
  private growth(): number {
    let pages = this.kernel.pages - 1;
    for (const [memory, began] of this.memories) pages += pagesOf(memory) - began;
    return pages;
  }
}

function pagesOf(memory: Memory): number {
  return memory.buffer.byteLength / pageSize;
}

/** Whether a function can be called with an input: () or () -> i32. */
export function isCallable({
  params,
  results,
}: {
  params: readonly string[];
  results: readonly string[];
}): boolean {
  return params.length === 0 && (results.length === 0 || String(results) === "i32");
}
