/**
 * Measures all figures of calls that suspend, stop and move, and prints them as a table. Ends with 1 if an answer was wrong, not
 * if a figure was missed: that depends on the machine, which has to be quiet.
 *
 *     npm run -s figures [-- PAIRS]
 *
 * PAIRS paired runs of each program at least, 7 by default, which takes about eight minutes on a quiet machine; 0 leaves out what
 * limits cost compiled code, and takes about one.
 */
import { costs } from "./cost.js";
import { besideLoops, twoCalls } from "./move.js";
import { printRows, type Row, WrongAnswer } from "./row.js";
import { contained, deadlines, fuelCounts, slices } from "./stop.js";
import { manyParked, suspendedCall } from "./suspend.js";

const pairs = Number(process.argv[2] ?? 7);
if (!Number.isSafeInteger(pairs) || pairs < 0) {
  console.error(`PAIRS: expected a whole number from 0 on, got ${process.argv[2]}`);
  process.exit(2);
}

const groups: (() => Row | Row[] | Promise<Row | Row[]>)[] = [
  () => manyParked(),
  suspendedCall,
  () => deadlines(),
  contained,
  () => fuelCounts(),
  slices,
  () => twoCalls(),
  () => besideLoops(),
  () => (pairs > 0 ? costs(pairs) : []),
];

const rows: Row[] = [];
for (const group of groups) {
  try {
    rows.push(...[await group()].flat());
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    rows.push({ what: error.message, asked: "a right answer", measured: "wrong", within: false });
    process.exitCode = 1;
  }
}
console.log("The soak is run by itself: node dist/sdk/test/soak/main.js\n");
printRows(rows);
console.log(`\nTook ${Math.round(performance.now() / 1000)} s.`);
