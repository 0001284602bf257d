/**
 * Runs a plugin's calls in slots of its generations, and keeps count of what becomes of them: the circuit, instances
 * that are given up, figures.
 *
 * Upon entry a slot is taken; it is released when the call ends, however it ends. Most calls end without waiting:
 * they cost no promise, no timer and no AbortController here. Only one that was parked is watched.
 */
import {
  SuspendError as EngineSuspendError,
  Fuel,
  InstanceBusy,
  InterruptError,
  parkable,
  type SharedDeadline,
  sharedDeadline,
  threaded,
  trapOf,
  type WasmFrame,
  withLimits,
} from "../../engine/index.js";
import { CallFrame, currentFrame, runInFrame, runInParkableFrame } from "../call-frame.js";
import { type Clock, systemClock } from "../clock.js";
import {
  BackplaneError,
  CallStoppedError,
  HostError,
  InstanceBusyError,
  LimitError,
  PluginExitError,
  SuspendError,
} from "../errors.js";
import { Circuit } from "../lifecycle/circuit.js";
import type { Generation, InstanceSlot } from "./generation.js";
import { nameExceeded } from "./limit-causes.js";
import { type CallOptions, defaultTimeout, type PluginOptions, type RunsOn } from "./options.js";
import type { EntryWay, PluginInstance } from "./plugin-instance.js";

/** What is done with an instance: gives the result, or a promise of it. */
export type CallBody = (instance: PluginInstance) => unknown;

/** Whether a call may give a promise, or has to compute at once, on this thread. */
export type CallMode = "async" | "sync";

/** Told of what happens to calls. */
export interface CallObserver {
  trapped(error: unknown, exportName: string): void;
  circuitOpened(backoff: number): void;
  circuitClosed(): void;
}

interface RunningCall {
  readonly slot: InstanceSlot;
  readonly frame: CallFrame;
  readonly body: CallBody;
  /** By the host's clock. */
  readonly begin: number;
  /** Milliseconds, as the caller or the options said; perhaps infinite. */
  readonly timeout: number;
  readonly mode: CallMode;
  readonly onThread: boolean;
  /** Milliseconds that it computes at a stretch, if that is limited. */
  readonly slice: number | undefined;
  /** What it may execute, if that is counted. */
  readonly fuel: Fuel | undefined;
  /** Instructions that there were of it. */
  readonly budget: number;
  /** Undefined until there is one. */
  instance: PluginInstance | undefined;
  /** What the plugin, or one that it is linked with, exited with. */
  exitCode: number | undefined;
  /** The guest's stack pointer before the call. */
  stackTop: number;
}

/** Milliseconds; a longer setTimeout would fire at once. */
const longestTimeout = 2 ** 31 - 1;
/** Milliseconds. From here on a computing call may be stopped a little late, which saves most of a limit's cost. */
const longTimeout = 5000;

export class CallRunner {
  calls = 0;
  failures = 0;
  traps = 0;
  /** Instances given up. */
  replaced = 0;
  milliseconds = 0;
  private readonly circuit: Circuit;
  private shared: SharedDeadline | undefined;

  /**
   * @param name the plugin's
   * @param owner what frames name as the plugin called
   */
  constructor(
    private readonly name: string,
    private readonly owner: object,
    private readonly options: PluginOptions,
    private readonly observer: CallObserver,
    private readonly clock: Clock,
  ) {
    this.circuit = new Circuit(options.circuit ?? {}, () => clock.now());
  }

  /**
   * Milliseconds that a call may take; perhaps infinite.
   *
   * @param started when its time began to count
   */
  timeoutOf(generation: Generation, { timeout, deadline }: CallOptions, started: number): number {
    if (deadline !== undefined) return Math.min(timeout ?? Number.POSITIVE_INFINITY, deadline - started);
    if (timeout !== undefined) return timeout;
    return this.options.timeout ?? generation.granted.limits.timeout ?? defaultTimeout;
  }

  /**
   * Runs a call; its result, or a promise of it if host functions made it wait.
   *
   * @param started when its time began to count, by the host's clock; default: now
   */
  run(
    slot: InstanceSlot,
    exportName: string,
    body: CallBody,
    options: CallOptions,
    mode: CallMode,
    started?: number,
  ): unknown {
    const begin = this.clock.now();
    const timeout = this.timeoutOf(slot.generation, options, started ?? begin);
    const onThread = mode === "async" && (options.run ?? this.options.run) === "thread";
    const deadline = (started ?? begin) + timeout;
    const frame = new CallFrame(this.name, this.owner, exportName, currentFrame(), deadline, options.context);
    const fuel = options.fuel ?? budgetOf(slot.generation);
    const call: RunningCall = {
      slot,
      frame,
      body,
      begin,
      timeout,
      mode,
      onThread,
      slice: mode === "async" && !onThread ? this.sliceOf(options) : undefined,
      fuel,
      budget: fuel?.left ?? 0,
      instance: undefined,
      exitCode: undefined,
      stackTop: 0,
    };
    let result: unknown;
    try {
      this.requireCircuit();
      const instance = slot.enter();
      call.instance = instance;
      instance.use();
      call.stackTop = instance.stackTop();
      result = this.enter(call);
    } catch (error) {
      this.failed(call, error);
      this.left(call);
      throw this.toldAs(call, error);
    }
    if (result instanceof Promise) return this.finish(call, result, options.signal);
    this.succeeded();
    this.left(call);
    return result;
  }

