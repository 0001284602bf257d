/**
 * JavaScript Promise Integration over fibers: a promising call runs on a fiber that may be parked; a suspending
 * import whose promise isn't settled parks it and the event loop goes on.
 *
 * Source: WebAssembly JavaScript Promise Integration proposal, "WebAssembly.promising", "WebAssembly.Suspending".
 */
import { finishHostCall, type Parked, run } from "./dispatch.js";
import type { Fiber } from "./fiber.js";
import { type FunctionReference, leaveFiber } from "./function.js";
import { waitWithin } from "./limits.js";
import { readResults } from "./values.js";

/**
 * Calls a function on a fiber that its suspending imports may park. Gives what the call returns, or a promise of it
 * if it was parked. What is thrown before that is thrown, after it rejects the promise.
 */
export function callParkable(reference: FunctionReference, args: ArrayLike<unknown>): unknown {
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

async function finishParked(reference: FunctionReference, fiber: Fiber, first: Parked): Promise<unknown> {
  const { engine } = reference;
  let parked: Parked | undefined = first;
  try {
    do {
      const { host, promise } = parked;
      const { scope } = fiber;
      // Awaiting, and not the promise's own `then`, which may be anybody's: a fiber must go on exactly once.
      const value = await (scope === undefined ? promise : waitWithin(engine, fiber, scope, promise));
      if (host !== undefined) finishHostCall(engine, fiber, host, value);
      fiber.hasUnmapped = false;
      parked = run(engine, fiber);
    } while (parked !== undefined);
    return readResults(fiber, fiber.group!, reference.type.results);
  } finally {
    leaveFiber(engine, fiber);
  }
}
