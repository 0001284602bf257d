/**
 * Backplane's engine: WebAssembly compiled to native code.
 *
 * @example
 * import { WebAssembly } from "backplane/engine";
 * const { instance } = await WebAssembly.instantiate(bytes, imports);
 *
 * @module
 */
export { sharedDeadline, withLimits } from "./js-api/limits.js";
export { moduleBytes } from "./js-api/module-bytes.js";
export {
  type ExportType,
  type FunctionType,
  type ImportType,
  type ModuleTypes,
  moduleTypes,
} from "./js-api/module-types.js";
export {
  createNamespace,
  type ExportDescriptor,
  type ImportDescriptor,
  Instance,
  type InstantiatedSource,
  Module,
  type Namespace,
  type NamespaceOptions,
  WebAssembly,
} from "./js-api/namespace.js";
export { Global, Memory, Table } from "./js-api/objects.js";
export { type RefusedGrowth, takeRefusedGrowth } from "./js-api/refused-growth.js";
export { slotCall } from "./js-api/slot-call.js";
export { Snapshot } from "./js-api/snapshot.js";
export { parkable, promising, Suspending } from "./js-api/suspending.js";
export { threaded, whenFree } from "./js-api/threaded.js";
export type { Effort } from "./pipeline.js";
export { UnsupportedPlatformError, type UnsupportedReason } from "./platform/errors.js";
export { CodeCache, type CodeCacheOptions, type CodeCacheStats } from "./runtime/code-cache.js";
export type { EngineOptions } from "./runtime/engine.js";
export {
  CompileError,
  InstanceBusy,
  InterruptError,
  type InterruptReason,
  LinkError,
  RuntimeError,
  StopCall,
  SuspendError,
  type Trap,
  trapOf,
  type WasmError,
  type WasmErrorConstructor,
  type WasmFrame,
} from "./runtime/errors.js";
export type { SlotIo, Slots } from "./runtime/function.js";
export { formatFrame, putFramesFirst } from "./runtime/lazy-stack.js";
export { type CallLimits, Fuel, type SharedDeadline } from "./runtime/limits.js";
export { SnapshotError } from "./runtime/snapshot.js";
export * from "./wasi/index.js";
export { type ErrorFamily, type FormatErrorCode, WasmFormatError } from "./wasm/index.js";
