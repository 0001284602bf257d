/** What an application may say about a plugin when it loads it, and what its calls take. */

import type { Fuel } from "../../engine/index.js";
import type { Abi } from "../abi/abi.js";
import type { CircuitOptions } from "../lifecycle/circuit.js";
import type { PluginLimits } from "../manifest/manifest.js";
import type { LogRate } from "./guest-log.js";

/** What a state hand-over by the application gets of each generation. */
export interface HandOverSide {
  readonly generation: number;
  /** The instance's exports: functions, memories, tables, globals. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/** What the application says about a plugin. */
export interface PluginOptions {
  /** Instances that serve calls at the same time; each has its own memory. Default: 1. */
  readonly instances?: number;
  /**
   * "thread": its calls compute off the main thread, on threads of the engine's own; host functions are called on the main
   * thread all the same. With `instances: n` up to n processors compute at a time. For `call` and typed handles; `exports`,
   * start functions and hooks run on the main thread. Default: "main".
   */
  readonly run?: RunsOn;
  /** Bounds on what it may use, beside those of the grant and of the host; the smallest hold. */
  readonly limits?: PluginLimits;
  /** Calls that may wait for an instance; more fail with QUEUE_FULL. Default: 1000. */
  readonly maxWaiting?: number;
  /** Calls to one instance may overlap while host functions wait. Default: the manifest's, or false. */
  readonly reentrant?: boolean;
  /**
   * Milliseconds for a call, waiting and computing included, where the call names none. Default: the grant's limit, or
   * 30,000. Infinity: no limit.
   */
  readonly timeout?: number;
  /** Milliseconds for making an instance, start functions included, and for each of its hooks. Default: 5000. */
  readonly startTimeout?: number;
  /**
   * Milliseconds that a call computes at a stretch; then timers and I/O have their turn before it goes on, and so it can
   * be aborted too. For `call` and typed handles, where they name none. Default, or Infinity: it computes until it is done.
   */
  readonly slice?: number;
  /**
   * "call": each call finds the instance as it was after its start. Excludes `reentrant`, a state hand-over, and
   * links with other plugins. Default: "keep".
   */
  readonly reset?: "keep" | "call";
  /**
   * What becomes of an instance after a host function threw or a call was aborted while it waited. Default: kept where
   * no stack pointer can be left wrong or an exported `__stack_pointer` was restored, else replaced. One whose
   * computation was interrupted is replaced unless this says "keep".
   */
  readonly afterError?: "keep" | "replace";
  /** The convention that it follows, or the name of one. Default: the manifest's, or told by the module. */
  readonly abi?: Abi | string;
  /** When it is loaded. Default: the manifest's, or "startup". */
  readonly activation?: "startup" | "call";
  /** Settings for it; they take precedence over the manifest's. `secret(value)` marks those that must not show. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** More settings, all of them secret. */
  readonly secrets?: Readonly<Record<string, unknown>>;
  /** How much it may log. Default: 100 lines a second, 200 at once. */
  readonly logRate?: LogRate;
  readonly circuit?: CircuitOptions;
  /** false: a reload never hands state over, even if the plugin could. Default: true. */
  readonly handOver?: boolean;
  /** Hands state over instead of the plugin's own `backplane_save` and `backplane_restore`. */
  readonly transfer?: (old: HandOverSide, next: HandOverSide) => void | Promise<void>;
  /** Milliseconds that stopping and reloading wait for running calls. Default: 5000. */
  readonly drainTimeout?: number;
  /** What happens then: those calls are aborted, or, when reloading, the reload fails. Default: "abort". */
  readonly onDrainTimeout?: "abort" | "abandon";
}

/** Where a plugin's code computes. */
export type RunsOn = "main" | "thread";

export const defaultTimeout = 30_000;
export const defaultStartTimeout = 5000;

/** What the value that a call gives is made of; "core" is as WebAssembly gives it. */
export type CallResult = "core" | "string" | "bytes" | "json";

/** What goes with one call. */
export interface CallOptions {
  /**
   * Stops it where it waits, and where it computes on a thread; where it computes on the main thread only with a `slice`, as
   * no signal comes meanwhile.
   */
  readonly signal?: AbortSignal;
  /** Milliseconds, waiting and computing included; a loop without end is stopped as well. Infinity: no limit. */
  readonly timeout?: number;
  /**
   * When it has to be done, on the scale of `performance.now()` (of the host's clock, if it has one of its own). In place
   * of a default timeout; with `timeout` the earlier of the two holds.
   */
  readonly deadline?: number;
  /** Where it computes. Default: the plugin's. */
  readonly run?: RunsOn;
  /**
   * Milliseconds that it computes at a stretch on the main thread; then timers and I/O have their turn before it goes on.
   * Infinity: it computes until it is done. Default: the plugin's.
   */
  readonly slice?: number;
  /** A budget of instructions in place of `limits.fuel`, which the plugin has to have; what is left of it can be read. */
  readonly fuel?: Fuel;
  /** Handed to the host functions that the call reaches. */
  readonly context?: unknown;
  /** Default: the input's own form if the export gives an i64, else "core". */
  readonly result?: CallResult;
}

/** Figures of a plugin. */
export interface PluginStats {
  readonly state: string;
  readonly generation: number;
  readonly instances: number;
  readonly calls: number;
  /** Of the calls, those that threw. */
  readonly failures: number;
  readonly traps: number;
  /** Instances made in place of ones given up. */
  readonly replaced: number;
  readonly active: number;
  readonly waiting: number;
  /** Milliseconds in calls altogether, time in host functions included, waiting not. */
  readonly milliseconds: number;
  /** Lines of its log that were more than it may log. */
  readonly droppedLogLines: number;
  /** Bytes of the exported memories. */
  readonly memory: number;
}
