/** `clock_*`, `random_get`, `sched_yield`, `proc_exit` and `proc_raise`. */
import { readClock } from "./clocks.js";
import type { Context, Operations } from "./context.js";
import { fail } from "./errno.js";
import { ExitError } from "./errors.js";

// The signals by WASI's numbers: what they do to a process that has no handler for them.
const ignoredSignals: ReadonlySet<number> = new Set([0, 16, 17, 22, 27]); // none, CHLD, CONT, URG, WINCH
const stoppingSignals: ReadonlySet<number> = new Set([18, 19, 20, 21]); // STOP, TSTP, TTIN, TTOU
const lastSignal = 30;
/** What shells add to the number of a signal that ended a process. */
const signalExit = 128;

export function systemFunctions({ memory, clocks, random, mode, exits }: Context): Operations {
  const exit = (code: number): never => {
    const error = new ExitError(code);
    exits.add(error);
    throw error;
  };
  return {
    clock_res_get(id: number, result: number) {
      // Also refuses what `clock_time_get` does.
      readClock(clocks, id);
      memory.setU64(result, clocks.resolution);
    },
    // The precision asked for is at most a wish; the clocks have one of their own.
    clock_time_get(id: number, _precision: bigint, result: number) {
      memory.setU64(result, BigInt.asUintN(64, readClock(clocks, id)));
    },
    random_get: (target: number, length: number) => random(memory.range(target, length)),
    sched_yield() {
      return mode === "park" ? new Promise<void>((resolve) => setImmediate(resolve)) : undefined;
    },
    proc_exit(code: number) {
      exit(code >>> 0);
    },
    // A signal that would end a process ends the call, with the exit code that a shell shows for it.
    proc_raise(signal: number) {
      if (signal >>> 0 > lastSignal) fail("EINVAL");
      if (stoppingSignals.has(signal)) fail("ENOTSUP");
      if (!ignoredSignals.has(signal)) exit(signalExit + signal);
    },
  };
}
