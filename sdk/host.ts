/** The plugin host: host modules made by dependency injection, plugins with a life of their own. */
import { fileURLToPath } from "node:url";
import { type InspectOptions, inspect } from "node:util";
import type { EventEmitter } from "eventemitter3";
import type { InjectionToken } from "tsyringe";
import { type CodeCache, trapOf } from "../engine/index.js";
import type { Abi } from "./abi/abi.js";
import { requireAbis } from "./abi/choose-abi.js";
import { requireHostOptions, requirePluginOptions } from "./application-options.js";
import { type Clock, systemClock } from "./clock.js";
import { type CacheSetting, codeCacheOf } from "./code-cache.js";
import type { Description, Handle } from "./declare/describe.js";
import type { Signatures } from "./declare/signature.js";
import { HostContainer, type HostModuleSource, type PluginContainer, type TokenResolver } from "./di.js";
import { BackplaneError, DependencyError, messageOf } from "./errors.js";
import { HostEvents, type PluginEvent, type PluginHostEventName, type PluginHostEvents } from "./events.js";
import { reloadLinked } from "./lifecycle/reload.js";
import { decodeSnapshot } from "./lifecycle/snapshot.js";
import { PluginWatcher, type WatchOptions } from "./lifecycle/watch.js";
import { defaultLogger, type Logger } from "./logger.js";
import type { PluginLimits } from "./manifest/manifest.js";
import { builtInModule } from "./plugin/guest-log.js";
import { Linker } from "./plugin/linker.js";
import { type Draft, draftPlugin, type GrantPolicy } from "./plugin/loader.js";
import type { PluginOptions, PluginStats } from "./plugin/options.js";
import { Plugin, type PluginServices } from "./plugin/plugin.js";
import { type PluginSource, SourceReader, sourcesInFolder } from "./plugin/source.js";

/** What a host is started with. */
export interface PluginHostOptions {
  /**
   * A folder, whose `*.plugin.json` and `*.wasm` files are the plugins, each named by its file; or a list of files,
   * URLs and bytes.
   */
  readonly plugins?: string | URL | readonly PluginSource[];
  /**
   * Classes marked with `@hostModule`, instances of such, or what `defineHostModule` and `implementHostModule` gave.
   */
  readonly modules?: readonly HostModuleSource[];
  /** Values for tokens that host modules inject. */
  readonly provide?: readonly (readonly [InjectionToken, unknown])[];
  /** Asks the application's own container, as `(token) => moduleRef.get(token)`; undefined: it doesn't know it. */
  readonly resolve?: TokenResolver;
  /** What a plugin gets beyond nothing; default: the host modules above. */
  readonly grant?: GrantPolicy;
  /** Conventions of the application's own, by which plugins are called; asked before those that are built in. */
  readonly abis?: readonly Abi[];
  /** Hold for every plugin. */
  readonly limits?: PluginLimits;
  /** Options of every plugin, or a function of its name that gives them. */
  readonly options?: PluginOptions | ((name: string) => PluginOptions);
  /** Reloads plugins when their files change, and loads new files of the folder. Default: false. */
  readonly watch?: boolean | WatchOptions;
  /**
   * Keeps the plugins' compiled code on disk, so that the next process needn't compile what this one has: `true` in the
   * user's cache folder, or in a folder of the application's, given by its path. Whoever can write there can do anything in
   * this process; so it has to be this user's alone, else it isn't used. Default: false.
   */
  readonly cache?: CacheSetting;
  /** For tests: see `backplane/testing`. Default: the process's. */
  readonly clock?: Clock;
  /** pino's shape. Default: warnings and errors to standard error. */
  readonly logger?: Logger;
}

/**
 * @example
 * const host = await PluginHost.start({ plugins: "./plugins", modules: [KvHost], provide: [[KvStore, store]] });
 * console.log(await host.plugin("adder").call("add", [1, 2]));
 */