  private sliceOf({ slice = this.options.slice }: CallOptions): number | undefined {
    return slice === Number.POSITIVE_INFINITY ? undefined : slice;
  }

  private enter(call: RunningCall): unknown {
    const { frame, begin, onThread, slice, fuel } = call;
    const { stackBytes, fuel: most } = call.slot.generation.granted.limits;
    if (fuel !== undefined && most === undefined) throw this.unmetered(call);
    const plain = slice === undefined && stackBytes === undefined && fuel === undefined && !onThread;
    if (plain && frame.deadline === Number.POSITIVE_INFINITY) return enterFrame(call);
    const timeout = frame.deadline - begin;
    if (timeout <= 0) throw timeoutError(this.where(call), call.timeout);
    if (plain && timeout >= longTimeout && this.clock === systemClock) {
      return this.deadlineFrom(frame.deadline, timeout).run(enterFrame, call);
    }
    const signal = slice !== undefined || onThread ? frame.signal : undefined;
    return withLimits({ timeout, slice, signal, stackBytes, fuel }, () => enterFrame(call));
  }

  /** One deadline for calls that begin at about the same time: late by a sixtieth of the time at most. */
  private deadlineFrom(deadline: number, timeout: number): SharedDeadline {
    const { shared } = this;
    const latest = deadline + timeout / 60;
    if (shared !== undefined && shared.deadline >= deadline && shared.deadline <= latest) return shared;
    this.shared = sharedDeadline(latest);
    return this.shared;
  }

  private where({ frame }: RunningCall): string {
    return `${this.name}.${frame.export}`;
  }

  /** An error as the caller is told it: an interruption by what caused it, the engine's errors by ours. */
  private toldAs(call: RunningCall, error: unknown): unknown {
    const { frame } = call;
    const where = this.where(call);
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
    if (interruption === undefined) return frame.outcome(error);
    if (frame.aborted) return stoppedWithin(frame.outcome(error), interruption);
    if (this.clock.now() >= frame.deadline)
      return timeoutError(where, call.timeout, error, interruption.frames);
    // A plugin's call that is called by another's ends with that.
    if (!(error instanceof InterruptError)) return error;
    if (error.reason === "outOfFuel") {
      const text = `${where}: limit fuel: it has executed the ${call.budget} instructions that it may`;
      return new LimitError("fuel", call.budget, text, { cause: error });
    }
    const late = error.reason === "deadline";
    const text = late ? `${where}: its caller's time is over` : `${where}: its caller was aborted`;
    return new CallStoppedError(late ? "TIMEOUT" : "ABORTED", text, error.frames, { cause: error });
  }

  private unmetered(call: RunningCall): BackplaneError {
    const text = `${this.where(call)}: fuel: the plugin isn't compiled to count instructions; give it limits: { fuel: Infinity }`;
    return new BackplaneError("OPTIONS", text);
  }

  private async finish(
    call: RunningCall,
    result: Promise<unknown>,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const { frame, timeout } = call;
    const { parked } = call.slot.generation;
    parked.add(frame);
    const where = this.where(call);
    const unwatch = watchCall(this.clock, signal, frame.deadline - this.clock.now(), {
      aborted: (cause) => frame.abort(abortedError(where, cause)),
      late: () => frame.abort(timeoutError(where, timeout)),
    });
    try {
      const value = await result;
      this.succeeded();
      return value;
    } catch (error) {
      this.failed(call, error);
      const told = this.toldAs(call, error);
      // The engine may be the first to find that its time is over; what waits in its host functions is to know.
      if (told instanceof CallStoppedError) frame.abort(told);
      throw told;
    } finally {
      unwatch();
      parked.delete(frame);
      this.left(call);
    }
  }

  private requireCircuit(): void {
    const wait = this.circuit.enter();
    if (wait > 0) {
      throw new BackplaneError(
        "CIRCUIT_OPEN",
        `${this.name}: it failed repeatedly; calls are refused for ${Math.ceil(wait)} ms more`,
      );
    }
  }

  private left({ slot, frame, begin, instance }: RunningCall): void {
    frame.ended = true;
    if (instance !== undefined) this.leave(slot, instance);
    this.calls++;
    this.milliseconds += this.clock.now() - begin;
    slot.generation.pool.release(slot);
  }

  private leave(slot: InstanceSlot, instance: PluginInstance): void {
    if (instance.retired) this.giveUp(slot, instance);
    instance.leave();
  }

  private succeeded(): void {
    if (this.circuit.succeeded()) this.observer.circuitClosed();
  }

