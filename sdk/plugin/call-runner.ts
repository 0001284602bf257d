/**
 * Runs a plugin's calls in slots of its generations, and keeps count of what becomes of them: the circuit, instances
 * that are given up, figures.
 *
 * Upon entry a slot is taken; it is released when the call ends, however it ends. Most calls end without waiting:
 * they cost no promise, no timer, no function and no AbortController here, and one object. Only one that was parked
 * is watched.
 */
import {
  Fuel,
  parkable,
  type SharedDeadline,
  sharedDeadline,
  threaded,
  trapOf,
  withLimits,
} from "../../engine/index.js";
import { type CallFrame, runInFrame, runInParkableFrame } from "../call-frame.js";
import { type Clock, systemClock } from "../clock.js";
import { BackplaneError, CallStoppedError } from "../errors.js";
import { Circuit } from "../lifecycle/circuit.js";
import {
  abortedError,
  circuitError,
  isAbort,
  timeoutError,
  toldAs,
  unmeteredError,
  wasComputing,
} from "./call-errors.js";
import type { Generation, InstanceSlot } from "./generation.js";
import { nameExceeded } from "./limit-causes.js";
import { type CallOptions, defaultTimeout, type PluginOptions } from "./options.js";
import type { EntryWay, PluginInstance } from "./plugin-instance.js";
import { type CallRequest, RunningCall, watchCall } from "./running-call.js";