export class PluginHost extends HostEvents {
  /** Why plugins could not be loaded, by name. */
  readonly failures = new Map<string, unknown>();
  private readonly known = new Map<string, Plugin>();
  private readonly containers = new Map<Plugin, PluginContainer>();
  private readonly container: HostContainer;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly linker = new Linker({
    find: (name) => this.known.get(name),
    failure: (plugin) => this.failures.get(plugin.name),
    draft: (plugin) => this.draft(plugin),
    loadError: (plugin, cause) => this.loadError(plugin.name, cause),
  });
  private readonly watcher: PluginWatcher | undefined;
  private closing: Promise<void> | undefined;
  /** Where compiled code is kept, with its figures; undefined without the option `cache`. */
  readonly codeCache: CodeCache | undefined;

  private constructor(private readonly options: PluginHostOptions) {
    super();
    requireHostOptions(options);
    this.logger = options.logger ?? defaultLogger;
    this.clock = options.clock ?? systemClock;
    this.codeCache = codeCacheOf(options.cache, (message, cause) =>
      this.log("warn", { err: cause }, message),
    );
    const { modules = [], provide = [], resolve, abis = [] } = options;
    requireAbis(abis);
    this.container = new HostContainer(modules, provide, resolve, (event, hook, error) => {
      this.log("error", { event, hook, err: error }, `${hook} failed upon "${event}": ${messageOf(error)}`);
    });
    if (this.container.declarations.some((declaration) => declaration.name === builtInModule)) {
      const text = `the name "${builtInModule}" is that of the built-in host module: choose another`;
      throw new BackplaneError("HOST_MODULE", text);
    }
    if (options.watch) {
      const watch = options.watch === true ? {} : options.watch;
      this.watcher = new PluginWatcher(watch, (file) => this.changed(file), this.logger, this.clock);
    }
  }

  /**
   * Makes the host modules and loads every plugin, all at a time. A bad plugin is in `failures` and doesn't affect
   * the others.
   * Errors: BackplaneError HOST_MODULE, OPTIONS; why a plugin marked `required` can't be loaded.
   *
   * @param listen called with the host before anything is loaded, to listen to its events
   */
  static async start(options: PluginHostOptions, listen?: (host: PluginHost) => void): Promise<PluginHost> {
    const host = new PluginHost(options);
    listen?.(host);
    try {
      await host.loadAll();
    } catch (error) {
      await host.close();
      throw error;
    }
    return host;
  }

  /** Names of the plugins that are loaded, or will be at their first call. */
  get names(): string[] {
    return [...this.known.keys()].filter((name) => !this.failures.has(name)).sort();
  }

