/** The binary of a compiled module, which the JavaScript API doesn't give back. */
import { type Module, runtimeModuleOf } from "./namespace.js";

/**
 * A copy of the bytes that a module was compiled from.
 *
 * Errors: TypeError for what is no module of this engine, such as one of Node's own.
 * @example
 * await writeFile("plugin.wasm", moduleBytes(module));
 */
export function moduleBytes(module: Module): Uint8Array<ArrayBuffer> {
  return new Uint8Array(runtimeModuleOf(module, "moduleBytes()").module.bytes);
}
