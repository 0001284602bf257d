/**
 * Limits of calls: how long they may run, how much they may execute, how long at a stretch.
 *
 * `withLimits` sets a scope for the calls that begin while an action runs. A scope belongs to a fiber from its call's
 * beginning to its end, also where the call goes on later because a promise has settled. Calls within calls get the
 * scope of the moment, so they can't outlive the outer one's.
 *
 * Setting a scope costs no timer and no system call: the deadline is a number in this thread's entry of the clock's
 * table (clock.ts), and the clock looks at it when it next wakes. When the clock makes a fiber leave, `interrupted`
 * decides what becomes of it.
 */
import { performance } from "node:perf_hooks";
import { setImmediate as macrotask } from "node:timers/promises";
import type { Clock } from "./clock.js";
import type { Engine } from "./engine.js";
import { InstanceBusy, InterruptError, type InterruptReason, StopCall } from "./errors.js";
import type { Fiber } from "./fiber.js";
import { Context } from "./layout.js";
import { Monitor } from "./monitor.js";
import { framesOf, interruptError, lacksStackMap } from "./stack-trace.js";
import { setWord64 } from "./words.js";

/**
 * A budget of instructions, for modules compiled with `fuel`. Calls draw on it one after the other, or in one another;
 * it can be topped up between them by making a new one of what is left.
 */
export class Fuel {
  /** Negative only while a call waits whose last charge found too little, which its next check will see. */
  private amount: number;
  /** The fiber that has the budget in its context while it runs. */
  private holder: Fiber | undefined = undefined;
  /** @internal Held by a call on a thread or in slices that draws on it, but for while that waits for a promise. */
  readonly monitor = new Monitor();
  /**
   * @internal The fiber that has stopped, or runs on a thread, and may have what is left in a register, to be written back:
   * nobody else may draw on it meanwhile.
   */
  paused: Fiber | undefined = undefined;

  /** @param amount Wasm instructions: a whole number from 0 to 2^53 - 1. Errors: RangeError. */
  constructor(amount: number) {
    if (!Number.isSafeInteger(amount) || amount < 0) {
      throw new RangeError(`fuel: expected a whole number of instructions from 0 to 2^53 - 1, got ${amount}`);
    }
    this.amount = amount;
  }

  /** What is left. Also right inside a host function that a call with this budget has called. */
  get left(): number {
    return Math.max(this.raw, 0);
  }

  private get raw(): number {
    return this.holder === undefined ? this.amount : readFuel(this.holder);
  }

  /** @internal Whether a fiber that would draw on it has to wait for its `monitor`. */
  isTaken(fiber: Fiber | undefined): boolean {
    return this.paused !== undefined && this.paused !== fiber;
  }

  /** @internal Moves the budget into a fiber's context; returns who had it. Errors: InstanceBusy. */
  enter(fiber: Fiber): Fiber | undefined {
    const outer = this.holder;
    if (this.isTaken(fiber))
      throw new InstanceBusy("a call on a thread, or in slices, is drawing on this fuel");
    this.amount = this.raw;
    this.holder = fiber;
    writeFuel(fiber, this.amount);
    return outer;
  }

  /** @internal Takes it back out: for a call that has ended, however, or one that `waits`. */
  leave(fiber: Fiber, outer: Fiber | undefined, waits: boolean): void {
    const left = readFuel(fiber);
    this.amount = waits ? left : Math.max(left, 0);
    writeFuel(fiber, unlimitedFuel);
    this.holder = outer;
    if (outer !== undefined) writeFuel(outer, this.amount);
  }
}

/**
 * For a call that has ended by itself. No check follows its last straight run, which may have cost more than there was: then
 * it is stopped all the same, so that no call ever costs more than its budget. Errors: InterruptError.
 */
export function requirePaid(fiber: Fiber): void {
  if (readFuel(fiber) < 0) throw interruptError(fiber, "outOfFuel", []);
}

/** In contexts without a budget: more than can be executed. */
export const unlimitedFuel = 2 ** 62;

/** Negative once a charge found too little. */
function readFuel(fiber: Fiber): number {
  const low = Context.fuel >> 2;
  return (fiber.words[low] >>> 0) + fiber.words[low + 1] * 2 ** 32;
}

function writeFuel(fiber: Fiber, amount: number): void {
  setWord64(fiber.words, Context.fuel, amount);
}

