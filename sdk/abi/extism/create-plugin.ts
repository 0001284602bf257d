/**
 * `createPlugin` with the shape of Extism's JavaScript SDK: a plugin host of one plugin, with an ABI made for it.
 *
 * What a plugin may use is what the options say, or the manifest where they say nothing. Where that SDK and Extism's
 * native runtime differ, this is the native runtime's behaviour; `docs/extism.md` has the list.
 */
import {
  type ExportDescriptor,
  type ImportDescriptor,
  type Instance,
  Module,
  moduleTypes,
  Wasi,
  WebAssembly,
} from "../../../engine/index.js";
import { BackplaneError, messageOf } from "../../errors.js";
import { PluginHost } from "../../host.js";
import { initialPages, limitGrowth } from "../../plugin/module-sections.js";
import type { Plugin as HostedPlugin } from "../../plugin/plugin.js";
import type { Abi } from "../abi.js";
import { type ExtismInstance, isCallable, moduleSeparator } from "./extism-instance.js";
import { ExtismModule } from "./extism-module.js";
import { functionImport, type HostFunctions } from "./host-functions.js";
import { defaultMaxResponseBytes } from "./http.js";
import { type LineLevel, type LogLevel, levelNumber } from "./log-levels.js";
import { type AllowedPath, grantsOf, type ManifestGrants, type MemoryOptions } from "./manifest.js";
import { NativeValues } from "./native-values.js";
import { PluginOutput } from "./output.js";
import type { LinkedModule } from "./settings.js";
import { type LoadedManifest, loadManifest, type ManifestLike, type ModuleSource } from "./sources.js";

/** What lines of a plugin's log go to: as `console`. */
export interface ExtismLogger {
  /** Without it, such lines go to `debug`. */
  trace?(text: string): void;
  /** Details for whoever looks into the plugin. */
  debug(text: string): void;
  /** What the plugin is doing. */
  info(text: string): void;
  /** What may be wrong. */
  warn(text: string): void;
  /** What went wrong. */
  error(text: string): void;
}

/** What a plugin of `createPlugin` may use. They go before its manifest. */
export interface ExtismPluginOptions {
  /** Serves WASI preview 1. Default: false, and a plugin that imports it isn't loaded. */
  useWasi?: boolean;
  /** Accepted; not needed: host functions may be asynchronous, and timeouts hold, on the main thread. */
  runInWorker?: boolean;
  logger?: ExtismLogger;
  /** Default: "info" with a logger, else "silent". */
  logLevel?: LogLevel;
  /** The application's functions, by the name of the module that plugins import from, mostly "extism:host/user". */
  functions?: HostFunctions | undefined;
  /** Folders by the plugin's name for them; a folder that begins with "ro:" can only be read. */
  allowedPaths?: Record<string, string> | undefined;
  /** Hosts that the plugin may send HTTP requests to, or patterns as "*.example.com". Default: none. */
  allowedHosts?: string[] | undefined;
  memory?: MemoryOptions;
  /** Milliseconds for each call, and for the plugin's start. Default: no limit. */
  timeoutMs?: number | null;
  /** What the plugin prints over WASI goes to the process's streams. Default: if EXTISM_ENABLE_WASI_OUTPUT is set. */
  enableWasiOutput?: boolean;
  config?: Record<string, string>;
  /** Loads modules, and serves the plugin's requests. Default: Node's. */
  fetch?: typeof fetch;
  /** The plugin may read the headers of responses. Default: false. */
  allowHttpResponseHeaders?: boolean;
  /** Accepted; there is no worker. */
  sharedArrayBufferSize?: number;
  /** Accepted; there is no worker. */
  nodeWorkerArgs?: object;
}

/** A function of the plugin's, or of one of a manifest's modules. */
export type FunctionName = string | [module: string, name: string];

const pageSize = 65_536;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Makes a plugin of a manifest, or of what stands for one. Its module is started before the promise resolves.
 *
 * Errors: ManifestError; BackplaneError PLUGIN_LOAD, INTEGRITY, IMPORT_MISMATCH, LIMIT, TIMEOUT; CompileError.
 * @example
 * const plugin = await createPlugin("count_vowels.wasm", { useWasi: true });
 * const output = await plugin.call("count_vowels", "Hello");
 * output?.json(); // { count: 2, ... }
 * await plugin.close();
 */
export async function createPlugin(
  source: ManifestLike | PromiseLike<ManifestLike>,
  options: ExtismPluginOptions = {},
): Promise<Plugin> {
  const loaded = await loadManifest(await source, options.fetch ?? fetch);
  const grants = combined(grantsOf(loaded.manifest), grantsOf(options));
  const { maxPages } = grants.memory ?? {};
  requireInitialPages(loaded, maxPages);
  const companions = loaded.companions.map((companion) => compiled(limited(companion, maxPages)));
  const plugin = new Plugin(companions);
  const main = limited(loaded.main, maxPages);
  await plugin.load(main, abiFor(plugin, main.name, companions, grants, options), grants.timeoutMs);
  return plugin;
}