  private failed(call: RunningCall, error: unknown): void {
    const { slot, instance, frame } = call;
    this.failures++;
    if (trapOf(error) !== undefined) {
      if (instance !== undefined)
        nameExceeded(error as Error, this.name, slot.generation.granted.limits, instance);
      this.giveUp(slot, instance);
      this.traps++;
      this.observer.trapped(error, frame.export);
      this.countTrap();
      return;
    }
    call.exitCode = instance?.exitCode(error) ?? slot.generation.exitCode(error);
    if (call.exitCode !== undefined) {
      this.giveUp(slot, instance);
      this.succeeded();
      return;
    }
    if (this.wasComputing(call, error)) {
      if (this.options.afterError !== "keep" && !slot.generation.resets) this.giveUp(slot, instance);
      // That its caller has lost interest isn't the plugin's fault.
      if (isAbort(error)) this.circuit.withdrawn();
      else this.countTrap();
      return;
    }
    if (instance === undefined) {
      if (!(error instanceof BackplaneError && error.code === "CIRCUIT_OPEN")) this.circuit.withdrawn();
      return;
    }
    this.succeeded();
    if (!instance.entered || instance.retired || instance.hasReported(error)) return;
    const alone = slot.active === 1;
    if (alone) instance.restoreStack(call.stackTop);
    const safe = slot.generation.sound(alone && instance.restoresStack);
    const keep = this.options.afterError === undefined ? safe : this.options.afterError === "keep";
    if (!keep) this.giveUp(slot, instance);
  }

  /**
   * Whether a call was stopped in the middle of the plugin's code, not while it waited. A host function that ran into limits
   * of its own hasn't stopped it: that is an error like any other of a host function's.
   */
  private wasComputing({ frame }: RunningCall, error: unknown): boolean {
    const own = error instanceof InterruptError ? error : error instanceof Error ? error.cause : undefined;
    if (!(own instanceof InterruptError) || own.waiting) return false;
    return !(error instanceof HostError) || this.clock.now() >= frame.deadline;
  }

  private countTrap(): void {
    const backoff = this.circuit.trapped();
    if (backoff > 0) this.observer.circuitOpened(backoff);
  }

  private giveUp(slot: InstanceSlot, instance: PluginInstance | undefined): void {
    if (slot.current !== instance || instance === undefined) return;
    slot.giveUp();
    this.replaced++;
  }
}

function budgetOf({ granted }: Generation): Fuel | undefined {
  const { fuel } = granted.limits;
  return fuel === undefined ? undefined : new Fuel(Math.min(fuel, Number.MAX_SAFE_INTEGER));
}

/** On threads and in slices a timeout may come as an abort too. */
function isAbort(error: unknown): boolean {
  if (!(error instanceof InterruptError) || error.reason !== "aborted") return false;
  return !(error.cause instanceof CallStoppedError && error.cause.code === "TIMEOUT");
}

function enterFrame(call: RunningCall): unknown {
  const { slot, frame, body, mode } = call;
  const { generation } = slot;
  const instance = call.instance as PluginInstance;
  const way = entryWay(call);
  const enter = generation.waits || way !== undefined ? runInParkableFrame : runInFrame;
  if (way === undefined && !generation.overlaps) return enter(frame, body, instance);
  const start = (): unknown => enter(frame, body, instance);
  const action = way === undefined ? start : () => instance.entering(way, start);
  // Another call of a re-entrant plugin may be computing on a thread.
  return mode === "async" && generation.overlaps ? instance.whenFree(action) : action();
}

/** How a call enters the instance, where that isn't how all calls of the plugin do. */
function entryWay({ slot, onThread, slice }: RunningCall): EntryWay | undefined {
  if (onThread) return threaded;
  return slice === undefined || slot.generation.waits ? undefined : parkable;
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
  const text = `${where}: not done after ${Math.round(timeout * 1000) / 1000} ms`;
  return new CallStoppedError("TIMEOUT", text, frames, options);
}

/** Why a call was stopped, with where it was. */
function stoppedWithin(reason: unknown, interruption: InterruptError): unknown {
  if (!(reason instanceof CallStoppedError)) return reason;
  const { code, message, cause = interruption } = reason;
  return new CallStoppedError(code as "TIMEOUT" | "ABORTED", message, interruption.frames, { cause });
}

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

/** The interruption that an error comes of, perhaps of a plugin that a host function called. */
function interruptionOf(error: unknown): InterruptError | undefined {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 20; depth++) {
    if (at instanceof InterruptError) return at;
    at = at.cause;
  }
  return undefined;
}

/** Tells when a signal is aborted or the time is over, unless what it returns was called before. */
export function watchCall(
  clock: Clock,
  signal: AbortSignal | undefined,
  remaining: number,
  tell: { aborted(cause: unknown): void; late(): void },
): () => void {
  const abort = (): void => tell.aborted(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const timer = remaining <= longestTimeout ? clock.setTimeout(tell.late, Math.max(0, remaining)) : undefined;
  return () => {
    clock.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
}
