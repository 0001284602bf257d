/**
 * A plugin as the application holds it. The handle stays the same through reloads and replaced instances; what
 * changes is the generation behind it.
 */
import { trapOf } from "../../engine/index.js";
import { callByInput } from "../binding/call.js";
import { type CallFrame, callFrames, chainThrough } from "../call-frame.js";
import { BackplaneError, messageOf, ReentrancyError } from "../errors.js";
import { callChannel, loadChannel, type PluginHostEvents, reloadChannel } from "../events.js";
import { Circuit } from "../lifecycle/circuit.js";
import { defaultDrainTimeout, drainOrAbort, handOver, handsOver } from "../lifecycle/hand-over.js";
import { Lifecycle, type PluginState } from "../lifecycle/state.js";
import type { Granted } from "../manifest/grant.js";
import type { PluginManifest } from "../manifest/manifest.js";
import type { Generation, InstanceSlot, PluginInstance } from "./generation.js";
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

type Body = (instance: PluginInstance) => unknown;

/** Milliseconds; a longer setTimeout would fire at once. */
const longestTimeout = 2 ** 31 - 1;

export class Plugin {
  private readonly lifecycle: Lifecycle;
  private readonly circuit: Circuit;
  private generation: Generation | undefined;
  private loading: Promise<void> | undefined;
  private reloading: Promise<void> | undefined;
  private reloadAgain: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  /** Old generations that calls still run in. */
  private readonly retiring = new Set<Promise<void>>();
  private lastNumber = 0;
  private calls = 0;
  private failures = 0;
  private traps = 0;
  private replaced = 0;
  private milliseconds = 0;
  private exportsOf: { generation: Generation; object: Readonly<Record<string, unknown>> } | undefined;

