/** The call that reached a host function, as it was when the function was entered: it holds through awaits. */
import { type CallFrame, currentFrame, StepFrame } from "../call-frame.js";
import { type Clock, systemClock } from "../clock.js";
import type { CallContext, GuestMemory } from "../declare/context.js";
import type { HostCallLimits } from "./host-call-limits.js";

/** The plugin that an import belongs to. */
export interface CallingPlugin {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** What its frames have as `owner`. */
  readonly owner?: object;
  /** Default: the process's. */
  readonly clock?: Clock;
  /** Bounds on its calls of host functions. Default: none. */
  readonly hostCalls?: HostCallLimits;
  /** Bytes of a value that it hands to the host. Default: no limit. */
  readonly outputBytes?: number;
}

export class HostCallContext implements CallContext {
  private readonly frame: CallFrame | undefined = currentFrame();

  constructor(
    private readonly caller: CallingPlugin,
    readonly memory: GuestMemory,
  ) {}

  get plugin(): string {
    return this.caller.name;
  }

  get config(): Readonly<Record<string, unknown>> {
    return this.caller.config;
  }

  get export(): string {
    const { frame } = this;
    // While a plugin starts, the frame, if any, is that of a call to another one.
    if (frame === undefined || frame instanceof StepFrame || frame.owner !== this.caller.owner) return "";
    return frame.export;
  }

  get signal(): AbortSignal | undefined {
    return this.frame?.signal;
  }

  get remaining(): number {
    const { clock = systemClock } = this.caller;
    return Math.max(0, (this.frame?.deadline ?? Number.POSITIVE_INFINITY) - clock.now());
  }

  get context(): unknown {
    return this.frame?.context;
  }
}
