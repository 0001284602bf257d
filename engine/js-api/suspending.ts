/**
 * JavaScript Promise Integration's two names: `new Suspending(f)` marks an import whose promises park the
 * calling plugin, `promising(f)` makes of an export a function that returns a promise.
 *
 * Source: WebAssembly JavaScript Promise Integration proposal.
 */
import { FunctionReference } from "../runtime/function.js";
import type { Callable } from "../runtime/host-function.js";
import { callPromising } from "../runtime/promise-integration.js";
import { asInterface } from "./webidl.js";

const callees = new WeakMap<object, Callable>();

/** The host function that a Suspending object wraps; undefined for other values. */
export function suspendingCallee(value: unknown): Callable | undefined {
  return typeof value === "object" && value !== null ? callees.get(value) : undefined;
}

export class Suspending {
  // biome-ignore lint/complexity/noBannedTypes: any callable, as the proposal says
  constructor(callee: Function) {
    if (typeof callee !== "function") {
      throw new TypeError("WebAssembly.Suspending(): Argument 0 must be a function");
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
export function promising(exported: Function): (...args: unknown[]) => Promise<unknown> {
  const reference = FunctionReference.of(exported);
  if (reference === undefined) {
    throw new TypeError("WebAssembly.promising(): Argument 0 must be a WebAssembly exported function");
  }
  const object = (...args: unknown[]): Promise<unknown> => callPromising(reference, args);
  Object.defineProperty(object, "length", { value: reference.type.params.length, configurable: true });
  return object;
}
