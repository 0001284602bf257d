/**
 * A plugin as the application holds it. The handle stays the same through reloads and replaced instances; what
 * changes is the generation behind it.
 */
import { type InspectOptions, inspect } from "node:util";
import type { AbiModule } from "../abi/abi.js";
import { checkHandle } from "../abi/text-method.js";
import { chainThrough, stepThrough } from "../call-frame.js";
import type { Clock } from "../clock.js";
import { type Description, type Handle, requireDescription } from "../declare/describe.js";
import type { Signatures } from "../declare/signature.js";
import { BackplaneError, messageOf, ReentrancyError } from "../errors.js";
import { loadChannel, type PluginHostEvents, reloadChannel } from "../events.js";
import { defaultDrainTimeout, drainOrAbort } from "../lifecycle/hand-over.js";
import { encodeSnapshot, type PluginSnapshot, snapshotError } from "../lifecycle/snapshot.js";
import { Lifecycle, type PluginState } from "../lifecycle/state.js";
import type { Granted } from "../manifest/grant.js";
import type { PluginManifest } from "../manifest/manifest.js";
import { redactorOf, revealed, withSecrets } from "../secret.js";
import { noOptions } from "./call-options.js";
import { type CallObserver, CallRunner } from "./call-runner.js";
import type { Generation } from "./generation.js";
import { GuestLog, type LogLevel } from "./guest-log.js";
import { handleOf } from "./handle.js";
import { exclusively } from "./linker.js";
import type { CallOptions, PluginOptions, PluginStats } from "./options.js";
import { PluginCalls } from "./plugin-calls.js";
import type { CallBody } from "./running-call.js";
import type { SourceReader } from "./source.js";

/** What a plugin needs of its host. */
export interface PluginServices {
  /** Its first generation, which can serve. */
  prepare(plugin: Plugin): Promise<Generation>;
  /** Replaces what serves, together with the plugins that import from it. */
  reload(plugin: Plugin): Promise<void>;
  /** Runs the step that stops it, after those that import from it are closed. */
  close(plugin: Plugin, step: (linked: readonly Generation[]) => Promise<void>): Promise<void>;
  announce<E extends keyof PluginHostEvents>(event: E, payload: PluginHostEvents[E][0]): void;
  log(level: "debug" | "info" | "warn" | "error", fields: object, message: string): void;
  /** Gives up what belongs to this plugin alone. */
  dispose(plugin: Plugin): Promise<void>;
  readonly clock: Clock;
}

/** A plugin of a host: it stays the same through reloads and replaced instances. */
export class Plugin {
  private readonly lifecycle: Lifecycle;
  private readonly runner: CallRunner;
  private readonly calls: PluginCalls;
  /** @internal What serves. */
  generation: Generation | undefined;
  private loading: Promise<void> | undefined;
  private reloading: Promise<void> | undefined;
  private reloadAgain: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  /** Old generations that calls still run in. */
  private readonly retiring = new Set<Promise<void>>();
  private lastNumber = 0;
  /** What handles were made for, and every generation has to offer. */
  private readonly descriptions = new Set<Description>();
  readonly options: PluginOptions;
  /** @internal */
  readonly guestLog: GuestLog;
  /** Takes secrets out of a text. */
  private readonly redact: (text: string) => string;

  /** @internal Made by the host. */
  constructor(
    readonly name: string,
    readonly source: SourceReader,
    options: PluginOptions,
    private readonly services: PluginServices,
  ) {
    const { secrets, ...plain } = options;
    this.options = { ...plain, config: withSecrets(options.config, secrets) };
    this.redact = redactorOf(this.options.config);
    this.guestLog = new GuestLog(
      options.logRate ?? {},
      (level, line) => this.logged(level, this.redact(line)),
      () => services.clock.now(),
    );
    this.lifecycle = new Lifecycle(name);
    const observer: CallObserver = {
      trapped: (error, exportName) =>
        services.announce("trap", { ...this.event(), error, export: exportName }),
      circuitOpened: (backoff) => services.announce("circuitOpen", { ...this.event(), backoff }),
      circuitClosed: () => services.announce("circuitClosed", this.event()),
    };
    this.runner = new CallRunner(name, this, options, observer, services.clock);
    this.calls = new PluginCalls(this, this.runner);
  }