/** The options' where they say something. */
function combined(manifest: ManifestGrants, options: ManifestGrants): ManifestGrants {
  return {
    config: options.config ?? manifest.config,
    memory: options.memory ?? manifest.memory,
    allowedHosts: options.allowedHosts ?? manifest.allowedHosts,
    allowedPaths: options.allowedPaths ?? manifest.allowedPaths,
    timeoutMs: options.timeoutMs || manifest.timeoutMs || undefined,
  };
}

/** Errors: BackplaneError LIMIT if modules begin with more memory than they may have. */
function requireInitialPages({ main, companions }: LoadedManifest, maxPages: number | undefined): void {
  const pages = [main, ...companions].reduce((sum, { bytes }) => sum + initialPages(bytes), 0);
  if (maxPages === undefined || pages <= maxPages) return;
  throw new BackplaneError("LIMIT", `it starts with ${pages} pages of memory, max_pages is ${maxPages}`);
}

/** As the native runtime counts: beyond what it begins with, a memory may grow by as many pages as are allowed. */
function limited(source: ModuleSource, maxPages: number | undefined): ModuleSource {
  if (maxPages === undefined || !WebAssembly.validate(source.bytes as Uint8Array<ArrayBuffer>)) return source;
  const pages = initialPages(source.bytes) + maxPages;
  return { ...source, bytes: limitGrowth(source.bytes, { memory: pages * pageSize }, source.name) };
}

function compiled({ name, bytes }: ModuleSource): LinkedModule {
  const module = new Module(bytes as Uint8Array<ArrayBuffer>);
  return { name, module, types: moduleTypes(module) };
}

/** The plugin's own ABI: Extism's, with what it may use. */
function abiFor(
  owner: Plugin,
  name: string,
  companions: readonly LinkedModule[],
  grants: ManifestGrants,
  options: ExtismPluginOptions,
): Abi {
  const { logger, functions = {}, useWasi = false } = options;
  const { maxPages = Number.POSITIVE_INFINITY, maxHttpResponseBytes, maxVarBytes } = grants.memory ?? {};
  const grant = {
    values: new NativeValues(new Map(Object.entries(grants.config ?? {})), maxVarBytes),
    logLevel: levelNumber(options.logLevel ?? (logger === undefined ? "silent" : "info")),
    log: (level: LineLevel, text: string) => logTo(logger ?? console, level, text),
    http: {
      hosts: grants.allowedHosts ?? [],
      maxResponseBytes: maxHttpResponseBytes ?? defaultMaxResponseBytes,
      headers: options.allowHttpResponseHeaders ?? false,
      fetch: options.fetch ?? fetch,
    },
  };
  const wasi = useWasi ? () => makeWasi(grants.allowedPaths, printsOutput(options)) : undefined;
  return {
    name: "extism",
    servesWasi: true,
    prepare: ({ name: plugin, module, types, imports, resets, hostCalls, outputBytes }) => {
      const main = { name, module, types };
      const settings = {
        plugin,
        grant,
        main,
        companions,
        hostImport: functionImport.bind(undefined, functions, hostCalls),
        wasi,
        maxGrowth: maxPages,
        resets,
        hostCalls,
        outputBytes,
        outputAs: (bytes: ArrayBuffer | undefined) => (bytes === undefined ? null : new PluginOutput(bytes)),
      };
      owner.modules = [main, ...companions];
      return new ExtismModule(settings, imports, (instance) => owner.made(instance));
    },
  };
}

function logTo(logger: ExtismLogger, level: LineLevel, text: string): void {
  // A console's trace prints where it was called, which is nobody's business here.
  const write = level === "trace" && (logger.trace === undefined || logger === console) ? "debug" : level;
  logger[write]?.(text);
}

/** As Extism's SDKs: by an environment variable where the application doesn't say it. */
function printsOutput({ enableWasiOutput }: ExtismPluginOptions): boolean {
  return enableWasiOutput ?? process.env.EXTISM_ENABLE_WASI_OUTPUT !== undefined;
}

/** Errors: BackplaneError PLUGIN_LOAD for a folder that can't be opened. */
function makeWasi(preopens: Readonly<Record<string, AllowedPath>> = {}, prints: boolean): Wasi {
  try {
    return new Wasi({ preopens, ...(prints && { stdout: "inherit", stderr: "inherit" }) });
  } catch (cause) {
    throw new BackplaneError("PLUGIN_LOAD", `allowed_paths: ${messageOf(cause)}`, { cause });
  }
}

