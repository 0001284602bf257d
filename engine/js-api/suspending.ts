/**
 * JavaScript Promise Integration's two names: `new Suspending(f)` marks an import whose promises park the
 * calling plugin, `promising(f)` makes of an export a function that returns a promise.
 *
 * Source: WebAssembly JavaScript Promise Integration proposal.
 */
import { FunctionReference } from "../runtime/function.js";
import type { Callable } from "../runtime/host-function.js";
import { callParkable, callPromising } from "../runtime/promise-integration.js";
import { asInterface } from "./webidl.js";

const callees = new WeakMap<object, Callable>();

/** What promising functions call. */
const promisingCallees = new WeakMap<object, FunctionReference>();

/** The host function that a Suspending object wraps; undefined for other values. */
export function suspendingCallee(value: unknown): Callable | undefined {
  return typeof value === "object" && value !== null ? callees.get(value) : undefined;
}

/** Wraps a function for an import, not a Wasm one: if it returns a promise, the calling Wasm waits for it. */
export class Suspending {
  // biome-ignore lint/complexity/noBannedTypes: any callable, as the proposal says
  constructor(callee: Function) {
    if (typeof callee !== "function") {
      throw new TypeError("WebAssembly.Suspending(): Argument 0 must be a function");
    }
    // As V8 has it: what Wasm code calls of Wasm's own has no JavaScript in between to wait for.
    if (FunctionReference.of(callee) !== undefined || promisingCallees.has(callee)) {
      throw new TypeError("WebAssembly.Suspending(): Argument 0 must not be a WebAssembly function");
    }
    callees.set(this, callee as Callable);
  }
}
asInterface(Suspending, "WebAssembly.Suspending");

/**
 * @example
 * const sleepy = new Instance(module, { env: { sleep: new Suspending((ms) => delay(ms)) } });
 * await promising(sleepy.exports.run)();
 */
// biome-ignore lint/complexity/noBannedTypes: any exported function, as the proposal says
export const promising = (exported: Function): ((...args: unknown[]) => Promise<unknown>) => {
  const reference = promisingCallees.get(exported) ?? referenceOf(exported, "promising");
  const object = shaped(reference, (...args: unknown[]): Promise<unknown> => callPromising(reference, args));
  promisingCallees.set(object, reference);
  return object;
};

/**
 * As `promising`, but a call that wasn't parked gives its result, or throws, at once. Not in the proposal: for hosts
 * that make many calls which seldom wait, since a promise costs more than such a call.
 *
 * @example
 * const result = parkable(sleepy.exports.run)(); // what `run` returns, or a promise of it
 */
// biome-ignore lint/complexity/noBannedTypes: any exported function
export function parkable(exported: Function): (...args: unknown[]) => unknown {
  const reference = referenceOf(exported, "parkable");
  return shaped(reference, (...args) => callParkable(reference, args));
}

// biome-ignore lint/complexity/noBannedTypes: any value that claims to be an exported function
function referenceOf(exported: Function, name: string): FunctionReference {
  const reference = FunctionReference.of(exported);
  if (reference !== undefined) return reference;
  if (typeof exported !== "function")
    throw new TypeError(`WebAssembly.${name}(): Argument 0 must be a function`);
  throw new TypeError(`WebAssembly.${name}(): Argument 0 must be a WebAssembly exported function`);
}

/** With the name and the length of the function that it calls. */
function shaped<F extends object>(reference: FunctionReference, object: F): F {
  Object.defineProperty(object, "name", { value: reference.objectName, configurable: true });
  return Object.defineProperty(object, "length", { value: reference.type.params.length, configurable: true });
}
