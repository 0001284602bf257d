/** Medians and intervals, against values worked out by hand. */
import test from "ava";
import { median, medianInterval } from "../../bench/statistics.js";

test("the interval of a median is that of tables for the binomial distribution", (t) => {
  const known: [count: number, low: number, high: number][] = [
    [1, 1, 1],
    [5, 1, 5],
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [10, 2, 9],
    [20, 6, 15],
    [25, 8, 18],
    [50, 18, 33],
  ];
  for (const [count, low, high] of known) {
    const values = Array.from({ length: count }, (_, i) => count - i);
    t.deepEqual(medianInterval(values), [low, high], `${count} values`);
    t.is(median(values), (count + 1) / 2);
  }
});
