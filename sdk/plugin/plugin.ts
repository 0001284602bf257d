/**
 * A plugin as the application holds it. The handle stays the same through reloads and replaced instances; what
 * changes is the generation behind it.
 */
import type { Module } from "../../engine/index.js";
import { callByInput } from "../binding/call.js";
import { checkExports } from "../binding/check.js";
import { chainThrough } from "../call-frame.js";
import type { Description, Handle } from "../declare/describe.js";
import type { Signatures } from "../declare/signature.js";
import { BackplaneError, messageOf, ReentrancyError } from "../errors.js";
import { callChannel, loadChannel, type PluginHostEvents, reloadChannel } from "../events.js";
import { defaultDrainTimeout, drainOrAbort, handOver, handsOver } from "../lifecycle/hand-over.js";
import { Lifecycle, type PluginState } from "../lifecycle/state.js";
import type { Granted } from "../manifest/grant.js";
import type { PluginManifest } from "../manifest/manifest.js";
import { abortedError, type CallBody, CallRunner, timeoutError, watchCall } from "./call-runner.js";
import type { Generation, InstanceSlot } from "./generation.js";
import { handleOf } from "./handle.js";
import type { CallOptions, PluginOptions, PluginStats } from "./options.js";
import type { SourceReader } from "./source.js";

/** What a plugin needs of its host. */
export interface PluginServices {
  prepare(plugin: Plugin, number: number): Promise<Generation>;
  announce<E extends keyof PluginHostEvents>(event: E, payload: PluginHostEvents[E][0]): void;
  log(level: "debug" | "info" | "warn" | "error", fields: object, message: string): void;
  /** Gives up what belongs to this plugin alone. */
  dispose(plugin: Plugin): Promise<void>;
}

const noOptions: CallOptions = {};

export class Plugin {
  private readonly lifecycle: Lifecycle;
  private readonly runner: CallRunner;
  private generation: Generation | undefined;
  private loading: Promise<void> | undefined;
  private reloading: Promise<void> | undefined;
  private reloadAgain: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  /** Old generations that calls still run in. */
  private readonly retiring = new Set<Promise<void>>();
  private lastNumber = 0;
  /** What handles were made for, and every generation has to offer. */
  private readonly descriptions = new Set<Description>();
  private exportsOf: { generation: Generation; object: Readonly<Record<string, unknown>> } | undefined;

  /** @internal Made by the host. */
  constructor(
    readonly name: string,
    readonly source: SourceReader,
    readonly options: PluginOptions,
    private readonly services: PluginServices,
  ) {
    this.lifecycle = new Lifecycle(name);
    this.runner = new CallRunner(name, this, options, {
      trapped: (error, exportName) =>
        services.announce("trap", { ...this.event(), error, export: exportName }),
      circuitOpened: (backoff) => services.announce("circuitOpen", { ...this.event(), backoff }),
      circuitClosed: () => services.announce("circuitClosed", this.event()),
    });
  }

  /** Settings: the manifest's, those of the application over them. Errors: BackplaneError BUSY before it is loaded. */
  get config(): Readonly<Record<string, unknown>> {
    return { ...this.serving().code.manifest?.config, ...this.options.config };
  }

  get state(): PluginState {
    return this.lifecycle.state;
  }

  /** What holds of what it asked for. Errors: BackplaneError BUSY before it is loaded. */
  get granted(): Granted {
    return this.serving().granted;
  }

  /** The manifest that came with what serves, if there was one. */
  get manifest(): PluginManifest | undefined {
    return this.serving().code.manifest;
  }

  /** The hash of the module that serves, in hexadecimal. */
  get sha256(): string {
    return this.serving().code.sha256;
  }

  /**
   * Its exports. Functions take and give core values, run at once, and go on working after a reload; other objects
   * are those of the first instance at the time. A call throws a BackplaneError BUSY while all instances are in use.
   */
  get exports(): Readonly<Record<string, unknown>> {
    const generation = this.serving();
    if (this.exportsOf?.generation !== generation) {
      this.exportsOf = { generation, object: this.exportsObject(generation) };
    }
    return this.exportsOf.object;
  }

  /**
   * Calls an export.
   *
   * @param input a string, bytes (Uint8Array) or any other object (as JSON) cross as `docs/lifecycle.md` says; a number, a
   * bigint or a list of them are core values
   * Errors: BackplaneError EXPORT_NOT_FOUND, TIMEOUT, ABORTED, QUEUE_FULL, CIRCUIT_OPEN, CLOSED; ReentrancyError;
   * MarshalError; HostError; traps as they are.
   * @example
   * await plugin.call("greet", "Ada", { timeout: 100 }); // "Hello, Ada!"
   * await plugin.call("add", [1, 2]); // 3
   */
  call(name: string, input?: unknown, options: CallOptions = noOptions): Promise<unknown> {
    const body: CallBody = (instance) => {
      const outcome = callByInput(instance, name, input, options.result);
      if (outcome === undefined) throw this.noExport(name);
      return outcome.value;
    };
    return this.invoke(name, body, options);
  }

