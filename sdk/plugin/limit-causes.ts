/** Traps that come of a limit: WebAssembly only tells that growing failed, or that a stack is used up. */
import { trapOf } from "../../engine/index.js";
import { LimitError } from "../errors.js";
import type { PluginLimits } from "../manifest/manifest.js";
import type { PluginInstance } from "./plugin-instance.js";

const pageSize = 65_536;

/** Gives a trap the limit as `cause` that the plugin ran into during the call. */
export function nameExceeded(
  trap: Error,
  plugin: string,
  limits: PluginLimits,
  instance: PluginInstance,
): void {
  const cause = exceeded(trap, plugin, limits, instance);
  if (cause === undefined || trap.cause !== undefined) return;
  Object.defineProperty(trap, "cause", { value: cause, writable: true, configurable: true });
}

function exceeded(
  trap: Error,
  plugin: string,
  { memory, tableEntries, stackBytes }: PluginLimits,
  instance: PluginInstance,
): LimitError | undefined {
  if (stackBytes !== undefined && trapOf(trap)?.kind === "stackOverflow") {
    return new LimitError(
      "stackBytes",
      stackBytes,
      `${plugin}: limit stackBytes: a call may use ${stackBytes}`,
    );
  }
  const { memoryPages = 0, tableEntries: entries = 0 } = instance.refusedGrowth();
  if (memory !== undefined && memoryPages * pageSize > memory) {
    const text = `${plugin}: limit memory: it wanted to grow to ${memoryPages * pageSize} bytes, ${memory} are allowed`;
    return new LimitError("memory", memory, text);
  }
  if (tableEntries !== undefined && entries > tableEntries) {
    const text = `${plugin}: limit tableEntries: a table was to grow to ${entries} entries, ${tableEntries} are allowed`;
    return new LimitError("tableEntries", tableEntries, text);
  }
  return undefined;
}
