/**
 * Which calls led here: every call into a plugin has a frame that host functions, and calls they make, can see.
 *
 * A call that can't wait ends before anything else runs, so its frame is simply the current one for that time. A call
 * that may be parked takes its frame along by `AsyncLocalStorage`, through awaits and while it waits in a line; what
 * a host function starts there and doesn't wait for still sees the frame after the call has ended: `ended` tells.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** What a host function may know of the call that reached it. */
export interface CurrentCall {
  /** The plugin's name. */
  readonly plugin: string;
  readonly export: string;
  /** Aborted when the caller gives up or the call's time is over, if the call is waiting then. */
  readonly signal: AbortSignal;
  /** When its time is over, by the host's clock (`performance.now()`), or Infinity. */
  readonly deadline: number;
  /** The caller's own, as handed to the call. */
  readonly context: unknown;
}

export class CallFrame implements CurrentCall {
  readonly export: string;
  ended = false;
  /** Why it was aborted. */
  private reason: unknown;
  private isAborted = false;
  private controller: AbortController | undefined;
  private rejectWaiting: Set<(reason: unknown) => void> | undefined;

  /**
   * @param owner tells plugins of one name in two hosts apart
   * @param parent the call that led to this one
   */
  constructor(
    readonly plugin: string,
    readonly owner: object,
    exportName: string,
    readonly parent: CallFrame | undefined,
    readonly deadline: number,
    readonly context: unknown,
  ) {
    this.export = exportName;
  }

  /** Made when first asked for: most calls never need one. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.isAborted) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  get aborted(): boolean {
    return this.isAborted;
  }

  /** Whether a plugin is occupied until it has ended. */
  occupies(owner: object): boolean {
    return owner === this.owner;
  }

  /** Rejects what waits in it. Only the first reason counts. */
  abort(reason: unknown): void {
    if (this.isAborted) return;
    this.isAborted = true;
    this.reason = reason;
    this.controller?.abort(reason);
    for (const reject of this.rejectWaiting ?? []) reject(reason);
  }

  /** The promise, or a rejection as soon as the call is aborted. */
  untilAborted<T>(promise: Promise<T>): Promise<T> {
    if (this.isAborted) {
      promise.catch(() => {});
      return Promise.reject(this.reason);
    }
    const waiting = (this.rejectWaiting ??= new Set());
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      promise.then(resolve, reject).finally(() => waiting.delete(reject));
    });
  }

  /** Whether the call was aborted with this. */
  isReason(error: unknown): boolean {
    return this.isAborted && error === this.reason;
  }

  /** What the call was aborted with, instead of what came of it. */
  outcome(error: unknown): unknown {
    return this.isAborted ? this.reason : error;
  }
}

/**
 * A step in the life of plugins that none of them serves during: a hook of one, or a function of the application's that hands
 * state over. What it calls can't call them, nor reload or close them, as those would wait for the step's end.
 */
export class StepFrame extends CallFrame {
  /** @param step its name, in place of an export's */
  constructor(
    plugin: string,
    owner: object,
    step: string,
    private readonly occupied: readonly object[],
  ) {
    super(plugin, owner, step, currentFrame(), Number.POSITIVE_INFINITY, undefined);
  }

  override occupies(owner: object): boolean {
    return this.occupied.includes(owner);
  }
}

const parkable = new AsyncLocalStorage<CallFrame>();
let current: CallFrame | undefined;

/** The frame of the innermost call that led here, which may have ended. */
export function currentFrame(): CallFrame | undefined {
  return current ?? parkable.getStore();
}

/** Runs a call that can't be parked. */
export function runInFrame<F extends CallFrame>(frame: F, body: (frame: F) => unknown): unknown {
  const outer = current;
  current = frame;
  try {
    return body(frame);
  } finally {
    current = outer;
  }
}

/** Runs a call that may be parked. */
export function runInParkableFrame<F extends CallFrame>(frame: F, body: (frame: F) => unknown): unknown {
  const outer = current;
  current = undefined;
  try {
    return parkable.run(frame, body, frame);
  } finally {
    current = outer;
  }
}

/**
 * Runs what a step is made of.
 *
 * @param waits it may wait for functions of the application's, which then see the frame. Only then: a first use of
 * `AsyncLocalStorage` makes every promise of the process dearer from there on
 */
export async function runInStep<T>(frame: StepFrame, waits: boolean, action: () => T): Promise<Awaited<T>> {
  const run = waits ? runInParkableFrame : runInFrame;
  try {
    return (await run(frame, action)) as Awaited<T>;
  } finally {
    frame.ended = true;
  }
}

/**
 * The call into a plugin that led here; undefined outside of one.
 *
 * @example
 * async fetch(url: string) { return fetch(url, { signal: currentCall()?.signal }); }
 */
export function currentCall(): CurrentCall | undefined {
  let frame = currentFrame();
  while (frame instanceof StepFrame) frame = frame.parent;
  return frame;
}

/**
 * The names of the calls from the outermost to the innermost, as `plugin.export`, if one that goes on is of `owner` or of
 * an owner linked with it; or undefined.
 */
export function chainThrough(
  owner: object,
  linked?: { includes(owner: object): boolean },
): string[] | undefined {
  return chainWith((frame) => frame.occupies(owner) || linked?.includes(frame.owner) === true);
}

/** The same for steps only, which not even a re-entrant plugin can be called in. */
export function stepThrough(owner: object): string[] | undefined {
  return chainWith((frame) => frame instanceof StepFrame && frame.occupies(owner));
}

function chainWith(wanted: (frame: CallFrame) => boolean): string[] | undefined {
  const chain: string[] = [];
  let found = false;
  for (let frame = currentFrame(); frame !== undefined; frame = frame.parent) {
    if (frame.ended) continue;
    if (wanted(frame)) found = true;
    chain.unshift(`${frame.plugin}.${frame.export}`);
  }
  return found ? chain : undefined;
}
