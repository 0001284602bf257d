/**
 * From a plugin's source to a generation: read, checked, compiled. Linking it with other plugins and making its
 * instances comes after, see `linker.ts`. What throws on the way leaves nothing behind.
 */
import {
  type CodeCache,
  createNamespace,
  type Module,
  moduleTypes,
  WebAssembly,
} from "../../engine/index.js";
import type { Abi } from "../abi/abi.js";
import { chooseAbi } from "../abi/choose-abi.js";
import { requireGrant } from "../application-options.js";
import type { HostModuleDeclaration } from "../declare/decorators.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError, DependencyError, LimitError } from "../errors.js";
import { requireHostModules } from "../manifest/dependencies.js";
import { bothLimits, type Granted, intersect, type PluginGrant } from "../manifest/grant.js";
import type { PluginLimits, PluginManifest, PluginRequests } from "../manifest/manifest.js";
import { Generation } from "./generation.js";
import { limitGrowth } from "./module-sections.js";
import { defaultStartTimeout } from "./options.js";
import type { Plugin } from "./plugin.js";
import { prepareAbi } from "./prepare-abi.js";
import type { PluginCode } from "./source.js";

/** Decides what a plugin gets of what it asks for; without it, the host's modules and nothing else. */
export type GrantPolicy = (
  plugin: { readonly name: string; readonly sha256: string; readonly manifest: PluginManifest | undefined },
  requested: PluginRequests,
) => PluginGrant | Promise<PluginGrant>;

export interface LoadPolicy {
  readonly grant: GrantPolicy | undefined;
  readonly limits: PluginLimits;
  /** The application's own. */
  readonly abis: readonly Abi[];
  /** Where compiled code is kept. */
  readonly cache: CodeCache | undefined;
}

function importedModules(module: Module): string[] {
  return [...new Set(WebAssembly.Module.imports(module).map((i) => i.module))];
}

/** A plugin's code, checked and compiled, before it is linked with other plugins. */
export interface Draft {
  readonly plugin: Plugin;
  readonly code: PluginCode;
  readonly granted: Granted;
  /** The plugins that it imports from, with the versions that will do. */
  readonly imports: ReadonlyMap<string, string>;
  /** Those that it only has to have beside it. */
  readonly companions: ReadonlyMap<string, string>;
  readonly module: Module;
  /** A generation that isn't linked yet and has no instances. */
  generation(number: number): Generation;
}

/**
 * @param isPlugin whether there is a plugin of that name
 * Errors: BackplaneError, ManifestError, the engine's errors.
 */
export async function draftPlugin(
  plugin: Plugin,
  modules: readonly DefinedModule[],
  policy: LoadPolicy,
  isPlugin: (name: string) => boolean,
): Promise<Draft> {
  requireResettable(plugin);
  const code = await plugin.source.read();
  const declarations = modules.map((m) => m.declaration);
  requireHostModules(plugin.name, code.manifest, declarations);
  const { cache } = policy;
  const module = await createNamespace({ cache }).compile(code.bytes as Uint8Array<ArrayBuffer>);
  const { manifest } = code;
  const types = moduleTypes(module);
  const chosen = chooseAbi(plugin.name, types, policy.abis, plugin.options.abi, manifest?.abi);
  const asked = chosen.callsByName ? declarations.map(({ name }) => name) : importedModules(module);
  const granted = await decide(plugin, code, asked, modules, policy);
  const given = modules.filter((m) => granted.modules.includes(m.declaration.name));
  const usable = [...given, plugin.guestLog.module];
  requireImports(plugin.name, module, usable, modules);
  requireDeclared(plugin.name, code.manifest, module, isPlugin);
  const { imports, companions } = pluginImports(plugin.name, code, module, granted, declarations);
  const linked = new Set(imports.keys());
  const hostModules = [...new Set([...modules, plugin.guestLog.module].map((m) => m.declaration.name))];
  const request = {
    plugin,
    abi: chosen,
    module,
    types,
    manifest,
    granted,
    modules: usable,
    hostModules,
    linked,
  };
  const { abi, wasi } = prepareAbi(request);
  plugin.checkDescriptions(abi);
  requireInstances(plugin, granted.limits);
  const bytes = limitGrowth(code.bytes, granted.limits, plugin.name);
  const metered = granted.limits.fuel !== undefined;
  const limited =
    bytes === code.bytes && !metered
      ? module
      : await createNamespace({ cache, fuel: metered }).compile(bytes as Uint8Array<ArrayBuffer>);
  const generation = (number: number): Generation => {
    const made = new Generation({
      name: plugin.name,
      owner: plugin,
      clock: plugin.clock,
      number,
      code,
      bytes,
      module: limited,
      exportNames: new Set(WebAssembly.Module.exports(module).map((e) => e.name)),
      granted,
      instances: plugin.options.instances ?? 1,
      maxWaiting: plugin.options.maxWaiting ?? 1000,
      reentrant:
        plugin.options.reset !== "call" && (plugin.options.reentrant ?? code.manifest?.reentrant ?? false),
      waits: plugin.options.slice !== undefined || abi.waits || wasi?.waits === true,
      resets: plugin.options.reset === "call",
      startTimeout: plugin.options.startTimeout ?? defaultStartTimeout,
      abi,
      wasi,
    });
    refuseHandOver(plugin, made);
    return made;
  };
  return { plugin, code, granted, imports, companions, module: limited, generation };
}

