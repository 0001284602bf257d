/** A call's errors as its caller is told them: an interruption by what caused it, the engine's errors by ours. */
import {
  SuspendError as EngineSuspendError,
  InstanceBusy,
  InterruptError,
  type WasmFrame,
} from "../../engine/index.js";
import type { Clock } from "../clock.js";
import {
  BackplaneError,
  CallStoppedError,
  HostError,
  InstanceBusyError,
  LimitError,
  PluginExitError,
  SuspendError,
} from "../errors.js";
import type { RunningCall } from "./running-call.js";

export function toldAs(call: RunningCall, error: unknown, clock: Clock): unknown {
  const { where } = call;
  if (call.exitCode !== undefined) return new PluginExitError(where, call.exitCode, { cause: error });
  if (error instanceof EngineSuspendError) {
    const text = `${where}: an async host function can't make this call wait: it, or one that it is within, was made synchronously; make it with call()`;
    return new SuspendError(text, { cause: error });
  }
  if (error instanceof InstanceBusy) {
    const text = `${where}: a call of the plugin, or of one that it is linked with, runs on a thread; call() waits for it`;
    return new InstanceBusyError(text, { cause: error });
  }
  const interruption = interruptionOf(error);
  if (interruption === undefined) return call.outcome(error);
  if (call.aborted) return stoppedWithin(call.outcome(error), interruption);
  if (clock.now() >= call.deadline) return timeoutError(where, call.timeout, error, interruption.frames);
  // A plugin's call that is called by another's ends with that.
  return error instanceof InterruptError ? interruptedAs(call, error) : error;
}

/** It wasn't its own time or signal that ended it. */
function interruptedAs({ where, budget }: RunningCall, error: InterruptError): BackplaneError {
  if (error.reason === "outOfFuel") {
    const text = `${where}: limit fuel: it has executed the ${budget} instructions that it may`;
    return new LimitError("fuel", budget, text, { cause: error });
  }
  const late = error.reason === "deadline";
  const text = late ? `${where}: its caller's time is over` : `${where}: its caller was aborted`;
  return new CallStoppedError(late ? "TIMEOUT" : "ABORTED", text, error.frames, { cause: error });
}

export function abortedError(where: string, cause: unknown): CallStoppedError {
  return new CallStoppedError("ABORTED", `${where}: the caller aborted it`, [], { cause });
}

/**
 * @param cause what the engine stopped the call with, if it had begun
 * @param frames where it was then
 */
export function timeoutError(
  where: string,
  timeout: number,
  cause?: unknown,
  frames: readonly WasmFrame[] = [],
): CallStoppedError {
  const options = cause === undefined ? undefined : { cause };
  const over =
    timeout < 0
      ? "its deadline had passed before it began"
      : `not done after ${Math.round(timeout * 1000) / 1000} ms`;
  const text = `${where}: ${over}`;
  return new CallStoppedError("TIMEOUT", text, frames, options);
}

export function circuitError(plugin: string, wait: number): BackplaneError {
  const text = `${plugin}: it failed repeatedly; calls are refused for ${Math.ceil(wait)} ms more`;
  return new BackplaneError("CIRCUIT_OPEN", text);
}

export function unmeteredError(where: string): BackplaneError {
  const text = `${where}: fuel: the plugin isn't compiled to count instructions; give it limits: { fuel: Infinity }`;
  return new BackplaneError("OPTIONS", text);
}

/**
 * Whether a call was stopped in the middle of the plugin's code, not while it waited. A host function that ran into
 * limits of its own hasn't stopped it: that is an error like any other of a host function's.
 */
export function wasComputing({ deadline }: RunningCall, error: unknown, clock: Clock): boolean {
  const own = error instanceof InterruptError ? error : error instanceof Error ? error.cause : undefined;
  if (!(own instanceof InterruptError) || own.waiting) return false;
  return !(error instanceof HostError) || clock.now() >= deadline;
}

/** Whether its caller has lost interest. On threads and in slices a timeout may come as an abort too. */
export function isAbort(error: unknown): boolean {
  if (!(error instanceof InterruptError) || error.reason !== "aborted") return false;
  return !(error.cause instanceof CallStoppedError && error.cause.code === "TIMEOUT");
}

/** Why a call was stopped, with where it was. */
function stoppedWithin(reason: unknown, interruption: InterruptError): unknown {
  if (!(reason instanceof CallStoppedError)) return reason;
  const { code, message, cause = interruption } = reason;
  return new CallStoppedError(code as "TIMEOUT" | "ABORTED", message, interruption.frames, { cause });
}

/** The interruption that an error comes of, perhaps of a plugin that a host function called. */
function interruptionOf(error: unknown): InterruptError | undefined {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 20; depth++) {
    if (at instanceof InterruptError) return at;
    at = at.cause;
  }
  return undefined;
}
