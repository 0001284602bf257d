/**
 * Random modules from binaryen's generator, as a second source beside our own.
 *
 * In: a seed. Out: a valid module without vectors, made by `wasm-opt -ttf` (translate to fuzz) from seeded bytes,
 * NaNs canonicalized (`--denan`), loops bounded by its own `hangLimit`. About 0.7 s a module. Rejects if the
 * package `binaryen` isn't installed.
 */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { projectRoot } from "../support/corpora.js";
import { Random } from "../support/random.js";

const run = promisify(execFile);

const features = [
  "--mvp-features",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-sign-ext",
  "--enable-bulk-memory",
  "--enable-bulk-memory-opt",
  "--enable-reference-types",
  "--enable-multivalue",
];

/** The module of a seed; the same input gives the same module with the same binaryen. */
export async function binaryenModule(seed: number): Promise<Uint8Array> {
  const random = new Random(seed);
  const input = Buffer.alloc(random.between(300, 6000));
  for (let index = 0; index < input.length; index++) input[index] = random.next() & 0xff;
  const folder = await mkdtemp(join(tmpdir(), "backplane-ttf-"));
  try {
    const [source, target] = [join(folder, "random.bin"), join(folder, "out.wasm")];
    await writeFile(source, input);
    const command = join(projectRoot(), "node_modules", "binaryen", "bin", "wasm-opt");
    const args = ["-ttf", source, "-o", target, "--denan", ...features];
    await run(process.execPath, [command, ...args]);
    return await readFile(target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
