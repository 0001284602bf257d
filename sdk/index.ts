/**
 * Backplane's SDK: typed host functions by decorator, plugins with a life of their own.
 *
 * @module
 */
import "reflect-metadata"; // before tsyringe, which looks for it when it loads

export { inject, injectable } from "tsyringe";
export { CodeCache, type CodeCacheOptions, type CodeCacheStats, Fuel } from "../engine/index.js";
export type {
  Abi,
  AbiCall,
  AbiHostFunction,
  AbiImports,
  AbiInstance,
  AbiModule,
  AbiPlugin,
  ExportedFunction,
  Guest,
  ImportValue,
} from "./abi/abi.js";
export type { HostCallLimits } from "./binding/host-call-limits.js";
export { type CurrentCall, currentCall } from "./call-frame.js";
export type { CacheSetting } from "./code-cache.js";
export type { CallContext, GuestMemory } from "./declare/context.js";
export {
  type HookDeclaration,
  type HostFunctionDeclaration,
  type HostFunctionDecorator,
  type HostModuleClass,
  type HostModuleDeclaration,
  type HostModuleDecorator,
  type HostModuleOptions,
  type HostModuleScope,
  hostFunction,
  hostModule,
  type Injected,
  onPluginEvent,
  type PluginEventDecorator,
} from "./declare/decorators.js";
export {
  type DefinedClass,
  type DefinedFunctions,
  type DefinedModule,
  type DefinedModuleOptions,
  defineHostModule,
  type HostSideClass,
  implementHostModule,
} from "./declare/define.js";
export {
  type Description,
  describe,
  type Handle,
  type HandleCallOptions,
  type HandleFunction,
  type HostSide,
  type SignaturesOf,
} from "./declare/describe.js";
export type { PluginEventListeners } from "./declare/hooks.js";
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
  StandardTypes,
} from "./declare/schema.js";
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
  type ResultFromGuest,
  type ResultToGuest,
  type ResultTypes,
  type SignatureOptions,
  type Signatures,
  type ToGuest,
  type ValueType,
} from "./declare/signature.js";
export type { HostModuleSource, TokenResolver } from "./di.js";
export {
  BackplaneError,
  type BackplaneErrorCode,
  CallStoppedError,
  DependencyError,
  HostError,
  InstanceBusyError,
  LimitError,
  ManifestError,
  MarshalError,
  PluginError,
  PluginExitError,
  ReentrancyError,
  SuspendError,
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
  WasiRequests,
} from "./manifest/manifest.js";
export type { LogLevel, LogRate } from "./plugin/guest-log.js";
export type { GrantPolicy } from "./plugin/loader.js";
export type {
  CallOptions,
  CallResult,
  HandOverSide,
  PluginOptions,
  PluginStats,
  RunsOn,
} from "./plugin/options.js";
export { Plugin } from "./plugin/plugin.js";
export type { PluginSource, PluginSourceDetails } from "./plugin/source.js";
export { Secret, secret } from "./secret.js";
export type { GrantedWasi, PathGrant, WasiGrant, WasiOutput } from "./wasi/wasi-grant.js";