  /**
   * Settings: the manifest's, those of the application over them. Secrets are properties that aren't enumerable, and
   * show as "[redacted]". Errors: BackplaneError BUSY before it is loaded.
   */
  get config(): Readonly<Record<string, unknown>> {
    return this.settings(this.serving().code.manifest);
  }

  /** @internal Settings with a manifest that may not serve yet. */
  settings(manifest: PluginManifest | undefined): Readonly<Record<string, unknown>> {
    return revealed({ ...manifest?.config, ...this.options.config });
  }

  /** @internal */
  get clock(): Clock {
    return this.services.clock;
  }

  /** Where it is in its life; `docs/lifecycle.md` has the picture. */
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
   * are those of the first instance at the time. A call throws an InstanceBusyError while all instances are in use.
   */
  get exports(): Readonly<Record<string, unknown>> {
    return this.calls.exports();
  }

  /**
   * Calls an export.
   *
   * @param input a string, bytes (Uint8Array) or any other object (as JSON) cross as `docs/lifecycle.md` says; a number, a
   * bigint or a list of them are core values
   * Errors: BackplaneError EXPORT_NOT_FOUND, QUEUE_FULL, CIRCUIT_OPEN, CLOSED, OPTIONS; CallStoppedError TIMEOUT, ABORTED;
   * ReentrancyError; MarshalError; LimitError; HostError; traps as they are.
   * @example
   * await plugin.call("greet", "Ada", { timeout: 100 }); // "Hello, Ada!"
   * await plugin.call("add", [1, 2]); // 3
   */
  call(name: string, input?: unknown, options: CallOptions = noOptions): Promise<unknown> {
    return this.calls.call(name, input, options);
  }

  /** @internal A call of an export by other means than its name: a typed handle's. */
  invoke(name: string, body: CallBody, input: unknown, options: CallOptions = noOptions): Promise<unknown> {
    return this.calls.invoke(name, body, input, options);
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
  async handle<T extends Signatures>(description: Description<T>): Promise<Handle<T>> {
    requireDescription(`${this.name}: handle`, description);
    await this.load();
    checkHandle(this.name, this.serving().abi, description.signatures);
    this.descriptions.add(description);
    return handleOf(this, description);
  }

  /** @internal Errors: BackplaneError EXPORT_MISMATCH for a module that doesn't have what handles were made for. */
  checkDescriptions(abi: AbiModule): void {
    for (const { signatures } of this.descriptions) checkHandle(this.name, abi, signatures);
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

  /**
   * The plugin's state as bytes, for `host.restore`: memory, globals, tables, the generation. It can hold whatever
   * secrets the plugin held. Waits for the running call. Errors: BackplaneError SNAPSHOT for what can't be carried:
   * values of the host's, functions of other plugins, several instances.
   *
   * @example
   * await writeFile("counter.snapshot", await host.plugin("counter").snapshot());
   */
  snapshot(): Promise<Uint8Array> {
    return this.calls.withSlot("snapshot", (slot) =>
      encodeSnapshot({
        name: this.name,
        generation: slot.generation.number,
        sha256: slot.generation.code.sha256,
        state: slot.instance().snapshot(),
      }),
    );
  }

  /** @internal A new instance in the snapshot's state, in place of the one that serves. */
  restore({ sha256, state }: PluginSnapshot): Promise<void> {
    return this.calls.withSlot("restore", (slot) => {
      const { code } = slot.generation;
      if (code.sha256 !== sha256) {
        throw snapshotError(
          `${this.name}: the snapshot is of the module ${sha256}, what serves is ${code.sha256}`,
        );
      }
      const old = slot.current;
      slot.current = undefined;
      try {
        slot.instance().restore(state);
      } catch (error) {
        slot.drop();
        slot.current = old;
        throw error;
      }
      old?.abandon();
    });
  }

  /**
   * Takes no more calls, waits for the running ones, stops. A second call waits for the first.
   * Errors: ReentrancyError within a transfer of its state.
   */
  close(): Promise<void> {
    try {
      this.requireNoStep("close");
    } catch (error) {
      return Promise.reject(error);
    }
    this.closing ??= this.stop();
    return this.closing;
  }

  /** Closes it, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Its figures, since it was discovered. */
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
      droppedLogLines: this.guestLog.dropped,
      memory: pool?.slots.reduce((sum, slot) => sum + (slot.current?.memoryBytes() ?? 0), 0) ?? 0,
    };
  }

