/**
 * The dispatch loop: enters native code, and serves what it comes back for.
 *
 * Nothing of the host's stack is held while TypeScript runs here, so a host function may call back into the
 * plugin (on a fiber of its own), throw, or let its caller be parked.
 */
import { types } from "node:util";
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import type { HostFunction } from "./host-function.js";
import type { Instance } from "./instance.js";
import { Context, ExitStatus } from "./layout.js";
import { interrupted, requireParkingSpace, runLimited } from "./limits.js";
import { serveRoutine } from "./routines.js";
import { trapError } from "./stack-trace.js";
import { writeResults, writeSlot } from "./values.js";
import { setWord64 } from "./words.js";

/** A promise that a parked fiber waits for: a host function's, or (no host) one for the end of its pause. */
export interface Parked {
  readonly host: HostFunction | undefined;
  readonly promise: Promise<unknown>;
}

const statusWord = Context.status >> 2;
const callIndexWord = Context.callIndex >> 2;
const interruptWord = Context.interrupt >> 2;
const envIndexWord = Context.envIndex >> 2;

/**
 * Runs a fiber until its call ends (returns undefined; results are in the slots) or a host function's promise or the
 * end of its slice parks it. Errors: what a trap or a host function throws; the fiber is of no use then.
 */
export function run(engine: Engine, fiber: Fiber): Parked | undefined {
  const { clock } = engine;
  if (clock === undefined) return serve(engine, fiber);
  const outer = clock.enter();
  try {
    const { scope } = fiber;
    if (scope === undefined) return serve(engine, fiber);
    // Nearly always the scope is set already, with its deadline, and has nothing to keep account of.
    if (scope === engine.scope && scope.fuel === undefined && !fiber.promising) return serve(engine, fiber);
    return runLimited(engine, clock, fiber, scope, serve);
  } finally {
    clock.leave(outer);
  }
}

/** The loop itself. Each time round it V8 may end it, if the worker is to be terminated. */
function serve(engine: Engine, fiber: Fiber): Parked | undefined {
  const { words, contextLo, contextHi } = fiber;
  const { contextWord, enter, signatures } = engine;
  for (;;) {
    // The clock struck while TypeScript or a host function ran, or Wasm code left because of it.
    if (words[interruptWord] !== 0) {
      const pause = interrupted(engine, fiber);
      if (pause !== undefined) return { host: undefined, promise: pause };
    }
    if (!fiber.unfinished) {
      // Whatever ran since (conversions, a host function) may have made longer signatures, which native code can reach.
      if (fiber.slotCount < signatures.slotCount) fiber.ensureSlots(signatures.slotCount);
      contextWord[0] = contextLo;
      contextWord[1] = contextHi;
      enter();
    }
    const next = serveExit(engine, fiber);
    if (next !== null) return next;
  }
}

/**
 * Serves what a fiber has left for. Returns null if it is to be entered again (if it is `unfinished`: to be served again),
 * undefined if its call has ended, or what parks it. Errors: as `run`.
 */
export function serveExit(engine: Engine, fiber: Fiber): Parked | undefined | null {
  const { words } = fiber;
  switch (words[statusWord]) {
    case ExitStatus.done:
      return undefined;
    case ExitStatus.hostCall:
      return callHost(engine, fiber, words[envIndexWord]);
    case ExitStatus.builtin:
      serveRoutine(engine, fiber);
      return null;
    case ExitStatus.compile: {
      const instance = fiber.group!.environments[words[envIndexWord]] as Instance;
      setWord64(words, Context.entryCode, instance.ensureCompiled(words[callIndexWord]));
      return null;
    }
    case ExitStatus.interrupt:
    case ExitStatus.signal:
      // Looked at before it is entered again. The clock's two stores and ours may have mixed: then the word says nothing.
      words[interruptWord] = -1;
      return null;
    default:
      throw trapError(engine, fiber);
  }
}

function callHost(engine: Engine, fiber: Fiber, index: number): Parked | null {
  const host = fiber.group!.environments[index] as HostFunction;
  const result = host.invoke(fiber, fiber.group!);
  if (host.suspending && types.isPromise(result)) {
    host.requireParkable(fiber);
    requireParkingSpace(engine, fiber.scope);
    return { host, promise: result };
  }
  finishHostCall(engine, fiber, host, result);
  return null;
}

/** Converts a host function's result; the fiber can be entered again then. */
export function finishHostCall(engine: Engine, fiber: Fiber, host: HostFunction, result: unknown): void {
  const { results } = host;
  if (results.length === 0) return;
  // The host may have linked instances: the group may be another one now.
  const group = fiber.group!;
  if (host.returnsReferences) group.sweepIfDue();
  if (results.length === 1) writeSlot(engine, fiber, group, results[0], 0, result);
  else writeResults(engine, fiber, group, results, result);
}
