/** What calls take, checked: mistakes of the application's are told before anything runs. */
import { Fuel } from "../../engine/index.js";
import { BackplaneError } from "../errors.js";
import type { CallOptions, RunsOn } from "./options.js";

export const noOptions: CallOptions = {};

/** Errors: BackplaneError OPTIONS. */
export function requireCallOptions(
  plugin: string,
  { timeout, deadline, run, slice, fuel }: CallOptions,
): void {
  if (fuel !== undefined && !(fuel instanceof Fuel)) {
    throw new BackplaneError("OPTIONS", `${plugin}: fuel: expected a Fuel, got ${String(fuel)}`);
  }
  requireRun(plugin, run);
  requireTime(plugin, "timeout", timeout);
  requireTime(plugin, "deadline", deadline);
  requireSlice(plugin, slice);
}

function requireTime(plugin: string, name: string, value: number | undefined): void {
  if (value === undefined || (typeof value === "number" && !Number.isNaN(value))) return;
  const text = `${plugin}: ${name}: expected a number of milliseconds, got ${String(value)}`;
  throw new BackplaneError("OPTIONS", text);
}

/** Errors: BackplaneError OPTIONS. */
export function requireSlice(plugin: string, slice: number | undefined): void {
  if (slice === undefined || (typeof slice === "number" && slice >= 0)) return;
  const text = `${plugin}: slice: expected a number of milliseconds from 0 on, got ${String(slice)}`;
  throw new BackplaneError("OPTIONS", text);
}

/** Errors: BackplaneError OPTIONS. */
export function requireRun(plugin: string, run: RunsOn | undefined): void {
  if (run === undefined || run === "main" || run === "thread") return;
  throw new BackplaneError(
    "OPTIONS",
    `${plugin}: run: expected "main" or "thread", got ${JSON.stringify(run)}`,
  );
}
