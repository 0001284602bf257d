// The process survives, the right error arrives and memory stays: traps of every kind, stack overflows under a
// profiler, workers that are ended, references that are dropped. Each runs in a child process; by hand at full size:
// survival.slow.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { compiledPath, runNode } from "../packages/run-scenario.js";

async function survives(
  t: ExecutionContext,
  options: string[],
  script: string,
  args: string[],
  engine = "backplane",
): Promise<string> {
  const seconds = 60;
  t.timeout(seconds * 2000);
  const result = await runNode([...options, compiledPath(`../limits/${script}.js`), engine, ...args], {
    timeout: seconds * 1000,
  });
  t.is(result.signal, null, `${script} ${args.join(" ")} was killed: ${result.stderr.slice(-1000)}`);
  t.is(result.code, 0, `${result.stderr.slice(-2000)}\n${result.stdout.slice(0, 2000)}`);
  return result.stdout;
}

async function profiled(t: ExecutionContext, args: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "backplane-profile-"));
  try {
    const options = ["--cpu-prof", "--cpu-prof-interval", "100", "--cpu-prof-dir", folder];
    t.is(await survives(t, options, "overflow-storm", args), "survived");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function traps(t: ExecutionContext, rounds: number, engine: string): Promise<void> {
  const text = await survives(t, [], "trap-storm", [String(rounds)], engine);
  const seen = JSON.parse(text) as { accesses: number; kinds: number; wrong: string[] };
  t.deepEqual(seen.wrong, []);
  t.true(seen.accesses > 5000 && seen.kinds > 100);
}

test.serial("every trap is the right one, a thousand times over", (t) => traps(t, 1000, "backplane"));
for (const option of ["explicit", "interrupts", "quick", "ahead"]) {
  test.serial(`every trap is the right one with the option ${option}`, (t) =>
    traps(t, 20, `backplane+${option}`),
  );
}

test.serial("stack overflows under the profiler", (t) => profiled(t, ["1500"]));
test.serial("stack overflows under the profiler, in a worker and the main thread", (t) =>
  profiled(t, ["400", "worker"]),
);

test.serial("a worker ended in the middle of a call", async (t) => {
  t.is(await survives(t, [], "terminated-worker", ["4"]), "survived");
});

test.serial("linked instances in cycles are collected", async (t) => {
  await survives(t, ["--expose-gc"], "references", ["pairs", "1000"]);
});

test.serial("references through one call: memory is level", async (t) => {
  await survives(t, ["--expose-gc"], "references", ["stream", "200000"]);
});

test.serial("references held by a table and let go", async (t) => {
  await survives(t, ["--expose-gc"], "references", ["kept", "200000"]);
});
