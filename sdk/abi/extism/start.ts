/**
 * How a module is started, before any of its functions is called: runtimes of languages want to be set up.
 *
 * Source: Extism's runtime, "guest runtime": Haskell's `hs_init` after `_initialize`; else `__wasm_call_ctors`, or
 * `_initialize`. A command's `_start` is a function like others, called when it is named.
 */
import type { ModuleTypes } from "../../../engine/index.js";

type Exports = Readonly<Record<string, unknown>>;

function hasType(types: ModuleTypes, name: string, params: string): boolean {
  const found = types.exports.find((one) => one.name === name)?.type;
  return found !== undefined && String(found.params) === params && found.results.length === 0;
}

/** Errors: what the functions throw. */
export function startModule(exports: Exports, types: ModuleTypes): void {
  const call = (name: string, ...args: number[]): void => {
    (exports[name] as (...args: number[]) => void)(...args);
  };
  const initializes = hasType(types, "_initialize", "");
  if (typeof exports.hs_init === "function") {
    if (initializes) call("_initialize");
    call("hs_init", 0, 0);
  } else if (hasType(types, "__wasm_call_ctors", "")) call("__wasm_call_ctors");
  else if (initializes) call("_initialize");
}
