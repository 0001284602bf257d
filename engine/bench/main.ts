// Compares this engine with Node's own, program by program, in child processes that take turns, so that a drift of the
// machine meets all alike. Usage: npm run -s bench -- [--repeat N] [--filter TEXT,...] [--json FILE] [--engine NAME]...
// Engines: backplane and node-optimizing (`--no-liftoff`) unless named; on request node (its default tiers) and
// backplane-explicit, -interrupts, -quick, which are this engine with an option. The first engine's speed is compared
// with the others' round by round; a ratio is the median of its rounds', above 1 if the first is faster. For
// compilation the shares of this engine's stages follow, from a run of their own with BACKPLANE_TIME.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Measurement } from "./measure.js";
import { allPrograms, corporaFolder, leftOut, type Program } from "./programs.js";
import { geometricMean, median, spread } from "./statistics.js";

/** An engine under measurement: which namespace a child takes and with which options its Node starts. */
interface Engine {
  readonly name: string;
  readonly namespace: string;
  readonly options: readonly string[];
}

const engines: readonly Engine[] = [
  { name: "backplane", namespace: "backplane", options: [] },
  { name: "backplane-explicit", namespace: "backplane+explicit", options: [] },
  { name: "backplane-interrupts", namespace: "backplane+interrupts", options: [] },
  { name: "backplane-quick", namespace: "backplane+quick", options: [] },
  { name: "node-optimizing", namespace: "node", options: ["--no-liftoff"] },
  { name: "node", namespace: "node", options: [] },
];

/** For compile throughput Node must not be lazy and must use one thread, as this engine does. */
const eagerOptions = ["--no-wasm-lazy-compilation", "--wasm-num-compilation-tasks=1", "--single-threaded"];

interface Result {
  readonly program: string;
  readonly engine: string;
  readonly unit: string;
  readonly better: "low" | "high";
  readonly values: number[];
  /** First runs, which include compilation, where a program is run several times. */
  readonly firsts: number[];
  readonly notes: Set<string>;
  readonly failures: string[];
}

function runOnce(engine: Engine, program: Program): Promise<Measurement> {
  const script = fileURLToPath(new URL("./measure.js", import.meta.url));
  const extra = program.kind === "compile" && engine.namespace === "node" ? eagerOptions : [];
  const args = [...engine.options, ...extra, script, engine.namespace, program.name];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: 180_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error !== null)
        reject(new Error(stderr.split("\n").find((line) => /Error|error/.test(line)) ?? error.message));
      else resolve(JSON.parse(stdout) as Measurement);
    });
  });
}

interface Stage {
  readonly stage: string;
  readonly milliseconds: number;
}

/** Where the time of compiling goes, read from the table that BACKPLANE_TIME prints. */
function stagesOf(engine: Engine, program: Program): Promise<Stage[]> {
  const script = fileURLToPath(new URL("./measure.js", import.meta.url));
  const env = { ...process.env, BACKPLANE_TIME: "1" };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, engine.namespace, program.name],
      { timeout: 180_000, env },
      (_error, _out, stderr) => {
        const rows = [...stderr.matchAll(/^(\S.*?)\s+(\d+\.\d)\s+\d+$/gm)];
        resolve(rows.map(([, stage, time]) => ({ stage: stage as string, milliseconds: Number(time) })));
      },
    );
  });
}

/** The ratio of two engines' speeds, round by round, and its spread. */
function compare(ours: Result, theirs: Result): { ratio: number; spread: number } | undefined {
  const rounds = Math.min(ours.values.length, theirs.values.length);
  if (rounds === 0) return undefined;
  const ratios = Array.from({ length: rounds }, (_, i) => {
    const [a, b] = [ours.values[i] as number, theirs.values[i] as number];
    return ours.better === "high" ? a / b : b / a;
  });
  return { ratio: median(ratios), spread: spread(ratios) };
}

async function measureProgram(
  program: Program,
  chosen: readonly Engine[],
  repeat: number,
): Promise<Result[]> {
  const results = new Map<string, Result>();
  for (let round = 0; round < repeat; round++) {
    for (let turn = 0; turn < chosen.length; turn++) {
      const engine = chosen[(turn + round) % chosen.length] as Engine;
      try {
        const { value, unit, better, note, first } = await runOnce(engine, program);
        const result = results.get(engine.name) ?? { ...emptyResult(program, engine), unit, better };
        results.set(engine.name, result);
        result.values.push(value);
        if (first !== undefined) result.firsts.push(first);
        result.notes.add(note);
      } catch (error) {
        const failed = results.get(engine.name) ?? emptyResult(program, engine);
        results.set(engine.name, failed);
        failed.failures.push((error as Error).message);
        if (failed.failures.length > 1) break;
      }
    }
  }
  return chosen.map((engine) => results.get(engine.name) ?? emptyResult(program, engine));
}

