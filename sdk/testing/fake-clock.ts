/** Time that a test moves. */
import { number, requireValid } from "../checks.js";
import type { Clock } from "../clock.js";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is moved: the `clock` of a host. */
export class FakeClock implements Clock {
  private time = 0;
  private readonly timers = new Set<Timer>();

  now(): number {
    return this.time;
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    const timer: Timer = { at: this.time + Math.max(0, milliseconds), callback };
    this.timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.timers.delete(timer as Timer);
  }

  /** Timers that are set. */
  get pending(): number {
    return this.timers.size;
  }

  /**
   * Lets time pass: calls the timers that become due, in their order, each at its time. In between, what was waiting
   * goes on, as far as it needs no real time. Errors: BackplaneError OPTIONS.
   *
   * @example
   * const call = host.plugin("slow").call("run", undefined, { timeout: 1000 });
   * await clock.advance(1000); // call is rejected: TIMEOUT
   */
  async advance(milliseconds: number): Promise<void> {
    requireValid(number(0, "a number of milliseconds from 0 on"), milliseconds, "FakeClock");
    const end = this.time + milliseconds;
    await settle();
    for (let next = this.next(end); next !== undefined; next = this.next(end)) {
      this.time = Math.max(this.time, next.at);
      this.timers.delete(next);
      next.callback();
      await settle();
    }
    this.time = end;
  }

  /** The timer that is due first, of those due by `end`; of several, the one that was set first. */
  private next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers) {
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }
}

/** Everything that is ready to go on has gone on. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
