/** Time, as the host sees it: how long calls have, when a circuit closes again, when a file has come to rest. */
import { performance } from "node:perf_hooks"; // the global is an accessor, which takes a quarter of the time again

/** What a host needs to tell time. */
export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Calls once, after so many milliseconds; what it gives goes to `clearTimeout`. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Does nothing for `undefined`, and for what has been called. */
  clearTimeout(timer: unknown): void;
}

/** The process's. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
