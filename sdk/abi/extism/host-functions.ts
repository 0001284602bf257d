/**
 * Functions of `createPlugin`'s options as imports. Each gets the call's context and the core values, and may return a
 * promise: which of them do can't be told beforehand, so all are imports that may wait.
 */
import type { ImportType } from "../../../engine/index.js";
import type { HostCallLimits } from "../../binding/host-call-limits.js";
import type { CallContext } from "./call-context.js";
import type { HostImport } from "./settings.js";
import { waitingImport } from "./waiting.js";

/** Functions by name, by the name of the module that plugins import them from. */
export type HostFunctions = Readonly<
  // biome-ignore lint/suspicious/noExplicitAny: as Extism's SDK has it
  Record<string, Readonly<Record<string, (context: CallContext, ...args: any[]) => any>>>
>;

/** Undefined if there is no such function. */
export function functionImport(
  functions: HostFunctions,
  limits: HostCallLimits,
  wanted: ImportType,
): HostImport | undefined {
  const module = Object.hasOwn(functions, wanted.module) ? functions[wanted.module] : undefined;
  if (module === undefined || !Object.hasOwn(module, wanted.name)) return undefined;
  const run = module[wanted.name];
  const wide = wanted.type?.results[0] === "i64";
  const core = wide ? wideResult : (value: unknown) => value;
  return {
    waits: true,
    bind: ({ context }) =>
      waitingImport((...args) => {
        const result: unknown = run(context, ...args);
        return result instanceof Promise ? result.then(core) : core(result);
      }, limits),
  };
}

/** A number for an i64 is what a worker of Extism's SDK takes too. */
function wideResult(value: unknown): unknown {
  return typeof value === "number" ? BigInt(value) : value;
}
