/**
 * Bounds on a plugin's calls of host functions: how many a second, and how many of its calls may wait for them.
 *
 * The rate is a token bucket that holds a second's calls: so many at once, and so many a second on the average.
 */
import type { Clock } from "../clock.js";
import { LimitError } from "../errors.js";
import type { PluginLimits } from "../manifest/manifest.js";

/** Calls that may wait in host functions where nothing else is said: each has a stack of its own. */
const defaultParkedCalls = 10_000;

/** Keeps count of a plugin's calls of host functions. */
export class HostCallLimits {
  private parked = 0;
  private tokens: number;
  private filledAt: number;
  /** Calls a second, perhaps infinite. */
  private readonly rate: number;
  private readonly mostParked: number;

  /** @param plugin its name, for errors */
  constructor(
    private readonly plugin: string,
    { hostCallsPerSecond = Number.POSITIVE_INFINITY, parkedCalls = defaultParkedCalls }: PluginLimits,
    private readonly clock: Clock,
  ) {
    this.rate = hostCallsPerSecond;
    this.mostParked = parkedCalls;
    this.tokens = this.rate;
    this.filledAt = clock.now();
  }

  /** Whether there is a rate: then each call has to be counted. */
  get isRated(): boolean {
    return this.rate !== Number.POSITIVE_INFINITY;
  }

  /** A host function is called. Errors: LimitError. */
  called(): void {
    const now = this.clock.now();
    this.tokens = Math.min(this.rate, this.tokens + ((now - this.filledAt) / 1000) * this.rate);
    this.filledAt = now;
    if (this.tokens >= 1) {
      this.tokens--;
      return;
    }
    const text = `${this.plugin}: limit hostCallsPerSecond: it called host functions more than ${this.rate} times a second`;
    throw new LimitError("hostCallsPerSecond", this.rate, text);
  }

  /** A call is about to wait. Errors: LimitError. */
  requireRoom(): void {
    if (this.parked < this.mostParked) return;
    const text = `${this.plugin}: limit parkedCalls: ${this.parked} calls wait in host functions, ${this.mostParked} may`;
    throw new LimitError("parkedCalls", this.mostParked, text);
  }

  /** A call waits until the promise is settled. */
  park(promise: Promise<unknown>): void {
    this.parked++;
    const leave = (): void => {
      this.parked--;
    };
    promise.then(leave, leave);
  }
}
