/**
 * JavaScript Promise Integration over fibers: a promising call runs on a fiber that may be parked; a suspending
 * import whose promise isn't settled parks it and the event loop goes on.
 *
 * Source: WebAssembly JavaScript Promise Integration proposal, "WebAssembly.promising", "WebAssembly.Suspending".
 */
import { finishHostCall, type Parked, run } from "./dispatch.js";
import type { Fiber } from "./fiber.js";
import { type FunctionReference, leaveFiber } from "./function.js";
import { enterWithin, rejected, type Scope, waitWithin, withScope } from "./limits.js";
import { readResults } from "./values.js";

/**
 * Calls a function on a fiber that its suspending imports may park. Gives what the call returns, or a promise of it
 * if it was parked, or had to wait for a call on a thread. What is thrown before that is thrown, after it rejects the
 * promise.
 */
export function callParkable(reference: FunctionReference, args: ArrayLike<unknown>): unknown {
  if (mustWait(reference)) return whenFree(reference, () => begin(reference, args));
  return begin(reference, args);
}

function begin(reference: FunctionReference, args: ArrayLike<unknown>): unknown {
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
  return finishParked(reference, fiber, parked);
}

/** The same, always as a promise. */
export async function callPromising(
  reference: FunctionReference,
  args: ArrayLike<unknown>,
): Promise<unknown> {
  return callParkable(reference, args);
}

/** Whether a call on a thread is in the way (monitor.ts). */
function mustWait({ engine, linkGroup }: FunctionReference): boolean {
  return engine.threadedCalls !== 0 && linkGroup.monitor.mustWait;
}

/**
 * Runs an action that calls a function, at once or, if a call on a thread is in the way, when it is its turn: then the
 * result is a promise.
 */
export function whenFree<T>(reference: FunctionReference, action: () => T): T | Promise<Awaited<T>> {
  if (!mustWait(reference)) return action();
  return whenLeft(reference, reference.engine.scope, action);
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

/** Runs an action that enters Wasm code when it is its turn. */
async function inTurn<T>(
  { engine, linkGroup: { monitor } }: FunctionReference,
  fiber: Fiber | undefined,
  scope: Scope | undefined,
  action: () => T,
): Promise<T> {
  await enterWithin(engine, fiber, scope, monitor);
  try {
    return monitor.serve(action);
  } finally {
    monitor.leave();
  }
}

async function finishParked(reference: FunctionReference, fiber: Fiber, first: Parked): Promise<unknown> {
  const { engine } = reference;
  let parked: Parked | undefined = first;
  try {
    do {
      const { host, promise } = parked;
      const { scope } = fiber;
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
      const goOn = (): Parked | undefined => {
        if (host !== undefined) finishHostCall(engine, fiber, host, value);
        fiber.hasUnmapped = false;
        return run(engine, fiber);
      };
      parked = mustWait(reference) ? await inTurn(reference, fiber, scope, goOn) : goOn();
    } while (parked !== undefined);
    return readResults(fiber, fiber.group!, reference.type.results);
  } finally {
    leaveFiber(engine, fiber);
  }
}
