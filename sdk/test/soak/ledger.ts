/** What the host knows of each call: that it began and ended once at most, and what may become of it. */
import { LimitError, ReentrancyError } from "../../index.js";
import { resultOf } from "./guests.js";

/** An "inner" call is one to `ok` that a host function makes, so it may lead back to where it came from. */
export type Kind = "ok" | "inner" | "park" | "nest" | "trap" | "spin" | "overflow" | "fill" | "grow";

/** How the caller may stop it. */
export interface Plan {
  readonly kind: Kind;
  readonly plugin: string;
  /** It has a timeout or a deadline of its own. */
  readonly timed: boolean;
  readonly aborted: boolean;
}

interface Entry extends Plan {
  begun: number;
  ended: number;
  settled: number;
  /** What it waited for is to fail. */
  refused: boolean;
}

export class Refusal extends Error {
  override readonly name = "Refusal";
}

export class Ledger {
  private readonly open = new Map<number, Entry>();
  private next = 1;
  readonly outcomes = new Map<string, number>();
  /** What was wrong first, if anything was, wherever it was thrown. */
  failure: Error | undefined;

  add(plan: Plan): number {
    const id = this.next++;
    this.open.set(id, { ...plan, begun: 0, ended: 0, settled: 0, refused: false });
    return id;
  }

  begin(id: number): void {
    const entry = this.entry(id, "begins");
    if (++entry.begun > 1) throw this.fault(id, "began twice");
  }

  end(id: number): void {
    const entry = this.entry(id, "ends");
    if (++entry.ended > 1) throw this.fault(id, "ended twice");
  }

  /** From now on its failure is expected. */
  refuse(id: number): Refusal {
    this.entry(id, "is refused").refused = true;
    return new Refusal("refused");
  }

  /** It has settled, with a value or an error. */
  settle(id: number, value: unknown, error: unknown): void {
    const entry = this.entry(id, "settles");
    if (++entry.settled > 1) throw this.fault(id, "settled twice");
    if (error === undefined) this.requireWhole(id, entry, value);
    else this.requireExpected(id, entry, error);
    this.open.delete(id);
    const name = error === undefined ? "done" : outcome(error);
    this.outcomes.set(`${entry.kind} ${name}`, (this.outcomes.get(`${entry.kind} ${name}`) ?? 0) + 1);
  }

  /** Errors: Error if calls are left. */
  requireClosed(): void {
    for (const id of this.open.keys()) throw this.fault(id, "never settled");
  }

  get count(): number {
    return this.next - 1;
  }

  private requireWhole(id: number, { begun, ended, kind }: Entry, value: unknown): void {
    if (value !== resultOf(id)) throw this.fault(id, `gave ${String(value)}, not ${resultOf(id)}`);
    if (begun !== 1 || ended !== 1) throw this.fault(id, `began ${begun} times and ended ${ended} times`);
    if (kind === "trap" || kind === "spin" || kind === "overflow") throw this.fault(id, "can't have ended");
  }

  private requireExpected(id: number, entry: Entry, error: unknown): void {
    const { kind, timed, aborted, refused } = entry;
    const code = outcome(error);
    const stopped = code === "ABORTED" && /stopped while the call was running/.test(String(error));
    const expected =
      stopped ||
      code === "CLOSED" ||
      (code === "TIMEOUT" && (timed || kind === "nest")) ||
      (code === "ABORTED" && aborted) ||
      (code === "HOST_FUNCTION" && (refused || kind === "nest")) ||
      (kind === "trap" && code === "unreachable") ||
      (kind === "overflow" && code === "Maximum call stack size exceeded") ||
      (kind === "grow" && code === "unreachable" && (error as Error).cause instanceof LimitError) ||
      (kind === "inner" && error instanceof ReentrancyError);
    if (!expected) throw this.fault(id, `failed: ${error instanceof Error ? error.stack : String(error)}`);
  }

  private entry(id: number, what: string): Entry {
    const entry = this.open.get(id);
    if (entry === undefined) throw new Error(`call ${id} ${what}, and isn't open`);
    return entry;
  }

  private fault(id: number, what: string): Error {
    const error = new Error(`call ${id} ${what}: ${JSON.stringify(this.open.get(id))}`);
    this.failure ??= error;
    return error;
  }
}

function outcome(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? String(error);
}
