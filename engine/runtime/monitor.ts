/**
 * Monitors: what keeps Wasm code that can touch the same things from running on two threads at once.
 *
 * Instances that share anything that changes (tables, functions, references, memories, mutable globals) have one monitor;
 * linking unites the monitors of what is linked. A monitor refers to nothing but waiting calls, so sharing a memory keeps
 * no instance alive.
 *
 * A call that runs on a thread *holds* its monitor from its beginning to its end, but for the time it is parked for a
 * promise, so that calls don't overlap where a plugin's stack in memory forbids it. Asynchronous calls wait for it, in
 * their order. While the call's Wasm code really runs (`running`), JavaScript can't enter: InstanceBusy. While it is
 * stopped, in a host function above all, JavaScript may call in, and has left again before the call goes on.
 *
 * Uniting two monitors that are both held gives one held twice: those calls go on one at a time, in turns.
 *
 * Source: C. A. R. Hoare, "Monitors: An Operating System Structuring Concept" (1974).
 */
import { InstanceBusy } from "./errors.js";

export class Monitor {
  private unitedWith: Monitor | undefined = undefined;
  private holders = 0;
  private waiting: (() => void)[] | undefined = undefined;
  /** Wasm code under this monitor runs on a thread now. Only of a `root`. */
  running = false;
  /** Exits that JavaScript is serving: calls that begin meanwhile are calls within the holder's. */
  private serving = 0;

  /** The monitor that this one is united with by now. */
  root(): Monitor {
    let m: Monitor = this;
    while (m.unitedWith !== undefined) {
      if (m.unitedWith.unitedWith !== undefined) m.unitedWith = m.unitedWith.unitedWith;
      m = m.unitedWith;
    }
    return m;
  }

  /** Errors: InstanceBusy while code under either runs on a thread. */
  static unite(one: Monitor, other: Monitor): void {
    const a = one.root();
    const b = other.root();
    if (a === b) return;
    a.requireStopped();
    b.requireStopped();
    a.holders += b.holders;
    a.serving += b.serving;
    if (b.waiting !== undefined) a.waiting = [...(a.waiting ?? []), ...b.waiting];
    b.waiting = undefined;
    b.unitedWith = a;
  }

  /** Errors: InstanceBusy while Wasm code under this monitor runs on a thread. */
  requireStopped(): void {
    if (this.root().running) throw new InstanceBusy();
  }

  /** Whether an asynchronous call that begins, or goes on, on the JavaScript thread has to wait for its turn. */
  get mustWait(): boolean {
    const { running, holders, serving } = this.root();
    return running || (holders > 0 && serving === 0);
  }

  get isFree(): boolean {
    return this.root().holders === 0;
  }

  /**
   * Gives the caller the monitor, at once or, by calling `take`, when all who came before have left. Returns whether the
   * caller has it already.
   */
  enter(take: () => void): boolean {
    const root = this.root();
    if (root.holders === 0) {
      root.holders = 1;
      return true;
    }
    root.waiting ??= [];
    root.waiting.push(take);
    return false;
  }

  /** Takes back an `enter` that hasn't been granted. Returns false if it has. */
  withdraw(take: () => void): boolean {
    const { waiting } = this.root();
    const at = waiting === undefined ? -1 : waiting.indexOf(take);
    if (at >= 0) waiting!.splice(at, 1);
    return at >= 0;
  }

  /** Ends a hold; the next in the queue has the monitor then. */
  leave(): void {
    const root = this.root();
    root.holders--;
    if (root.holders > 0) return;
    const next = root.waiting?.shift();
    if (next === undefined) return;
    root.holders = 1;
    next();
  }

  /** Serves an exit of a holder's. */
  serve<T>(action: () => T): T {
    this.root().serving++;
    try {
      return action();
    } finally {
      this.root().serving--;
    }
  }
}
