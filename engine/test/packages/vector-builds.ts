// What the scenario and the benchmarks of packages built with vectors share.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Loose, pseudoRandomBytes } from "./transcript.js";

const packageFile = createRequire(import.meta.url).resolve;

/**
 * The hash function of OpenPGP.js's argon2id on `globalThis.WebAssembly`, in its build with vectors. The package's entry
 * imports `.wasm` files as a bundler resolves them, so its own loader is given the files here.
 */
export async function openArgon2id(): Promise<(parameters: object) => Uint8Array> {
  const setup = ((await import("argon2id/lib/setup.js" as string)) as Loose).default;
  const simd = readFileSync(packageFile("argon2id/dist/simd.wasm"));
  return setup(
    (imports: object) => (globalThis as Loose).WebAssembly.instantiate(simd, imports),
    () => Promise.reject(new Error("argon2id's build with vectors was refused")),
  );
}

/** Bytes as a mesh's vertices have them: neighbours differ by little in some bytes and by much in others. */
export function meshLike(length: number): Uint8Array {
  const noise = pseudoRandomBytes(length, 99);
  return noise.map((byte, i) => (i >> 4) + (byte & ((1 << (i & 7)) - 1)));
}
