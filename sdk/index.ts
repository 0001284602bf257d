/**
 * Backplane's SDK: typed host functions by decorator, plugins with a life of their own.
 *
 * @module
 */
import "reflect-metadata"; // before tsyringe, which looks for it when it loads

export { inject, injectable } from "tsyringe";
export { type CurrentCall, currentCall } from "./call-frame.js";
export type { CallContext, GuestMemory } from "./declare/context.js";
export { type HostModuleClass, hostFunction, hostModule } from "./declare/decorators.js";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./declare/schema.js";
export {
  type CoreSignature,
  type CoreType,
  type CoreTypes,
  type FromGuest,
  type FunctionOf,
  type FunctionSignature,
  fn,
  type JsonType,
  json,
  type MarshalledTypes,
  optional,
  type ResultTypes,
  type SignatureOptions,
  type ToGuest,
  type ValueType,
} from "./declare/signature.js";
export type { DefinedModule, HostModuleSource, TokenResolver } from "./di.js";
export {
  BackplaneError,
  type BackplaneErrorCode,
  DependencyError,
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
export type { CircuitOptions } from "./lifecycle/circuit.js";
export type { PluginState } from "./lifecycle/state.js";
export type { WatchOptions } from "./lifecycle/watch.js";
export type { Logger, LogMethod } from "./logger.js";
export type { Granted, PluginGrant } from "./manifest/grant.js";
export type {
  PathAccess,
  PluginDependencies,
  PluginLimits,
  PluginManifest,
  PluginRequests,
} from "./manifest/manifest.js";
export type { LogLevel, LogRate } from "./plugin/guest-log.js";
export type { GrantPolicy } from "./plugin/loader.js";
export type { CallOptions, CallResult, HandOverSide, PluginOptions, PluginStats } from "./plugin/options.js";
export type { Plugin } from "./plugin/plugin.js";
export type { PluginSource, PluginSourceDetails } from "./plugin/source.js";
export { Secret, secret } from "./secret.js";
