/** Hosts for tests: plugins from memory, host functions called as a plugin would call them. */
import { isRecord, shown } from "../checks.js";
import { hostModuleDeclaration } from "../declare/decorators.js";
import type { HostModuleSource } from "../di.js";
import { BackplaneError } from "../errors.js";
import { PluginHost, type PluginHostOptions } from "../host.js";
import type { CallOptions } from "../plugin/options.js";
import type { PluginSource, PluginSourceDetails } from "../plugin/source.js";
import type { FakePlugin } from "./fake-plugin.js";
import { forwardingModule } from "./forwarding-module.js";

/** A plugin of a test: its module's bytes, bytes with what else a source has, or a fake. */
export type TestPlugin = Uint8Array | FakePlugin | Omit<PluginSourceDetails, "name" | "file">;

/** What a host has, but for plugins, which are in memory and have their names as keys. */
export interface TestHostOptions extends Omit<PluginHostOptions, "plugins" | "watch"> {
  readonly plugins?: Readonly<Record<string, TestPlugin>>;
}

function isFake(plugin: TestPlugin): plugin is FakePlugin {
  return "source" in plugin && typeof plugin.source === "function";
}

/** Errors: BackplaneError OPTIONS for what is no plugin. */
function requirePlugin(name: string, plugin: TestPlugin): void {
  if (isRecord(plugin)) return;
  const text = `testHost: plugins.${name}: expected bytes, a fake or a source of bytes, got ${shown(plugin)}`;
  throw new BackplaneError("OPTIONS", text);
}

function sourceOf(name: string, plugin: TestPlugin): PluginSource {
  if (plugin instanceof Uint8Array) return { name, bytes: plugin, required: true };
  return isFake(plugin) ? plugin.source(name) : { required: true, ...plugin, name };
}

/**
 * A host whose plugins are in memory. A plugin that can't be loaded makes it throw. Close it when the test is over.
 * Errors: those of `PluginHost.start`; why a plugin can't be loaded.
 *
 * @example
 * const host = await testHost({ modules: [app], plugins: { greeter: await readFile("greeter.wasm") } });
 */
export function testHost(options: TestHostOptions = {}): Promise<PluginHost> {
  const { plugins = {}, modules = [], grant } = options;
  const entries = Object.entries(plugins);
  for (const [name, plugin] of entries) requirePlugin(name, plugin);
  const fakes = entries.flatMap(([, plugin]) => (isFake(plugin) ? [plugin.module] : []));
  const faked = new Set(entries.flatMap(([name, plugin]) => (isFake(plugin) ? [name] : [])));
  return PluginHost.start({
    ...options,
    modules: [...modules, ...fakes],
    plugins: entries.map(([name, plugin]) => sourceOf(name, plugin)),
    // A fake's module is no business of the application's policy.
    grant: grant && ((plugin, requested) => (faked.has(plugin.name) ? {} : grant(plugin, requested))),
  });
}

/** Of `callHostFunctionWith`. */
export interface HostFunctionCall extends Pick<CallOptions, "signal" | "timeout" | "context"> {
  /** Settings of the plugin that seems to call. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Values for tokens that the module injects, if it is a class. */
  readonly provide?: PluginHostOptions["provide"];
}

/**
 * Calls a host function as a plugin would: its arguments go into the memory of a guest and out again, its result
 * likewise. The plugin is named "test".
 * Errors: HostError with what the function throws as its cause; MarshalError for what can't cross; BackplaneError
 * HOST_MODULE for a module or function that isn't there, OPTIONS for too few or too many arguments.
 *
 * @param module a class with `@hostModule`, an instance of one, or a defined module
 * @param name the import's name
 * @example
 * await callHostFunction(new KvHost(store), "get", "key"); // Uint8Array or null
 */
export function callHostFunction(
  module: HostModuleSource,
  name: string,
  ...args: readonly unknown[]
): Promise<unknown> {
  return callHostFunctionWith({}, module, name, ...args);
}

/** The same, with what the call carries. */
export async function callHostFunctionWith(
  options: HostFunctionCall,
  module: HostModuleSource,
  name: string,
  ...args: readonly unknown[]
): Promise<unknown> {
  const declaration =
    module === undefined || module === null
      ? undefined
      : "declaration" in module
        ? (module.declaration as ReturnType<typeof hostModuleDeclaration>)
        : (hostModuleDeclaration(module) ?? hostModuleDeclaration(module.constructor));
  const declared = declaration?.functions.find((func) => func.name === name);
  if (declaration === undefined || declared === undefined) {
    const what =
      declaration === undefined ? "no host module" : `no host function "${declaration.name}.${name}"`;
    throw new BackplaneError("HOST_MODULE", `callHostFunction: this is ${what}`);
  }
  const { signature } = declared;
  if (args.length !== signature.params.length) {
    const takes = `${signature.params.length} argument${signature.params.length === 1 ? "" : "s"}`;
    const where = `${declaration.name}.${name}`;
    throw new BackplaneError("OPTIONS", `callHostFunction: ${where} takes ${takes}, ${args.length} given`);
  }
  const bytes = forwardingModule([{ export: "call", module: declaration.name, import: name, signature }]);
  const { config, provide, ...call } = options;
  const host = await testHost({ modules: [module], provide, options: { config }, plugins: { test: bytes } });
  try {
    const guest = await host.plugin("test", { signatures: { call: { ...signature, throws: false } } });
    return await (guest.call as (...all: unknown[]) => Promise<unknown>)(...args, call);
  } finally {
    await host.close();
  }
}
