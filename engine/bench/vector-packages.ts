// Packages from npm whose WebAssembly is built with vectors, at their usual work. Enters: a name; `globalThis.WebAssembly`
// is the engine under measurement. Leaves: a function that does the work once and returns a checksum of its results.

import { createHash } from "node:crypto";
import { type Loose, pseudoRandomBytes } from "../test/packages/transcript.js";
import { meshLike, openArgon2id } from "../test/packages/vector-builds.js";

/** Prepares a package; what it returns does the work once. */
export type PackageWork = () => Promise<() => string>;

function checksum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 8);
}

/** Emscripten's build of the reference implementation, which is one call into the module. */
async function argon2(): Promise<() => string> {
  const load = (await import("@phi-ag/argon2/node")).default as Loose;
  const instance = await load();
  const options = { salt: pseudoRandomBytes(16, 3), memoryCost: 8192, timeCost: 3, parallelism: 1 };
  return () => checksum(instance.hash("correct horse battery staple", options).hash);
}

/** OpenPGP.js's build, which calls the module once or twice a block of 1 KiB. */
async function argon2id(): Promise<() => string> {
  const hash = await openArgon2id();
  const parameters = {
    password: pseudoRandomBytes(24, 1),
    salt: pseudoRandomBytes(16, 2),
    parallelism: 1,
    passes: 3,
    memorySize: 8192,
    tagLength: 32,
  };
  return () => checksum(hash(parameters));
}

/** AssemblyScript's code: four hashes at once, lane by lane. */
async function sha256(): Promise<() => string> {
  const { batchHash4UintArray64s, simdEnabled } = (await import("@chainsafe/as-sha256")) as Loose;
  if (!simdEnabled) throw new Error("as-sha256 runs without vectors");
  const seeds = [1, 2, 3, 4].map((seed) => pseudoRandomBytes(64, seed));
  return () => {
    const inputs = seeds.map((seed) => Uint8Array.from(seed));
    for (let i = 0; i < 10_000; i++) {
      const outputs = batchHash4UintArray64s(inputs);
      for (let lane = 0; lane < 4; lane++) inputs[lane]!.set(outputs[lane]);
    }
    return checksum(Buffer.concat(inputs));
  };
}

/** Vertices of a mesh as they are transmitted: deltas of bytes, in groups of several widths. */
async function meshVertices(): Promise<() => string> {
  const { MeshoptDecoder, MeshoptEncoder } = (await import("meshoptimizer")) as Loose;
  await Promise.all([MeshoptDecoder.ready, MeshoptEncoder.ready]);
  const [count, size] = [65_536, 16];
  const encoded = MeshoptEncoder.encodeVertexBuffer(meshLike(count * size), count, size);
  const decoded = new Uint8Array(count * size);
  return () => {
    for (let i = 0; i < 16; i++) MeshoptDecoder.decodeVertexBuffer(decoded, count, size, encoded);
    return checksum(decoded);
  };
}

/** The decoder's last step: normals, rotations and exponents from the small integers that they are sent as. */
async function meshFilters(): Promise<() => string> {
  const { MeshoptDecoder, MeshoptEncoder } = (await import("meshoptimizer")) as Loose;
  await Promise.all([MeshoptDecoder.ready, MeshoptEncoder.ready]);
  const count = 65_536;
  const encoded = MeshoptEncoder.encodeVertexBuffer(meshLike(count * 8), count, 8);
  const decoded = new Uint8Array(count * 8);
  return () => {
    let sums = "";
    for (const filter of ["NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL"]) {
      for (let i = 0; i < 8; i++) MeshoptDecoder.decodeVertexBuffer(decoded, count, 8, encoded, filter);
      sums += checksum(decoded);
    }
    return sums;
  };
}

/** The work of each package by the name of its benchmark. */
export const vectorPackages: ReadonlyMap<string, PackageWork> = new Map([
  ["npm-phi-ag-argon2", argon2],
  ["npm-argon2id", argon2id],
  ["npm-as-sha256", sha256],
  ["npm-meshoptimizer-vertices", meshVertices],
  ["npm-meshoptimizer-filters", meshFilters],
]);
