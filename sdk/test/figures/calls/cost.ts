/**
 * What limits cost compiled code: CoreMark and sightglass without and with a deadline set, CoreMark with fuel.
 *
 * Runs take turns in one process (paired-runs.ts), so that both find the same machine; a figure is the median of the rounds'
 * ratios, with the interval that has the true median in it at 95 %. The worst of many programs is the one with the most bad
 * luck, unless it is measured again: so the last word have second measurements of those that looked worst.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { allPrograms } from "../../../../engine/bench/programs.js";
import { median, medianInterval } from "../../../../engine/bench/statistics.js";
import type { Row } from "./row.js";

const child = fileURLToPath(new URL("paired-runs.js", import.meta.url));

/** How much longer something takes, in percent. */
interface Slowdown {
  readonly percent: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

/** How much longer a program takes on engines than on the first one: rounds for so many seconds, and so many at least. */
function slowdowns(engines: readonly string[], program: string, seconds: number, least: number): Slowdown[] {
  const args = ["--expose-gc", child, engines.join(), program, String(seconds), String(least)];
  const [plain, ...others] = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as [
    number[],
    ...number[][],
  ];
  const percent = (ratio: number): number => (ratio - 1) * 100;
  return others.map((taken) => {
    const ratios = taken.map((value, round) => value / (plain[round] as number));
    const [low, high] = medianInterval(ratios);
    return {
      percent: percent(median(ratios)),
      low: percent(low),
      high: percent(high),
      rounds: ratios.length,
    };
  });
}

const told = ({ percent, low, high, rounds }: Slowdown): string =>
  `${percent.toFixed(1)} % (${low.toFixed(1)} to ${high.toFixed(1)}, ${rounds} pairs)`;

function row(what: string, most: number, slowdown: Slowdown, note = ""): Row {
  return {
    what,
    asked: `at most ${most} %`,
    measured: `${told(slowdown)}${note}`,
    within: slowdown.percent <= most,
  };
}

/** Programs whose first measurement was among the worst, and that are measured again. */
const suspects = 4;

function worstOf(programs: readonly string[], pairs: number): Row {
  const deadline = (name: string, seconds: number, least: number): { name: string; slowdown: Slowdown } => {
    const [slowdown] = slowdowns(["backplane", "backplane+deadline"], name, seconds, least) as [Slowdown];
    return { name, slowdown };
  };
  const byCost = (a: { slowdown: Slowdown }, b: { slowdown: Slowdown }): number =>
    b.slowdown.percent - a.slowdown.percent;
  const first = programs.map((name) => deadline(name, 2, pairs)).sort(byCost);
  const again = first.slice(0, suspects).map(({ name }) => deadline(name, 6, 3 * pairs));
  const { name, slowdown } = again.sort(byCost)[0] as (typeof again)[number];
  const what = `a deadline, on the worst of ${programs.length} programs of sightglass`;
  return row(what, 10, slowdown, `: ${name}`);
}

/** @param pairs how often at least each program is run either way */
export function costs(pairs: number): Row[] {
  const programs = allPrograms();
  const coremark = programs.find((program) => program.kind === "coremark");
  if (coremark === undefined)
    return [{ what: "costs", asked: "", measured: "not measured: no corpora here" }];
  const engines = ["backplane", "backplane+deadline", "backplane+fuel"];
  const [deadline, fuel] = slowdowns(engines, coremark.name, 0, pairs) as [Slowdown, Slowdown];
  const sightglass = programs.filter((program) => program.file?.includes("sightglass"));
  return [
    row("a deadline, on CoreMark", 3, deadline),
    worstOf(
      sightglass.map(({ name }) => name),
      pairs,
    ),
    row("fuel, on CoreMark", 30, fuel),
  ];
}
