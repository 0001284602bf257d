// CoreMark on this engine and on Node's, taking turns in one process, on a clock that is told to: as many iterations each
// time, so that their times compare. This engine's both compiled as functions are called, the default, and ahead. Runs under emulation, see scripts/bench-arm64.mjs:
//   node --no-liftoff coremark.js ROUNDS [COUNTER: a file whose first 8 bytes are the instructions executed so far]
// Leaves: one line of JSON, a list of { engine, milliseconds, processor, instructions } in the order of the runs: wall time,
// processor time of all threads in milliseconds, and 0 instructions without a counter. Each engine has run once before, so functions are compiled.

import { openSync, readFileSync, readSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { createNamespace, WebAssembly as lazy } from "../../index.js";
import { allPrograms } from "../programs.js";

/** One run of CoreMark. */
export interface CoremarkRun {
  readonly engine: "backplane" | "backplane-ahead" | "node";
  readonly milliseconds: number;
  readonly processor: number;
  readonly instructions: number;
}

/** How often the program's trial runs are told that too little time has passed; each has ten times the iterations. */
const trials = 2;

interface Instance {
  readonly exports: { readonly run: () => number };
}
interface Namespace {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => unknown;
}

/** A function that runs CoreMark. It asks for the time before and after each of its runs. */
function coremarkOn(engine: Namespace): () => number {
  const program = allPrograms().find(({ name }) => name === "coremark-minimal");
  if (program === undefined) throw new Error("coremark-minimal is not in the corpora");
  let asked = 0;
  let time = 0;
  const clock = (): bigint => {
    asked++;
    if (asked % 2 === 0) time += asked / 2 <= trials ? 100 : 10_000;
    return BigInt(time);
  };
  const module = new engine.Module(readFileSync(program.file as string));
  const instance = new engine.Instance(module, { env: { clock_ms: clock } }) as Instance;
  return () => {
    asked = 0;
    time = 0;
    return instance.exports.run();
  };
}

function counterOf(file: string | undefined): () => number {
  if (file === undefined) return () => 0;
  const descriptor = openSync(file, "r");
  const bytes = Buffer.alloc(8);
  return () => {
    readSync(descriptor, bytes, 0, 8, 0);
    return Number(bytes.readBigUInt64LE());
  };
}

const [rounds, counterFile] = process.argv.slice(2);
const counter = counterOf(counterFile);
const ahead = createNamespace({ compile: "ahead" });
const native = (globalThis as unknown as { WebAssembly: Namespace }).WebAssembly;
const engines = [
  { engine: "backplane", run: coremarkOn(lazy as unknown as Namespace) },
  { engine: "backplane-ahead", run: coremarkOn(ahead as unknown as Namespace) },
  { engine: "node", run: coremarkOn(native) },
] as const;

const scores = new Set(engines.map(({ run }) => run()));
if (scores.size !== 1 || scores.has(0)) throw new Error(`scores differ: ${[...scores].join(" and ")}`);

const runs: CoremarkRun[] = [];
for (let round = 0; round < Number(rounds ?? 3); round++) {
  for (const { engine, run } of round % 2 === 0 ? engines : [...engines].reverse()) {
    const before = counter();
    const [started, used] = [performance.now(), process.cpuUsage()];
    run();
    const milliseconds = performance.now() - started;
    const { user, system } = process.cpuUsage(used);
    runs.push({ engine, milliseconds, processor: (user + system) / 1000, instructions: counter() - before });
  }
}
process.stdout.write(`${JSON.stringify(runs)}\n`);
