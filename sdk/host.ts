/** The plugin host: host modules made by dependency injection, plugins loaded from a folder. */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { EventEmitter } from "eventemitter3";
import { type DependencyContainer, type InjectionToken, container as rootContainer } from "tsyringe";
import { type Instance, WebAssembly } from "../engine/index.js";
import { type HostModuleClass, type HostModuleDeclaration, hostModuleDeclaration } from "./decorators.js";
import { BackplaneError } from "./errors.js";
import { Plugin, PluginMemory } from "./plugin.js";
import type { FunctionSignature } from "./signature.js";

export interface PluginHostOptions {
  /** Folder whose `*.wasm` files are the plugins; a plugin's name is its file's without the extension. */
  plugins: string;
  /** Classes marked with `@hostModule`. */
  modules?: readonly HostModuleClass[];
  /** Values for tokens that host modules inject. */
  provide?: readonly (readonly [InjectionToken, unknown])[];
}

export interface PluginHostEvents {
  loaded: [plugin: Plugin];
  /** A plugin that could not be loaded; the others are not affected. */
  failed: [failure: { name: string; error: unknown }];
}

interface OfferedModule {
  readonly declaration: HostModuleDeclaration;
  readonly object: object;
}

type HostMethod = (...args: unknown[]) => unknown;

/**
 * @example
 * const host = await PluginHost.start({ plugins: "./plugins", modules: [KvHost], provide: [[KvStore, store]] });
 * console.log(host.plugin("adder").call("add", 1, 2));
 */
export class PluginHost extends EventEmitter<PluginHostEvents> {
  private readonly container: DependencyContainer = rootContainer.createChildContainer();
  private readonly loaded = new Map<string, Plugin>();
  /** Why plugins could not be loaded, by name. */
  readonly failures = new Map<string, unknown>();
  private offered: OfferedModule[] = [];

  private constructor() {
    super();
  }

  /** Makes the host modules and loads every plugin. Errors: BackplaneError HOST_MODULE; a bad plugin is in `failures`. */
  static async start(options: PluginHostOptions): Promise<PluginHost> {
    const host = new PluginHost();
    for (const [token, value] of options.provide ?? []) {
      host.container.register(token as InjectionToken<unknown>, { useValue: value });
    }
    host.offered = (options.modules ?? []).map((target) => host.offer(target));
    const files = (await readdir(options.plugins)).filter((file) => file.endsWith(".wasm")).sort();
    await Promise.all(files.map((file) => host.load(join(options.plugins, file))));
    return host;
  }

  /** Names of the plugins that are loaded. */
  get names(): string[] {
    return [...this.loaded.keys()].sort();
  }

  /** Errors: BackplaneError PLUGIN_NOT_FOUND, with the failure as cause if loading it failed. */
  plugin(name: string): Plugin {
    const plugin = this.loaded.get(name);
    if (plugin !== undefined) return plugin;
    const cause = this.failures.get(name);
    const why = cause === undefined ? `there are: ${this.names.join(", ") || "none"}` : "it failed to load";
    throw new BackplaneError("PLUGIN_NOT_FOUND", `no plugin "${name}" (${why})`, { cause });
  }

  /** Forgets the plugins and disposes the container. */
  async close(): Promise<void> {
    this.loaded.clear();
    await this.container.dispose();
  }

  private offer(target: HostModuleClass): OfferedModule {
    const declaration = hostModuleDeclaration(target);
    if (declaration === undefined) {
      throw new BackplaneError(
        "HOST_MODULE",
        `${target.name} is not a host module: mark it with @hostModule("name")`,
      );
    }
    return { declaration, object: this.container.resolve(target) };
  }

  private async load(file: string): Promise<void> {
    const name = basename(file, ".wasm");
    try {
      const memory = new PluginMemory(name);
      const module = await WebAssembly.compile(await readFile(file));
      const instance = await WebAssembly.instantiate(module, this.importsFor(memory));
      memory.attach(instance as Instance);
      const plugin = new Plugin(name, instance as Instance);
      this.loaded.set(name, plugin);
      this.emit("loaded", plugin);
    } catch (cause) {
      const message = `${name}: ${cause instanceof Error ? cause.message : String(cause)}`;
      const error = new BackplaneError("PLUGIN_LOAD", message, { cause });
      this.failures.set(name, error);
      this.emit("failed", { name, error });
    }
  }

  private importsFor(memory: PluginMemory): Record<string, Record<string, HostMethod>> {
    const imports: Record<string, Record<string, HostMethod>> = {};
    for (const { declaration, object } of this.offered) {
      const fields: Record<string, HostMethod> = (imports[declaration.name] ??= {});
      for (const { name, method, signature } of declaration.functions) {
        const implementation = (object as Record<string, HostMethod>)[method].bind(object) as HostMethod;
        fields[name] = marshalled(implementation, signature, memory);
      }
    }
    return imports;
  }
}

/** A host method as an import: strings are read from the plugin's memory, core values pass as they are. */
function marshalled(method: HostMethod, signature: FunctionSignature, memory: PluginMemory): HostMethod {
  if (!signature.params.includes("string")) return method;
  return (...raw) => {
    let at = 0;
    const args = signature.params.map((type) =>
      type === "string" ? memory.text(raw[at++] as number, raw[at++] as number) : raw[at++],
    );
    return method(...args);
  };
}
