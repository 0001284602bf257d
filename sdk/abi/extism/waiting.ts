/** Imports that may give a promise: the plugin that calls one is parked until it settles. */
import { Suspending } from "../../../engine/index.js";
import type { HostCallLimits } from "../../binding/host-call-limits.js";
import { isThenable } from "../../binding/references.js";
import { currentFrame } from "../../call-frame.js";

// biome-ignore lint/suspicious/noExplicitAny: the engine passes what the import's type says
type Import = (...core: any[]) => unknown;

/**
 * The function as an import that waits, until the call that reached it is aborted.
 *
 * @param limits bound how many calls may wait
 */
export function waitingImport(run: Import, limits: HostCallLimits): Suspending {
  return new Suspending((...core: unknown[]) => {
    const result = run(...core);
    if (!isThenable(result)) return result;
    const promise = Promise.resolve(result);
    try {
      limits.requireRoom();
    } catch (error) {
      promise.catch(() => {}); // Nobody will ever look at it.
      throw error;
    }
    limits.park(promise);
    return currentFrame()?.untilAborted(promise) ?? promise;
  });
}
