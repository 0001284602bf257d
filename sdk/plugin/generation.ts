/**
 * One version of a plugin: its compiled module, what it was granted, and a pool of slots that each hold an instance.
 *
 * A slot stays, its instance may be replaced: after a trap, or after an error that may have left the plugin's stack
 * pointer where it stood, the slot is emptied and the next call makes a new instance. Instances are made
 * synchronously, so a call that finds an empty slot doesn't wait.
 */
import { ExitError, type Module, parkable, Suspending, WebAssembly } from "../../engine/index.js";
import type { AbiModule, ExportedFunction } from "../abi/abi.js";
import { withinTime } from "../binding/limits.js";
import { type CallFrame, runInStep, StepFrame } from "../call-frame.js";
import type { Clock } from "../clock.js";
import { DependencyError, PluginExitError } from "../errors.js";
import type { Granted } from "../manifest/grant.js";
import type { InstanceWasi, PluginWasi } from "../wasi/plugin-wasi.js";
import type { LinkGroup } from "./link-group.js";
import { mayHaveStackPointer } from "./module-sections.js";
import { PluginInstance } from "./plugin-instance.js";
import { type Slot, SlotPool } from "./queue.js";
import type { PluginCode } from "./source.js";

/** A place for an instance. */
export class InstanceSlot implements Slot {
  active = 0;
  current: PluginInstance | undefined;
  constructor(readonly generation: Generation) {}

  /** The instance, made anew if the last one was given up. Errors: what linking and the start function throw. */
  instance(): PluginInstance {
    return (this.current ??= this.generation.instantiate());
  }

  /** The instance for a call that has the slot. */
  enter(): PluginInstance {
    if (this.current?.retired) this.giveUp();
    let instance = this.instance();
    if (this.active > 1) return instance;
    if (instance.entered && !instance.reset()) {
      this.drop();
      instance = this.instance();
    }
    instance.entered = false;
    // So that what is told after a trap was refused in that call.
    if (this.generation.limitsGrowth) instance.refusedGrowth();
    return instance;
  }

  /** The next call gets a new instance; so do those of the plugins that it is linked with. */
  giveUp(): void {
    const { group } = this.generation;
    if (group === undefined) this.drop();
    else group.giveUp();
  }

  /** Has no instance from now on; calls that still run in the one it had end first. */
  drop(): void {
    this.current?.abandon();
    this.current = undefined;
  }
}

/** Imports from another plugin. */
export interface PluginLink {
  /** The import's module name. */
  readonly name: string;
  readonly target: Generation;
  /** In a circle of imports: looked up when called, since neither instance can be made before the other. */
  readonly late: boolean;
}

export interface GenerationOptions {
  readonly clock: Clock;
  readonly name: string;
  /** The plugin, as call frames name it. */
  readonly owner: object;
  readonly number: number;
  readonly code: PluginCode;
  /** The bytes that were compiled: those of the code, or with less memory allowed. */
  readonly bytes: Uint8Array;
  readonly module: Module;
  /** Those of the code, without what was added for the host. */
  readonly exportNames: ReadonlySet<string>;
  readonly granted: Granted;
  readonly instances: number;
  readonly maxWaiting: number;
  readonly reentrant: boolean;
  /** It imports functions that may wait. */
  readonly waits: boolean;
  /** Each call begins with the instance as after its start. */
  readonly resets: boolean;
  /** Milliseconds. */
  readonly startTimeout: number;
  readonly abi: AbiModule;
  /** For a plugin that imports it. */
  readonly wasi: PluginWasi | undefined;
}

export class Generation {
  readonly number: number;
  readonly code: PluginCode;
  readonly module: Module;
  readonly abi: AbiModule;
  readonly granted: Granted;
  readonly pool: SlotPool<InstanceSlot>;
  readonly exportNames: ReadonlySet<string>;
  /** No stack in linear memory can have been left behind. */
  readonly stackless: boolean;
  /** Its memory or tables may be denied growth that the module allows itself. */
  readonly limitsGrowth: boolean;
  /** Calls that wait in host functions or compute on threads, and can be told to stop. */
  readonly parked = new Set<CallFrame>();
  /** Plugins that it imports from; filled before the first instance is made. */
  links: readonly PluginLink[] = [];
  /** Host functions that a call of it reaches may wait, so its calls run on stacks that can be parked. */
  waits: boolean;
  private linkGroup: LinkGroup | undefined;

  constructor(private readonly options: GenerationOptions) {
    this.number = options.number;
    this.code = options.code;
    this.module = options.module;
    this.abi = options.abi;
    this.granted = options.granted;
    this.waits = options.waits;
    this.exportNames = options.exportNames;
    const { memory, tableEntries } = options.granted.limits;
    this.limitsGrowth = memory !== undefined || tableEntries !== undefined;
    this.stackless = !mayHaveStackPointer(options.bytes);
    const slots = Array.from({ length: options.instances }, () => new InstanceSlot(this));
    this.pool = new SlotPool(options.name, slots, options.maxWaiting, options.reentrant);
  }

