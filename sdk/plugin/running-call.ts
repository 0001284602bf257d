/** A call that runs: its frame, as host functions see it, and what its runner keeps for it. */
import type { Fuel } from "../../engine/index.js";
import { CallFrame } from "../call-frame.js";
import type { Clock } from "../clock.js";
import type { InstanceSlot } from "./generation.js";
import type { CallOptions } from "./options.js";
import type { PluginInstance } from "./plugin-instance.js";

/** What is done with an instance: gives the result, or a promise of it. One function serves many calls. */
export type CallBody = (instance: PluginInstance, call: RunningCall) => unknown;

/** Whether a call may give a promise, or has to compute at once, on this thread. */
export type CallMode = "async" | "sync";

/** What a call is made of. */
export interface CallRequest {
  readonly body: CallBody;
  /** For the body. */
  readonly input: unknown;
  readonly options: CallOptions;
  readonly mode: CallMode;
}

export class RunningCall extends CallFrame {
  /** Undefined until there is one. */
  instance: PluginInstance | undefined = undefined;
  /** What the plugin, or one that it is linked with, exited with. */
  exitCode: number | undefined = undefined;
  /** The guest's stack pointer before the call. */
  stackTop = 0;
  readonly body: CallBody;
  readonly input: unknown;
  readonly options: CallOptions;
  readonly mode: CallMode;
  /** Instructions that there were of its fuel. */
  readonly budget: number;

  /**
   * @param begin by the host's clock
   * @param waited milliseconds from when its time began to count until then
   * @param fuel what it may execute, if that is counted
   */
  constructor(
    plugin: string,
    owner: object,
    exportName: string,
    parent: CallFrame | undefined,
    deadline: number,
    readonly slot: InstanceSlot,
    request: CallRequest,
    readonly onThread: boolean,
    /** Milliseconds that it computes at a stretch, if that is limited. */
    readonly slice: number | undefined,
    readonly begin: number,
    private readonly waited: number,
    readonly fuel: Fuel | undefined,
  ) {
    super(plugin, owner, exportName, parent, deadline, request.options.context);
    this.body = request.body;
    this.input = request.input;
    this.mode = request.mode;
    this.options = request.options;
    this.budget = fuel === undefined ? 0 : fuel.left;
  }

  /** Milliseconds, as the caller or the options said; perhaps infinite. */
  get timeout(): number {
    return this.deadline - this.begin + this.waited;
  }

  /** For errors. */
  get where(): string {
    return `${this.plugin}.${this.export}`;
  }
}

/** Milliseconds; a longer setTimeout would fire at once. */
const longestTimeout = 2 ** 31 - 1;

/** Tells when a signal is aborted or the time is over, unless what it returns was called before. */
export function watchCall(
  clock: Clock,
  signal: AbortSignal | undefined,
  remaining: number,
  tell: { aborted(cause: unknown): void; late(): void },
): () => void {
  const abort = (): void => tell.aborted(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const timer = remaining <= longestTimeout ? clock.setTimeout(tell.late, Math.max(0, remaining)) : undefined;
  return () => {
    clock.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
}