/** A plugin made by `createPlugin`. */
export class Plugin {
  /** @internal */
  modules: readonly LinkedModule[];
  private host: PluginHost | undefined;
  private plugin: HostedPlugin | undefined;
  private instance: ExtismInstance | undefined;

  /** @internal */
  constructor(companions: readonly LinkedModule[]) {
    this.modules = companions;
  }

  /** @internal */
  async load({ bytes }: ModuleSource, abi: Abi, timeout = Number.POSITIVE_INFINITY): Promise<void> {
    this.host = await PluginHost.start({ logger: quiet });
    try {
      this.plugin = await this.host.load(
        { name: "plugin", bytes },
        {
          abi,
          timeout,
          startTimeout: timeout,
          maxWaiting: Number.MAX_SAFE_INTEGER,
          circuit: { traps: Number.POSITIVE_INFINITY },
        },
      );
    } catch (error) {
      await this.host.close();
      throw error instanceof BackplaneError && error.code === "PLUGIN_LOAD" && error.cause !== undefined
        ? error.cause
        : error;
    }
  }

  /** @internal Told of each instance: one at a time serves. */
  made(instance: ExtismInstance): void {
    this.instance = instance;
  }

  /**
   * Calls a function of the plugin. Calls come one after the other.
   *
   * @param input text and bytes as they are, numbers as text, other values as JSON
   * @param hostContext what `CallContext.hostContext()` gives while the call goes on
   * @returns the output; null if the plugin set none
   * Errors: PluginError with the error that the plugin set, or for another code than 0; BackplaneError
   * EXPORT_NOT_FOUND, EXPORT_MISMATCH, TIMEOUT, CLOSED; what host functions throw; traps.
   */
  call<T = unknown>(name: FunctionName, input?: unknown, hostContext?: T): Promise<PluginOutput | null> {
    const options = hostContext === undefined ? undefined : { context: hostContext };
    try {
      const target = typeof name === "string" ? name : this.nameIn(name);
      return this.hosted().call(target, input, options) as Promise<PluginOutput | null>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Whether there is such a function that `call` takes. */
  async functionExists(name: FunctionName): Promise<boolean> {
    const [module, wanted] = typeof name === "string" ? [undefined, name] : name;
    const found = this.linked(module)?.types.exports.find((one) => one.name === wanted);
    return found?.type !== undefined && isCallable(found.type);
  }

  /**
   * What a module exports.
   *
   * @param name of a manifest's module; default: the main one's
   * Errors: BackplaneError PLUGIN_NOT_FOUND.
   */
  async getExports(name?: string): Promise<ExportDescriptor[]> {
    return WebAssembly.Module.exports(this.requireModule(name).module);
  }

  /** What a module imports; parameter and errors as those of `getExports`. */
  async getImports(name?: string): Promise<ImportDescriptor[]> {
    return WebAssembly.Module.imports(this.requireModule(name).module);
  }

  /** The instance that serves, of `backplane/engine`. Calls of its exports aren't the plugin's: no limit holds. */
  async getInstance(name?: string): Promise<Instance> {
    const linked = this.requireModule(name);
    const instance = this.instance?.instanceOf(linked);
    if (instance !== undefined) return instance;
    throw new BackplaneError("BUSY", `the module "${linked.name}" has no instance`);
  }

  /** Whether a call is in it. */
  isActive(): boolean {
    return this.instance?.active ?? false;
  }

  /** Frees the blocks that calls left, unless a call is in it: false then. Variables and the plugin's memory stay. */
  async reset(): Promise<boolean> {
    if (this.isActive() || this.instance === undefined) return false;
    this.instance.kernel.reset();
    return true;
  }

  /** Waits for the running call, and gives everything up. */
  async close(): Promise<void> {
    await this.host?.close();
  }

  /** Closes it, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private hosted(): HostedPlugin {
    return this.plugin as HostedPlugin;
  }

  private linked(name: string | undefined): LinkedModule | undefined {
    return name === undefined || name === "main"
      ? this.modules[0]
      : this.modules.find((linked) => linked.name === name);
  }

  private requireModule(name: string | undefined): LinkedModule {
    const found = this.linked(name);
    if (found !== undefined) return found;
    const names = this.modules.map((linked) => `"${linked.name}"`).join(", ");
    throw new BackplaneError("PLUGIN_NOT_FOUND", `no module is named "${name}" (there are: ${names})`);
  }

  private nameIn([module, name]: [module: string, name: string]): string {
    const linked = this.requireModule(module);
    return linked === this.modules[0] ? name : `${linked.name}${moduleSeparator}${name}`;
  }
}
