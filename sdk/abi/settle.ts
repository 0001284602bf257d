/** Goes on with a value, or with what a promise of it gives: calls seldom wait, and a promise costs more than most. */
import type { Guest } from "./abi.js";

/** @param guest if what comes next enters it or reads its memory */
export function settle<T>(
  value: unknown,
  next: (settled: unknown) => T,
  guest?: Guest,
): T | Promise<Awaited<T>> {
  if (!(value instanceof Promise)) return next(value);
  return value.then((settled) =>
    guest === undefined ? next(settled) : guest.afterWait(() => next(settled)),
  ) as Promise<Awaited<T>>;
}
