/**
 * Who serves the imports of a plugin's module: other plugins, WASI, and its ABI all the rest. What leaves is the
 * module under its ABI, and its WASI if it has one.
 */
import type { ImportType, Module, ModuleTypes } from "../../engine/index.js";
import type { Abi, AbiModule, AbiPlugin } from "../abi/abi.js";
import { hostFunctionsOf } from "../abi/host-function.js";
import { HostCallLimits } from "../binding/host-call-limits.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError } from "../errors.js";
import type { Granted } from "../manifest/grant.js";
import type { PluginManifest } from "../manifest/manifest.js";
import { PluginWasi, type PluginWasiOwner, wasiModules } from "../wasi/plugin-wasi.js";
import type { Plugin } from "./plugin.js";

export interface AbiRequest {
  readonly plugin: Plugin;
  readonly abi: Abi;
  readonly module: Module;
  readonly types: ModuleTypes;
  readonly manifest: PluginManifest | undefined;
  readonly granted: Granted;
  /** Host modules that it may import, the built-in one included. */
  readonly modules: readonly DefinedModule[];
  /** Names of all host modules that there are. */
  readonly hostModules: readonly string[];
  /** Plugins that it imports from. */
  readonly linked: ReadonlySet<string>;
}

/** Errors: BackplaneError NOT_GRANTED, IMPORT_MISMATCH, EXPORT_MISMATCH. */
export function prepareAbi(request: AbiRequest): { abi: AbiModule; wasi: PluginWasi | undefined } {
  const { plugin, abi, module, types, manifest, granted, modules, hostModules, linked } = request;
  const { name, options, clock, guestLog } = plugin;
  const log: AbiPlugin["log"] = (level, text) => guestLog.write(level, text);
  const own = types.imports.filter((wanted) => !linked.has(wanted.module));
  // A host module of that name is the application's own WASI.
  const isWasi = ({ module: from }: ImportType): boolean =>
    wasiModules.has(from) && !modules.some(({ declaration }) => declaration.name === from);
  const ofWasi = abi.servesWasi ? [] : own.filter(isWasi);
  const hostCalls = new HostCallLimits(name, granted.limits, clock);
  const { outputBytes } = granted.limits;
  const caller = { name, config: plugin.settings(manifest), owner: plugin, clock, hostCalls, outputBytes };
  const wasi = wasiFor(caller, ofWasi, granted, log);
  const prepared = abi.prepare({
    ...caller,
    module,
    types,
    imports: own.filter((wanted) => !ofWasi.includes(wanted)),
    modules,
    hostModules,
    manifest,
    granted,
    instances: options.instances ?? 1,
    resets: options.reset === "call",
    hostFunction: hostFunctionsOf(caller, modules),
    log,
  });
  return { abi: prepared, wasi };
}

function wasiFor(
  caller: PluginWasiOwner,
  wanted: readonly ImportType[],
  { wasi }: Granted,
  log: AbiPlugin["log"],
): PluginWasi | undefined {
  if (wanted.length === 0) return undefined;
  if (wasi !== undefined) return new PluginWasi(caller, wanted, wasi, log);
  const { module, name } = wanted[0];
  throw new BackplaneError("NOT_GRANTED", `${caller.name}: import ${module}.${name}: WASI isn't granted`);
}
