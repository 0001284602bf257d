/**
 * For tests of what happens when a time is over: on a busy machine a short time may be over before what it is to end has begun.
 *
 * @param attempt lets something run for so many milliseconds
 * @param begun whether it had begun by then, as its result shows
 * @returns the first result of an attempt that had begun, each of which has four times as long as the one before
 */
export async function withLongerTimes<T>(
  attempt: (milliseconds: number) => T | Promise<T>,
  begun: (result: T) => boolean,
): Promise<T> {
  for (let milliseconds = 20; ; milliseconds *= 4) {
    const result = await attempt(milliseconds);
    if (begun(result) || milliseconds > 30_000) return result;
  }
}