function emptyResult(program: Program, engine: Engine): Result {
  return {
    program: program.name,
    engine: engine.name,
    unit: "",
    better: "low",
    values: [],
    firsts: [],
    notes: new Set(),
    failures: [],
  };
}

function shown(result: Result | undefined): string {
  if (result === undefined) return "";
  if (result.values.length === 0) return "failed";
  return `${median(result.values).toPrecision(4)} ±${(spread(result.values) * 100).toFixed(1)}%`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(28) : cell.padStart(i === 1 ? 14 : 20))).join("");
}

/** One program's line, and what is wrong with it below. */
function report(results: readonly Result[], chosen: readonly Engine[]): string {
  const ours = results[0] as Result;
  const unit = results.find((result) => result.unit !== "")?.unit ?? "";
  const cells = [ours.program, unit, ...results.map(shown)];
  for (let i = 1; i < chosen.length; i++) {
    const compared = compare(ours, results[i] as Result);
    cells.push(
      compared === undefined ? "-" : `${compared.ratio.toFixed(3)} ±${(compared.spread * 100).toFixed(1)}%`,
    );
  }
  const lines = [row(cells)];
  const notes = new Set(results.flatMap((result) => [...result.notes]));
  if (notes.size > 1) lines.push(`    results differ: ${[...notes].join(" / ")}`);
  for (const result of results)
    if (result.failures.length > 0) lines.push(`    ${result.engine}: ${result.failures[0]}`);
  return lines.join("\n");
}

function asJson(all: readonly Result[][], chosen: readonly Engine[], stages: readonly Stage[]): string {
  const programs = all.map((results) => ({
    program: (results[0] as Result).program,
    unit: results.find((result) => result.unit !== "")?.unit ?? "",
    better: results.find((result) => result.unit !== "")?.better,
    engines: Object.fromEntries(
      results.map((result) => [
        result.engine,
        {
          values: result.values,
          firsts: result.firsts,
          median: result.values.length > 0 ? median(result.values) : null,
          failures: result.failures,
        },
      ]),
    ),
    ratios: Object.fromEntries(
      chosen
        .slice(1)
        .map((engine, i) => [engine.name, compare(results[0] as Result, results[i + 1] as Result) ?? null]),
    ),
  }));
  const about = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    date: new Date().toISOString(),
  };
  return `${JSON.stringify({ ...about, programs, compileStages: stages }, undefined, 2)}\n`;
}

function printMeans(all: readonly Result[][], chosen: readonly Engine[]): void {
  for (let i = 1; i < chosen.length; i++) {
    const ratios = all.flatMap((results) => compare(results[0] as Result, results[i] as Result)?.ratio ?? []);
    if (ratios.length === 0) continue;
    const [ours, theirs] = [(chosen[0] as Engine).name, (chosen[i] as Engine).name];
    console.log(
      `geometric mean of ${ratios.length} speeds, ${ours} / ${theirs}: ${geometricMean(ratios).toFixed(3)}`,
    );
  }
}

const { values: options } = parseArgs({
  options: {
    repeat: { type: "string", default: "5" },
    filter: { type: "string", default: "" },
    json: { type: "string" },
    engine: { type: "string", multiple: true },
  },
});
const wanted = options.engine ?? ["backplane", "node-optimizing"];
const chosen = engines.filter((engine) => wanted.includes(engine.name));
const filters = options.filter.split(",");
const programs = allPrograms().filter((program) => filters.some((text) => program.name.includes(text)));
const repeat = Math.max(1, Number(options.repeat) || 1);
if (chosen.length === 0 || programs.length === 0) {
  console.error(
    `nothing to run: corpora at ${corporaFolder()}, engines ${engines.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}
console.log(
  `${repeat} rounds; median ± half the quartile distance; a speed ratio above 1 means ${chosen[0]?.name} is faster`,
);
console.log(
  row([
    "program",
    "unit",
    ...chosen.map(({ name }) => name),
    ...chosen.slice(1).map(({ name }) => `speed / ${name}`),
  ]),
);
const all: Result[][] = [];
const stages: Stage[] = [];
for (const program of programs) {
  const results = await measureProgram(program, chosen, repeat);
  all.push(results);
  console.log(report(results, chosen));
  const first = chosen[0] as Engine;
  if (program.kind !== "compile" || first.namespace === "node") continue;
  for (const stage of await stagesOf(first, program)) {
    stages.push(stage);
    console.log(`    ${stage.stage.padEnd(24)}${stage.milliseconds.toFixed(0).padStart(8)} ms`);
  }
}
for (const [name, reason] of leftOut)
  if (filters.some((text) => name.includes(text))) console.log(`left out: ${name}: ${reason}`);
printMeans(all, chosen);
if (options.json !== undefined) writeFileSync(options.json, asJson(all, chosen, stages));
if (all.some((results) => results.some((result) => result.failures.length > 0))) process.exitCode = 1;