/** Errors: LimitError. */
function requireInstances({ name, options: { instances = 1 } }: Plugin, limits: PluginLimits): void {
  const most = limits.instances;
  if (most === undefined || instances <= most) return;
  const text = `${name}: limit instances: its options ask for ${instances}, ${most} are allowed`;
  throw new LimitError("instances", most, text);
}

/** Errors: BackplaneError NOT_GRANTED; HOST_MODULE for a name that a host module has as well. */
function pluginImports(
  plugin: string,
  code: PluginCode,
  module: Module,
  granted: Granted,
  declarations: readonly HostModuleDeclaration[],
): Pick<Draft, "imports" | "companions"> {
  const imported = importedModules(module);
  const imports = new Map<string, string>();
  const companions = new Map<string, string>();
  for (const [name, range] of Object.entries(code.manifest?.dependencies?.plugins ?? {})) {
    (imported.includes(name) ? imports : companions).set(name, range);
  }
  for (const name of imports.keys()) {
    if (declarations.some((declaration) => declaration.name === name)) {
      const text = `${plugin}: it imports from the plugin "${name}", but a host module has that name too`;
      throw new BackplaneError("HOST_MODULE", text);
    }
    if (!granted.plugins.includes(name)) {
      const text = `${plugin}: importing from the plugin "${name}" isn't granted: grant({ name: "${plugin}" }) has to give { plugins: ["${name}"] }`;
      throw new BackplaneError("NOT_GRANTED", text);
    }
  }
  return { imports, companions };
}

async function decide(
  plugin: Plugin,
  code: PluginCode,
  asked: readonly string[],
  modules: readonly DefinedModule[],
  policy: LoadPolicy,
): Promise<Granted> {
  const requested = code.manifest && (code.manifest.requests ?? {});
  const about = { name: plugin.name, sha256: code.sha256, manifest: code.manifest };
  const given = policy.grant === undefined ? {} : await policy.grant(about, requested ?? {});
  requireGrant(plugin.name, given);
  const registered = modules.map((m) => m.declaration.name);
  const plugins = Object.keys(code.manifest?.dependencies?.plugins ?? {});
  const limits = bothLimits(policy.limits, plugin.options.limits ?? {});
  return intersect(requested, given, plugins, asked, registered, limits);
}

function requireImports(
  name: string,
  module: Module,
  usable: readonly DefinedModule[],
  registered: readonly DefinedModule[],
): void {
  for (const wanted of importedModules(module)) {
    const known = registered.some((m) => m.declaration.name === wanted);
    if (known && !usable.some((m) => m.declaration.name === wanted)) {
      const first = WebAssembly.Module.imports(module).find((i) => i.module === wanted);
      throw new BackplaneError(
        "NOT_GRANTED",
        `${name}: import ${wanted}.${first?.name}: "${wanted}" isn't granted`,
      );
    }
  }
}

/** Errors: DependencyError for imports from a plugin that the manifest doesn't name. */
function requireDeclared(
  name: string,
  manifest: PluginManifest | undefined,
  module: Module,
  isPlugin: (name: string) => boolean,
): void {
  const declared = manifest?.dependencies?.plugins ?? {};
  for (const wanted of WebAssembly.Module.imports(module)) {
    if (Object.hasOwn(declared, wanted.module) || !isPlugin(wanted.module)) continue;
    const text = `${name}: import ${wanted.module}.${wanted.name}: "${wanted.module}" is a plugin: its manifest has to name it in dependencies.plugins`;
    throw new DependencyError(wanted.module, text);
  }
}

/** Errors: BackplaneError OPTIONS: overlapping calls can't each have an instance as after its start. */
function requireResettable({ name, options }: Plugin): void {
  if (options.reset !== "call" || options.reentrant !== true) return;
  throw new BackplaneError("OPTIONS", `${name}: reset: "call" and reentrant exclude each other`);
}

/** One state can't be handed over to several instances, nor kept where each call begins without one. */
function refuseHandOver(plugin: Plugin, generation: Generation): void {
  const { instances = 1, handOver, transfer, reset } = plugin.options;
  if ((instances === 1 && reset !== "call") || handOver === false) return;
  const { saves, restores } = generation.abi;
  if (transfer === undefined && !(saves && restores)) return;
  const why =
    reset === "call" ? 'each call resets it (reset: "call")' : `it has ${instances} instances, not one`;
  throw new BackplaneError(
    "OPTIONS",
    `${plugin.name}: it hands its state over when reloaded, but ${why}: change that, or say handOver: false`,
  );
}
