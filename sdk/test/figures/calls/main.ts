/**
 * Measures all figures of calls that suspend, stop and move, and prints them as a table. Ends with 1 if an answer was wrong, not
 * if a figure was missed: that depends on the machine, which has to be quiet.
 *
 *     npm run -s figures [-- PARTS]
 *
 * PARTS, without any all of them, about 13 minutes: suspend, stop, fuel, move, which take two minutes together; coremark
 * (seven) and sightglass (four), what limits cost compiled code, with their progress on standard error.
 */
import { runParts } from "../parts.js";
import { costOfCoremark, costOfSightglass } from "./cost.js";
import { besideLoops, twoCalls } from "./move.js";
import { contained, deadlines, fuelCounts, slices } from "./stop.js";
import { manyParked, suspendedCall } from "./suspend.js";

await runParts(
  {
    suspend: async () => [await manyParked(), ...(await suspendedCall())],
    stop: async () => [...(await deadlines()), await contained(), await slices()],
    fuel: () => fuelCounts(),
    move: async () => [...(await twoCalls()), ...(await besideLoops())],
    coremark: costOfCoremark,
    sightglass: costOfSightglass,
  },
  "The soak is run by itself: node dist/sdk/test/soak/main.js",
);
