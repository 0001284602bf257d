/**
 * JavaScript Promise Integration over fibers: a promising call runs on a fiber that may be parked; a suspending
 * import whose promise isn't settled parks it and the event loop goes on.
 *
 * Source: WebAssembly JavaScript Promise Integration proposal, "WebAssembly.promising", "WebAssembly.Suspending".
 */
import { finishHostCall, type Parked, run } from "./dispatch.js";
import { type FunctionReference, leaveFiber } from "./function.js";
import { waitWithin } from "./limits.js";
import { readResults } from "./values.js";

/** Calls a function on a fiber that its suspending imports may park. Everything it throws rejects the promise. */
export async function callPromising(
  reference: FunctionReference,
  args: ArrayLike<unknown>,
): Promise<unknown> {
  const { engine } = reference;
  const fiber = reference.enterFiber(args);
  fiber.promising = true;
  try {
    let parked: Parked | undefined;
    while ((parked = run(engine, fiber)) !== undefined) {
      const { host, promise } = parked;
      const { scope } = fiber;
      // Awaiting, and not the promise's own `then`, which may be anybody's: a fiber must go on exactly once.
      const value = await (scope === undefined ? promise : waitWithin(engine, fiber, scope, promise));
      if (host !== undefined) finishHostCall(engine, fiber, host, value);
      fiber.hasUnmapped = false;
    }
    return readResults(fiber, fiber.group!, reference.type.results);
  } finally {
    leaveFiber(engine, fiber);
  }
}
