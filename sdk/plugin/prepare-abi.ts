/**
 * Who serves the imports of a plugin's module: other plugins, WASI, and its ABI all the rest. What leaves is the
 * module under its ABI, and its WASI if it has one.
 */
import { type ImportType, type Module, moduleTypes } from "../../engine/index.js";
import type { Abi, AbiModule, AbiPlugin } from "../abi/abi.js";
import { chooseAbi } from "../abi/choose-abi.js";
import { HostCallLimits } from "../binding/host-call-limits.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError } from "../errors.js";
import type { Granted } from "../manifest/grant.js";
import type { PluginManifest } from "../manifest/manifest.js";
import { PluginWasi, wasiModules } from "../wasi/plugin-wasi.js";
import type { Plugin } from "./plugin.js";

export interface AbiRequest {
  readonly plugin: Plugin;
  readonly module: Module;
  readonly manifest: PluginManifest | undefined;
  readonly granted: Granted;
  /** Host modules that it may import, the built-in one included. */
  readonly modules: readonly DefinedModule[];
  /** Plugins that it imports from. */
  readonly linked: ReadonlySet<string>;
  /** The application's own. */
  readonly abis: readonly Abi[];
}

/** Errors: BackplaneError ABI, NOT_GRANTED, IMPORT_MISMATCH, EXPORT_MISMATCH. */
export function prepareAbi(request: AbiRequest): { abi: AbiModule; wasi: PluginWasi | undefined } {
  const { plugin, module, manifest, granted, modules, linked, abis } = request;
  const { name, options, clock, guestLog } = plugin;
  const types = moduleTypes(module);
  const abi = chooseAbi(name, types, abis, options.abi, manifest?.abi);
  const log: AbiPlugin["log"] = (level, text) => guestLog.write(level, text);
  const own = types.imports.filter((wanted) => !linked.has(wanted.module));
  // A host module of that name is the application's own WASI.
  const isWasi = ({ module: from }: ImportType): boolean =>
    wasiModules.has(from) && !modules.some(({ declaration }) => declaration.name === from);
  const ofWasi = abi.servesWasi ? [] : own.filter(isWasi);
  const wasi = wasiFor(name, ofWasi, granted, log);
  const prepared = abi.prepare({
    name,
    module,
    types,
    imports: own.filter((wanted) => !ofWasi.includes(wanted)),
    modules,
    manifest,
    config: plugin.settings(manifest),
    granted,
    hostCalls: new HostCallLimits(name, granted.limits, clock),
    outputBytes: granted.limits.outputBytes,
    resets: options.reset === "call",
    clock,
    owner: plugin,
    log,
  });
  return { abi: prepared, wasi };
}

function wasiFor(
  plugin: string,
  wanted: readonly ImportType[],
  { wasi }: Granted,
  log: AbiPlugin["log"],
): PluginWasi | undefined {
  if (wanted.length === 0) return undefined;
  if (wasi !== undefined) return new PluginWasi(plugin, wanted, wasi, log);
  const { module, name } = wanted[0];
  throw new BackplaneError("NOT_GRANTED", `${plugin}: import ${module}.${name}: WASI isn't granted`);
}
