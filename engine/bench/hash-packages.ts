// hash-wasm: hashes in WebAssembly without vectors, mostly long straight runs of 32-bit and 64-bit arithmetic. Enters: a
// name; `globalThis.WebAssembly` is the engine under measurement. Leaves: a function that does the work once and returns
// the digest.

import { pseudoRandomBytes } from "../test/packages/transcript.js";
import type { PackageWork } from "./vector-packages.js";

interface Hasher {
  init(): void;
  update(data: Uint8Array): void;
  digest(): string;
}

/** Little enough for a run to end within its share of a busy processor; handed to the module in pieces of 16 KiB. */
const kilobytes = 256;

function hashing(name: string): PackageWork {
  return async () => {
    const library = (await import("hash-wasm")) as unknown as Record<string, () => Promise<Hasher>>;
    const hasher = await library[name]!();
    const data = pseudoRandomBytes(kilobytes << 10, 7);
    return () => {
      hasher.init();
      hasher.update(data);
      return hasher.digest();
    };
  };
}

/** The work of each hash by the name of its benchmark. */
export const hashPackages: ReadonlyMap<string, PackageWork> = new Map(
  ["MD5", "SHA1", "SHA256", "SHA512", "SHA3", "RIPEMD160", "BLAKE2b", "BLAKE3", "CRC32", "XXHash64"].map(
    (name) => [`npm-hash-wasm-${name.toLowerCase()}`, hashing(`create${name}`)] as const,
  ),
);
