/**
 * The built-in host module `backplane`, which every plugin may import: `log(level, text)`.
 *
 * Lines are the plugin's, so nothing in them is trusted: what could end a line or steer a terminal is escaped, long
 * ones are cut, and more than a rate are dropped. How many were is told once, with the next line or after a second.
 * The rate is a token bucket: `burst` lines at once, `lines` a second on the average.
 */
import { fn } from "../declare/signature.js";
import type { DefinedModule } from "../di.js";

/** The name of the module. Host modules of the application's can't have it. */
export const builtInModule = "backplane";

/** How much a line of a plugin's log matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** How much of a plugin's log is let through. */
export interface LogRate {
  /** Lines a second on the average. Default: 100. */
  readonly lines?: number;
  /** Lines at once. Default: 200. */
  readonly burst?: number;
}

/** UTF-16 units of a line; the rest is cut off. */
const longestLine = 4096;
const tellDroppedAfter = 1000;

/** Ends of lines, control characters (escape sequences of terminals begin with one), and what reorders text. */
const unsafe = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A line as it may be logged. */
export function safeLine(text: string): string {
  const kept = text.length > longestLine ? text.slice(0, longestLine).replace(/[\ud800-\udbff]$/, "") : text;
  const line = kept.replace(unsafe, (character) => {
    const code = character.codePointAt(0) as number;
    return shortEscapes[character] ?? `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return kept === text ? line : `${line}... (${text.length - kept.length} more characters)`;
}

export class GuestLog {
  /** Lines that were dropped, altogether. */
  dropped = 0;
  private untold = 0;
  private tokens: number;
  private filledAt: number;
  private timer: NodeJS.Timeout | undefined;
  private readonly rate: number;
  private readonly burst: number;

  /**
   * @param passOn gets lines that are safe to log
   * @param now milliseconds
   */
  constructor(
    rate: LogRate,
    private readonly passOn: (level: LogLevel, line: string) => void,
    private readonly now: () => number,
  ) {
    this.rate = rate.lines ?? 100;
    this.burst = rate.burst ?? 200;
    this.tokens = this.burst;
    this.filledAt = now();
  }

  /** As a host module. */
  get module(): DefinedModule {
    const functions = [{ name: "log", method: "log", signature: fn(["i32", "string"]) }];
    return { declaration: { name: builtInModule, className: "GuestLog", functions }, object: this };
  }

  /** @param level 0 debug, 1 info, 2 warning, 3 error; others count as the nearest */
  log(level: number, text: string): void {
    this.write(levels[Math.min(Math.max(level, 0), levels.length - 1)], text);
  }

  write(level: LogLevel, text: string): void {
    if (!this.take()) {
      this.dropped++;
      this.untold++;
      this.timer ??= setTimeout(() => this.tellDropped(), tellDroppedAfter).unref();
      return;
    }
    this.tellDropped();
    this.passOn(level, safeLine(text));
  }

  /** Tells what is still to be told. */
  close(): void {
    this.tellDropped();
  }

  private take(): boolean {
    const now = this.now();
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.filledAt) / 1000) * this.rate);
    this.filledAt = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  private tellDropped(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.untold === 0) return;
    const count = this.untold;
    this.untold = 0;
    this.passOn("warn", `${count} lines of the log were dropped: more than ${this.rate} a second`);
  }
}
