/**
 * Measures all figures of the plugin host and prints them as a table. Ends with 1 if an answer was wrong, not if a figure was
 * missed: that depends on the machine, which has to be quiet.
 *
 *     npm run -s figures:plugin-host [-- PARTS]
 *
 * PARTS, without any all of them, about three minutes: reload, counter, dispose, throwing, calls, cache.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "../../../../engine/bench/statistics.js";
import { type Cost, marshallingCosts } from "../../../bench/marshalling.js";
import { countThroughReloads } from "../counter.js";
import type { CycleFigures } from "../load-dispose.js";
import { runParts } from "../parts.js";
import { reloadUnderLoad } from "../reload-under-load.js";
import { milliseconds, type Row, require } from "../row.js";
import { throwOften } from "../throwing.js";

const load = { calls: 20_000, callers: 50, reloads: 100 };

async function reload(): Promise<Row[]> {
  const what = "reload under load: 20,000 calls of 50 callers, 100 reloads";
  const { answered, failed, mixed, generations, residentAfterTenth, residentAtEnd } =
    await reloadUnderLoad(load);
  require(answered === load.calls &&
    failed === 0 &&
    mixed === 0, `${what}: ${failed} failed, ${mixed} mixed`);
  const growth = (100 * residentAtEnd) / residentAfterTenth - 100;
  return [
    {
      what,
      asked: "none lost, failed, or answered by two generations",
      measured: `${answered} answered by ${generations} generations`,
      within: true,
    },
    {
      what: "  resident memory at the end, over that after the tenth reload",
      asked: "within 10 %",
      measured: `${growth.toFixed(1)} %`,
      within: growth <= 10,
    },
  ];
}

async function counter(): Promise<Row> {
  const what = "a counter around an awaited host function, handed over 100 times";
  const { count, handedOver } = await countThroughReloads(load);
  const measured = `${count} of ${load.calls}, ${handedOver} times`;
  require(count === load.calls && handedOver === load.reloads, `${what}: ${measured}`);
  return { what, asked: "the exact total", measured, within: true };
}

/** What a script of this folder prints, run by a process of its own. */
function printed(script: string, args: readonly string[] = []): string {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  return execFileSync(process.execPath, [path, ...args], { encoding: "utf8" });
}

function dispose(): Row {
  const { resident, heap } = JSON.parse(printed("load-dispose.js")) as CycleFigures;
  return {
    what: "resident memory that a cycle of load, call and dispose leaves, of 20,000",
    asked: "at most 1024 B",
    measured: `${resident} B, of which objects ${heap} B`,
    within: resident <= 1024,
  };
}

async function throwing(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [file, how] of [
    ["frames-exported.wasm", "stack pointer exported"],
    ["frames.wasm", "not exported"],
  ] as const) {
    const what = `100,000 throwing host calls, C plugin, 1 KiB frames, ${how}`;
    const { failed, next, expected, replaced } = await throwOften(file, 100_000);
    require(failed === 100_000 && next === expected, `${what}: ${failed} failed, then ${String(next)}`);
    const measured = `it is; ${replaced} instances replaced`;
    rows.push({ what, asked: "the next call is right", measured, within: true });
  }
  return rows;
}

async function calls(): Promise<Row[]> {
  const costs = await marshallingCosts(300);
  const cost = (name: string): Cost => costs.get(name) as Cost;
  const row = (what: string, most: number, { best, median: middle }: Cost): Row => ({
    what,
    asked: `at most ${most} us`,
    measured: `${(middle / 1000).toFixed(2)} us median, ${(best / 1000).toFixed(2)} best`,
    within: middle / 1000 <= most,
  });
  const typed = cost("host call (string) -> string, 20 bytes");
  const raw = cost("host call (i32, i32) -> i64, untyped");
  const over = { best: typed.best - raw.best, median: typed.median - raw.median };
  return [
    row("plugin.call, 20 bytes in and out, no host call", 0.8, cost("plugin.call, 20 bytes in and out")),
    row("  with signal and timeout", 1.2, cost("plugin.call, 20 bytes, signal and timeout")),
    row("host function (string) -> string, 20 bytes, over the raw host call", 0.4, over),
  ];
}

/** Rounds of a start without compiled code and one that finds it. */
const starts = 3;

function cache(): Row {
  const folder = mkdtempSync(join(tmpdir(), "backplane-figures-"));
  try {
    const start = (): number => Number(printed("first-format.js", [join(folder, "cache")]));
    const [cold, warm]: [number[], number[]] = [[], []];
    for (let i = 0; i < starts; i++) {
      rmSync(join(folder, "cache"), { recursive: true, force: true });
      cold.push(start());
      warm.push(start());
    }
    return {
      what: "@dprint/typescript: loading and the first format, compiled code on disk",
      asked: `without it ${milliseconds(median(cold))}`,
      measured: milliseconds(median(warm)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runParts(
  { reload, counter, dispose, throwing, calls, cache },
  "Containment and the texts of type errors are in the tests: contained.test.ts, types.test.ts.",
);
