/**
 * Modules with random damage: nothing but `WasmFormatError` is thrown, and what is accepted here Node accepts
 * too. Node's engine knows more than WebAssembly 2.0, so the other direction says nothing.
 *
 * `BACKPLANE_MUTATIONS` sets how many (default 3,000).
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { decodeModule, validateModule, WasmFormatError } from "../../wasm/index.js";
import { corporaFolder, filesBelow, projectRoot } from "./corpora.js";
import { nodeAccepts } from "./module-bytes.js";

const MUTATIONS = Number(process.env.BACKPLANE_MUTATIONS ?? 3000);
const LARGEST = 60_000;

/** mulberry32: small, seeded, the same everywhere. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) % below;
  };
}

const interesting = [
  0x00, 0x01, 0x0b, 0x40, 0x7f, 0x7e, 0x70, 0x6f, 0x80, 0xff, 0x41, 0x20, 0xfc, 0xfd, 0x10,
];

function mutate(original: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = original.slice();
  const changes = 1 + random(3);
  for (let i = 0; i < changes; i++) {
    const at = 8 + random(Math.max(1, bytes.length - 8));
    const kind = random(4);
    if (kind === 0) bytes[at] = random(256);
    else if (kind === 1) bytes[at] = interesting[random(interesting.length)];
    else if (kind === 2) bytes[at] ^= 1 << random(8);
    else bytes[at] = bytes[8 + random(Math.max(1, bytes.length - 8))];
  }
  return random(20) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

interface Outcome {
  readonly accepted: boolean;
  readonly problem: string | undefined;
}

function check(bytes: Uint8Array): Outcome {
  let error: unknown;
  try {
    validateModule(decodeModule(bytes));
  } catch (thrown) {
    error = thrown;
  }
  if (error === undefined) {
    return { accepted: true, problem: nodeAccepts(bytes) ? undefined : "accepted here, refused by Node" };
  }
  const expected = error instanceof WasmFormatError && error.offset <= bytes.length;
  return { accepted: false, problem: expected ? undefined : `threw ${String(error)}` };
}

function seeds(): string[] {
  const corpora = ["extism", "bench"].flatMap((name) => filesBelow(join(corporaFolder(), name), ".wasm"));
  const packages = ["@dprint/dockerfile", "@dprint/json", "es-module-lexer"].flatMap((name) =>
    filesBelow(join(projectRoot(), "node_modules", name), ".wasm"),
  );
  return [...corpora, ...packages];
}

test("undamaged modules: accepted here exactly if Node accepts them", (t) => {
  const files = seeds();
  if (files.length < 10) t.log(`few modules: no corpora at ${corporaFolder()} (set BACKPLANE_CORPORA)`);
  t.true(files.length > 0);
  for (const file of files) {
    const bytes = readFileSync(file);
    const { accepted, problem } = check(bytes);
    t.is(problem, undefined, file);
    t.is(accepted, nodeAccepts(bytes), file);
  }
});

test("damaged modules", (t) => {
  const small = seeds().filter((file) => statSync(file).size <= LARGEST);
  const files = (small.length > 0 ? small : seeds()).map((file) => new Uint8Array(readFileSync(file)));
  const random = randomNumbers(20260);
  let accepted = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const bytes = mutate(files[i % files.length], random);
    const outcome = check(bytes);
    if (outcome.problem !== undefined) t.fail(`mutation ${i}: ${outcome.problem}`);
    if (outcome.accepted) accepted++;
  }
  t.log(`${MUTATIONS} damaged modules, ${accepted} still valid`);
  t.true(accepted > MUTATIONS / 100 && accepted < MUTATIONS);
});
