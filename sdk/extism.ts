/**
 * `backplane/extism`: Extism's plugins, with the names of Extism's JavaScript SDK. Moving over is one import line.
 *
 * @example
 * import createPlugin from "backplane/extism"; // was: from "@extism/extism"
 *
 * @module
 */
import "reflect-metadata"; // before tsyringe, which looks for it when it loads

import { createPlugin } from "./abi/extism/create-plugin.js";

export { CodeCache, type CodeCacheOptions, type CodeCacheStats } from "../engine/index.js";
export type { CallContext, CallContext as CurrentPlugin } from "./abi/extism/call-context.js";
export { CAPABILITIES, type Capabilities } from "./abi/extism/capabilities.js";
export type { ExtismLogger, ExtismPluginOptions } from "./abi/extism/create-plugin.js";
export type { FunctionName, Plugin } from "./abi/extism/extism-plugin.js";
export type { HostFunctions } from "./abi/extism/host-functions.js";
export type { LogLevel } from "./abi/extism/log-levels.js";
export type {
  Manifest,
  ManifestWasm,
  ManifestWasmData,
  ManifestWasmModule,
  ManifestWasmPath,
  ManifestWasmResponse,
  ManifestWasmUrl,
  MemoryOptions,
  NativeMemory,
} from "./abi/extism/manifest.js";
export { PluginOutput } from "./abi/extism/output.js";
export type { ManifestLike } from "./abi/extism/sources.js";
export type { CacheSetting } from "./code-cache.js";
export { createPlugin, createPlugin as newPlugin };

/** Settings: texts by name. */
export type PluginConfig = Record<string, string>;
/** The same. */
export type PluginConfigLike = PluginConfig;

export default createPlugin;