  /** Errors: BackplaneError PLUGIN_NOT_FOUND, with the failure as cause if loading it failed. */
  plugin(name: string): Plugin;
  /**
   * A plugin's exports as typed methods; see Plugin.handle. Errors also: BackplaneError EXPORT_MISMATCH; why it can't
   * be loaded, if it waited for its first call.
   *
   * @example
   * const Greeter = describe({ greet: fn(["string"], "string") });
   * const greeter = await host.plugin("greeter", Greeter);
   * await greeter.greet("Ada");
   */
  plugin<T extends Signatures>(name: string, description: Description<T>): Promise<Handle<T>>;
  plugin<T extends Signatures>(name: string, description?: Description<T>): Plugin | Promise<Handle<T>> {
    if (description === undefined) return this.find(name);
    try {
      return this.find(name).handle(description);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Loads one more plugin.
   * Errors: why it can't be loaded; BackplaneError OPTIONS if there is one of its name.
   */
  async load(source: PluginSource, options?: PluginOptions): Promise<Plugin> {
    if (this.closing !== undefined) throw new BackplaneError("CLOSED", "the host is closed");
    const plugin = this.discover(source, options);
    try {
      await this.activate(plugin);
    } catch (error) {
      this.known.delete(plugin.name);
      this.failures.delete(plugin.name);
      await plugin.close();
      throw error;
    }
    if (plugin.isClosing) throw new BackplaneError("CLOSED", `${plugin.name}: closed while it was loading`);
    await this.retryDependents(plugin.name);
    return plugin;
  }

  /** Puts a plugin's present file in place of what serves; see Plugin.reload. */
  async reload(name: string): Promise<void> {
    const plugin = this.known.get(name) ?? this.plugin(name);
    await plugin.reload();
    if (this.failures.delete(name)) await this.retryDependents(name);
  }

  /**
   * Brings a plugin's state back, from what its `snapshot()` gave, perhaps in another process: a new instance is made
   * (its start functions run), put in that state, and serves from then on. A plugin that waits for its first call is
   * loaded.
   * Errors: BackplaneError SNAPSHOT for bytes that are damaged, of another module, or a state that can't be put back;
   * PLUGIN_NOT_FOUND. The old instance goes on serving then.
   */
  async restore(bytes: Uint8Array): Promise<void> {
    const snapshot = decodeSnapshot(bytes);
    await this.find(snapshot.name).restore(snapshot);
  }

  /** Figures of every plugin, by name. */
  stats(): Record<string, PluginStats> {
    return Object.fromEntries([...this.known].map(([name, plugin]) => [name, plugin.stats()]));
  }

  /**
   * Waits for running calls, stops the plugins and disposes the containers. A second call waits for the first.
   * Errors: ReentrancyError within a transfer of a plugin's state.
   */
  close(): Promise<void> {
    try {
      for (const plugin of this.known.values()) plugin.requireNoStep("close");
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

  /** What JSON and logs show of it: its plugins' states. */
  toJSON(): object {
    return { plugins: Object.fromEntries([...this.known].map(([name, { state }]) => [name, state])) };
  }

  /** What `console.log` shows: no secrets, and not everything. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `PluginHost ${inspect((this.toJSON() as { plugins: object }).plugins, options)}`;
  }

  protected override listenerFailed(event: string, error: unknown): void {
    this.log("error", { event, err: error }, `a listener of "${event}" failed: ${messageOf(error)}`);
  }

  /** Host modules are told first. */
  protected override announce<E extends PluginHostEventName>(
    event: E,
    ...args: EventEmitter.EventArgs<PluginHostEvents, E>
  ): void {
    const payload: PluginEvent = args[0];
    this.container.notify(event, payload);
    this.containers.get(payload.plugin)?.notify(event, payload);
    super.announce(event, ...args);
  }

  private find(name: string): Plugin {
    const plugin = this.known.get(name);
    const cause = this.failures.get(name);
    if (plugin !== undefined && cause === undefined) return plugin;
    const why =
      cause === undefined
        ? ` (there are: ${this.names.join(", ") || "none"})`
        : `: it failed to load: ${messageOf(cause)}`;
    throw new BackplaneError("PLUGIN_NOT_FOUND", `no plugin "${name}"${why}`, { cause });
  }

  private async loadAll(): Promise<void> {
    const { plugins = [] } = this.options;
    let sources: readonly PluginSource[];
    if (typeof plugins === "string" || plugins instanceof URL) {
      const folder = plugins instanceof URL ? fileURLToPath(plugins) : plugins;
      sources = await this.sourcesIn(folder);
    } else sources = plugins;
    const found = sources.map((source) => this.discover(source));
    let done = 0;
    const steps = found.map(async (plugin) => {
      try {
        await this.activate(plugin);
      } catch (error) {
        if (plugin.source.details.required) throw error;
        this.log(
          "warn",
          { plugin: plugin.name, err: error },
          `a plugin can't be loaded: ${messageOf(error)}`,
        );
      } finally {
        this.announce("progress", { name: plugin.name, plugin, done: ++done, total: found.length });
      }
    });
    const results = await Promise.allSettled(steps);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** Errors: BackplaneError OPTIONS for a folder that can't be read. */
  private async sourcesIn(folder: string): Promise<readonly PluginSource[]> {
    try {
      this.watcher?.watch(folder);
      return await sourcesInFolder(folder);
    } catch (cause) {
      const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
      const why = missing ? "there is no such folder" : messageOf(cause);
      throw new BackplaneError("OPTIONS", `plugins: can't read the folder ${folder}: ${why}`, { cause });
    }
  }

  private discover(source: PluginSource, options?: PluginOptions): Plugin {
    const reader = new SourceReader(source);
    const { name } = reader;
    if (this.known.has(name)) throw new BackplaneError("OPTIONS", `there are two plugins named "${name}"`);
    const general = this.options.options;
    const own = options ?? (typeof general === "function" ? general(name) : general) ?? {};
    requirePluginOptions(name, own);
    const plugin = new Plugin(name, reader, own, this.services());
    this.known.set(name, plugin);
    if (reader.folder !== undefined) this.watcher?.watch(reader.folder);
    return plugin;
  }

  /** Loads those again that failed because of a plugin that is there now. Whether that works, they tell themselves. */
  private async retryDependents(name: string): Promise<void> {
    const failed = [...this.failures].filter(
      ([, error]) => error instanceof DependencyError && error.dependency === name,
    );
    await Promise.allSettled(failed.map(([dependent]) => this.reload(dependent)));
  }

  /** Loads a plugin unless it waits for its first call. */
  private async activate(plugin: Plugin): Promise<void> {
    try {
      const when = plugin.options.activation ?? (await plugin.source.activation());
      if (when === "startup") await plugin.load();
    } catch (error) {
      this.failures.set(plugin.name, error);
      throw error;
    }
  }

  private services(): PluginServices {
    return {
      clock: this.clock,
      prepare: (plugin) => this.linker.load(plugin),
      reload: (plugin) => reloadLinked(this.linker, plugin),
      close: (plugin, step) => this.linker.close(plugin, step),
      announce: (event, payload) => {
        // Listeners may load another one of its name.
        if (event === "stopped" && this.known.get(payload.name) === payload.plugin)
          this.known.delete(payload.name);
        // Lines of the plugin's own are logged as such.
        if (event !== "log") {
          this.log("debug", { plugin: payload.name, event }, `plugin ${payload.name}: ${event}`);
        }
        (this.announce as (event: string, payload: unknown) => void).call(this, event, payload);
      },
      log: (level, fields, message) => this.log(level, fields, message),
      dispose: async (plugin) => {
        await this.containers.get(plugin)?.dispose();
        this.containers.delete(plugin);
      },
    };
  }

  private async draft(plugin: Plugin): Promise<Draft> {
    let container = this.containers.get(plugin);
    if (container === undefined) this.containers.set(plugin, (container = this.container.forPlugin(plugin)));
    try {
      const policy = {
        grant: this.options.grant,
        limits: this.options.limits ?? {},
        abis: this.options.abis ?? [],
        cache: this.codeCache,
      };
      const registered = new Set(this.container.declarations.map((declaration) => declaration.name));
      const isPlugin = (name: string): boolean => this.known.has(name) && !registered.has(name);
      return await draftPlugin(plugin, container.modules, policy, isPlugin);
    } catch (cause) {
      throw this.loadError(plugin.name, cause);
    }
  }

  /** As it is if it names the plugin already. Loading runs no code of the plugin's but its start. */
  private loadError(name: string, cause: unknown): unknown {
    if (cause instanceof BackplaneError) return cause;
    const where = trapOf(cause) === undefined ? name : `${name}: its start`;
    return new BackplaneError("PLUGIN_LOAD", `${where}: ${messageOf(cause)}`, { cause });
  }

  /** A file was written, or came: its plugin is reloaded, or loaded if it is new. */
  private async changed(file: string): Promise<void> {
    if (this.closing !== undefined) return;
    const reader = new SourceReader(file);
    const plugin = this.known.get(reader.name);
    if (plugin === undefined) {
      await this.load(file);
      return;
    }
    if (plugin.state === "discovered" || !(await this.differs(plugin))) return;
    await this.reload(plugin.name);
  }

  /** Whether a plugin's files are other than those that serve. What can't be read is for the reload to report. */
  private async differs(plugin: Plugin): Promise<boolean> {
    if (plugin.state !== "ready") return true;
    try {
      const { sha256, manifest } = await plugin.source.read();
      return sha256 !== plugin.sha256 || JSON.stringify(manifest) !== JSON.stringify(plugin.manifest);
    } catch {
      return true;
    }
  }

  private async stop(): Promise<void> {
    await this.watcher?.close();
    await Promise.all([...this.known.values()].map((plugin) => plugin.close()));
    await this.container.dispose();
    this.codeCache?.flush();
  }

  /** A logger that throws must not break a step either. */
  private log(level: keyof Logger, fields: object, message: string): void {
    try {
      this.logger[level](fields, message);
    } catch {
      // There is nowhere left to say so.
    }
  }
}
