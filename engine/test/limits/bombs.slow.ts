// By hand: compile bombs at a quarter, half and full size, with the growth between. Usage:
//   node dist/engine/test/limits/bombs.slow.js [--engine node|backplane] [--filter TEXT] [--timeout SECONDS] [--parts 4,2,1]
// Times are processor time. A near-linear compiler takes as many times longer as the size grows; more than twice that
// is marked and ends in exit code 1.

import { parseArgs } from "node:util";
import { compiledPath, runNode } from "../packages/run-scenario.js";
import { bombs } from "./bombs.js";
import type { BombFigures } from "./run-bomb.js";

const { values: options } = parseArgs({
  options: {
    engine: { type: "string", default: "backplane" },
    filter: { type: "string", default: "" },
    timeout: { type: "string", default: "180" },
    parts: { type: "string", default: "4,2,1" },
  },
});

async function figures(name: string, size: number): Promise<BombFigures | string> {
  const script = compiledPath("../limits/run-bomb.js");
  const args = [script, options.engine, name, String(size)];
  const result = await runNode(args, { timeout: Number(options.timeout) * 1000 });
  if (result.signal !== null) return `killed by ${result.signal} after ${options.timeout} s`;
  if (result.code !== 0)
    return result.stderr.split("\n").find((line) => /Error/.test(line)) ?? `exit code ${result.code}`;
  return JSON.parse(result.stdout) as BombFigures;
}

/** Noise and fixed costs that don't count as growth: milliseconds and bytes. */
const slack = { time: 200, memory: 50e6 };
let bad = 0;
for (const bomb of bombs.filter(({ name }) => name.includes(options.filter))) {
  const line = [bomb.name.padEnd(24)];
  let before: BombFigures | undefined;
  let sizeBefore = 0;
  for (const part of options.parts.split(",").map(Number)) {
    const size = Math.floor(bomb.full / part);
    const now = await figures(bomb.name, size);
    if (typeof now === "string") {
      bad++;
      line.push(`${size}: FAILED ${now}`);
      break;
    }
    const allowed = (2 * size) / sizeBefore;
    const steep =
      before !== undefined &&
      (now.processor > allowed * before.processor + slack.time ||
        now.memory > allowed * before.memory + slack.memory);
    if (steep) bad++;
    line.push(
      `${size}: ${now.processor.toFixed(0)} ms ${(now.memory / 1e6).toFixed(0)} MB${steep ? " STEEP" : ""}`.padEnd(
        30,
      ),
    );
    before = now;
    sizeBefore = size;
  }
  console.log(line.join("  "));
}
process.exitCode = bad === 0 ? 0 : 1;
