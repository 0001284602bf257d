/**
 * Time for what a plugin does beside the calls of the application: its start, its hooks, and its allocator when a value
 * crosses after a call has waited. A call has limits of its own, see `plugin/call-runner.ts`.
 */
import { InterruptError, withLimits } from "../../engine/index.js";
import { BackplaneError } from "../errors.js";
import type { PluginMemory } from "./memory.js";

/**
 * @param timeout milliseconds
 * @param where the beginning of the error's text
 * Errors: the action's; BackplaneError TIMEOUT. The same for the promise that the action may give.
 */
export function withinTime<T>(timeout: number, where: string, action: () => T): T {
  const late = (error: unknown): never => {
    if (!(error instanceof InterruptError)) throw error;
    throw new BackplaneError("TIMEOUT", `${where}: not done after ${timeout} ms`, { cause: error });
  };
  try {
    const result = withLimits({ timeout }, action);
    return result instanceof Promise ? (result.catch(late) as T) : result;
  } catch (error) {
    return late(error);
  }
}

/** Milliseconds that a plugin's allocator may take. */
const allocatorTimeout = 5000;

/**
 * For a value that crosses after a call has waited: the limits of the call aren't set then, and another call of the
 * instance may run on a thread, whose end it waits for.
 */
export function withinAllocatorTime<T>(memory: PluginMemory, action: () => T): T | Promise<Awaited<T>> {
  return memory.whenFree(() => withinTime(allocatorTimeout, `${memory.plugin}: its allocator`, action));
}
