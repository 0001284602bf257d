/**
 * Who may use which instance of a plugin: a pool of slots with a line of calls that wait, first come first served.
 *
 * A slot serves one call at a time, or any number of them if the plugin is re-entrant. While the pool is held, as it
 * is for a state hand-over, calls wait even if slots are idle. The line is bounded: a call that finds it full fails
 * at once instead of adding to a backlog nobody gets through.
 */
import { BackplaneError } from "../errors.js";

/** What pools have in common that may not all serve at a time. */
export interface Gate {
  /** Whether another call may start in one of them. */
  admits(): boolean;
  /** A call of one has ended: lets the next in, of whichever pool. */
  left(pool: Servable): void;
}

export interface Servable {
  readonly active: number;
  /** Lets waiting calls in, as far as there is room. */
  serve(): void;
}

export interface Slot {
  /** Calls that use it now. */
  active: number;
}

interface Waiting<S> {
  /** The line it stands in. */
  line: Waiting<S>[];
  readonly grant: (slot: S) => void;
  readonly refuse: (error: unknown) => void;
}

export class SlotPool<S extends Slot> implements Servable {
  /** Set while the plugin is linked with others. */
  gate: Gate | undefined;
  private readonly line: Waiting<S>[] = [];
  private held = false;
  private idle: (() => void)[] = [];
  private total = 0;

  /**
   * @param plugin its name, for errors
   * @param slots all of them; the pool never changes the list
   * @param maxWaiting calls that may wait
   * @param shared slots serve any number of calls at once
   */
  constructor(
    private readonly plugin: string,
    readonly slots: readonly S[],
    private readonly maxWaiting: number,
    private readonly shared: boolean,
  ) {}

  get waiting(): number {
    return this.line.length;
  }

  /** Calls that use a slot now. */
  get active(): number {
    return this.total;
  }

  /** The least busy slot, or undefined if the caller has to wait. A slot that is returned is taken: release it. */
  tryAcquire(): S | undefined {
    if (this.held || this.line.length > 0) return undefined;
    return this.take();
  }

  /** Waits for a slot. Errors: BackplaneError QUEUE_FULL; what `signal` was aborted with. */
  acquire(signal: AbortSignal | undefined): Promise<S> {
    const slot = this.tryAcquire();
    if (slot !== undefined) return Promise.resolve(slot);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.line.length >= this.maxWaiting) {
      const error = new BackplaneError(
        "QUEUE_FULL",
        `${this.plugin}: ${this.line.length} calls are waiting already`,
      );
      return Promise.reject(error);
    }
    return new Promise<S>((resolve, reject) => {
      const leave = (): void => {
        entry.line.splice(entry.line.indexOf(entry), 1);
        reject(signal?.reason);
      };
      const entry: Waiting<S> = {
        line: this.line,
        grant: (granted) => {
          signal?.removeEventListener("abort", leave);
          resolve(granted);
        },
        refuse: (error) => {
          signal?.removeEventListener("abort", leave);
          reject(error);
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.line.push(entry);
    });
  }

  release(slot: S): void {
    slot.active--;
    this.total--;
    if (this.gate === undefined) this.serve();
    else this.gate.left(this);
    const { idle } = this;
    if (this.total > 0 || idle.length === 0) return;
    this.idle = [];
    for (const resolve of idle) resolve();
  }

  /** Lets no more calls in; those in the line stay there. */
  hold(): void {
    this.held = true;
  }

  resume(): void {
    this.held = false;
    this.serve();
  }

  /** Settles when no call uses a slot. */
  drained(): Promise<void> {
    if (this.total === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** Moves the line, in its order, to the end of another pool's. */
  moveLine(to: SlotPool<S>): void {
    for (const waiting of this.line.splice(0)) {
      waiting.line = to.line;
      to.line.push(waiting);
    }
    to.serve();
  }

  refuseLine(error: unknown): void {
    for (const waiting of this.line.splice(0)) waiting.refuse(error);
  }

  private take(): S | undefined {
    if (this.gate?.admits() === false) return undefined;
    let best: S | undefined;
    for (const slot of this.slots) if (best === undefined || slot.active < best.active) best = slot;
    if (best === undefined || (best.active > 0 && !this.shared)) return undefined;
    best.active++;
    this.total++;
    return best;
  }

  serve(): void {
    while (!this.held && this.line.length > 0) {
      const slot = this.take();
      if (slot === undefined) return;
      this.line.shift()?.grant(slot);
    }
  }
}
