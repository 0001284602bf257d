/**
 * Runs the soak and prints what it found; ends with 1 if anything was wrong.
 *
 *     node dist/sdk/test/soak/main.js [SECONDS [SEED [ROUND_SECONDS]]]
 *
 * The documented run is of 1800 seconds. Memory counts from a quarter of the rounds on: before that pools and caches fill.
 */
import { Soak } from "./soak.js";

/** Bytes that resident memory may move by, which it also does if nothing is lost. */
const allowance = 48 << 20;

const [seconds = 1800, seed = Date.now() % 1_000_000, roundSeconds = 10] = process.argv.slice(2).map(Number);
const rounds = Math.max(2, Math.round(seconds / roundSeconds));
const soak = new Soak(seed);
console.log(`seed ${seed}, ${rounds} rounds of ${roundSeconds} s`);
await soak.start();
const resident: number[] = [];
for (let round = 1; round <= rounds; round++) {
  const figures = await soak.round(roundSeconds * 1000, 24);
  resident.push(figures.resident);
  if (round % Math.ceil(rounds / 30) === 0) {
    console.log(
      `round ${round}: ${figures.calls} calls, ${(figures.resident / 2 ** 20).toFixed(1)} MB resident`,
    );
  }
}
await soak.stop();
for (const [outcome, count] of [...soak.ledger.outcomes].sort()) console.log(`${outcome}: ${count}`);
const settled = resident.slice(Math.floor(rounds / 4));
const grown = Math.max(...settled.slice(-3)) - Math.min(...settled.slice(0, 3));
console.log(
  `${soak.ledger.count} calls, none lost or doubled; resident memory grew by ${(grown / 2 ** 20).toFixed(1)} MB`,
);
if (grown > allowance) {
  console.error("memory is lost");
  process.exitCode = 1;
}