  /**
   * A typed method for each export that a description names. Loads the plugin first, if that hasn't happened; from
   * now on a reload to a module that doesn't fit the description fails. The handle goes on working after reloads.
   * Errors: BackplaneError EXPORT_MISMATCH; why it can't be loaded.
   *
   * @example
   * const greeter = await plugin.handle(describe({ greet: fn(["string"], "string") }));
   * await greeter.greet("Ada"); // "Hello, Ada!"
   */
  async handle<T extends Signatures>(description: Description<T>): Promise<Handle<Description<T>>> {
    await this.load();
    checkExports(this.name, this.serving().module, description.signatures);
    this.descriptions.add(description);
    return handleOf(this, description);
  }

  /** @internal Errors: BackplaneError EXPORT_MISMATCH for a module that doesn't have what handles were made for. */
  checkDescriptions(module: Module): void {
    for (const { signatures } of this.descriptions) checkExports(this.name, module, signatures);
  }

  /** Loads it, if that hasn't happened. A plugin that failed is tried again. Errors: why it can't be loaded. */
  load(): Promise<void> {
    if (this.generation !== undefined) return Promise.resolve();
    this.loading ??= loadChannel
      .tracePromise(() => this.firstLoad(), { plugin: this.name })
      .finally(() => {
        this.loading = undefined;
      });
    return this.loading;
  }

  /**
   * Puts its source's present contents in place of what serves. Calls are answered all the while, or wait during a
   * state hand-over. A reload asked for while one runs comes after it. Errors: why the old generation goes on serving.
   */
  reload(): Promise<void> {
    const chain = chainThrough(this);
    if (chain !== undefined) return Promise.reject(new ReentrancyError([...chain, `${this.name}.reload`]));
    if (this.reloadAgain !== undefined) return this.reloadAgain;
    if (this.reloading === undefined) {
      this.reloading = this.tracedReload();
      return this.reloading;
    }
    const again = this.reloading
      .catch(() => {})
      .then(() => {
        this.reloadAgain = undefined;
        this.reloading = this.tracedReload();
        return this.reloading;
      });
    this.reloadAgain = again;
    return again;
  }

  /** Takes no more calls, waits for the running ones, stops. A second call waits for the first. */
  close(): Promise<void> {
    this.closing ??= this.stop();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): PluginStats {
    const pool = this.generation?.pool;
    const { calls, failures, traps, replaced, milliseconds } = this.runner;
    return {
      state: this.state,
      generation: this.generation?.number ?? 0,
      instances: pool?.slots.length ?? 0,
      calls,
      failures,
      traps,
      replaced,
      active: pool?.active ?? 0,
      waiting: pool?.waiting ?? 0,
      milliseconds,
      memory: pool?.slots.reduce((sum, slot) => sum + (slot.current?.memoryBytes() ?? 0), 0) ?? 0,
    };
  }

  private noExport(name: string): BackplaneError {
    const offered = [...(this.generation?.exportNames ?? [])].join(", ") || "nothing";
    return new BackplaneError(
      "EXPORT_NOT_FOUND",
      `${this.name}: no exported function "${name}" (exports: ${offered})`,
    );
  }

  private serving(): Generation {
    if (this.generation !== undefined) return this.generation;
    const hint = this.state === "discovered" ? "; await load() first" : "";
    throw new BackplaneError("BUSY", `${this.name}: it is ${this.state}${hint}`);
  }

  private async firstLoad(): Promise<void> {
    this.requireOpen();
    this.lifecycle.enter("loading");
    this.services.announce("loading", this.event());
    try {
      const generation = await this.services.prepare(this, this.lastNumber + 1);
      this.lastNumber = generation.number;
      this.generation = generation;
    } catch (error) {
      this.lifecycle.enter("failed");
      this.services.announce("failed", { ...this.event(), error });
      throw error;
    }
    this.services.announce("loaded", { ...this.event(), generation: this.lastNumber });
    this.enterReady();
  }

  private enterReady(): void {
    this.lifecycle.enter("ready");
    this.services.announce("ready", { ...this.event(), generation: this.lastNumber });
  }

  private event(): { name: string; plugin: Plugin } {
    return { name: this.name, plugin: this };
  }

  private tracedReload(): Promise<void> {
    return reloadChannel
      .tracePromise(() => this.reloadOnce(), { plugin: this.name })
      .finally(() => {
        this.reloading = undefined;
      });
  }

  private async reloadOnce(): Promise<void> {
    this.requireOpen();
    await this.loading;
    const old = this.generation;
    if (old === undefined) return this.load();
    const number = this.lastNumber + 1;
    this.lifecycle.enter("reloading");
    this.services.announce("reloading", { ...this.event(), generation: number });
    let next: Generation | undefined;
    let transferred = false;
    try {
      next = await this.services.prepare(this, number);
      transferred = handsOver(old, next, this.options);
      if (transferred) await handOver(old, next, this.name, this.options);
      // Handles may have been made since it was prepared.
      this.checkDescriptions(next.module);
    } catch (error) {
      if (next !== undefined) this.report("backplane_stop", await next.stop());
      old.pool.resume();
      this.services.announce("reloadFailed", { ...this.event(), error, generation: old.number });
      this.enterReady();
      throw error;
    }
    this.lastNumber = number;
    this.generation = next;
    old.pool.hold();
    old.pool.moveLine(next.pool);
    const retired: Promise<void> = this.retire(old).finally(() => this.retiring.delete(retired));
    this.retiring.add(retired);
    this.services.announce("reloaded", { ...this.event(), generation: number, handOver: transferred });
    this.enterReady();
  }

