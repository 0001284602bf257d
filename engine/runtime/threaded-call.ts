/**
 * Calls whose Wasm code runs on a thread (threads.ts). What it leaves for is served here, on the JavaScript thread: host
 * functions, functions without code, growing memories, traps.
 *
 * A call holds the monitor of its budget of fuel and its link group's (monitor.ts), in this order, from its beginning to
 * its end; while a promise parks it neither. Being an async function it goes on in the asynchronous context it began in,
 * and what is thrown in it rejects its promise.
 */
import { setImmediate as macrotask } from "node:timers/promises";
import { finishHostCall, type Parked, serveExit } from "./dispatch.js";
import type { Engine } from "./engine.js";
import type { InterruptReason } from "./errors.js";
import type { Fiber } from "./fiber.js";
import { type FunctionReference, leaveFiber } from "./function.js";
import {
  enterWithin,
  interrupted,
  rejected,
  requirePaid,
  type Scope,
  stopped,
  waitWithin,
  whenOver,
  withScope,
} from "./limits.js";
import type { Monitor } from "./monitor.js";
import type { Job } from "./threads.js";
import { readResults } from "./values.js";

/** Calls a function with its Wasm code on a thread. Errors: rejects with whatever a call throws; Error without threads. */
export async function callThreaded(reference: FunctionReference, args: ArrayLike<unknown>): Promise<unknown> {
  const { engine } = reference;
  const call = new ThreadedCall(engine, reference.linkGroup.monitor, engine.scope);
  engine.threadedCalls++;
  try {
    return await call.run(reference, args);
  } finally {
    call.end();
    engine.threadedCalls--;
  }
}

class ThreadedCall {
  /** What the call holds, in the order of taking. */
  private readonly held: Monitor[] = [];
  /** Why the call has to stop, once it has to. */
  private over: { readonly reason: InterruptReason; readonly cause: unknown } | undefined = undefined;
  /** What to do at that moment. */
  private onOver: () => void = () => {};
  private readonly unwatch: () => void = () => {};

  constructor(
    private readonly engine: Engine,
    private readonly monitor: Monitor,
    private readonly scope: Scope | undefined,
  ) {
    if (scope === undefined) return;
    this.unwatch = whenOver(engine, scope, (reason, cause) => {
      this.over = { reason, cause };
      this.onOver();
    });
  }

  async run(reference: FunctionReference, args: ArrayLike<unknown>): Promise<unknown> {
    // Takes its place in the queue now, and goes on in a microtask at the earliest: no Wasm code is on this thread's stack
    // then that the call could overlap with.
    await this.hold(undefined);
    const fiber = this.inScope(() => reference.enterFiber(args));
    fiber.promising = true;
    fiber.sliceEnd = Number.POSITIVE_INFINITY;
    try {
      await this.runToEnd(fiber);
      return readResults(fiber, fiber.group!, reference.type.results);
    } finally {
      leaveFiber(this.engine, fiber);
    }
  }

  end(): void {
    this.unwatch();
    this.release();
  }

  private async runToEnd(fiber: Fiber): Promise<void> {
    const { engine } = this;
    for (;;) {
      const parked = await this.runToPark(fiber);
      if (parked === undefined) return;
      this.release();
      const { host, promise } = parked;
      const value = await this.whileParked(fiber, promise);
      await this.hold(fiber);
      if (host !== undefined) this.serve(() => finishHostCall(engine, fiber, host, value));
    }
  }

  private async whileParked(fiber: Fiber, promise: Promise<unknown>): Promise<unknown> {
    const { engine, scope } = this;
    engine.parkedCalls++;
    try {
      return await (scope === undefined ? promise : waitWithin(engine, fiber, scope, promise));
    } catch (error) {
      throw rejected(engine, fiber, error);
    } finally {
      engine.parkedCalls--;
    }
  }

  private async runToPark(fiber: Fiber): Promise<Parked | undefined> {
    const fuel = this.scope?.fuel;
    const outer = fuel?.enter(fiber);
    let waits = false;
    try {
      for (;;) {
        if (fuel !== undefined) fuel.paused = fiber;
        // References in slots and registers are in no stack map until what the fiber leaves for is served.
        fiber.hasUnmapped = true;
        if (fiber.unfinished) await this.betweenPieces(fiber);
        else await this.runToExit(fiber);
        fiber.hasUnmapped = false;
        if (fuel !== undefined) fuel.paused = undefined;
        const next = this.serve(() => serveExit(this.engine, fiber));
        if (next === null) continue;
        waits = next !== undefined;
        if (fuel !== undefined && !waits) requirePaid(fiber);
        // Results are in the slots until they are read.
        fiber.hasUnmapped = next === undefined;
        return next;
      }
    } finally {
      if (fuel !== undefined) {
        fuel.paused = undefined;
        fuel.leave(fiber, outer, waits);
      }
    }
  }

  /** In the middle of an instruction that is served here: the event loop has its turn, calls of the instance haven't. */
  private async betweenPieces(fiber: Fiber): Promise<void> {
    const monitor = this.monitor.root();
    monitor.running = true;
    await macrotask();
    monitor.running = false;
    this.throwIfOver(fiber);
  }

  /** Errors: InterruptError. */
  private throwIfOver(fiber: Fiber): void {
    if (this.over !== undefined) throw this.error(fiber);
    // Never a pause: there are no slices on threads.
    void interrupted(this.engine, fiber);
  }

  private async runToExit(fiber: Fiber): Promise<void> {
    this.throwIfOver(fiber);
    const { threads } = this.engine;
    await new Promise<void>((back, reject) => {
      const job: Job = { fiber, monitor: this.monitor, back };
      this.onOver = () => {
        if (threads.withdraw(job)) reject(this.error(fiber));
        else threads.interrupt(job);
      };
      threads.run(job);
    });
    this.onOver = () => {};
  }

  private inScope<T>(action: () => T): T {
    return this.scope === undefined ? action() : withScope(this.engine, this.scope, action);
  }

  private serve<T>(action: () => T): T {
    return this.inScope(() => this.monitor.serve(action));
  }

  /** Waits for its turn. Errors: InterruptError. */
  private async hold(fiber: Fiber | undefined): Promise<void> {
    const { scope } = this;
    const monitors = scope?.fuel === undefined ? [this.monitor] : [scope.fuel.monitor, this.monitor];
    for (const monitor of monitors) {
      await enterWithin(this.engine, fiber, scope, monitor);
      this.held.push(monitor);
    }
  }

  private release(): void {
    for (let held = this.held.pop(); held !== undefined; held = this.held.pop()) held.leave();
  }

  private error(fiber: Fiber): Error {
    const { reason, cause } = this.over!;
    return stopped(this.engine, fiber, reason, cause);
  }
}
