/**
 * Runs the engine's arm64 code under emulation: `npm run test:arm64 -- [--short] [--counts FILE] [PART...]`.
 *
 * Parts: spec, hand-over, fuzz, execution, lowering, threads, packages; without any all of them, with `--short` those that fit into
 * eight minutes of two processors. Only the code under test is emulated: what makes random modules, runs ava and compares
 * transcripts is this machine's own Node. Closes with `arm64: N passed, N failed, N skipped`; `--counts` writes the three
 * numbers as JSON. What can't be installed is skipped, each part as one, and says so. Exit code 1 upon a failure.
 */
import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareTools } from "./arm64/tools.mjs";
import { root, runAva } from "./run-ava.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: "boolean", default: false },
    counts: { type: "string" },
    modules: { type: "string", default: "300" },
  },
});

/** Emulated address spaces take memory: a process with many memories has gigabytes of tables for them. */
const mostLanes = 4;
const mostModules = 500;

const dist = (...parts) => join(root, "dist", "engine", "test", ...parts);

/** Runs a program whose last line is `N passed, N failed, N skipped`. */
function runCounted(command, args, write) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => {
        output += chunk;
        write(chunk);
      });
    }
    child.on("close", (code) => {
      const line = /^(\d+) passed, (\d+) failed, (\d+) skipped\n?$/m.exec(output);
      const [passed, failed, skipped] = line === null ? [0, 1, 0] : line.slice(1).map(Number);
      resolve({ passed, failed: failed === 0 && code !== 0 ? 1 : failed, skipped });
    });
  });
}

const skipped = (reason, write) => {
  write(`skipped: ${reason}\n`);
  return { passed: 0, failed: 0, skipped: 1 };
};

/** The scripts in pieces: one process would hold the memories of all. */
async function specSteps(nodes) {
  const { corpusFolder, missingCorpus } = await import(dist("support", "corpora.js"));
  const folder = corpusFolder("spec-2.0");
  if (folder === undefined) {
    return [{ name: "spec", run: async (write) => skipped(missingCorpus("spec-2.0"), write) }];
  }
  const scripts = readdirSync(folder).filter((file) => file.endsWith(".wast"));
  const pieces = 6;
  const piece = (n) => scripts.filter((_, i) => i % pieces === n).map((file) => join(folder, file));
  return [
    [22, "guard pages", []],
    [20, "explicit checks", ["--explicit-bounds"]],
  ].flatMap(([version, name, flags]) =>
    Array.from({ length: pieces }, (_, n) => ({
      name: `spec-2.0, ${name}, ${n + 1} of ${pieces}`,
      run: (write) =>
        runCounted(nodes[version].command, [dist("spec", "main.js"), ...flags, ...piece(n)], write),
    })),
  );
}

/** Random modules come from this machine's Node, which also looks at the answers; both engines run emulated. */
function fuzzSteps(nodes) {
  const count = Number(options.modules);
  const half = Math.ceil(count / 2);
  const pieces = [];
  for (let from = 0; from < count; ) {
    const isGuarded = from < half;
    const modules = Math.min(mostModules, (isGuarded ? half : count) - from);
    pieces.push(isGuarded ? [22, "guard", from, modules] : [20, "explicit", from, modules]);
    from += modules;
  }
  return pieces.map(([version, bounds, from, modules]) => ({
    name: `${modules} random modules from ${from}, ${bounds}`,
    run: (write) =>
      runCounted(
        process.execPath,
        [
          ...["--require", nodes[version].preload, dist("fuzz", "main.js"), "--no-shrink", "--limit", "600"],
          ...["--from", String(from), "--count", String(modules), "--bounds", bounds],
          ...["--out", join(root, "dist", "fuzz-arm64")],
        ],
        write,
      ),
  }));
}

/** Test files whose workers run emulated. */
function avaStep(name, files) {
  return (nodes) => [
    {
      name,
      run: (write) =>
        runAva(
          ["--timeout=30m", "--concurrency=1", ...files.map((file) => `dist/engine/test/${file}.test.js`)],
          {
            nodeArgs: ["--require", nodes[22].preload],
            write,
          },
        ),
    },
  ];
}

/** Runs on this machine's Node, which hands what it has compiled over to the emulated one. */
function handOverStep(nodes) {
  process.env.BACKPLANE_ARM64_NODE = nodes[22].command;
  return [
    {
      name: "code compiled on this machine",
      run: (write) => runAva(["dist/engine/test/runtime/compiled-module.test.js"], { write }),
    },
  ];
}

const runtime = [
  "calls",
  "clock",
  "fuel",
  "limits",
  "neighbouring-accesses",
  "promise-integration",
  "refusals",
  "snapshot",
  "vectors",
];
const parts = {
  spec: specSteps,
  "hand-over": handOverStep,
  execution: avaStep("fibers, host calls, traps, limits, snapshots", [
    "isa/fault-handler",
    "lower/programs",
    ...runtime.map((file) => `runtime/${file}`),
  ]),
  fuzz: fuzzSteps,
  lowering: avaStep("every operation", ["lower/operations", "lower/patterns", "lower/vectors"]),
  threads: avaStep("threads", ["runtime/threads"]),
  packages: avaStep("packages", ["packages/packages", "js-api/js-api"]),
};
const inShort = ["spec", "hand-over", "execution", "fuzz"];

function chosenParts() {
  const unknown = positionals.filter((name) => !(name in parts));
  if (unknown.length > 0) throw new Error(`no part ${unknown.join(", ")}: ${Object.keys(parts).join(", ")}`);
  if (positionals.length > 0) return positionals;
  return options.short ? inShort : Object.keys(parts);
}

async function runStep(step, totals) {
  const started = Date.now();
  let output = "";
  const counts = await step.run((text) => {
    output += text;
  });
  for (const kind of ["passed", "failed", "skipped"]) totals[kind] += counts[kind];
  const seconds = Math.round((Date.now() - started) / 1000);
  // The steps run side by side: what one says is kept together, and only read when something is wrong with it.
  if (counts.failed > 0 || counts.passed === 0) console.log(output.slice(-20_000).trimEnd());
  const { passed, failed, skipped } = counts;
  console.log(`arm64: ${step.name}: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds} s)`);
}

async function main() {
  const names = chosenParts();
  const totals = { passed: 0, failed: 0, skipped: 0 };
  let nodes;
  try {
    nodes = prepareTools();
  } catch (error) {
    console.log(`arm64: not tested, its tools can't be installed: ${error.message}`);
    totals.skipped = names.length;
  }
  if (nodes !== undefined) {
    const steps = (await Promise.all(names.map((name) => parts[name](nodes)))).flat();
    const lane = async () => {
      for (let step = steps.shift(); step !== undefined; step = steps.shift()) await runStep(step, totals);
    };
    await Promise.all(Array.from({ length: Math.min(availableParallelism(), mostLanes) }, lane));
  }
  if (options.counts) writeFileSync(options.counts, JSON.stringify(totals));
  console.log(`arm64: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
}

await main();
