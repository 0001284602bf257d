/**
 * `poll_oneoff`: waits for the first of several clocks and descriptors.
 *
 * A subscription that can't be served is an event with an error at once, and so ends the wait.
 */
import { readClock } from "./clocks.js";
import type { Context, Operations } from "./context.js";
import { Right } from "./definitions.js";
import type { Direction } from "./descriptor.js";
import { errnoOf, fail } from "./errno.js";
import { FileDescriptor } from "./file-descriptor.js";
import type { GuestMemory } from "./guest-memory.js";
import { block, park, type Wait } from "./waiting.js";

const Tag = { clock: 0, read: 1, write: 2 } as const;
const absoluteTime = 1;
const hangupFlag = 1;
const eventSize = 32;
/** As many subscriptions as a guest may have at once. */
const maxSubscriptions = 4096;
const nanosecondsPerMillisecond = 1_000_000;

interface Alarm {
  readonly userdata: bigint;
  readonly clock: number;
  /** By that clock. */
  readonly time: bigint;
}

interface Watch {
  readonly userdata: bigint;
  readonly fd: number;
  readonly direction: Direction;
}

interface Event {
  readonly userdata: bigint;
  readonly type: number;
  readonly errno: number;
  readonly bytes: bigint;
  readonly flags: number;
}

interface Subscriptions {
  readonly alarms: readonly Alarm[];
  readonly watches: readonly Watch[];
  /** Of subscriptions that can't be served. */
  readonly failures: readonly Event[];
}

function readSubscriptions(context: Context, at: number, count: number): Subscriptions {
  const { memory, snapshot } = context;
  const { size } = snapshot.subscription;
  memory.range(at, size * count);
  const alarms: Alarm[] = [];
  const watches: Watch[] = [];
  const failures: Event[] = [];
  for (let i = 0, base = at >>> 0; i < count; i++, base += size) {
    const userdata = memory.u64(base);
    const type = memory.u8(base + 8);
    if (type === Tag.clock) {
      try {
        alarms.push(readAlarm(context, base, userdata));
      } catch (error) {
        failures.push(failure(userdata, type, error));
      }
    } else if (type === Tag.read || type === Tag.write) {
      const direction = type === Tag.read ? "read" : "write";
      watches.push({ userdata, fd: memory.u32(base + 16), direction });
    } else fail("EINVAL");
  }
  return { alarms, watches, failures };
}

function readAlarm({ memory, snapshot, clocks }: Context, base: number, userdata: bigint): Alarm {
  const { clock: clockAt, timeout: timeoutAt } = snapshot.subscription;
  const clock = memory.u32(base + clockAt);
  const timeout = memory.u64(base + timeoutAt);
  const absolute = (memory.u16(base + timeoutAt + 16) & absoluteTime) !== 0;
  const now = readClock(clocks, clock);
  return { userdata, clock, time: absolute ? timeout : now + timeout };
}

function failure(userdata: bigint, type: number, error: unknown): Event {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return { userdata, type, errno, bytes: 0n, flags: 0 };
}

/** The events of descriptors that are ready, and what else there is to wait for. */
function look({ descriptors }: Context, watches: readonly Watch[]): { ready: Event[]; waits: Wait[] } {
  const ready: Event[] = [];
  const waits: Wait[] = [];
  for (const { userdata, fd, direction } of watches) {
    const type = direction === "read" ? Tag.read : Tag.write;
    try {
      const descriptor = descriptors.get(fd, Right.pollFdReadwrite);
      const state = descriptor.readiness(direction);
      if (state === undefined) waits.push({ descriptor, direction });
      else {
        const bytes =
          descriptor instanceof FileDescriptor && direction === "read"
            ? rest(descriptor)
            : BigInt(state.bytes);
        ready.push({ userdata, type, errno: 0, bytes, flags: state.hangup ? hangupFlag : 0 });
      }
    } catch (error) {
      ready.push(failure(userdata, type, error));
    }
  }
  return { ready, waits };
}

/** As many bytes as a file has after its position. */
function rest(descriptor: FileDescriptor): bigint {
  const bytes = descriptor.status().size - BigInt(descriptor.position);
  return bytes > 0n ? bytes : 0n;
}

function dueAlarms({ clocks }: Context, alarms: readonly Alarm[]): Event[] {
  return alarms
    .filter(({ clock, time }) => time <= readClock(clocks, clock))
    .map(({ userdata }) => ({ userdata, type: Tag.clock, errno: 0, bytes: 0n, flags: 0 }));
}

/** Nanoseconds until the next alarm; undefined if there is none. */
function untilNext({ clocks }: Context, alarms: readonly Alarm[]): bigint | undefined {
  let least: bigint | undefined;
  for (const { clock, time } of alarms) {
    const left = time - readClock(clocks, clock);
    if (least === undefined || left < least) least = left;
  }
  return least;
}

function writeEvents(memory: GuestMemory, at: number, events: readonly Event[], result: number): void {
  events.forEach((event, i) => {
    const base = (at >>> 0) + eventSize * i;
    memory.range(base, eventSize).fill(0);
    memory.setU64(base, event.userdata);
    memory.setU16(base + 8, event.errno);
    memory.setU8(base + 10, event.type);
    memory.setU64(base + 16, event.bytes);
    memory.setU16(base + 24, event.flags);
  });
  memory.setU32(result, events.length);
}

export function pollFunction(context: Context): Operations {
  const { memory, clocks } = context;

  /** The events there are; else how long to wait, and for what. */
  function step(subscriptions: Subscriptions): Event[] | { waits: Wait[]; milliseconds: number } {
    const { alarms, watches, failures } = subscriptions;
    const { ready, waits } = look(context, watches);
    const events = [...failures, ...ready, ...dueAlarms(context, alarms)];
    if (events.length > 0) return events;
    const left = untilNext(context, alarms);
    if (left === undefined) return { waits, milliseconds: Number.POSITIVE_INFINITY };
    if (clocks.advance !== undefined) {
      clocks.advance(left > 0n ? left : 0n);
      return step(subscriptions);
    }
    return { waits, milliseconds: Math.max(Number(left), 0) / nanosecondsPerMillisecond };
  }

  async function parked(
    subscriptions: Subscriptions,
    waits: readonly Wait[],
    milliseconds: number,
  ): Promise<Event[]> {
    for (;;) {
      await park(context, waits, milliseconds);
      const next = step(subscriptions);
      if (Array.isArray(next)) return next;
      ({ waits, milliseconds } = next);
    }
  }

  return {
    poll_oneoff(at: number, events: number, count: number, result: number) {
      const n = count >>> 0;
      if (n === 0 || n > maxSubscriptions) fail("EINVAL");
      memory.range(events, eventSize * n);
      memory.setU32(result, 0);
      const subscriptions = readSubscriptions(context, at, n);
      for (;;) {
        const next = step(subscriptions);
        if (Array.isArray(next)) return writeEvents(memory, events, next, result);
        if (context.mode === "park") {
          return parked(subscriptions, next.waits, next.milliseconds).then((found) =>
            writeEvents(memory, events, found, result),
          );
        }
        block(next.waits, next.milliseconds);
      }
    },
  };
}
