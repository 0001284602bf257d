/**
 * `createPlugin` with the shape of Extism's JavaScript SDK: a plugin host of one plugin, with an ABI made for it.
 *
 * What a plugin may use is what the options say, or the manifest where they say nothing. Where that SDK and Extism's
 * native runtime differ, this is the native runtime's behaviour; `docs/extism.md` has the list.
 */
import type { Server, Socket } from "node:net";
import { type CodeCache, createNamespace, moduleTypes, WebAssembly } from "../../../engine/index.js";
import { type CacheSetting, codeCacheOf } from "../../code-cache.js";
import { BackplaneError } from "../../errors.js";
import { initialPages, limitGrowth } from "../../plugin/module-sections.js";
import { PluginWasi, type PluginWasiOwner, wasiModules } from "../../wasi/plugin-wasi.js";
import type { GrantedWasi } from "../../wasi/wasi-grant.js";
import type { Abi } from "../abi.js";
import { ExtismModule } from "./extism-module.js";
import { Plugin } from "./extism-plugin.js";
import { functionImport, type HostFunctions } from "./host-functions.js";
import { defaultMaxResponseBytes } from "./http.js";
import { type LineLevel, type LogLevel, levelNumber } from "./log-levels.js";
import { grantsOf, type ManifestGrants, type MemoryOptions } from "./manifest.js";
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
  /** Connections and listening servers for the plugin's WASI; they follow the folders. Not in Extism's SDK. */
  sockets?: readonly (Socket | Server)[] | undefined;
  /** Keeps compiled code on disk, as `PluginHost.start({ cache })` does. Default: false. Not in Extism's SDK. */
  cache?: CacheSetting | undefined;
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

const pageSize = 65_536;

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
  const cache = codeCacheOf(options.cache, (message) => tell(options.logger, message));
  const companions = loaded.companions.map((companion) => compiled(limited(companion, maxPages), cache));
  const plugin = new Plugin(companions);
  const main = limited(loaded.main, maxPages);
  await plugin.load(main, abiFor(plugin, main.name, companions, grants, options), grants.timeoutMs, cache);
  return plugin;
}

/** What is wrong with the cache, which isn't the plugin's log: told whatever the log's level. */
function tell(logger: ExtismLogger | undefined, message: string): void {
  if (logger === undefined) process.emitWarning(message);
  else logger.warn(message);
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

function compiled({ name, bytes }: ModuleSource, cache: CodeCache | undefined): LinkedModule {
  const module = new (createNamespace({ cache }).Module)(bytes as Uint8Array<ArrayBuffer>);
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
  const granted: GrantedWasi = {
    preopens: grants.allowedPaths ?? {},
    ...(options.sockets && { sockets: options.sockets }),
    ...(printsOutput(options) && { stdout: "inherit", stderr: "inherit" }),
  };
  return {
    name: "extism",
    servesWasi: true,
    prepare: ({ name: plugin, module, types, imports, resets, hostCalls, outputBytes }) => {
      const main = { name, module, types };
      const modules = [main, ...companions];
      const wasi = useWasi ? wasiOf({ name: plugin, hostCalls }, modules, granted) : undefined;
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
        outputAs: (bytes: Buffer<ArrayBuffer> | undefined) =>
          bytes === undefined ? null : PluginOutput.of(bytes),
      };
      owner.modules = modules;
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

/** WASI of the modules that import it. Sockets are the main one's. Errors: BackplaneError IMPORT_MISMATCH. */
function wasiOf(
  owner: PluginWasiOwner,
  [main, ...companions]: readonly LinkedModule[],
  granted: GrantedWasi,
): ReadonlyMap<LinkedModule, PluginWasi> {
  const made = new Map<LinkedModule, PluginWasi>();
  const give = (linked: LinkedModule, given: GrantedWasi): void => {
    const wanted = linked.types.imports.filter(({ module }) => wasiModules.has(module));
    if (wanted.length > 0) made.set(linked, new PluginWasi(owner, wanted, given, () => {}));
  };
  give(main, granted);
  const { sockets: _, ...shared } = granted;
  for (const companion of companions) give(companion, shared);
  return made;
}
