/**
 * Backplane's SDK: typed host functions by decorator, plugins loaded from a folder.
 *
 * @module
 */
import "reflect-metadata"; // before tsyringe, which looks for it when it loads

export { inject, injectable } from "tsyringe";
export { type HostModuleClass, hostFunction, hostModule } from "./decorators.js";
export { BackplaneError, type BackplaneErrorCode } from "./errors.js";
export { PluginHost, type PluginHostEvents, type PluginHostOptions } from "./host.js";
export { Plugin } from "./plugin.js";
export {
  type FunctionOf,
  type FunctionSignature,
  fn,
  type ParameterType,
  type ParameterTypes,
  type ResultType,
  type ResultTypes,
} from "./signature.js";
