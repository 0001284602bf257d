/**
 * Runs a program of the corpora on several engines that take turns in this process, in an order that changes from round to
 * round. Prints as JSON, for each engine, what its runs took; by round.
 *
 *     node --expose-gc paired-runs.js ENGINES PROGRAM SECONDS LEAST
 *
 * ENGINES by their names with commas between, as in bench's `measure`. Rounds go on for SECONDS, and there are LEAST at least.
 */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { allPrograms } from "../../../../engine/bench/programs.js";
import { type Namespace, runCoremark, runWasi } from "../../../../engine/bench/run-program.js";
import { inScopeOf, namespaceOf } from "../../../../engine/test/limits/engine-namespace.js";
import { require } from "../row.js";

const [names, name, seconds, least] = process.argv.slice(2) as [string, string, string, string];
const program = allPrograms().find((one) => one.name === name);
if (program?.file === undefined) throw new Error(`no program named ${name}`);
const bytes = readFileSync(program.file);

/** What a run takes, in a unit of the program's. */
type Run = () => Promise<number>;

let digest: string | undefined;

async function prepared(engine: string): Promise<Run> {
  const namespace = (await namespaceOf(engine)) as unknown as Namespace;
  const module = new namespace.Module(bytes);
  const once = (): number => {
    if (program!.kind === "coremark") return 1 / runCoremark(namespace, module);
    const { elapsed, note } = runWasi(namespace, module, program!);
    digest ??= note;
    require(note === digest, `${name} gives something else on ${engine}`);
    return elapsed;
  };
  return () => inScopeOf(engine, once);
}

const engines = await Promise.all(names.split(",").map(prepared));
const taken: number[][] = engines.map(() => []);
// The first run of each compiles functions as they are called.
if (program.kind !== "coremark") for (const run of engines) await run();
const start = performance.now();
for (let round = 0; round < Number(least) || performance.now() - start < Number(seconds) * 1000; round++) {
  for (let turn = 0; turn < engines.length; turn++) {
    const at = (round % 2 === 0 ? turn : engines.length - 1 - turn) % engines.length;
    globalThis.gc?.();
    taken[at]!.push(await engines[at]!());
  }
  // One whose runs take long.
  if (program.kind === "coremark") console.error(`${name}: ${round + 1} of ${least}`);
}
process.stdout.write(JSON.stringify(taken));