  /** Made by the host. */
  constructor(
    readonly name: string,
    readonly source: SourceReader,
    readonly options: PluginOptions,
    private readonly services: PluginServices,
  ) {
    this.lifecycle = new Lifecycle(name);
    this.circuit = new Circuit(options.circuit ?? {}, () => performance.now());
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
  call(name: string, input?: unknown, options: CallOptions = {}): Promise<unknown> {
    const body: Body = (instance) => {
      const outcome = callByInput(instance, name, input, options.result);
      if (outcome === undefined) throw this.noExport(name);
      return outcome.value;
    };
    return this.run(name, body, options);
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
    return {
      state: this.state,
      generation: this.generation?.number ?? 0,
      instances: pool?.slots.length ?? 0,
      calls: this.calls,
      failures: this.failures,
      traps: this.traps,
      replaced: this.replaced,
      active: pool?.active ?? 0,
      waiting: pool?.waiting ?? 0,
      milliseconds: this.milliseconds,
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

  private requireCircuit(): void {
    const wait = this.circuit.enter();
    if (wait > 0) {
      throw new BackplaneError(
        "CIRCUIT_OPEN",
        `${this.name}: it trapped repeatedly; calls are refused for ${Math.ceil(wait)} ms more`,
      );
    }
  }

  private async run(name: string, body: Body, options: CallOptions): Promise<unknown> {
    if (callChannel.start.hasSubscribers || callChannel.error.hasSubscribers) {
      const step = { plugin: this.name, export: name };
      return callChannel.tracePromise(() => this.guarded(name, body, options), step);
    }
    return this.guarded(name, body, options);
  }

  private async guarded(name: string, body: Body, options: CallOptions): Promise<unknown> {
    this.requireEntry(name);
    if (this.generation === undefined) await this.load();
    this.requireOpen();
    const generation = this.serving();
    const timeout = options.timeout ?? this.options.timeout ?? generation.granted.limits.timeout;
    const watched = timeout !== undefined || options.signal !== undefined;
    const slot = generation.pool.tryAcquire();
    // Calls that can't wait anywhere need nobody who could stop them.
    if (slot !== undefined && !generation.waits && options.signal?.aborted !== true) {
      return this.execute(slot, this.frame(name, options, undefined, timeout), body);
    }
    const controller = new AbortController();
    const stopWatching = watched ? this.watch(controller, name, options.signal, timeout) : undefined;
    try {
      const taken = slot ?? (await generation.pool.acquire(controller.signal));
      return await this.abortable(taken, controller, name, body, options, timeout);
    } finally {
      stopWatching?.();
    }
  }

  private async abortable(
    slot: InstanceSlot,
    controller: AbortController,
    name: string,
    body: Body,
    options: CallOptions,
    timeout: number | undefined,
  ): Promise<unknown> {
    const { generation } = slot;
    generation.controllers.add(controller);
    const { signal } = controller;
    try {
      if (signal.aborted) {
        generation.pool.release(slot);
        throw signal.reason;
      }
      return await this.execute(slot, this.frame(name, options, signal, timeout), body);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      generation.controllers.delete(controller);
    }
  }

  /** Aborts the controller when the caller does or the time is over; returns what ends that. */
  private watch(
    controller: AbortController,
    name: string,
    signal: AbortSignal | undefined,
    timeout: number | undefined,
  ): () => void {
    const abort = (): void => {
      const cause: unknown = signal?.reason;
      controller.abort(
        new BackplaneError("ABORTED", `${this.name}.${name}: the caller aborted it`, { cause }),
      );
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    let timer: NodeJS.Timeout | undefined;
    if (timeout !== undefined && timeout <= longestTimeout) {
      const text = `${this.name}.${name}: not done after ${timeout} ms`;
      timer = setTimeout(() => controller.abort(new BackplaneError("TIMEOUT", text)), timeout);
    }
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
  }

  private frame(
    name: string,
    options: CallOptions,
    signal: AbortSignal | undefined,
    timeout: number | undefined,
  ): CallFrame {
    return {
      plugin: this.name,
      owner: this,
      export: name,
      parent: callFrames.getStore(),
      signal,
      deadline: timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout,
      context: options.context,
      ended: false,
    };
  }

  /** Runs a call in a slot that is taken, and releases it. */
  private async execute(slot: InstanceSlot, frame: CallFrame, body: Body): Promise<unknown> {
    const start = performance.now();
    let instance: PluginInstance | undefined;
    let top = 0;
    try {
      this.requireCircuit();
      instance = this.enter(slot);
      top = instance.stackTop();
      const result = callFrames.run(frame, body, instance);
      const value = result instanceof Promise ? await result : result;
      this.succeeded();
      return value;
    } catch (error) {
      this.failed(error, slot, instance, top, frame.export);
      throw error;
    } finally {
      this.left(slot, frame, start);
    }
  }

  /** The same for calls that can't wait. */
  private executeNow(slot: InstanceSlot, frame: CallFrame, body: Body): unknown {
    const start = performance.now();
    let instance: PluginInstance | undefined;
    let top = 0;
    try {
      this.requireCircuit();
      instance = this.enter(slot);
      top = instance.stackTop();
      const value = callFrames.run(frame, body, instance);
      this.succeeded();
      return value;
    } catch (error) {
      this.failed(error, slot, instance, top, frame.export);
      throw error;
    } finally {
      this.left(slot, frame, start);
    }
  }

  private enter(slot: InstanceSlot): PluginInstance {
    const instance = slot.instance();
    if (slot.active === 1) instance.entered = false;
    return instance;
  }

  private left(slot: InstanceSlot, frame: CallFrame, start: number): void {
    frame.ended = true;
    this.calls++;
    this.milliseconds += performance.now() - start;
    slot.generation.pool.release(slot);
  }

  private succeeded(): void {
    if (this.circuit.succeeded()) this.services.announce("circuitClosed", this.event());
  }

  private failed(
    error: unknown,
    slot: InstanceSlot,
    instance: PluginInstance | undefined,
    top: number,
    name: string,
  ): void {
    this.failures++;
    if (trapOf(error) !== undefined) {
      this.giveUp(slot, instance);
      this.traps++;
      this.services.announce("trap", { ...this.event(), error, export: name });
      const backoff = this.circuit.trapped();
      if (backoff > 0) this.services.announce("circuitOpen", { ...this.event(), backoff });
      return;
    }
    if (instance === undefined) {
      if (!(error instanceof BackplaneError && error.code === "CIRCUIT_OPEN")) this.circuit.withdrawn();
      return;
    }
    this.succeeded();
    if (!instance.entered) return;
    const alone = slot.active === 1;
    if (alone) instance.restoreStack(top);
    const safe = slot.generation.stackless || (alone && instance.restoresStack);
    const keep = this.options.afterError === undefined ? safe : this.options.afterError === "keep";
    if (!keep) this.giveUp(slot, instance);
  }

  private giveUp(slot: InstanceSlot, instance: PluginInstance | undefined): void {
    if (slot.current !== instance || instance === undefined) return;
    slot.current = undefined;
    this.replaced++;
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
    const body: Body = (instance) => {
      const exported = instance.exports[name];
      if (typeof exported !== "function") throw this.noExport(name);
      instance.entered = true;
      return (exported as (...values: unknown[]) => unknown)(...args);
    };
    return this.executeNow(slot, this.frame(name, {}, undefined, undefined), body);
  }
}
