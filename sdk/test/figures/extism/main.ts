/**
 * Extism plugins by Backplane and by Extism's SDK, on the main thread and in its worker, in one table; and their guests alone, by
 * both engines. Processes take turns; each figure is the median of their medians. Ends with 1 if a call gave a wrong result,
 * not if a figure was missed: that depends on the machine, which has to be quiet.
 *
 *     npm run -s figures:extism [-- ROUNDS]
 *
 * Extism's SDK is looked for in BACKPLANE_EXTISM (its dist/esm/mod.js) and in node_modules.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median } from "../../../../engine/bench/statistics.js";
import { missingCorpus } from "../../../../engine/test/support/corpora.js";
import { extismSdk, missingExtism } from "../extism-sdk.js";
import { type Program, programs } from "./plugins.js";

const rounds = Number(process.argv[2] ?? 5);

/** Microseconds. Errors: Error with what went wrong there. */
function once(script: string, args: readonly string[]): number {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status === 0) return Number(stdout);
  throw new Error(`${script} ${args.join(" ")}: ${/^\w*Error: .{0,300}/m.exec(stderr)?.[0] ?? "failed"}`);
}

/** The median of each column, which take turns. */
function inTurns(columns: readonly (() => number)[]): number[] {
  const figures: number[][] = columns.map(() => []);
  for (let round = 0; round < rounds; round++) {
    columns.forEach((column, i) => void figures[i].push(column()));
  }
  return figures.map(median);
}

function shown(us: number | undefined): string {
  if (us === undefined) return "";
  return us < 1000 ? `${us.toFixed(2)} us` : `${(us / 1000).toFixed(2)} ms`;
}

/** What the table asks for: microseconds, or a share of the worker's time. */
const asked: Readonly<Record<string, { text: string; holds(own: number, worker: number): boolean }>> = {
  count_vowels: { text: "at most 3 us", holds: (own) => own <= 3 },
  consume: { text: "at most 500 us", holds: (own) => own <= 500 },
  host_function: { text: "a tenth of the worker's", holds: (own, worker) => own <= worker / 10 },
  async_function: { text: "a tenth of the worker's", holds: (own, worker) => own <= worker / 10 },
};

function row(name: string, program: Program, sdk: string | undefined): string[] {
  const measured = (which: string, mode: string) => (): number => once("measure.js", [name, which, mode]);
  const columns = [measured("backplane", "foreground")];
  if (sdk !== undefined) columns.push(measured(sdk, "worker"));
  if (sdk !== undefined && !program.waits) columns.push(measured(sdk, "foreground"));
  const [own, worker, foreground] = inTurns(columns);
  const { text, holds } = asked[name];
  const known = worker !== undefined || !text.includes("worker");
  const holding = known ? (holds(own, worker) ? "yes" : "no") : "";
  return [program.title, shown(own), shown(foreground), shown(worker), text, holding];
}

function print(lines: readonly string[][]): void {
  const [head, ...rest] = lines;
  for (const line of [head, head.map(() => "---"), ...rest]) console.log(`| ${line.join(" | ")} |`);
}

const sdk = extismSdk();
if (sdk === undefined) console.log(`Extism's SDK: ${missingExtism}\n`);
const here = Object.entries(programs).filter(([, program]) => program.module() !== undefined);
if (here.length < Object.keys(programs).length) console.log(`${missingCorpus("extism")}\n`);

const head = ["a call", "Backplane", "Extism's SDK", "in its worker", "asked", ""];
print([head, ...here.map(([name, program]) => row(name, program, sdk))]);

console.log();
const guests = here.filter(([name]) => !name.endsWith("_function"));
print([
  ["the guest alone", "Backplane", "Node's own engine"],
  ...guests.map(([name, { title }]) => {
    const measured = (engine: string) => (): number => once("guest.js", [name, engine]);
    return [title, ...inTurns([measured("backplane"), measured("node")]).map(shown)];
  }),
]);