  private async retire(generation: Generation): Promise<void> {
    const timeout = this.options.drainTimeout ?? defaultDrainTimeout;
    if (this.options.onDrainTimeout === "abandon") await generation.pool.drained();
    else await drainOrAbort(generation, this.name, timeout);
    this.report("backplane_stop", await generation.stop());
  }

  private async stop(): Promise<void> {
    await Promise.allSettled([this.loading, this.reloading, this.reloadAgain]);
    const { generation } = this;
    if (generation !== undefined) {
      this.lifecycle.enter("draining");
      this.services.announce("draining", this.event());
      generation.pool.refuseLine(this.closed());
      await drainOrAbort(generation, this.name, this.options.drainTimeout ?? defaultDrainTimeout);
      this.report("backplane_stop", await generation.stop());
      this.generation = undefined;
    }
    await Promise.all(this.retiring);
    this.lifecycle.enter("stopped");
    this.services.announce("stopped", this.event());
    await this.services.dispose(this);
  }

  private report(what: string, errors: readonly unknown[]): void {
    for (const error of errors) {
      this.services.log("warn", { plugin: this.name, err: error }, `${what} failed: ${messageOf(error)}`);
    }
  }

  private closed(): BackplaneError {
    return new BackplaneError(
      "CLOSED",
      `${this.name}: the plugin is ${this.closing ? "closed" : this.state}`,
    );
  }

  private requireOpen(): void {
    if (this.closing !== undefined) throw this.closed();
  }

  private requireEntry(name: string): void {
    this.requireOpen();
    const chain = chainThrough(this);
    if (chain !== undefined && !this.reentrant())
      throw new ReentrancyError([...chain, `${this.name}.${name}`]);
  }

  private reentrant(): boolean {
    return this.options.reentrant ?? this.generation?.code.manifest?.reentrant ?? false;
  }

  /** @internal Runs a body on an instance as a call of an export: at once if an instance is free, else when one is. */
  invoke(name: string, body: CallBody, options: CallOptions = noOptions): Promise<unknown> {
    if (callChannel.start.hasSubscribers || callChannel.error.hasSubscribers) {
      const step = { plugin: this.name, export: name };
      return callChannel.tracePromise(() => this.runWaiting(name, body, options), step);
    }
    try {
      this.requireEntry(name);
      const slot = options.signal?.aborted ? undefined : this.generation?.pool.tryAcquire();
      if (slot === undefined) return this.runWaiting(name, body, options);
      const result = this.runner.run(slot, name, body, options);
      return result instanceof Promise ? result : Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private async runWaiting(name: string, body: CallBody, options: CallOptions): Promise<unknown> {
    this.requireEntry(name);
    if (this.generation === undefined) await this.load();
    this.requireOpen();
    const started = performance.now();
    const slot = await this.waitForSlot(name, options);
    return this.runner.run(slot, name, body, options, started);
  }

  /** Errors: BackplaneError TIMEOUT, ABORTED, QUEUE_FULL. */
  private async waitForSlot(name: string, options: CallOptions): Promise<InstanceSlot> {
    const generation = this.serving();
    const where = `${this.name}.${name}`;
    const controller = new AbortController();
    const timeout = this.runner.timeoutOf(generation, options);
    const unwatch = watchCall(options.signal, timeout ?? Number.POSITIVE_INFINITY, {
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

  private exportsObject(generation: Generation): Readonly<Record<string, unknown>> {
    const object = Object.create(null) as Record<string, unknown>;
    const { exports } = generation.pool.slots[0].instance();
    for (const name of generation.exportNames) {
      if (typeof exports[name] === "function") {
        object[name] = (...args: unknown[]) => this.callNow(name, args);
      } else {
        const get = (): unknown => this.serving().pool.slots[0].instance().exports[name];
        Object.defineProperty(object, name, { get, enumerable: true });
      }
    }
    return Object.freeze(object);
  }

  private callNow(name: string, args: unknown[]): unknown {
    this.requireEntry(name);
    const slot = this.serving().pool.tryAcquire();
    if (slot === undefined) {
      throw new BackplaneError(
        "BUSY",
        `${this.name}.${name}: its instances are in use; call() waits for one`,
      );
    }
    const body: CallBody = (instance) => {
      const exported = instance.exports[name];
      if (typeof exported !== "function") throw this.noExport(name);
      instance.entered = true;
      return (exported as (...values: unknown[]) => unknown)(...args);
    };
    return this.runner.run(slot, name, body, noOptions);
  }
}
