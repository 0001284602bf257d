/** Extism's levels of a log, and their numbers in `get_log_level`. */

/** From which level on lines are logged. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";
/** A level that a line can have. */
export type LineLevel = Exclude<LogLevel, "silent">;

/** Nothing is logged. */
const off = 2 ** 31 - 1;

export const levelNumbers: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  silent: off,
};

/** Errors: TypeError for what is no level. */
export function levelNumber(level: LogLevel): number {
  if (Object.hasOwn(levelNumbers, level)) return levelNumbers[level];
  const names = Object.keys(levelNumbers).join(", ");
  throw new TypeError(`logLevel: expected one of ${names}, got ${JSON.stringify(level)}`);
}

export function levelName(number: number): LogLevel {
  const names = Object.keys(levelNumbers) as LogLevel[];
  return names.find((name) => levelNumbers[name] === number) ?? "silent";
}
