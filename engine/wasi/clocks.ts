/**
 * The clocks a guest sees. By default it learns the time in whole milliseconds, and the monotonic clock starts with
 * the `Wasi`: finer clocks measure other programs, and a host's uptime is nobody's business.
 */
import { ClockId } from "./definitions.js";
import { fail } from "./errno.js";

/** Times are in nanoseconds. */
export interface Clocks {
  /** Since 1970-01-01 UTC. */
  realtime(): bigint;
  /** Since any moment; never goes back. */
  monotonic(): bigint;
  /** What the times are multiples of. */
  readonly resolution: bigint;
  /** CPU time used; without them the guest gets ENOTSUP. */
  processCpuTime?(): bigint;
  /** The same of the thread. */
  threadCpuTime?(): bigint;
  /** Lets time pass at once, in place of waiting for it. */
  advance?(duration: bigint): void;
}

const millisecond = 1_000_000n;

/** How fine the host's time is for a guest. */
export interface HostClocksOptions {
  /** Nanoseconds; 1 is as fine as the host's. Default: 1,000,000, a millisecond. */
  readonly resolution?: bigint;
  /** Also the CPU time of the whole process, which others have used too. Default: false. */
  readonly cpu?: boolean;
}

/**
 * The host's time, rounded down.
 *
 * @example
 * new Wasi({ clocks: hostClocks({ resolution: 1n }) });
 */
export function hostClocks(options: HostClocksOptions = {}): Clocks {
  const { resolution = millisecond, cpu = false } = options;
  if (resolution < 1n) throw new RangeError(`resolution: expected at least 1 nanosecond, got ${resolution}`);
  const rounded = (time: bigint): bigint => time - (time % resolution);
  const start = process.hrtime.bigint();
  // Date.now has milliseconds only; finer times go on from one reading of it.
  const epoch = BigInt(Date.now()) * millisecond;
  const coarse = resolution % millisecond === 0n;
  const clocks: Clocks = {
    resolution,
    realtime: () =>
      rounded(coarse ? BigInt(Date.now()) * millisecond : epoch + process.hrtime.bigint() - start),
    monotonic: () => rounded(process.hrtime.bigint() - start),
  };
  if (!cpu) return clocks;
  const used = (): bigint => {
    const { user, system } = process.cpuUsage();
    return rounded(BigInt(user + system) * 1000n);
  };
  return { ...clocks, processCpuTime: used, threadCpuTime: used };
}

/** Where clocks that give the same times in each run begin, and how they go on. */
export interface FixedClocksOptions {
  /** The first time that the realtime clock gives. Default: 1,640,995,200 s, 2022-01-01. */
  readonly start?: bigint;
  /** By how much each reading moves both clocks on. Default: 1,000,000, a millisecond. */
  readonly step?: bigint;
}

/**
 * Clocks that give the same times in each run: each reading moves them on, and a sleep does by its length, without
 * waiting. Made once per `Wasi`.
 *
 * @example
 * new Wasi({ clocks: fixedClocks({ start: 0n }) });
 */
export function fixedClocks(options: FixedClocksOptions = {}): Clocks {
  const { start = 1_640_995_200_000_000_000n, step = millisecond } = options;
  let passed = 0n;
  const read = (base: bigint): bigint => {
    const time = base + passed;
    passed += step;
    return time;
  };
  return {
    resolution: step > 0n ? step : 1n,
    realtime: () => read(start),
    monotonic: () => read(0n),
    advance(duration) {
      passed += duration;
    },
  };
}

/** Reads one of the clocks; EINVAL if there is none of that number, ENOTSUP if it isn't granted. */
export function readClock(clocks: Clocks, id: number): bigint {
  switch (id) {
    case ClockId.realtime:
      return clocks.realtime();
    case ClockId.monotonic:
      return clocks.monotonic();
    case ClockId.processCpuTime:
      return clocks.processCpuTime?.() ?? fail("ENOTSUP");
    case ClockId.threadCpuTime:
      return clocks.threadCpuTime?.() ?? fail("ENOTSUP");
    default:
      return fail("EINVAL");
  }
}
