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
import type { Row } from "../row.js";

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
/** Pairs at least, and seconds, of a program's first measurement and of its second. */
const first = { pairs: 5, seconds: 2 };
const second = { pairs: 9, seconds: 12 };
/** Of CoreMark, whose runs take twelve seconds. */
const coremarkRounds = 7;

const missing: Row = { what: "costs", asked: "", measured: "not measured: no corpora here" };

/** A deadline and fuel on CoreMark. */
export function costOfCoremark(): Row[] {
  const coremark = allPrograms().find((program) => program.kind === "coremark");
  if (coremark === undefined) return [missing];
  const engines = ["backplane", "backplane+deadline", "backplane+fuel"];
  const [deadline, fuel] = slowdowns(engines, coremark.name, 0, coremarkRounds) as [Slowdown, Slowdown];
  return [row("a deadline, on CoreMark", 3, deadline), row("fuel, on CoreMark", 30, fuel)];
}

/** A deadline on the programs of sightglass: the worst of them. */
export function costOfSightglass(): Row {
  const programs = allPrograms().filter((program) => program.file?.includes("sightglass"));
  if (programs.length === 0) return missing;
  const deadline = (name: string, { pairs, seconds }: typeof first): { name: string; slowdown: Slowdown } => {
    const [slowdown] = slowdowns(["backplane", "backplane+deadline"], name, seconds, pairs) as [Slowdown];
    console.error(`${name}: ${told(slowdown)}`);
    return { name, slowdown };
  };
  const byCost = (a: { slowdown: Slowdown }, b: { slowdown: Slowdown }): number =>
    b.slowdown.percent - a.slowdown.percent;
  const all = programs.map(({ name }) => deadline(name, first)).sort(byCost);
  console.error("The worst of them again:");
  const again = all.slice(0, suspects).map(({ name }) => deadline(name, second));
  const { name, slowdown } = again.sort(byCost)[0] as (typeof again)[number];
  return row(`a deadline, on the worst of ${all.length} programs of sightglass`, 10, slowdown, `: ${name}`);
}