  /** What JSON and logs show of it. */
  toJSON(): object {
    const version = this.generation?.code.manifest?.version;
    const named = version === undefined ? {} : { version };
    return { name: this.name, ...named, state: this.state, generation: this.lastNumber };
  }

  /** What `console.log` shows: no secrets, and not everything. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { name, ...rest } = this.toJSON() as { name: string };
    return `Plugin ${name} ${inspect(rest, options)}`;
  }

  private logged(level: LogLevel, message: string): void {
    this.services.announce("log", { ...this.event(), level, message });
    this.services.log(level, { plugin: this.name }, message);
  }

  /** @internal What serves. Errors: BackplaneError BUSY. */
  serving(): Generation {
    if (this.generation !== undefined) return this.generation;
    const hint = this.state === "discovered" ? "; await load() first" : "";
    throw new BackplaneError("BUSY", `${this.name}: it is ${this.state}${hint}`);
  }

  private async firstLoad(): Promise<void> {
    this.requireOpen();
    this.lifecycle.enter("loading");
    this.services.announce("loading", this.event());
    try {
      const generation = await this.services.prepare(this);
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
    return this.generation === undefined ? this.load() : this.services.reload(this);
  }

  /** @internal The number of the generation that comes next. */
  get nextNumber(): number {
    return this.lastNumber + 1;
  }

  /** @internal */
  get isClosing(): boolean {
    return this.closing !== undefined;
  }

  /** @internal Milliseconds. */
  get drainTimeout(): number {
    return this.options.drainTimeout ?? defaultDrainTimeout;
  }

  /** @internal A reload of it, or of one that it imports from, is on its way. */
  reloadBegins(): void {
    this.lifecycle.enter("reloading");
    this.services.announce("reloading", { ...this.event(), generation: this.nextNumber });
  }

  /** @internal Puts a generation in place of the one that serves; calls that wait go over to it. */
  serve(next: Generation): void {
    const old = this.generation as Generation;
    this.lastNumber = next.number;
    this.generation = next;
    old.pool.hold();
    old.pool.moveLine(next.pool);
  }

  /** @internal */
  reloadEnds(handOver: boolean): void {
    this.services.announce("reloaded", { ...this.event(), generation: this.lastNumber, handOver });
    this.enterReady();
  }

  /** @internal What serves goes on serving. */
  reloadFails(error: unknown): void {
    this.services.announce("reloadFailed", { ...this.event(), error, generation: this.lastNumber });
    this.enterReady();
  }

  /** @internal Closing it waits for this. */
  retires(step: Promise<void>): void {
    const retired: Promise<void> = step.finally(() => this.retiring.delete(retired));
    this.retiring.add(retired);
  }

  private async stop(): Promise<void> {
    await Promise.allSettled([this.loading, this.reloading, this.reloadAgain]);
    await this.services.close(this, async (linked) => {
      const { generation } = this;
      if (generation === undefined) return;
      this.lifecycle.enter("draining");
      this.services.announce("draining", this.event());
      generation.pool.refuseLine(this.closed());
      await drainOrAbort(generation, this.name, this.drainTimeout);
      try {
        await exclusively(this, linked, async () => this.report("stop", await generation.stop()));
      } catch (error) {
        this.report("stop", [error]);
      }
      generation.group?.leave(generation);
      this.generation = undefined;
    });
    await Promise.all(this.retiring);
    this.guestLog.close();
    this.lifecycle.enter("stopped");
    this.services.announce("stopped", this.event());
    await this.services.dispose(this);
  }

  /** @internal */
  report(what: string, errors: readonly unknown[]): void {
    for (const error of errors) {
      const text = this.redact(`${what} failed: ${messageOf(error)}`);
      this.services.log("warn", { plugin: this.name, err: error }, text);
    }
  }

  private closed(): BackplaneError {
    return new BackplaneError(
      "CLOSED",
      `${this.name}: the plugin is ${this.closing ? "closed" : this.state}`,
    );
  }

  /** @internal Errors: BackplaneError CLOSED. */
  requireOpen(): void {
    if (this.closing !== undefined) throw this.closed();
  }

  /** @internal Errors: ReentrancyError within a step that waits until nothing of it runs. */
  requireNoStep(name: string): void {
    const chain = stepThrough(this);
    if (chain !== undefined) throw new ReentrancyError([...chain, `${this.name}.${name}`]);
  }
}