/** What calls may use. What is left out isn't limited here, but an outer scope's limits hold too. */
export interface CallLimits {
  /** Milliseconds from now. */
  readonly timeout?: number;
  /** On the scale of `performance.now()`. */
  readonly deadline?: number;
  /** Stops a call that waits for a promise at once, one that runs when it is next looked at after the abort. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which a `promising` call lets the event loop run before it goes on. */
  readonly slice?: number;
  /** In place of an outer scope's. */
  readonly fuel?: Fuel;
  /**
   * How many calls of this thread may wait for promises once one of these does; more get a RangeError where they would
   * wait. Never more than the system has room for stacks.
   */
  readonly parkedCalls?: number;
  /** Bytes of its stack that a call may use; beyond them it gets the RangeError of an overflow. */
  readonly stackBytes?: number;
}

/** Limits as they are looked at: with those of the scopes around. */
export class Scope {
  /** Nanoseconds on the clock's scale; infinite: none. */
  readonly deadline: number;
  /** Nanoseconds; infinite: none. */
  readonly slice: number;
  readonly fuel: Fuel | undefined;
  readonly signal: AbortSignal | undefined;
  readonly parkedCalls: number;
  readonly stackBytes: number;

  constructor(
    readonly outer: Scope | undefined,
    limits: CallLimits,
    now: number,
  ) {
    const { timeout, deadline } = limits;
    let until = outer === undefined ? Number.POSITIVE_INFINITY : outer.deadline;
    if (timeout !== undefined) until = Math.min(until, now + milliseconds(timeout, "timeout"));
    if (deadline !== undefined) {
      until = Math.min(until, now + (milliseconds(deadline, "deadline") - performance.now() * 1e6));
    }
    this.deadline = until;
    this.slice =
      limits.slice === undefined
        ? (outer?.slice ?? Number.POSITIVE_INFINITY)
        : milliseconds(limits.slice, "slice");
    this.fuel = budget(limits.fuel) ?? outer?.fuel;
    this.signal = abortSignal(limits.signal);
    this.parkedCalls = narrower(outer?.parkedCalls, limits.parkedCalls, "parkedCalls");
    this.stackBytes = narrower(outer?.stackBytes, limits.stackBytes, "stackBytes");
  }

  /** The first signal that was aborted, this scope's or an outer one's. */
  get aborted(): AbortSignal | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.outer) {
      if (scope.signal?.aborted) return scope.signal;
    }
    return undefined;
  }
}

function milliseconds(value: number, name: string): number {
  if (typeof value === "number" && value >= 0) return value * 1e6;
  throw new RangeError(`${name}: expected a number of milliseconds from 0 on, got ${String(value)}`);
}

/** Errors: TypeError. */
function budget(value: Fuel | undefined): Fuel | undefined {
  if (value === undefined || value instanceof Fuel) return value;
  throw new TypeError(`fuel: expected a Fuel, got ${given(value)}`);
}

/** By what it has: it may be of another realm, or a library's. Errors: TypeError, since any other would never stop a call. */
function abortSignal(value: AbortSignal | undefined): AbortSignal | undefined {
  if (value === undefined) return value;
  if (typeof value?.aborted === "boolean" && typeof value.addEventListener === "function") return value;
  throw new TypeError(`signal: expected an AbortSignal, got ${given(value)}`);
}

/** A primitive value, or the kind of another. */
function given(value: unknown): string {
  return value === null || (typeof value !== "object" && typeof value !== "function")
    ? String(value)
    : typeof value;
}

/** The smaller of two limits, each of which may not be there. Errors: RangeError. */
function narrower(outer = Number.POSITIVE_INFINITY, own = Number.POSITIVE_INFINITY, name: string): number {
  if (typeof own === "number" && own >= 0) return Math.min(outer, own);
  throw new RangeError(`${name}: expected a number from 0 on, got ${String(own)}`);
}

/** Runs an action in a scope of its own; see `withLimits` in js-api/limits.ts. */
export function runInScope<T>(engine: Engine, limits: CallLimits, action: () => T): T {
  if (typeof limits !== "object" || limits === null) {
    throw new TypeError(`limits: expected an object, got ${given(limits)}`);
  }
  const now = engine.startClock().now();
  const scope = new Scope(engine.scope, limits, now);
  throwIfStopped(scope, now);
  return withScope(engine, scope, action, now);
}

