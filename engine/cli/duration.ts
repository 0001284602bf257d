/** Durations on the command line. */
import { UsageError } from "./errors.js";
import { printable } from "./text.js";

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of `500ms`, `2s`, `1.5m`, `1h`; a number alone is seconds.
 *
 * @param option for messages
 * @throws {UsageError}
 */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const duration = match === null ? 0 : Number(match[1]) * milliseconds[match[2] ?? "s"];
  if (duration > 0) return duration;
  throw new UsageError(
    `--${option} takes a time such as 500ms, 2s or 1m, more than 0, not "${printable(text)}"`,
    "run",
  );
}
