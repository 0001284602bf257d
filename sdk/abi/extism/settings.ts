/** What an Extism plugin is run with, worked out once for a module and used by all its instances. */
import type { ImportType, Module, ModuleTypes } from "../../../engine/index.js";
import type { HostCallLimits } from "../../binding/host-call-limits.js";
import type { CallOptions } from "../../plugin/options.js";
import type { PluginWasi } from "../../wasi/plugin-wasi.js";
import type { ImportValue } from "../abi.js";
import type { ExtismGrant } from "./environment.js";
import type { ExtismInstance } from "./extism-instance.js";

/** A module of a plugin's. */
export interface LinkedModule {
  /** As the others import from it. */
  readonly name: string;
  readonly module: Module;
  readonly types: ModuleTypes;
}

/** A function of the application's that a plugin imports. */
export interface HostImport {
  /** It may give a promise. */
  readonly waits: boolean;
  /** The import of one instance. */
  bind(instance: ExtismInstance): ImportValue;
}

export interface ExtismSettings {
  /** The plugin's name. */
  readonly plugin: string;
  readonly grant: ExtismGrant;
  /** The plugin's module, and those that a manifest has beside it. */
  readonly main: LinkedModule;
  readonly companions: readonly LinkedModule[];
  /**
   * The application's function for an import, undefined without one.
   * Errors: BackplaneError IMPORT_MISMATCH if that doesn't fit.
   */
  hostImport(wanted: ImportType): HostImport | undefined;
  /** WASI of the modules that import it; "host": the plugin host serves it; undefined: nobody does. */
  readonly wasi: ReadonlyMap<LinkedModule, PluginWasi> | "host" | undefined;
  /** Pages that the shared memory and the modules' memories may grow by altogether. */
  readonly maxGrowth: number;
  /** Calls begin with the instance as it was after its start. */
  readonly resets: boolean;
  /** Bounds on the plugin's calls of its host. */
  readonly hostCalls: HostCallLimits;
  /** Bytes of each value that the plugin may hand to its host; undefined: no bound. */
  readonly outputBytes: number | undefined;
  /** What a call gives of its output; undefined if the plugin set none. */
  outputAs(bytes: Buffer<ArrayBuffer> | undefined, input: unknown, options: CallOptions): unknown;
}
