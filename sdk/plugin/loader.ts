/**
 * From a plugin's source to a generation that can serve: read, checked, compiled, linked, instantiated. What throws
 * on the way leaves nothing behind.
 */
import { type Module, Suspending, WebAssembly } from "../../engine/index.js";
import { checkImports } from "../binding/check.js";
import { importLinker, type Linkage } from "../binding/link.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError } from "../errors.js";
import { restoreHook, saveHook } from "../lifecycle/hand-over.js";
import { type Granted, intersect, type PluginGrant } from "../manifest/grant.js";
import type { PluginLimits, PluginManifest, PluginRequests } from "../manifest/manifest.js";
import { Generation } from "./generation.js";
import { limitMemory } from "./module-sections.js";
import type { Plugin } from "./plugin.js";
import type { PluginCode } from "./source.js";

/** Decides what a plugin gets of what it asks for; without it, the host's modules and nothing else. */
export type GrantPolicy = (
  plugin: { readonly name: string; readonly sha256: string; readonly manifest: PluginManifest | undefined },
  requested: PluginRequests,
) => PluginGrant | Promise<PluginGrant>;

export interface LoadPolicy {
  readonly grant: GrantPolicy | undefined;
  readonly limits: PluginLimits;
}

function importedModules(module: Module): string[] {
  return [...new Set(WebAssembly.Module.imports(module).map((i) => i.module))];
}

/** Errors: BackplaneError, ManifestError, the engine's errors. */
export async function prepareGeneration(
  plugin: Plugin,
  number: number,
  modules: readonly DefinedModule[],
  policy: LoadPolicy,
): Promise<Generation> {
  const code = await plugin.source.read();
  const module = await WebAssembly.compile(code.bytes as Uint8Array<ArrayBuffer>);
  plugin.checkDescriptions(module);
  const granted = await decide(plugin, code, module, modules, policy);
  const usable = modules.filter((m) => granted.modules.includes(m.declaration.name));
  requireImports(plugin.name, module, usable, modules);
  checkImports(plugin.name, module, usable);
  const { memory } = granted.limits;
  const bytes = memory === undefined ? code.bytes : limitMemory(code.bytes, memory, plugin.name);
  const limited = bytes === code.bytes ? module : await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const config = { ...code.manifest?.config, ...plugin.options.config };
  const link = importLinker({ name: plugin.name, config, owner: plugin }, module, usable);
  const generation = new Generation({
    name: plugin.name,
    number,
    code,
    bytes,
    module: limited,
    granted,
    instances: plugin.options.instances ?? 1,
    maxWaiting: plugin.options.maxWaiting ?? 1000,
    reentrant: plugin.options.reentrant ?? code.manifest?.reentrant ?? false,
    waits: importsSuspending(module, link().imports),
    link,
  });
  refuseHandOverToPool(plugin, generation);
  generation.start();
  return generation;
}

async function decide(
  plugin: Plugin,
  code: PluginCode,
  module: Module,
  modules: readonly DefinedModule[],
  policy: LoadPolicy,
): Promise<Granted> {
  const requested = code.manifest?.requests ?? {};
  const about = { name: plugin.name, sha256: code.sha256, manifest: code.manifest };
  const given = (await policy.grant?.(about, requested)) ?? {};
  const registered = modules.map((m) => m.declaration.name);
  return intersect(requested, given, importedModules(module), registered, policy.limits);
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

function importsSuspending(module: Module, imports: Linkage["imports"]): boolean {
  return WebAssembly.Module.imports(module).some((i) => imports[i.module]?.[i.name] instanceof Suspending);
}

/** One state can't be handed over to several instances. */
function refuseHandOverToPool(plugin: Plugin, generation: Generation): void {
  const { instances = 1, handOver, transfer } = plugin.options;
  if (instances === 1 || handOver === false) return;
  const { exportNames } = generation;
  if (transfer === undefined && !(exportNames.has(saveHook) && exportNames.has(restoreHook))) return;
  throw new BackplaneError(
    "OPTIONS",
    `${plugin.name}: state can't be handed over between ${instances} instances; use one, or handOver: false`,
  );
}
