/**
 * Milliseconds that this process has computed, on all its threads: a work's cost, however many others compute beside it. For bounds
 * that only something quadratic exceeds.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
