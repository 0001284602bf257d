/**
 * JavaScript Promise Integration over fibers: a promising call runs on a fiber that may be parked; a suspending
 * import whose promise isn't settled parks it and the event loop goes on.
 *
 * Source: WebAssembly JavaScript Promise Integration proposal, "WebAssembly.promising", "WebAssembly.Suspending".
 */
import { type Parked, finishHostCall, run } from "./dispatch.js";
import type { Fiber } from "./fiber.js";
import { type FunctionReference, leaveFiber } from "./function.js";
import { readResults } from "./values.js";

/** Calls a function on a fiber that its suspending imports may park. Everything it throws rejects the promise. */
export function callPromising(reference: FunctionReference, args: ArrayLike<unknown>): Promise<unknown> {
  return new Promise((resolve) => {
    const fiber = reference.enterFiber(args);
    fiber.promising = true;
    resolve(advance(reference, fiber));
  });
}

/** Runs a fiber until it is done or parked; returns its results or a promise of them. */
function advance(reference: FunctionReference, fiber: Fiber): unknown {
  const { engine } = reference;
  let parked: Parked | undefined;
  try {
    parked = run(engine, fiber);
    if (parked === undefined) {
      const results = readResults(fiber, fiber.group!, reference.type.results);
      leaveFiber(engine, fiber);
      return results;
    }
  } catch (error) {
    leaveFiber(engine, fiber);
    throw error;
  }
  return parked.promise.then(
    (value) => resume(reference, fiber, parked, value),
    (reason: unknown) => {
      leaveFiber(engine, fiber);
      throw reason;
    },
  );
}

function resume(reference: FunctionReference, fiber: Fiber, parked: Parked, value: unknown): unknown {
  try {
    finishHostCall(reference.engine, fiber, parked.host, value);
  } catch (error) {
    leaveFiber(reference.engine, fiber);
    throw error;
  }
  return advance(reference, fiber);
}
