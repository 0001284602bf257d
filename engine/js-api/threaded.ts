/** Calls whose Wasm code runs off the JavaScript thread. Not in the JS API's specification. */
import { FunctionReference } from "../runtime/function.js";
import { whenFree as runWhenFree } from "../runtime/promise-integration.js";
import { callThreaded } from "../runtime/threaded-call.js";

/**
 * Makes of an exported function one that runs its Wasm code on another thread and returns a promise. Host functions are
 * called on this thread, one at a time, and may wait as in `promising`. No Worker is started: as many threads as there are
 * processors serve all such calls, which take turns if they are more.
 *
 * While the call's Wasm code runs, other asynchronous calls of the instance (and of those it is linked with) wait for the
 * call to end; a synchronous one, growing its memory, using its tables or setting its globals throws InstanceBusy. The
 * memory's bytes can be read and written: what is seen then is anybody's guess.
 *
 * Errors: TypeError for what isn't an exported function. The promise is rejected with what a call throws; with an Error
 * where the system offers no threads.
 *
 * @example
 * const [a, b] = await Promise.all([threaded(one.exports.run)(1), threaded(other.exports.run)(2)]); // on two cores
 * await withLimits({ timeout: 100 }, () => threaded(one.exports.run)(3));
 */
// biome-ignore lint/complexity/noBannedTypes: any exported function
export function threaded(exported: Function): (...args: unknown[]) => Promise<unknown> {
  const reference = FunctionReference.of(exported);
  if (reference === undefined) {
    throw new TypeError("threaded(): Argument 0 must be a WebAssembly exported function");
  }
  const object = (...args: unknown[]): Promise<unknown> => callThreaded(reference, args);
  return Object.defineProperty(object, "length", { value: reference.type.params.length, configurable: true });
}

/**
 * Runs an action that calls a function synchronously, or uses its instance in another way: at once, or, while a call of
 * the instance runs on a thread, when it is its turn. Then the result is a promise of what the action gives. In the
 * action, and not in what it may wait for, no call on a thread is in the way.
 *
 * Errors: TypeError for what isn't an exported function; InterruptError if the limits of the moment end the waiting; what
 * the action throws.
 *
 * @example
 * const length = await whenFree(instance.exports.run, () => instance.exports.memory.grow(1));
 */
// biome-ignore lint/complexity/noBannedTypes: any exported function
export function whenFree<T>(exported: Function, action: () => T): T | Promise<Awaited<T>> {
  const reference = FunctionReference.of(exported);
  if (reference === undefined) {
    throw new TypeError("whenFree(): Argument 0 must be a WebAssembly exported function");
  }
  return runWhenFree(reference, action);
}
