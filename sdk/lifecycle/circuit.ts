/**
 * A circuit breaker: after several traps in a row calls are refused for a while, which doubles each time, so that a
 * plugin that always traps doesn't cost an instance per call. When the time is over one call is let through: if it
 * succeeds the circuit closes, if it traps the circuit opens for twice as long.
 *
 * Source: M. Nygard, "Release It!", chapter "Stability Patterns".
 */
export interface CircuitOptions {
  /** Traps in a row that open the circuit. Default: 5. */
  readonly traps?: number;
  /** Milliseconds that it stays open the first time. Default: 1000. */
  readonly backoff?: number;
  /** The longest it stays open, in milliseconds. Default: 60,000. */
  readonly maxBackoff?: number;
}

export class Circuit {
  private inRow = 0;
  private openings = 0;
  private openUntil = 0;
  private trying = false;
  private readonly limit: number;
  private readonly backoff: number;
  private readonly maxBackoff: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(
    options: CircuitOptions,
    private readonly now: () => number,
  ) {
    this.limit = options.traps ?? 5;
    this.backoff = options.backoff ?? 1000;
    this.maxBackoff = options.maxBackoff ?? 60_000;
  }

  get isOpen(): boolean {
    return this.openings > 0;
  }

  /** Milliseconds until a call is let through; 0 lets this one through, which then has to report how it went. */
  enter(): number {
    if (this.openings === 0) return 0;
    const left = this.openUntil - this.now();
    if (left > 0) return left;
    if (this.trying) return this.backoff;
    this.trying = true;
    return 0;
  }

  /** A call ended without a trap; true if that closes the circuit. */
  succeeded(): boolean {
    this.inRow = 0;
    if (this.openings === 0) return false;
    this.trying = false;
    this.openings = 0;
    return true;
  }

  /** The call that was let through never reached the plugin. */
  withdrawn(): void {
    this.trying = false;
  }

  /** A call trapped; the milliseconds that the circuit is now open for, or 0 if it stays closed. */
  trapped(): number {
    this.inRow++;
    if (this.inRow < this.limit && this.openings === 0) return 0;
    this.trying = false;
    const time = Math.min(this.backoff * 2 ** this.openings, this.maxBackoff);
    this.openings++;
    this.openUntil = this.now() + time;
    return time;
  }
}
