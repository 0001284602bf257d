/**
 * Runs a plugin's calls in slots of its generations, and keeps count of what becomes of them: the circuit, instances
 * that are given up, figures.
 *
 * Upon entry a slot is taken; it is released when the call ends, however it ends. Most calls end without waiting:
 * they cost no promise, no timer and no AbortController here. Only one that was parked is watched.
 */
import {
  InterruptError,
  type SharedDeadline,
  sharedDeadline,
  trapOf,
  withLimits,
} from "../../engine/index.js";
import { CallFrame, currentFrame, runInFrame, runInParkableFrame } from "../call-frame.js";
import { type Clock, systemClock } from "../clock.js";
import { BackplaneError, PluginExitError } from "../errors.js";
import { Circuit } from "../lifecycle/circuit.js";
import type { Generation, InstanceSlot } from "./generation.js";
import { type CallOptions, defaultTimeout, type PluginOptions } from "./options.js";
import type { PluginInstance } from "./plugin-instance.js";

/** What is done with an instance: gives the result, or a promise of it. */
export type CallBody = (instance: PluginInstance) => unknown;

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
  /** Undefined until there is one. */
  instance: PluginInstance | undefined;
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

  /** Milliseconds that a call may take; perhaps infinite. */
  timeoutOf(generation: Generation, options: CallOptions): number {
    return options.timeout ?? this.options.timeout ?? generation.granted.limits.timeout ?? defaultTimeout;
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
    started?: number,
  ): unknown {
    const begin = this.clock.now();
    const timeout = this.timeoutOf(slot.generation, options);
    const deadline = (started ?? begin) + timeout;
    const frame = new CallFrame(this.name, this.owner, exportName, currentFrame(), deadline, options.context);
    const call: RunningCall = { slot, frame, body, begin, timeout, instance: undefined, stackTop: 0 };
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

  private enter(call: RunningCall): unknown {
    const { frame, begin } = call;
    const { slice } = this.options;
    if (frame.deadline === Number.POSITIVE_INFINITY && slice === undefined) return enterFrame(call);
    const timeout = frame.deadline - begin;
    if (timeout <= 0) throw timeoutError(this.where(call), call.timeout);
    if (timeout >= longTimeout && slice === undefined && this.clock === systemClock) {
      return this.deadlineFrom(frame.deadline, timeout).run(enterFrame, call);
    }
    const limits = slice === undefined ? { timeout } : { timeout, slice, signal: frame.signal };
    return withLimits(limits, () => enterFrame(call));
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

  /** An error as the caller is told it: an interruption by what caused it. */
  private toldAs(call: RunningCall, error: unknown): unknown {
    const exitCode = call.instance?.exitCode(error);
    if (exitCode !== undefined) return new PluginExitError(this.where(call), exitCode, { cause: error });
    if (!isInterruption(error)) return error;
    if (this.clock.now() >= call.frame.deadline) return timeoutError(this.where(call), call.timeout, error);
    // A plugin's call that is called by another's ends with that.
    if (error instanceof InterruptError && error.reason === "deadline") {
      return new BackplaneError("TIMEOUT", `${this.where(call)}: its caller's time is over`, {
        cause: error,
      });
    }
    return error;
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
      if (told !== error) frame.abort(told);
      throw frame.outcome(told);
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
      this.giveUp(slot, instance);
      this.traps++;
      this.observer.trapped(error, frame.export);
      this.countTrap();
      return;
    }
    if (instance?.exitCode(error) !== undefined) {
      this.succeeded();
      return;
    }
    if (
      error instanceof InterruptError ||
      (error instanceof Error && error.cause instanceof InterruptError)
    ) {
      if (this.options.afterError !== "keep" && !slot.generation.resets) this.giveUp(slot, instance);
      this.countTrap();
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

function enterFrame({ slot, frame, body, instance }: RunningCall): unknown {
  const enter = slot.generation.waits ? runInParkableFrame : runInFrame;
  return enter(frame, body, instance as PluginInstance);
}

export function abortedError(where: string, cause: unknown): BackplaneError {
  return new BackplaneError("ABORTED", `${where}: the caller aborted it`, { cause });
}

/** @param cause what the plugin was doing, if it was computing */
export function timeoutError(where: string, timeout: number, cause?: unknown): BackplaneError {
  const options = cause === undefined ? undefined : { cause };
  return new BackplaneError("TIMEOUT", `${where}: not done after ${timeout} ms`, options);
}

/** Whether an error comes of an interruption, perhaps of a plugin that a host function called. */
function isInterruption(error: unknown): boolean {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 20; depth++) {
    if (at instanceof InterruptError) return true;
    at = at.cause;
  }
  return false;
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
