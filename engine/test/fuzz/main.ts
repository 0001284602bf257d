/**
 * The command of the fuzzer, compiled to `engine/test/fuzz/main.js`:
 *
 *     node main.js [--from SEED] [--count N] [--source own|binaryen|damaged] [--size N]
 *                  [--bounds guard|explicit] [--ahead|--lazy] [--candidate backplane|node] [--out DIR]
 *                  [--seconds N] [--no-shrink]
 *     node main.js --file MODULE.wasm [--seed N] [...]
 *
 * Compares the candidate with Node's own engine on each module. A difference is printed with its seed, shrunk, and
 * written to `DIR/SOURCE-SEED.wasm` (`.` by default). Ends with `N passed, N failed, N skipped`; exit code 1 upon a failure.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

import { namespaceByName, nodeNamespace } from "../support/namespace.js";
import { Random } from "../support/random.js";
import { binaryenModule } from "./binaryen-source.js";
import { compareDamaged, openOracle } from "./compare-damaged.js";
import { compareEngines } from "./compare-engines.js";
import { generateModule } from "./generate-module.js";
import { mutateModule } from "./mutate-module.js";
import { shrinkModule } from "./shrink-module.js";

const { values: options } = parseArgs({
  options: {
    from: { type: "string", default: "0" },
    count: { type: "string", default: "1000" },
    source: { type: "string", default: "own" },
    size: { type: "string", default: "350" },
    bounds: { type: "string", default: "guard" },
    ahead: { type: "boolean", default: false },
    lazy: { type: "boolean", default: false },
    candidate: { type: "string", default: "backplane" },
    out: { type: "string", default: "." },
    seconds: { type: "string", default: "0" },
    "no-shrink": { type: "boolean", default: false },
    file: { type: "string" },
    seed: { type: "string", default: "0" },
  },
});

const candidate = await namespaceByName(options.candidate, {
  bounds: options.bounds === "explicit" ? "explicit" : "guard",
  compile: options.ahead ? "ahead" : "lazy",
});
const totals = { passed: 0, failed: 0, skipped: 0 };

function print(line: string): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  process.stdout.write(`${line}\n`);
}

function keep(name: string, bytes: Uint8Array): void {
  mkdirSync(options.out, { recursive: true });
  const file = join(options.out, `${name}.wasm`);
  writeFileSync(file, bytes);
  print(`  ${bytes.length} bytes in ${file}`);
}

/** Compares one valid module; `name` is for the report. */
function compareOne(name: string, bytes: Uint8Array, seed: number): void {
  const compare = (candidateBytes: Uint8Array) => compareEngines(nodeNamespace, candidate, candidateBytes, { seed });
  const { difference, exhausted } = compare(bytes);
  if (difference === undefined) {
    totals[exhausted ? "skipped" : "passed"]++;
    return;
  }
  totals.failed++;
  print(`${name}: expected ${difference.expected}\n${" ".repeat(name.length)}  got      ${difference.actual}`);
  if (options["no-shrink"]) return keep(name, bytes);
  const small = shrinkModule(bytes, (smaller) => compare(smaller).difference !== undefined);
  const last = compare(small).difference;
  print(`  shrunk from ${bytes.length}: expected ${last?.expected}, got ${last?.actual}`);
  keep(name, small);
}

async function damagedRunner(): Promise<(seed: number) => void> {
  const oracle = await openOracle();
  let base: Uint8Array = generateModule(0);
  return (seed) => {
    // A base serves for twenty mutants: making it costs more than damaging it.
    base = generateModule(Math.floor(seed / 20), { size: 60 });
    const bytes = mutateModule(base, new Random(seed));
    const outcome = compareDamaged(nodeNamespace, candidate, bytes, oracle, seed);
    if (outcome.kind === "newer") totals.skipped++;
    else if (outcome.kind !== "wrong") totals.passed++;
    else {
      totals.failed++;
      print(`damaged-${seed}: ${outcome.what}`);
      keep(`damaged-${seed}`, bytes);
    }
  };
}

async function runnerOf(source: string): Promise<(seed: number) => void | Promise<void>> {
  if (source === "damaged") return damagedRunner();
  if (source === "binaryen") {
    return async (seed) => compareOne(`binaryen-${seed}`, await binaryenModule(seed), seed);
  }
  if (source !== "own") throw new Error(`unknown source ${source}: own, binaryen or damaged`);
  return (seed) => compareOne(`own-${seed}`, generateModule(seed, { size: Number(options.size) }), seed);
}

async function runMany(): Promise<void> {
  const run = await runnerOf(options.source);
  const from = Number(options.from);
  const end = from + Number(options.count);
  const started = Date.now();
  const limit = Number(options.seconds) * 1000 || Number.POSITIVE_INFINITY;
  for (let seed = from; seed < end && Date.now() - started < limit; seed++) {
    await run(seed);
    if (process.stderr.isTTY && seed % 20 === 0) {
      process.stderr.write(`\r${options.source} ${seed - from} of ${end - from}, ${totals.failed} failed`);
    }
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
}

if (options.file !== undefined) {
  compareOne(basename(options.file, ".wasm"), readFileSync(options.file), Number(options.seed));
} else await runMany();
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;
