// Packages from npm, unchanged, on Node's own engine and on this one under the register module: transcripts of real
// work must be equal. Each scenario runs in a child process of its own.
//
// What they use of the JS API: sql.js `instantiate` of bytes, falling back to Module and Instance; libsodium, quickjs
// (with a Memory of its own as import) and hash-wasm `compile` and `instantiate`; brotli-wasm and @dprint/formatter
// `new Module`, `new Instance`, `Module.imports`, `Module.exports`; es-module-lexer `compile` and `instantiate`;
// as-sha256 `validate`, to choose between its builds; argon2id a Memory of its own, which it grows.

import test, { type ExecutionContext } from "ava";
import { runScenario } from "./run-scenario.js";

type Line = [string, unknown];

function compare(t: ExecutionContext, expected: Line[], actual: Line[]): void {
  const different: string[] = [];
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [want, have] = [JSON.stringify(expected[i]), JSON.stringify(actual[i])];
    if (want !== have) different.push(`line ${i}: node ${want}, backplane ${have}`);
  }
  t.deepEqual(different.slice(0, 10), []);
}

async function scenario(
  t: ExecutionContext,
  script: string,
  minimum: number,
  args: string[] = [],
): Promise<void> {
  t.timeout(300_000);
  const expected = (await runScenario(script, "node", args)) as Line[];
  t.true(expected.length >= minimum, `the scenario reports ${expected.length} lines`);
  compare(t, expected, (await runScenario(script, "backplane", args)) as Line[]);
}

test.serial("sql.js", (t) => scenario(t, "./scenario-sqljs.js", 150));
test.serial("libsodium-wrappers", (t) => scenario(t, "./scenario-libsodium.js", 100));
test.serial("brotli-wasm", (t) => scenario(t, "./scenario-brotli.js", 60));
test.serial("quickjs", (t) => scenario(t, "./scenario-quickjs.js", 30));
test.serial("es-module-lexer", (t) => scenario(t, "./scenario-lexer.js", 150));

// All 22 modules of hash-wasm 4.13 are scalar, so that none may be refused.
test.serial("hash-wasm", (t) => scenario(t, "./scenario-hashes.js", 400));

test.serial("argon2id, @phi-ag/argon2, @chainsafe/as-sha256 and meshoptimizer, built with vectors", (t) =>
  scenario(t, "./scenario-vectors.js", 200),
);

for (const plugin of ["json", "toml", "dockerfile", "markdown", "typescript"]) {
  test.serial(`@dprint/${plugin}`, (t) => scenario(t, "./scenario-dprint.js", 30, [plugin]));
}
