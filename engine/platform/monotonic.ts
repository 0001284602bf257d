/** The system's monotonic clock by way of `performance.now()`, which is the cheapest to call. */
import { performance } from "node:perf_hooks"; // the global is an accessor, which takes a quarter of the time again

/** Nanoseconds of the clock that `process.hrtime` reads (CLOCK_MONOTONIC), to within a fiftieth of a millisecond. */
export function monotonicNow(): () => number {
  const offset = offsetOfNow();
  return () => performance.now() * 1e6 + offset;
}

/** The closest of a few pairs of readings; the rest is what the tolerance of deadlines is for. */
function offsetOfNow(): number {
  let best = Number.POSITIVE_INFINITY;
  let offset = 0;
  for (let i = 0; i < 8; i++) {
    const before = performance.now() * 1e6;
    const monotonic = Number(process.hrtime.bigint());
    const after = performance.now() * 1e6;
    if (after - before >= best) continue;
    best = after - before;
    offset = monotonic - (before + after) / 2;
  }
  return offset;
}
