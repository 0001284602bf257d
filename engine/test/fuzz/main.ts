/**
 * The command of the fuzzer, compiled to `engine/test/fuzz/main.js`:
 *
 *     node main.js [--from SEED] [--count N] [--source own|binaryen|damaged] [--size N]
 *                  [--bounds guard|explicit] [--ahead|--lazy] [--candidate backplane|node] [--out DIR]
 *                  [--seconds N] [--limit SECONDS of one comparison] [--no-shrink] [--base MODULE.wasm: what to damage, instead of random modules]
 *     node main.js --file MODULE.wasm [--seed N] [...]
 *
 * Compares the candidate with Node's own engine on each module. A difference is printed with its seed, shrunk, and
 * written to `DIR/SOURCE-SEED.wasm` (`.` by default). Ends with `N passed, N failed, N skipped`; exit code 1 upon a failure.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

import { nodeNamespace } from "../support/namespace.js";
import { Random } from "../support/random.js";
import { binaryenModule } from "./binaryen-source.js";
import { generateModule } from "./generate-module.js";
import { mutateModule } from "./mutate-module.js";
import { CompareProcess, NO_END } from "./run-compare-process.js";
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
    base: { type: "string" },
    seed: { type: "string", default: "0" },
    limit: { type: "string", default: "20" },
  },
});

const comparing = new CompareProcess(
  {
    candidate: options.candidate,
    engine: {
      bounds: options.bounds === "explicit" ? "explicit" : "guard",
      compile: options.ahead ? "ahead" : "lazy",
    },
  },
  Number(options.limit) * 1000,
);
/** A shrunk candidate may run for ever; a real module is much faster than this. */
const SHRINK_LIMIT = 1500;
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

/** Compares one module; `name` is for the report. */
async function compareOne(name: string, bytes: Uint8Array, seed: number, damaged = false): Promise<void> {
  const { kind, what } = await comparing.run({ bytes, seed, damaged });
  if (kind !== "different") {
    totals[kind === "same" ? "passed" : "skipped"]++;
    return;
  }
  totals.failed++;
  print(`${name}: ${what}`);
  if (options["no-shrink"] || damaged) return keep(name, bytes);
  const hangs = what?.startsWith(NO_END) === true;
  const fails = async (smaller: Uint8Array) => {
    const outcome = await comparing.run({ bytes: smaller, seed, damaged }, SHRINK_LIMIT);
    return outcome.kind === "different" && (outcome.what?.startsWith(NO_END) === true) === hangs;
  };
  const small = await shrinkModule(bytes, fails, { milliseconds: hangs ? 90_000 : 20_000 });
  const last = await comparing.run({ bytes: small, seed, damaged });
  print(`  shrunk from ${bytes.length} bytes: ${last.what}`);
  keep(name, small);
}

function damagedRunner(): (seed: number) => Promise<void> {
  const fixed = options.base === undefined ? undefined : readFileSync(options.base);
  let base: Uint8Array = fixed ?? generateModule(0);
  let baseSeed = -1;
  return (seed) => {
    // A base serves for twenty mutants: making it costs more than damaging it.
    if (fixed === undefined && Math.floor(seed / 20) !== baseSeed) {
      baseSeed = Math.floor(seed / 20);
      base = generateModule(baseSeed, { size: 60 });
    }
    return compareOne(`damaged-${seed}`, mutateModule(base, new Random(seed)), seed, true);
  };
}

function runnerOf(source: string): (seed: number) => Promise<void> {
  if (source === "damaged") return damagedRunner();
  if (source === "binaryen") {
    return async (seed) => {
      const bytes = await binaryenModule(seed);
      // Now and then it emits an instruction past 2.0 whatever features it was told.
      if (nodeNamespace.validate(bytes)) return compareOne(`binaryen-${seed}`, bytes, seed);
      totals.skipped++;
    };
  }
  if (source !== "own") throw new Error(`unknown source ${source}: own, binaryen or damaged`);
  return (seed) => compareOne(`own-${seed}`, generateModule(seed, { size: Number(options.size) }), seed);
}

async function runMany(): Promise<void> {
  const run = runnerOf(options.source);
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
  await compareOne(basename(options.file, ".wasm"), readFileSync(options.file), Number(options.seed));
} else await runMany();
comparing.close();
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;