/** Told of what happens to calls. */
export interface CallObserver {
  trapped(error: unknown, exportName: string): void;
  circuitOpened(backoff: number): void;
  circuitClosed(): void;
}

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
   * @param parent the call that led to this one
   * @param started when its time began to count, by the host's clock; default: now
   */
  run(
    slot: InstanceSlot,
    exportName: string,
    request: CallRequest,
    parent: CallFrame | undefined,
    started?: number,
  ): unknown {
    const begin = this.clock.now();
    const from = started ?? begin;
    const { generation } = slot;
    const { options, mode } = request;
    const onThread = mode === "async" && (options.run ?? this.options.run) === "thread";
    const call = new RunningCall(
      this.name,
      this.owner,
      exportName,
      parent,
      from + this.timeoutOf(generation, options, from),
      slot,
      request,
      onThread,
      mode === "async" && !onThread ? this.sliceOf(options) : undefined,
      begin,
      begin - from,
      options.fuel ?? budgetOf(generation),
    );
    let result: unknown;
    try {
      this.requireCircuit();
      const found = slot.current;
      const instance = slot.enter();
      call.instance = instance;
      instance.use();
      call.stackTop = instance.stackTop();
      // Making or resetting the instance took of its time.
      const asFound = instance === found && !generation.resets;
      result = this.enter(call, asFound ? begin : this.clock.now());
    } catch (error) {
      this.failed(call, error);
      this.left(call);
      throw toldAs(call, error, this.clock);
    }
    if (result instanceof Promise) return this.finish(call, result, options.signal);
    this.succeeded();
    this.left(call);
    return result;
  }

  private sliceOf({ slice = this.options.slice }: CallOptions): number | undefined {
    return slice === Number.POSITIVE_INFINITY ? undefined : slice;
  }

  private enter(call: RunningCall, now: number): unknown {
    const { deadline, onThread, slice, fuel } = call;
    const { stackBytes, fuel: most } = call.slot.generation.granted.limits;
    if (fuel !== undefined && most === undefined) throw unmeteredError(call.where);
    const plain = slice === undefined && stackBytes === undefined && fuel === undefined && !onThread;
    if (plain && deadline === Number.POSITIVE_INFINITY) return enterFrame(call);
    const timeout = deadline - now;
    if (timeout <= 0) throw timeoutError(call.where, call.timeout);
    if (plain && timeout >= longTimeout && this.clock === systemClock) {
      return this.deadlineFrom(deadline, timeout).run(enterFrame, call);
    }
    const signal = slice !== undefined || onThread ? call.signal : undefined;
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

  private async finish(
    call: RunningCall,
    result: Promise<unknown>,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const { where, timeout, deadline } = call;
    const { parked } = call.slot.generation;
    parked.add(call);
    const unwatch = watchCall(this.clock, signal, deadline - this.clock.now(), {
      aborted: (cause) => call.abort(abortedError(where, cause)),
      late: () => call.abort(timeoutError(where, timeout)),
    });
    try {
      const value = await result;
      this.succeeded();
      return value;
    } catch (error) {
      this.failed(call, error);
      const told = toldAs(call, error, this.clock);
      // The engine may be the first to find that its time is over; what waits in its host functions is to know.
      if (told instanceof CallStoppedError) call.abort(told);
      throw told;
    } finally {
      unwatch();
      parked.delete(call);
      this.left(call);
    }
  }

  private requireCircuit(): void {
    const wait = this.circuit.enter();
    if (wait > 0) throw circuitError(this.name, wait);
  }

  private left(call: RunningCall): void {
    const { slot, instance } = call;
    call.ended = true;
    if (instance !== undefined) {
      if (instance.retired) this.giveUp(slot, instance);
      instance.leave();
    }
    this.calls++;
    this.milliseconds += this.clock.now() - call.begin;
    slot.generation.pool.release(slot);
  }

  private succeeded(): void {
    if (this.circuit.succeeded()) this.observer.circuitClosed();
  }

  private failed(call: RunningCall, error: unknown): void {
    const { slot, instance } = call;
    const { generation } = slot;
    this.failures++;
    if (trapOf(error) !== undefined) {
      this.trapped(call, error);
      return;
    }
    call.exitCode = instance?.exitCode(error) ?? generation.exitCode(error);
    if (call.exitCode !== undefined) {
      this.giveUp(slot, instance);
      this.succeeded();
      return;
    }
    if (wasComputing(call, error, this.clock)) {
      if (this.options.afterError !== "keep" && !generation.resets) this.giveUp(slot, instance);
      // That its caller has lost interest isn't the plugin's fault.
      if (isAbort(error)) this.circuit.withdrawn();
      else this.countTrap();
      return;
    }
    if (instance === undefined) {
      if (!(error instanceof BackplaneError && error.code === "CIRCUIT_OPEN")) this.circuit.withdrawn();
      return;
    }
    // The plugin hasn't shown whether it is well.
    if (!instance.entered) {
      this.circuit.withdrawn();
      return;
    }
    this.succeeded();
    if (instance.retired || instance.hasReported(error)) return;
    if (!this.keeps(call, instance)) this.giveUp(slot, instance);
  }

  private trapped({ slot, instance, export: name }: RunningCall, error: unknown): void {
    if (instance !== undefined) {
      nameExceeded(error as Error, this.name, slot.generation.granted.limits, instance);
    }
    this.giveUp(slot, instance);
    this.traps++;
    this.observer.trapped(error, name);
    this.countTrap();
  }

  /** Whether an instance can be called again that an error has ended a call of. */
  private keeps({ slot, stackTop }: RunningCall, instance: PluginInstance): boolean {
    const { afterError } = this.options;
    const alone = slot.active === 1;
    if (alone) instance.restoreStack(stackTop);
    return afterError === undefined
      ? slot.generation.sound(alone && instance.restoresStack)
      : afterError === "keep";
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

const runBody = (call: RunningCall): unknown => call.body(call.instance as PluginInstance, call);

function enterFrame(call: RunningCall): unknown {
  const { generation } = call.slot;
  const way = entryWay(call);
  const enter = generation.waits || way !== undefined ? runInParkableFrame : runInFrame;
  if (way === undefined && !generation.overlaps) return enter(call, runBody);
  const instance = call.instance as PluginInstance;
  const start = (): unknown => enter(call, runBody);
  const action = way === undefined ? start : () => instance.entering(way, start);
  // Another call of a re-entrant plugin may be computing on a thread.
  return call.mode === "async" && generation.overlaps ? instance.whenFree(action) : action();
}

/** How a call enters the instance, where that isn't how all calls of the plugin do. */
function entryWay({ slot, onThread, slice }: RunningCall): EntryWay | undefined {
  if (onThread) return threaded;
  return slice === undefined || slot.generation.waits ? undefined : parkable;
}
