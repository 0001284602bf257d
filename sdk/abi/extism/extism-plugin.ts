/**
 * A plugin as Extism's JavaScript SDK has it: a plugin host of one plugin, whose ABI tells of each instance that it makes.
 */
import {
  type CodeCache,
  type ExportDescriptor,
  type ImportDescriptor,
  type Instance,
  WebAssembly,
} from "../../../engine/index.js";
import { BackplaneError } from "../../errors.js";
import { PluginHost } from "../../host.js";
import type { Plugin as HostedPlugin } from "../../plugin/plugin.js";
import type { Abi } from "../abi.js";
import { type ExtismInstance, isCallable, moduleSeparator } from "./extism-instance.js";
import type { PluginOutput } from "./output.js";
import type { LinkedModule } from "./settings.js";
import type { ModuleSource } from "./sources.js";

/** A function of the plugin's, or of one of a manifest's modules. */
export type FunctionName = string | [module: string, name: string];

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

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
  async load(
    { bytes }: ModuleSource,
    abi: Abi,
    timeout = Number.POSITIVE_INFINITY,
    cache?: CodeCache,
  ): Promise<void> {
    this.host = await PluginHost.start({ logger: quiet, cache });
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
