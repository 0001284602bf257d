/**
 * Random modules on this engine and on Node's own, damaged modules, and the tools' own tests: they must be
 * deterministic, make every instruction, and notice a planted fault.
 */

import { setImmediate } from "node:timers/promises";

import test, { type ExecutionContext } from "ava";

import { decodeBody } from "../support/decode-body.js";
import { inspectModule } from "../support/inspect-module.js";
import { backplaneNamespace, type EngineOptions, nodeNamespace } from "../support/namespace.js";
import { opcodeRows } from "../support/opcodes.js";
import { Random } from "../support/random.js";
import { binaryenModule } from "./binaryen-source.js";
import { compareDamaged, openOracle } from "./compare-damaged.js";
import { compareEngines } from "./compare-engines.js";
import { generateModule } from "./generate-module.js";
import { mutateModule } from "./mutate-module.js";
import { plantFault } from "./planted-fault.js";
import { shrinkModule } from "./shrink-module.js";

const MINUTES = 60_000;

/** Runs `step` for every seed, lets the event loop turn in between, fails with what the steps answered. */
async function forSeeds(
  t: ExecutionContext,
  from: number,
  count: number,
  step: (seed: number) => string | undefined,
): Promise<void> {
  t.timeout(5 * MINUTES);
  const failures: string[] = [];
  for (let seed = from; seed < from + count && failures.length < 5; seed++) {
    const failure = step(seed);
    if (failure !== undefined) failures.push(`seed ${seed}: ${failure}`);
    if (seed % 10 === 0) await setImmediate();
  }
  t.deepEqual(failures, []);
}

function differential(from: number, count: number, options: EngineOptions): void {
  const title = `modules ${from} to ${from + count - 1} run as on Node's own engine, ${JSON.stringify(options)}`;
  test.serial(title, async (t) => {
    const candidate = await backplaneNamespace(options);
    await forSeeds(t, from, count, (seed) => {
      const { difference } = compareEngines(nodeNamespace, candidate, generateModule(seed), { seed });
      return difference && `expected ${difference.expected}, got ${difference.actual}`;
    });
  });
}

differential(0, 600, { bounds: "guard", compile: "lazy" });
differential(600, 600, { bounds: "guard", compile: "ahead" });
differential(1200, 600, { bounds: "explicit", compile: "lazy" });
differential(1800, 200, { bounds: "explicit", compile: "ahead" });

test.serial("modules of binaryen's generator run as on Node's own engine", async (t) => {
  t.timeout(MINUTES);
  const candidate = await backplaneNamespace();
  for (let seed = 0; seed < 3; seed++) {
    const bytes = await binaryenModule(seed);
    t.true(nodeNamespace.validate(bytes));
    t.is(compareEngines(nodeNamespace, candidate, bytes, { seed }).difference, undefined, `seed ${seed}`);
  }
});

function damaged(from: number, count: number): void {
  test.serial(`damaged modules ${from} to ${from + count - 1} are refused or behave`, async (t) => {
    const candidate = await backplaneNamespace();
    const oracle = await openOracle();
    const outcomes = new Map<string, number>();
    await forSeeds(t, from, count, (seed) => {
      const base = generateModule(Math.floor(seed / 20), { size: 60 });
      const bytes = mutateModule(base, new Random(seed));
      const outcome = compareDamaged(nodeNamespace, candidate, bytes, oracle, seed);
      outcomes.set(outcome.kind, (outcomes.get(outcome.kind) ?? 0) + 1);
      return outcome.kind === "wrong" ? outcome.what : undefined;
    });
    for (const kind of ["refused", "taken", "ran"]) t.true((outcomes.get(kind) ?? 0) > 0, kind);
  });
}

damaged(0, 2500);
damaged(2500, 2500);

test("the generator makes valid modules, the same for the same seed", async (t) => {
  await forSeeds(t, 5000, 200, (seed) => {
    const bytes = generateModule(seed);
    if (!nodeNamespace.validate(bytes)) return "not valid";
    return Buffer.compare(bytes, generateModule(seed)) === 0 ? undefined : "not the same";
  });
});

test("the generator makes every instruction", async (t) => {
  const missing = new Map([...opcodeRows].map(([opcode, row]) => [opcode, row.name]));
  await forSeeds(t, 0, 600, (seed) => {
    const bytes = generateModule(seed);
    for (const range of inspectModule(bytes).bodies) {
      for (const { opcode } of decodeBody(bytes, range).instructions) missing.delete(opcode);
    }
    return undefined;
  });
  t.deepEqual([...missing.values()], []);
});

test("few calls of generated modules trap, few run out of fuel", async (t) => {
  let [calls, traps] = [0, 0];
  await forSeeds(t, 0, 60, (seed) => {
    const outcome = compareEngines(nodeNamespace, nodeNamespace, generateModule(seed), { seed });
    calls += outcome.calls;
    traps += outcome.traps;
    return outcome.difference && "Node's own engine differs from itself";
  });
  t.true(calls > 500);
  t.true(traps < calls * 0.3, `${traps} traps of ${calls} calls`);
});

const ROTATE_RIGHT = 0x78;
const ROTATE_LEFT = 0x77;
const I64_CTZ = 0x7a;
const I64_CLZ = 0x79;

for (const [from, to] of [
  [ROTATE_RIGHT, ROTATE_LEFT],
  [I64_CTZ, I64_CLZ],
] as const) {
  test(`a fault in ${opcodeRows.get(from)?.name} is found and shrunk`, async (t) => {
    t.timeout(MINUTES);
    const faulty = plantFault(nodeNamespace, from, to);
    for (let seed = 0; seed < 200; seed++) {
      const fails = (bytes: Uint8Array) =>
        compareEngines(nodeNamespace, faulty, bytes, { seed }).difference !== undefined;
      const bytes = generateModule(seed);
      if (!fails(bytes)) continue;
      const small = await shrinkModule(bytes, fails);
      t.true(fails(small));
      t.true(nodeNamespace.validate(small));
      t.true(small.length < bytes.length / 3, `${bytes.length} bytes to ${small.length}`);
      return;
    }
    t.fail("not found in 200 modules");
  });
}
