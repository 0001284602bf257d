/**
 * What limits cost compiled code: CoreMark and sightglass without and with a deadline set, CoreMark with fuel. Each pair runs in
 * turns, in processes of their own.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { allPrograms } from "../../../../engine/bench/programs.js";
import { median } from "../../../../engine/bench/statistics.js";
import type { Row } from "./row.js";

const measure = fileURLToPath(new URL("../../../../engine/bench/measure.js", import.meta.url));

interface Measured {
  readonly value: number;
  readonly better: "low" | "high";
  readonly note: string;
}

function once(engine: string, program: string): Measured {
  return JSON.parse(
    execFileSync(process.execPath, [measure, engine, program], { encoding: "utf8" }),
  ) as Measured;
}

/** How many percent longer a program takes on one engine than on the plain one: the median of paired runs. */
export function slowdown(engine: string, program: string, pairs: number): number {
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 === 0 ? ["backplane", engine] : [engine, "backplane"];
    const values = new Map(order.map((name) => [name, once(name, program)]));
    const plain = values.get("backplane") as Measured;
    const other = values.get(engine) as Measured;
    ratios.push(plain.better === "high" ? plain.value / other.value : other.value / plain.value);
  }
  return (median(ratios) - 1) * 100;
}

const percent = (value: number): string => `${value.toFixed(1)} %`;

/** @param pairs paired runs of CoreMark; of the others one less than half */
export function costs(pairs: number): Row[] {
  const programs = allPrograms();
  const coremark = programs.find((program) => program.kind === "coremark");
  if (coremark === undefined)
    return [{ what: "costs", asked: "", measured: "not measured: no corpora here" }];
  const deadline = slowdown("backplane+deadline", coremark.name, pairs);
  const fuel = slowdown("backplane+fuel", coremark.name, pairs);
  const rows: Row[] = [
    {
      what: "a deadline, on CoreMark",
      asked: "at most 3 %",
      measured: percent(deadline),
      within: deadline <= 3,
    },
  ];
  const sightglass = programs.filter((program) => program.file?.includes("sightglass"));
  const slower = sightglass.map(({ name }) => ({
    name,
    by: slowdown("backplane+deadline", name, Math.max(1, Math.floor(pairs / 2))),
  }));
  const worst = slower.sort((a, b) => b.by - a.by)[0];
  if (worst !== undefined) {
    rows.push({
      what: `a deadline, on the worst of ${slower.length} programs of sightglass`,
      asked: "at most 10 %",
      measured: `${percent(worst.by)} (${worst.name})`,
      within: worst.by <= 10,
    });
  }
  rows.push({
    what: "fuel, on CoreMark",
    asked: "at most 30 %",
    measured: percent(fuel),
    within: fuel <= 30,
  });
  return rows;
}
