/**
 * The errors of the SDK: each has a stable `code`, and a message that reads as a path to the fault.
 *
 * Traps, and what the engine throws when it compiles and links, are the engine's own classes; they are the `cause`
 * of the errors here where a step of the SDK failed because of them.
 */
import { putFramesFirst, type WasmFrame } from "../engine/index.js";

/** Stable names of what can go wrong; `docs/troubleshooting.md` has an entry for each. */
export type BackplaneErrorCode =
  | "PLUGIN_NOT_FOUND"
  | "EXPORT_NOT_FOUND"
  | "PLUGIN_LOAD"
  | "HOST_MODULE"
  | "ABI"
  | "IMPORT_MISMATCH"
  | "EXPORT_MISMATCH"
  | "PLUGIN"
  | "EXIT"
  | "MARSHAL"
  | "HOST_FUNCTION"
  | "MANIFEST"
  | "INTEGRITY"
  | "VERSION_MISMATCH"
  | "DEPENDENCY"
  | "NOT_GRANTED"
  | "LIMIT"
  | "REENTRANCY"
  | "TIMEOUT"
  | "ABORTED"
  | "BUSY"
  | "QUEUE_FULL"
  | "CIRCUIT_OPEN"
  | "CLOSED"
  | "STATE_TRANSFER"
  | "SNAPSHOT"
  | "DRAIN_TIMEOUT"
  | "OPTIONS";

/** What the plugin host throws: a stable `code`, a message that reads as a path, and what lies beneath as `cause`. */
export class BackplaneError extends Error {
  override readonly name: string = "BackplaneError";
  constructor(
    readonly code: BackplaneErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A host function threw while a plugin was calling it; `cause` is what it threw. */
export class HostError extends BackplaneError {
  override readonly name: string = "HostError";
  constructor(message: string, options?: ErrorOptions) {
    super("HOST_FUNCTION", message, options);
  }
}

/** The plugin itself said that a call failed, by the means of its ABI; its instance goes on serving. */
export class PluginError extends BackplaneError {
  override readonly name = "PluginError";
  constructor(message: string, options?: ErrorOptions) {
    super("PLUGIN", message, options);
  }
}

/** The plugin ended itself in the middle of a call, by WASI's `proc_exit`. The next call gets a new instance. */
export class PluginExitError extends BackplaneError {
  override readonly name = "PluginExitError";
  /** @param where the plugin and the export */
  constructor(
    where: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super("EXIT", `${where}: the plugin exited with code ${exitCode}`, options);
  }
}

/**
 * An `async` host function was reached by a call that can't wait: one of `plugin.exports`, or one with a JavaScript
 * function between it and the call that could. `cause` is the engine's error.
 */
export class SuspendError extends HostError {
  override readonly name = "SuspendError";
}

/** A call was stopped from outside: its time was over (TIMEOUT), or it was aborted (ABORTED). */
export class CallStoppedError extends BackplaneError {
  override readonly name = "CallStoppedError";

  /**
   * @param frames what the plugin was doing, innermost first; its `stack` begins with them too. Empty if it hadn't begun
   */
  constructor(
    code: "TIMEOUT" | "ABORTED",
    message: string,
    readonly frames: readonly WasmFrame[],
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    putFramesFirst(this, frames, new.target);
  }
}

/** A call that can't wait, as those of `plugin.exports`, found the instance, or one it is linked with, in use. */
export class InstanceBusyError extends BackplaneError {
  override readonly name = "InstanceBusyError";
  constructor(message: string, options?: ErrorOptions) {
    super("BUSY", message, options);
  }
}

/** A plugin wanted more than one of its limits allows. */
export class LimitError extends BackplaneError {
  override readonly name = "LimitError";
  /**
   * @param limit its name, as in a manifest's `requests.limits`
   * @param value what is allowed
   */
  constructor(
    readonly limit: string,
    readonly value: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super("LIMIT", message, options);
  }
}

/** A value could not cross between host and plugin. */
export class MarshalError extends BackplaneError {
  override readonly name = "MarshalError";
  constructor(message: string, options?: ErrorOptions) {
    super("MARSHAL", message, options);
  }
}

/** A call reached a plugin that is already in the chain of calls leading to it, and that isn't re-entrant. */
export class ReentrancyError extends BackplaneError {
  override readonly name = "ReentrancyError";
  /** @param chain plugins and exports from the outermost call inwards, as `a.run` */
  constructor(readonly chain: readonly string[]) {
    super("REENTRANCY", `${chain.at(-1)}: the plugin is waiting for this very call: ${chain.join(" -> ")}`);
  }
}

/** A plugin can't be used because of another one that it depends on. */
export class DependencyError extends BackplaneError {
  override readonly name = "DependencyError";
  /** @param dependency its name */
  constructor(
    readonly dependency: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super("DEPENDENCY", message, options);
  }
}

/** A `.plugin.json` that can't be used; `problems` has one text for each fault, beginning with its path. */
export class ManifestError extends BackplaneError {
  override readonly name = "ManifestError";
  constructor(
    file: string,
    readonly problems: readonly string[],
  ) {
    super("MANIFEST", `${file}: ${problems.join("; ")}`);
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
