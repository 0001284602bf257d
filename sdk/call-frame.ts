/**
 * Which calls led here: every call into a plugin runs in a frame that host functions, and calls they make, can see.
 *
 * Frames travel with `AsyncLocalStorage`, so they hold through awaits and while a call waits in a line. What a host
 * function starts and doesn't wait for still sees the frame after the call has ended: `ended` tells.
 */
import { AsyncLocalStorage } from "node:async_hooks";

export interface CallFrame {
  /** The plugin's name. */
  readonly plugin: string;
  /** Tells plugins of one name in two hosts apart. */
  readonly owner: object;
  readonly export: string;
  readonly parent: CallFrame | undefined;
  /** Aborted when the caller gives up or its time is over; only where the plugin can wait. */
  readonly signal: AbortSignal | undefined;
  /** When its time is over, on `performance.now()`'s clock, or Infinity. */
  readonly deadline: number;
  /** The caller's own, as handed to the call. */
  readonly context: unknown;
  ended: boolean;
}

export const callFrames = new AsyncLocalStorage<CallFrame>();

/** What a host function may know of the call that reached it. */
export type CurrentCall = Pick<CallFrame, "plugin" | "export" | "signal" | "deadline" | "context">;

/**
 * The call into a plugin that led here; undefined outside of one.
 *
 * @example
 * async fetch(url: string) { return fetch(url, { signal: currentCall()?.signal }); }
 */
export function currentCall(): CurrentCall | undefined {
  return callFrames.getStore();
}

/**
 * The names of the calls from the outermost to a frame, as `plugin.export`, if one that goes on is of `owner` or of
 * an owner linked with it; or undefined.
 */
export function chainThrough(
  owner: object,
  linked?: { includes(owner: object): boolean },
): string[] | undefined {
  const chain: string[] = [];
  let found = false;
  for (let frame = callFrames.getStore(); frame !== undefined; frame = frame.parent) {
    if (frame.ended) continue;
    if (frame.owner === owner || linked?.includes(frame.owner)) found = true;
    chain.unshift(`${frame.plugin}.${frame.export}`);
  }
  return found ? chain : undefined;
}

/** The promise, or a rejection as soon as the calling frame is aborted. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
