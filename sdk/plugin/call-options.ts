/**
 * What calls take, checked: mistakes of the application's are told before anything runs. Every call with options passes here,
 * so what is right costs some comparisons and makes no objects.
 */
import { Fuel } from "../../engine/index.js";
import { suggestion } from "../binding/nearest-name.js";
import { shown } from "../checks.js";
import { BackplaneError } from "../errors.js";
import type { CallOptions, CallResult, RunsOn } from "./options.js";

export const noOptions: CallOptions = {};

const known: Readonly<Record<keyof CallOptions, true>> = {
  signal: true,
  timeout: true,
  deadline: true,
  run: true,
  slice: true,
  fuel: true,
  context: true,
  result: true,
};

/** Errors: BackplaneError OPTIONS. */
export function requireCallOptions(plugin: string, options: CallOptions): void {
  if (typeof options !== "object" || options === null)
    refuse(plugin, "the call's options: ", "an object", options);
  for (const name in options) {
    if (Object.hasOwn(known, name)) continue;
    const text = `${plugin}: ${name}: unknown field${suggestion(name, Object.keys(known), "known")}`;
    throw new BackplaneError("OPTIONS", text);
  }
  const { signal, timeout, deadline, run, slice, fuel, result } = options;
  if (fuel !== undefined && !(fuel instanceof Fuel)) refuse(plugin, "fuel: ", "a Fuel", fuel);
  requireSignal(plugin, signal);
  requireRun(plugin, run);
  requireResult(plugin, result);
  requireDuration(plugin, "timeout", timeout);
  requireDeadline(plugin, deadline);
  requireDuration(plugin, "slice", slice);
}

function refuse(plugin: string, place: string, expected: string, value: unknown): never {
  throw new BackplaneError("OPTIONS", `${plugin}: ${place}expected ${expected}, got ${shown(value)}`);
}

/** By what it has: it may be of another realm, or a library's. */
function requireSignal(plugin: string, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (typeof signal?.aborted === "boolean" && typeof signal.addEventListener === "function") return;
  refuse(plugin, "signal: ", "an AbortSignal", signal);
}

function requireDuration(plugin: string, name: string, value: number | undefined): void {
  if (value === undefined || (typeof value === "number" && value >= 0)) return;
  refuse(plugin, `${name}: `, "a number of milliseconds from 0 on", value);
}

/** Any point in time: one that has passed stops the call before it begins. */
function requireDeadline(plugin: string, value: number | undefined): void {
  if (value === undefined || (typeof value === "number" && !Number.isNaN(value))) return;
  refuse(plugin, "deadline: ", "a number of milliseconds", value);
}

function requireRun(plugin: string, run: RunsOn | undefined): void {
  if (run === undefined || run === "main" || run === "thread") return;
  refuse(plugin, "run: ", '"main" or "thread"', run);
}

function requireResult(plugin: string, result: CallResult | undefined): void {
  switch (result) {
    case undefined:
    case "core":
    case "string":
    case "bytes":
    case "json":
      return;
    default:
      refuse(plugin, "result: ", '"core", "string", "bytes" or "json"', result);
  }
}
