/** Limits of calls through the namespace's exported functions. */
import { threadEngine } from "../runtime/engine.js";
import { type CallLimits, runInScope, SharedDeadline } from "../runtime/limits.js";

/**
 * Runs an action whose calls of exported functions have limits: those that begin while it runs, `promising` ones until
 * they end. Calls within them and scopes within the action can only narrow them (but see `CallLimits.fuel`). Fuel needs
 * modules compiled with `fuel`.
 *
 * A call past its limits throws an InterruptError (a `promising` one rejects with it); its instance can be called again.
 * JavaScript isn't interrupted: what a host function takes longer counts when Wasm code goes on.
 *
 * Setting a limit takes no timer and no system call, but for a timeout below 10 ms, which takes a few microseconds.
 *
 * @example
 * const sum = withLimits({ timeout: 20 }, () => instance.exports.sum(1e9));
 * const later = await withLimits({ timeout: 1000, slice: 5 }, () => promising(instance.exports.sum)(1e9));
 *
 * Errors: RangeError for limits that are no numbers from 0 on; TypeError for a `fuel` that is no Fuel, a `signal` that is no
 * AbortSignal, and limits that are no object; InterruptError if the time is over or the
 * signal aborted already; what the action throws.
 */
export function withLimits<T>(limits: CallLimits, action: () => T): T {
  return runInScope(threadEngine(), limits, action);
}

/**
 * For limits that seldom matter, such as a default of half a minute: actions that begin at about the same time share one
 * deadline, which then costs some nanoseconds an action. It isn't exact: make one that is late enough, and use it while it
 * isn't too late.
 *
 * @param deadline on the scale of `performance.now()`, at least some seconds away
 * @example
 * const soon = sharedDeadline(performance.now() + 31_000);
 * soon.run(() => instance.exports.sum(1e9));
 *
 * Errors: RangeError for a deadline that is no number from 0 on. Its `run`: as `withLimits`.
 */
export function sharedDeadline(deadline: number): SharedDeadline {
  return new SharedDeadline(threadEngine(), deadline);
}
