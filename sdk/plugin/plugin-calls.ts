/**
 * The way into a plugin: what a call has to pass before it runs. It gets an instance at once if one is free, else it
 * waits in the line of the generation that serves, within its time.
 */
import { SnapshotError } from "../../engine/index.js";
import { type CallFrame, chainThrough, currentFrame, stepThrough } from "../call-frame.js";
import { BackplaneError, InstanceBusyError, ReentrancyError } from "../errors.js";
import { callChannel } from "../events.js";
import { snapshotError } from "../lifecycle/snapshot.js";
import { abortedError, timeoutError } from "./call-errors.js";
import { noOptions, requireCallOptions } from "./call-options.js";
import type { CallRunner } from "./call-runner.js";
import type { Generation, InstanceSlot } from "./generation.js";
import type { CallOptions } from "./options.js";
import type { Plugin } from "./plugin.js";
import { type CallBody, type CallRequest, watchCall } from "./running-call.js";

export class PluginCalls {
  private exportsOf: { generation: Generation; object: Readonly<Record<string, unknown>> } | undefined;
  /** `plugin.call`. */
  private readonly byName: CallBody = (instance, { export: name, input, options }) => {
    const call = instance.call(name);
    if (call === undefined) throw this.noExport(name);
    return call.run(input, options);
  };

  constructor(
    private readonly plugin: Plugin,
    private readonly runner: CallRunner,
  ) {}

  call(name: string, input: unknown, options: CallOptions): Promise<unknown> {
    return this.invoke(name, this.byName, input, options);
  }

  /** Runs a body on an instance as a call of an export: at once if an instance is free, else when one is. */
  invoke(name: string, body: CallBody, input: unknown, options: CallOptions): Promise<unknown> {
    const request: CallRequest = { body, input, options, mode: "async" };
    if (callChannel.start.hasSubscribers || callChannel.error.hasSubscribers) {
      const step = { plugin: this.plugin.name, export: name };
      return callChannel.tracePromise(() => this.runWaiting(name, request), step);
    }
    try {
      if (options !== noOptions) requireCallOptions(this.plugin.name, options);
      const parent = currentFrame();
      this.requireEntry(name, parent);
      const slot = options.signal?.aborted ? undefined : this.plugin.generation?.pool.tryAcquire();
      if (slot === undefined) return this.runWaiting(name, request);
      const result = this.runner.run(slot, name, request, parent);
      return result instanceof Promise ? result : Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Has an instance for itself, as a call has. */
  async withSlot<T>(name: string, action: (slot: InstanceSlot) => T): Promise<T> {
    const { plugin } = this;
    this.requireEntry(name, currentFrame());
    await plugin.load();
    const { instances = 1 } = plugin.options;
    if (instances > 1) {
      throw snapshotError(`${plugin.name}: it has ${instances} instances, each with a state of its own`);
    }
    const slot = await this.waitForSlot(name, noOptions);
    try {
      return action(slot);
    } catch (error) {
      throw error instanceof SnapshotError ? snapshotError(`${plugin.name}: ${error.message}`, error) : error;
    } finally {
      slot.generation.pool.release(slot);
    }
  }

  /** See Plugin.exports. */
  exports(): Readonly<Record<string, unknown>> {
    const generation = this.plugin.serving();
    if (this.exportsOf?.generation !== generation) {
      this.exportsOf = { generation, object: this.exportsObject(generation) };
    }
    return this.exportsOf.object;
  }

  private exportsObject(generation: Generation): Readonly<Record<string, unknown>> {
    const object = Object.create(null) as Record<string, unknown>;
    const { exports } = generation.pool.slots[0].instance();
    for (const name of generation.exportNames) {
      if (typeof exports[name] === "function") {
        object[name] = (...args: unknown[]) => this.callNow(name, args);
      } else {
        const get = (): unknown => this.plugin.serving().pool.slots[0].instance().exports[name];
        Object.defineProperty(object, name, { get, enumerable: true });
      }
    }
    return Object.freeze(object);
  }

  /** With core values. */
  private readonly withArguments: CallBody = (instance, { export: name, input }) => {
    const exported = instance.exports[name];
    if (typeof exported !== "function") throw this.noExport(name);
    instance.entered = true;
    return (exported as (...values: unknown[]) => unknown)(...(input as unknown[]));
  };

  private callNow(name: string, args: unknown[]): unknown {
    const parent = currentFrame();
    this.requireEntry(name, parent);
    const slot = this.plugin.serving().pool.tryAcquire();
    if (slot === undefined) {
      const where = `${this.plugin.name}.${name}`;
      throw new InstanceBusyError(`${where}: its instances are in use; call() waits for one`);
    }
    const request: CallRequest = { body: this.withArguments, input: args, options: noOptions, mode: "sync" };
    return this.runner.run(slot, name, request, parent);
  }

  private async runWaiting(name: string, request: CallRequest): Promise<unknown> {
    const { plugin } = this;
    requireCallOptions(plugin.name, request.options);
    this.requireEntry(name, currentFrame());
    if (plugin.generation === undefined) await plugin.load();
    plugin.requireOpen();
    const started = plugin.clock.now();
    const slot = await this.waitForSlot(name, request.options);
    return this.runner.run(slot, name, request, currentFrame(), started);
  }

  /** Errors: BackplaneError TIMEOUT, ABORTED, QUEUE_FULL. */
  private async waitForSlot(name: string, options: CallOptions): Promise<InstanceSlot> {
    const { plugin } = this;
    const generation = plugin.serving();
    const where = `${plugin.name}.${name}`;
    const controller = new AbortController();
    const timeout = this.runner.timeoutOf(generation, options, plugin.clock.now());
    const unwatch = watchCall(plugin.clock, options.signal, timeout, {
      aborted: (cause) => controller.abort(abortedError(where, cause)),
      late: () => controller.abort(timeoutError(where, timeout)),
    });
    try {
      const slot = await generation.pool.acquire(controller.signal);
      if (!controller.signal.aborted) return slot;
      slot.generation.pool.release(slot);
      throw controller.signal.reason;
    } finally {
      unwatch();
    }
  }

  /**
   * Errors: BackplaneError CLOSED; ReentrancyError.
   *
   * @param caller the innermost call that led here
   */
  private requireEntry(name: string, caller: CallFrame | undefined): void {
    const { plugin } = this;
    plugin.requireOpen();
    // Most calls are made by no call of a plugin.
    if (caller === undefined) return;
    const chain = stepThrough(plugin) ?? this.occupiedBy();
    if (chain !== undefined) throw new ReentrancyError([...chain, `${plugin.name}.${name}`]);
  }

  private occupiedBy(): string[] | undefined {
    const { generation, options } = this.plugin;
    const group = generation?.group;
    const reentrant = group?.reentrant ?? generation?.reentrant ?? options.reentrant ?? false;
    return reentrant ? undefined : chainThrough(this.plugin, group);
  }

  private noExport(name: string): BackplaneError {
    const { plugin } = this;
    const offered = [...(plugin.generation?.exportNames ?? [])].join(", ") || "nothing";
    return new BackplaneError(
      "EXPORT_NOT_FOUND",
      `${plugin.name}: no exported function "${name}" (exports: ${offered})`,
    );
  }
}