  get owner(): object {
    return this.options.owner;
  }

  get clock(): Clock {
    return this.options.clock;
  }

  get reentrant(): boolean {
    return this.options.reentrant;
  }

  /** Calls may overlap in an instance, or in those that it is linked with. */
  get overlaps(): boolean {
    return this.linkGroup?.reentrant ?? this.options.reentrant;
  }

  /** Each call begins with the instance as after its start. */
  get resets(): boolean {
    return this.options.resets;
  }

  get group(): LinkGroup | undefined {
    return this.linkGroup;
  }

  set group(group: LinkGroup | undefined) {
    this.linkGroup = group;
    this.pool.gate = group;
  }

  /** The members of its group; itself if it is in none. */
  get linked(): readonly Generation[] {
    return this.linkGroup?.generations ?? [this];
  }

  /**
   * Whether an instance is as good as before after an error in the middle of a call.
   *
   * @param restored its own stack pointer was put back
   */
  sound(restored: boolean): boolean {
    if (this.resets) return true;
    if (this.linkGroup === undefined) return this.stackless || restored;
    return this.linked.every((member) => member.stackless);
  }

  /** The exit code, if an error is the `proc_exit` of an instance here or in a plugin that it is linked with. */
  exitCode(error: unknown): number | undefined {
    if (!(error instanceof ExitError)) return undefined;
    for (const { pool } of this.linked) {
      for (const { current } of pool.slots) {
        const code = current?.exitCode(error);
        if (code !== undefined) return code;
      }
    }
    return undefined;
  }

  /** Errors: what linking and the start functions throw; BackplaneError TIMEOUT. */
  instantiate(): PluginInstance {
    const { name, startTimeout } = this.options;
    return withinTime(startTimeout, `${name}: its start`, () => this.makeInstance());
  }

  private makeInstance(): PluginInstance {
    const { name: plugin, startTimeout } = this.options;
    const side = this.abi.instance();
    let wasi: InstanceWasi | undefined;
    try {
      wasi = this.options.wasi?.instance();
      const imports: Record<string, object> = { ...side.imports, ...wasi?.imports };
      for (const link of this.links) imports[link.name] = this.importsOf(link);
      const instance = new WebAssembly.Instance(this.module, imports);
      const { waits, resets } = this;
      const made = new PluginInstance(instance, side, {
        plugin,
        waits,
        resets,
        startTimeout,
        wasi,
        outputBytes: this.granted.limits.outputBytes,
      });
      wasi?.attach(instance.exports, () => {
        made.retire();
        this.linkGroup?.giveUp();
      });
      made.start();
      return made;
    } catch (error) {
      const code = wasi?.exitCode(error);
      side.dispose?.();
      wasi?.close();
      if (code !== undefined) throw new PluginExitError(`${plugin}: its start`, code, { cause: error });
      throw error;
    }
  }

  /** The other plugin's exports, which the engine links natively; or functions that look them up when called. */
  private importsOf({ name, target, late }: PluginLink): object {
    if (!late) return target.pool.slots[0].instance().exports;
    const forwarders: Record<string, ExportedFunction | Suspending> = {};
    for (const wanted of WebAssembly.Module.imports(this.module)) {
      if (wanted.module === name) forwarders[wanted.name] = this.forwarder(target, name, wanted.name);
    }
    return forwarders;
  }

  private forwarder(target: Generation, plugin: string, name: string): ExportedFunction | Suspending {
    const callee = (): ExportedFunction => {
      const instance = target.pool.slots[0].current;
      if (instance !== undefined) return instance.exports[name] as ExportedFunction;
      const text = `${this.options.name}: import ${plugin}.${name}: called before "${plugin}" has an instance, as the two import each other`;
      throw new DependencyError(plugin, text);
    };
    if (!this.waits) return (...args) => callee()(...args);
    return new Suspending((...args: unknown[]) => parkable(callee())(...args));
  }

  /** Makes all instances. Errors: what linking and the start functions throw. */
  start(): void {
    for (const slot of this.pool.slots) slot.instance();
  }

  /** Runs the stop hooks; every instance has its turn even if one fails. Returns what they threw. */
  async stop(): Promise<unknown[]> {
    const errors: unknown[] = [];
    const { name, owner } = this.options;
    for (const slot of this.pool.slots) {
      try {
        const frame = new StepFrame(name, owner, "stop", [owner]);
        await runInStep(frame, this.waits, () => slot.current?.stop());
      } catch (error) {
        errors.push(error);
      }
      slot.drop();
    }
    return errors;
  }

  /** Aborts the calls that wait in host functions or compute on threads. */
  abortCalls(reason: unknown): void {
    for (const frame of [...this.parked]) frame.abort(reason);
  }
}