/**
 * Runs an action in a scope.
 *
 * @param now the time, if it has just been read
 */
export function withScope<T>(engine: Engine, scope: Scope, action: () => T, now?: number): T {
  const clock = engine.startClock();
  const outer = engine.scope;
  const outerDeadline = clock.deadline;
  engine.scope = scope;
  if (scope.deadline < outerDeadline) clock.setDeadline(scope.deadline, now ?? clock.now());
  try {
    return action();
  } finally {
    engine.scope = outer;
    clock.restoreDeadline(outerDeadline);
  }
}

/** Runs an action until a deadline that many actions share: nothing is read or made for each of them. */
export class SharedDeadline {
  private readonly scope: Scope;

  /** @param deadline on the scale of `performance.now()`. Errors: RangeError. */
  constructor(
    private readonly engine: Engine,
    readonly deadline: number,
  ) {
    this.scope = new Scope(undefined, { deadline }, engine.startClock().now());
  }

  /** Runs `action(argument)`: with an argument no function has to be made for each call. */
  run<T, A = undefined>(action: (argument: A) => T, argument?: A): T {
    const { engine, scope } = this;
    const run = action as (argument: A | undefined) => T;
    // Within other limits the narrower of the two hold.
    if (engine.scope !== undefined) {
      return runInScope(engine, { deadline: this.deadline }, () => run(argument));
    }
    const clock = engine.startClock();
    const outerDeadline = clock.deadline;
    engine.scope = scope;
    // So far away that the clock, which looks every few milliseconds, needn't be woken for it.
    if (scope.deadline < outerDeadline) clock.setDeadline(scope.deadline, 0);
    try {
      return run(argument);
    } finally {
      engine.scope = undefined;
      clock.restoreDeadline(outerDeadline);
    }
  }
}

/**
 * For what a module has done at a stretch before any code of it runs, between pieces of it. Errors: InterruptError past the
 * deadline of the scope around, or after an abort.
 */
export function throwIfOver({ scope, platform }: Engine): void {
  if (scope !== undefined) throwIfStopped(scope, platform.now());
}

/** Before a call begins: there are no frames to show. */
function throwIfStopped(scope: Scope, now: number): void {
  if (now >= scope.deadline) throw new InterruptError("deadline", []);
  const signal = scope.aborted;
  if (signal !== undefined) throw new InterruptError("aborted", [], signal.reason);
}

/** Runs a fiber that has a scope: `run` enters it and serves its exits, and returns undefined if its call has ended. */
export function runLimited<T>(
  engine: Engine,
  clock: Clock,
  fiber: Fiber,
  scope: Scope,
  run: (engine: Engine, fiber: Fiber) => T,
): T {
  const outer = engine.scope;
  const outerDeadline = clock.deadline;
  const { fuel } = scope;
  const outerHolder = fuel?.enter(fiber);
  let waits = false;
  try {
    if (outer !== scope || fiber.promising) enterScope(engine, clock, fiber, scope);
    const result = run(engine, fiber);
    waits = result !== undefined;
    if (fuel !== undefined && !waits) requirePaid(fiber);
    return result;
  } finally {
    fuel?.leave(fiber, outerHolder, waits);
    engine.scope = outer;
    clock.restoreDeadline(outerDeadline);
  }
}

/** For a call that goes on after a promise, whose scope nobody has set, and for slices. */
function enterScope(engine: Engine, clock: Clock, fiber: Fiber, scope: Scope): void {
  engine.scope = scope;
  const now = clock.now();
  fiber.sliceEnd = fiber.promising ? now + scope.slice : Number.POSITIVE_INFINITY;
  const until = Math.min(scope.deadline, fiber.sliceEnd);
  if (until !== Number.POSITIVE_INFINITY) clock.setDeadline(until, now);
}

/**
 * Decides what becomes of a fiber that the clock has made leave. Returns the promise it is to wait for, if its slice is
 * over; else it goes on. Errors: InterruptError past the deadline or after an abort.
 */
