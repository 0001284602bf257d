/**
 * JavaScript Promise Integration over fibers: a promising call runs on a fiber that may be parked; a suspending
 * import whose promise isn't settled parks it and the event loop goes on.
 *
 * Source: WebAssembly JavaScript Promise Integration proposal, "WebAssembly.promising", "WebAssembly.Suspending".
 */
import { finishHostCall, type Parked, run } from "./dispatch.js";
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import { type FunctionReference, leaveFiber } from "./function.js";
import { enterWithin, type Fuel, rejected, type Scope, waitWithin, withScope } from "./limits.js";
import { readResults } from "./values.js";

/**
 * Calls a function on a fiber that its suspending imports may park. Gives what the call returns, or a promise of it
 * if it was parked, or had to wait for a call on a thread. What is thrown before that is thrown, after it rejects the
 * promise.
 */
export function callParkable(reference: FunctionReference, args: ArrayLike<unknown>): unknown {
  const { scope } = reference.engine;
  const fuel = sharedFuel(scope);
  if (fuel !== undefined) return callHolding(fuel, reference, args, scope as Scope);
  if (mustWait(reference, scope)) return whenFree(reference, () => begin(reference, args));
  return begin(reference, args);
}

/** The budget that a call has for itself from its beginning, since the end of a slice may leave a part of it in a register. */
function sharedFuel(scope: Scope | undefined): Fuel | undefined {
  return scope === undefined || scope.slice === Number.POSITIVE_INFINITY ? undefined : scope.fuel;
}

async function callHolding(
  fuel: Fuel,
  reference: FunctionReference,
  args: ArrayLike<unknown>,
  scope: Scope,
): Promise<unknown> {
  const { engine } = reference;
  const hold = new Hold(fuel);
  if (!hold.tryTake()) await hold.take(engine, undefined, scope);
  try {
    const action = (): unknown => withScope(engine, scope, () => begin(reference, args, hold));
    return await (mustWait(reference, scope)
      ? (await inTurn(reference, undefined, scope, () => [action()]))[0]
      : action());
  } finally {
    hold.end();
  }
}

/** A call's hold of its fuel. */
class Hold {
  private held = false;

  constructor(private readonly fuel: Fuel) {}

  /** Takes it if nobody else has it; returns whether the call has it. */
  tryTake(): boolean {
    this.held ||= this.fuel.monitor.isFree && this.fuel.monitor.enter(() => {});
    return this.held;
  }

  /** Errors: InterruptError. */
  async take(engine: Engine, fiber: Fiber | undefined, scope: Scope): Promise<void> {
    await enterWithin(engine, fiber, scope, this.fuel.monitor);
    this.held = true;
  }

  /** The call is parked: at the end of its slice it keeps the fuel, while it waits for a promise it doesn't. */
  parked(fiber: Fiber, pause: boolean): void {
    if (pause) this.fuel.paused = fiber;
    else this.end();
  }

  goesOn(): void {
    this.fuel.paused = undefined;
  }

  end(): void {
    if (!this.held) return;
    this.held = false;
    this.fuel.paused = undefined;
    this.fuel.monitor.leave();
  }
}

function begin(reference: FunctionReference, args: ArrayLike<unknown>, hold?: Hold): unknown {
  const { engine } = reference;
  const fiber = reference.enterFiber(args);
  fiber.promising = true;
  let parked: Parked | undefined;
  try {
    parked = run(engine, fiber);
    if (parked === undefined) return readResults(fiber, fiber.group!, reference.type.results);
  } finally {
    if (parked === undefined) leaveFiber(engine, fiber);
  }
  return finishParked(reference, fiber, parked, hold);
}

/** The same, always as a promise. */
export async function callPromising(
  reference: FunctionReference,
  args: ArrayLike<unknown>,
): Promise<unknown> {
  return callParkable(reference, args);
}

/** Whether another call is in the way (monitor.ts): one on a thread in the same instances, or one that draws on the fuel. */
function mustWait(
  { engine, linkGroup }: FunctionReference,
  scope: Scope | undefined,
  fiber?: Fiber,
): boolean {
  if (engine.threadedCalls !== 0 && linkGroup.monitor.mustWait) return true;
  return scope?.fuel?.isTaken(fiber) === true;
}

/**
 * Runs an action that calls a function, at once or, if a call on a thread is in the way, when it is its turn: then the
 * result is a promise.
 */
export function whenFree<T>(reference: FunctionReference, action: () => T): T | Promise<Awaited<T>> {
  const { scope } = reference.engine;
  return mustWait(reference, scope) ? whenLeft(reference, scope, action) : action();
}

async function whenLeft<T>(
  reference: FunctionReference,
  scope: Scope | undefined,
  action: () => T,
): Promise<Awaited<T>> {
  // Wrapped, since a promise that the action gives is awaited after its turn.
  const { result } = await inTurn(reference, undefined, scope, () => ({
    result: scope === undefined ? action() : withScope(reference.engine, scope, action),
  }));
  return await result;
}

/** Runs an action that enters Wasm code when it is its turn, with its fuel and its instances: in this order, as on threads. */
async function inTurn<T>(
  { engine, linkGroup: { monitor } }: FunctionReference,
  fiber: Fiber | undefined,
  scope: Scope | undefined,
  action: () => T,
): Promise<T> {
  const fuel = scope?.fuel?.isTaken(fiber) ? scope.fuel : undefined;
  if (fuel !== undefined) await enterWithin(engine, fiber, scope, fuel.monitor);
  try {
    await enterWithin(engine, fiber, scope, monitor);
    try {
      return monitor.serve(action);
    } finally {
      monitor.leave();
    }
  } finally {
    fuel?.monitor.leave();
  }
}

async function finishParked(
  reference: FunctionReference,
  fiber: Fiber,
  first: Parked,
  hold: Hold | undefined,
): Promise<unknown> {
  const { engine } = reference;
  let parked: Parked | undefined = first;
  try {
    do {
      const { host, promise } = parked;
      const { scope } = fiber;
      hold?.parked(fiber, host === undefined);
      // Awaiting, and not the promise's own `then`, which may be anybody's: a fiber must go on exactly once.
      let value: unknown;
      engine.parkedCalls++;
      try {
        value = await (scope === undefined ? promise : waitWithin(engine, fiber, scope, promise));
      } catch (error) {
        throw rejected(engine, fiber, error);
      } finally {
        engine.parkedCalls--;
      }
      if (hold?.tryTake() === false) await hold.take(engine, fiber, scope as Scope);
      const goOn = (): Parked | undefined => {
        hold?.goesOn();
        if (host !== undefined) finishHostCall(engine, fiber, host, value);
        fiber.hasUnmapped = false;
        return run(engine, fiber);
      };
      parked = mustWait(reference, scope, fiber) ? await inTurn(reference, fiber, scope, goOn) : goOn();
    } while (parked !== undefined);
    return readResults(fiber, fiber.group!, reference.type.results);
  } finally {
    leaveFiber(engine, fiber);
  }
}
