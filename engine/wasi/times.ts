/** The times that `*_filestat_set_times` sets. */
import type { Clocks } from "./clocks.js";
import { fail } from "./errno.js";

const Flag = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
const allFlags = 15;

function newTime(clocks: Clocks, time: bigint, set: boolean, now: boolean): bigint | undefined {
  if (set && now) fail("EINVAL");
  if (now) return clocks.realtime();
  return set ? BigInt.asUintN(64, time) : undefined;
}

/** Access and modification time in nanoseconds since 1970; undefined: left as it is. */
export function newTimes(
  clocks: Clocks,
  accessed: bigint,
  modified: bigint,
  flags: number,
): [bigint | undefined, bigint | undefined] {
  if ((flags & ~allFlags) !== 0) fail("EINVAL");
  return [
    newTime(clocks, accessed, (flags & Flag.accessed) !== 0, (flags & Flag.accessedNow) !== 0),
    newTime(clocks, modified, (flags & Flag.modified) !== 0, (flags & Flag.modifiedNow) !== 0),
  ];
}