export function interrupted(engine: Engine, fiber: Fiber): Promise<void> | undefined {
  // Lowered first, looked at the time afterwards: see isa/NAME/clock.ts.
  fiber.lowerInterrupt();
  const { scope } = fiber;
  if (scope === undefined) return undefined;
  const now = engine.platform.now();
  if (now >= scope.deadline) throw stopped(engine, fiber, "deadline");
  const signal = scope.aborted;
  if (signal !== undefined) throw stopped(engine, fiber, "aborted", signal.reason);
  if (now < fiber.sliceEnd || !fiber.promising) return undefined;
  fiber.hasUnmapped = lacksStackMap(engine, fiber);
  return macrotask();
}

/** Errors: RangeError if no more calls may wait for promises. */
export function requireParkingSpace(engine: Engine, scope: Scope | undefined): void {
  const most = Math.min(engine.mostParkedCalls, scope?.parkedCalls ?? Number.POSITIVE_INFINITY);
  if (engine.parkedCalls < most) return;
  throw new RangeError(`parkedCalls: ${engine.parkedCalls} calls wait for promises, and ${most} may`);
}

/** What a call waits for, but no longer than its scope allows. Errors: the promise's, InterruptError. */
export async function waitWithin(
  engine: Engine,
  fiber: Fiber | undefined,
  scope: Scope,
  promise: Promise<unknown>,
): Promise<unknown> {
  if (scope.deadline === Number.POSITIVE_INFINITY && signalsOf(scope).length === 0) return promise;
  let cancel = (): void => {};
  const limit = new Promise<never>((_, reject) => {
    cancel = whenOver(engine, scope, (reason, cause) => reject(stopped(engine, fiber, reason, cause, true)));
  });
  try {
    // Awaited in a function of its own, since the promise's `then` may be anybody's.
    return await Promise.race([settled(promise), limit]);
  } finally {
    cancel();
  }
}

/** Calls back when a scope's deadline passes or its signal is aborted; returns what prevents it. */
export function whenOver(
  engine: Engine,
  scope: Scope,
  callback: (reason: InterruptReason, cause: unknown) => void,
): () => void {
  const signals = signalsOf(scope);
  const aborted = (event: Event): void => callback("aborted", (event.target as AbortSignal).reason);
  for (const signal of signals) signal.addEventListener("abort", aborted, { once: true });
  const stopTimer = atTime(engine, scope.deadline, () => callback("deadline", undefined));
  return () => {
    stopTimer();
    for (const signal of signals) signal.removeEventListener("abort", aborted);
  };
}

/** Waits for its turn with a monitor, no longer than a scope allows. Errors: InterruptError. */
export async function enterWithin(
  engine: Engine,
  fiber: Fiber | undefined,
  scope: Scope | undefined,
  monitor: Monitor,
): Promise<void> {
  let take = (): void => {};
  const turn = new Promise<void>((resolve) => {
    take = resolve;
  });
  if (monitor.enter(take)) return;
  try {
    await (scope === undefined ? turn : waitWithin(engine, fiber, scope, turn));
  } catch (error) {
    if (!monitor.withdraw(take)) monitor.leave();
    throw error;
  }
}

async function settled(promise: Promise<unknown>): Promise<unknown> {
  return await promise;
}

function signalsOf(scope: Scope): AbortSignal[] {
  const signals: AbortSignal[] = [];
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    if (at.signal !== undefined) signals.push(at.signal);
  }
  return signals;
}

/** Longer waits than this overflow a timer, which then fires at once. */
const longestTimer = 2 ** 31 - 1;

/** Calls back at a time of the clock's; returns what prevents it. */
function atTime(engine: Engine, deadline: number, callback: () => void): () => void {
  if (deadline === Number.POSITIVE_INFINITY) return () => {};
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const left = (deadline - engine.platform.now()) / 1e6;
    if (left <= 0) callback();
    else timer = setTimeout(look, Math.min(Math.ceil(left), longestTimer));
  };
  look();
  return () => clearTimeout(timer);
}

/** The error for a fiber that is stopped for good; undefined: its call hasn't begun. */
export function stopped(
  engine: Engine,
  fiber: Fiber | undefined,
  reason: InterruptReason,
  cause?: unknown,
  waiting = false,
): InterruptError {
  if (fiber === undefined) return new InterruptError(reason, [], cause, waiting);
  return interruptError(fiber, reason, framesOf(engine, fiber), cause, waiting);
}

/** What a parked call fails with when its promise was rejected. */
export function rejected(engine: Engine, fiber: Fiber, error: unknown): unknown {
  return error instanceof StopCall ? stopped(engine, fiber, error.reason, error.cause, true) : error;
}
