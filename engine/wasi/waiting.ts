/**
 * How a guest waits. Called synchronously, by blocking the thread: in poll(2) for descriptors of the process, else
 * asleep. Called asynchronously, by a promise that parks it, so that the event loop goes on.
 *
 * Node's streams and sockets can't make progress while the thread is blocked: waiting for them so is EAGAIN.
 */
import { fileCalls, Ready } from "../platform/files.js";
import type { Context } from "./context.js";
import { again, type Descriptor, type Direction } from "./descriptor.js";
import { fail } from "./errno.js";

export interface Wait {
  readonly descriptor: Descriptor;
  readonly direction: Direction;
}

/** The longest that timers and poll(2) wait, in milliseconds; longer waits are several. */
const longestWait = 2 ** 31 - 1;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Does one step of reading or writing, again and again until it isn't `again`. The step must look everything up anew:
 * while a call waits, others close descriptors and grow memories.
 *
 * @param done gets the number of bytes
 */
export function untilDone(
  context: Context,
  find: () => Wait,
  step: () => number,
  done: (count: number) => void,
): void | Promise<void> {
  for (;;) {
    const count = step();
    if (count !== again) return done(count);
    const wait = find();
    if (wait.descriptor.nonblocking) fail("EAGAIN");
    if (context.mode === "park") return parkUntilDone(context, find, step, done);
    if (wait.descriptor.hostDescriptor === undefined) fail("EAGAIN");
    block([wait], Number.POSITIVE_INFINITY);
  }
}

async function parkUntilDone(
  context: Context,
  find: () => Wait,
  step: () => number,
  done: (count: number) => void,
): Promise<void> {
  for (;;) {
    const { descriptor, direction } = find();
    await descriptor.whenReady(direction, context.closing);
    context.closing.throwIfAborted();
    const count = step();
    if (count !== again) return done(count);
  }
}

/**
 * Blocks the thread until a descriptor of the process may be ready or the time is over.
 * @param milliseconds may be infinite; then, and without such descriptors, EAGAIN: it would be for ever
 */
export function block(waits: readonly Wait[], milliseconds: number): void {
  const onHost = waits.filter(({ descriptor }) => descriptor.hostDescriptor !== undefined);
  const time = Math.min(milliseconds, longestWait);
  if (onHost.length > 0) {
    const descriptors = Int32Array.from(onHost, ({ descriptor }) => descriptor.hostDescriptor!);
    const events = Int32Array.from(onHost, ({ direction }) =>
      direction === "read" ? Ready.input : Ready.output,
    );
    fileCalls().poll(descriptors, events, milliseconds > longestWait ? longestWait : Math.ceil(time));
  } else if (milliseconds === Number.POSITIVE_INFINITY) fail("EAGAIN");
  else Atomics.wait(sleeper, 0, 0, time);
}

/** Parks until a descriptor may be ready or the time is over; rejects when the `Wasi` is closed. */
export async function park(context: Context, waits: readonly Wait[], milliseconds: number): Promise<void> {
  const over = new AbortController();
  const signal = over.signal;
  const stop = (): void => over.abort();
  context.closing.addEventListener("abort", stop);
  const timer =
    milliseconds === Number.POSITIVE_INFINITY
      ? undefined
      : setTimeout(stop, Math.min(milliseconds, longestWait));
  try {
    const changes = waits.map(({ descriptor, direction }) => descriptor.whenReady(direction, signal));
    const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    await Promise.race([...changes, ended]);
  } finally {
    clearTimeout(timer);
    context.closing.removeEventListener("abort", stop);
    over.abort();
  }
  context.closing.throwIfAborted();
}
