/**
 * Backplane's SDK: typed host functions by decorator, plugins with a life of their own.
 *
 * @module
 */
import "reflect-metadata"; // before tsyringe, which looks for it when it loads

export { inject, injectable } from "tsyringe";
export { type CurrentCall, currentCall } from "./call-frame.js";
export { type HostModuleClass, hostFunction, hostModule } from "./decorators.js";
export type { DefinedModule, HostModuleSource, TokenResolver } from "./di.js";
export {
  BackplaneError,
  type BackplaneErrorCode,
  HostError,
  ManifestError,
  MarshalError,
  ReentrancyError,
} from "./errors.js";
export type {
  PluginEvent,
  PluginFailure,
  PluginHostEventName,
  PluginHostEvents,
  TracedStep,
} from "./events.js";
export { PluginHost, type PluginHostOptions } from "./host.js";
export type { PluginState } from "./lifecycle.js";
export type { CircuitOptions } from "./lifecycle-circuit.js";
export type { WatchOptions } from "./lifecycle-watch.js";
export type { Logger, LogMethod } from "./logger.js";
export type { PathAccess, PluginLimits, PluginManifest, PluginRequests } from "./manifest.js";
export type { Granted, PluginGrant } from "./manifest-grant.js";
export type { Plugin } from "./plugin.js";
export type { GrantPolicy } from "./plugin-loader.js";
export type { CallOptions, CallResult, HandOverSide, PluginOptions, PluginStats } from "./plugin-options.js";
export type { PluginSource, PluginSourceDetails } from "./plugin-source.js";
export {
  type FunctionOf,
  type FunctionSignature,
  fn,
  type ParameterType,
  type ParameterTypes,
  type ResultType,
  type ResultTypes,
} from "./signature.js";
