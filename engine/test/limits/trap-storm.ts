// Makes every kind of trap, again and again, in one process, and prints what it saw as JSON:
//   node trap-storm.js node|backplane ROUNDS
// Ends with exit code 1 if a trap is of the wrong kind or class, or if memory grows from round to round.

import { namespaceOf, type WasmExport } from "./engine-namespace.js";
import { trapKind } from "./trap-kinds.js";
import { accessModule, type TrapCheck, trapModule } from "./trap-modules.js";

const [engine = "node", roundsText = "100"] = process.argv.slice(2);
const rounds = Number(roundsText);
const namespace = await namespaceOf(engine);
const wrong: string[] = [];

function outcome(exports: Record<string, WasmExport>, check: TrapCheck): string {
  try {
    exports[check.export](...check.args);
    return "none";
  } catch (error) {
    const kind = trapKind(error);
    const wanted = kind === "stack overflow" ? RangeError : namespace.RuntimeError;
    return error instanceof wanted
      ? kind
      : `${kind} as ${(error as Error).name}: ${(error as Error).message}`;
  }
}

/** By the specification a number that is too large to convert is an integer overflow; V8 calls it unrepresentable. */
function expected(check: TrapCheck, actual: string): boolean {
  if (check.trap === "invalid conversion" && actual === "integer overflow")
    return !Number.isNaN(check.args[0]);
  return actual === check.trap;
}

function run(exports: Record<string, WasmExport>, checks: readonly TrapCheck[], label: string): void {
  for (const check of checks) {
    const actual = outcome(exports, check);
    if (!expected(check, actual) && wrong.length < 20) {
      wrong.push(
        `${label}: ${check.export}(${check.args.map(String).join(", ")}): ${actual}, expected ${check.trap}`,
      );
    }
  }
}

/** The access checks over memories of several kinds, a few times each. */
function checkAccesses(): number {
  let count = 0;
  const kinds: [string, object, number, number][] = [
    ["one page", { initial: 1 }, 0, 1],
    ["no page", { initial: 0, maximum: 5 }, 0, 0],
    ["grown to two", { initial: 1, maximum: 5 }, 1, 2],
  ];
  for (const [label, descriptor, growth, pages] of kinds) {
    const { bytes, checks } = accessModule(pages);
    const memory = new namespace.Memory(descriptor);
    const { exports } = new namespace.Instance(new namespace.Module(bytes), { env: { memory } });
    if (growth > 0) memory.grow(growth);
    for (let i = 0; i < 3; i++) run(exports, checks, label);
    count += checks.length;
  }
  return count;
}

const accesses = checkAccesses();
const { bytes, checks } = trapModule();
const { exports } = new namespace.Instance(new namespace.Module(bytes));
const early = Math.ceil(rounds / 4);
let rssEarly = 0;
for (let i = 0; i < rounds && wrong.length === 0; i++) {
  run(exports, checks, "traps");
  if (i === early) rssEarly = process.memoryUsage.rss();
}
const growth = process.memoryUsage.rss() - rssEarly;
if (rounds >= 1000 && growth > 64e6)
  wrong.push(`resident memory grew by ${growth} bytes after a quarter of the rounds`);
process.stdout.write(JSON.stringify({ accesses, kinds: checks.length, rounds, growth, wrong }));
process.exitCode = wrong.length === 0 ? 0 : 1;
