// Real work with packages whose WebAssembly is built with vectors: password hashing by two builds of Argon2 (clang,
// Emscripten), SHA-256 four lanes at once (AssemblyScript), meshes coded and decoded (clang). Prints a transcript.

import { digest, type Loose, pseudoRandomBytes, Transcript } from "./transcript.js";
import { meshLike, openArgon2id } from "./vector-builds.js";

const transcript = new Transcript();

async function argon2id(): Promise<void> {
  const hash = await openArgon2id();
  const defaults = { parallelism: 1, passes: 2, memorySize: 64, tagLength: 32 };
  const variants = [
    {},
    { passes: 1, memorySize: 8 },
    { passes: 5 },
    { parallelism: 4, memorySize: 256 },
    { tagLength: 4 },
    { tagLength: 200 },
    { ad: pseudoRandomBytes(40, 5), secret: pseudoRandomBytes(16, 6) },
    { memorySize: 80_000, passes: 1 },
  ];
  for (const [i, variant] of variants.entries()) {
    const [password, salt] = [pseudoRandomBytes(8 + 30 * i, i + 1), pseudoRandomBytes(8 + i, i + 50)];
    transcript.note(`argon2id ${i}`, hash({ ...defaults, ...variant, password, salt }));
  }
  transcript.noteThrown("argon2id memory", () => hash({ ...defaults, memorySize: 1, parallelism: 2 }));
}

async function phiArgon2(): Promise<void> {
  const argon2 = await ((await import("@phi-ag/argon2/node")).default as Loose)();
  for (const type of [0, 1, 2]) {
    for (const version of [16, 19]) {
      for (const parallelism of [1, 2, 4]) {
        const options = {
          type,
          version,
          parallelism,
          timeCost: 2,
          memoryCost: 128,
          salt: pseudoRandomBytes(16, 9),
        };
        const { encoded, hash } = argon2.hash("pass", options);
        transcript.note(encoded, hash);
        transcript.note("verified", argon2.tryVerify(encoded, "pass"));
        transcript.note("refused", argon2.tryVerify(encoded, "word"));
      }
    }
  }
  transcript.noteThrown("argon2 time", () => argon2.hash("pass", { timeCost: 0 }));
}

async function sha256(): Promise<void> {
  const api = (await import("@chainsafe/as-sha256")) as Loose;
  transcript.note("vectors", api.simdEnabled);
  for (let round = 0; round < 20; round++) {
    const blocks = [0, 1, 2, 3].map((lane) => pseudoRandomBytes(64, round * 4 + lane + 1));
    const hashed: Uint8Array[] = api.batchHash4UintArray64s(blocks);
    transcript.note("four", hashed);
    transcript.note(
      "one",
      hashed.every((hash, lane) => Buffer.from(hash).toString("hex") === digest(blocks[lane]!)),
    );
    const objects = blocks.flatMap((block) =>
      [block, block.slice().reverse()].map((b) => api.byteArrayToHashObject(b, 0)),
    );
    transcript.note("objects", api.batchHash4HashObjectInputs(objects));
  }
  for (const length of [0, 1, 63, 64, 65, 10_000])
    transcript.note("digest", api.digest(pseudoRandomBytes(length, 7)));
  for (const blocks of [1, 4, 5, 8, 13]) {
    const output = new Uint8Array(32 * blocks);
    api.hashInto(pseudoRandomBytes(64 * blocks, blocks), output);
    transcript.note("into", output);
  }
}

async function meshoptimizer(): Promise<void> {
  const { MeshoptDecoder, MeshoptEncoder } = (await import("meshoptimizer")) as Loose;
  await Promise.all([MeshoptDecoder.ready, MeshoptEncoder.ready]);
  for (const size of [4, 8, 12, 16, 36, 256]) {
    for (const count of [1, 15, 16, 17, 1000]) {
      const source = meshLike(size * count);
      for (const level of [0, 2, 3]) {
        const encoded = MeshoptEncoder.encodeVertexBufferLevel(source, count, size, level, 1);
        transcript.note(`vertices ${size}`, encoded);
        const decoded = new Uint8Array(source.length);
        MeshoptDecoder.decodeVertexBuffer(decoded, count, size, encoded);
        transcript.note("decoded", [decoded, Buffer.compare(decoded, source)]);
        transcript.noteThrown("cut short", () =>
          MeshoptDecoder.decodeVertexBuffer(decoded, count, size, encoded.subarray(0, encoded.length - 1)),
        );
      }
    }
  }
  filters(MeshoptDecoder, MeshoptEncoder);
}

function filters(decoder: Loose, encoder: Loose): void {
  const count = 1001;
  for (const [filter, sizes] of [
    ["OCTAHEDRAL", [4, 8]],
    ["QUATERNION", [8]],
    ["EXPONENTIAL", [4, 12, 16]],
    ["COLOR", [4, 8]],
  ] as const) {
    for (const size of sizes) {
      const decoded = new Uint8Array(size * count);
      const encoded = encoder.encodeVertexBuffer(meshLike(size * count), count, size);
      decoder.decodeVertexBuffer(decoded, count, size, encoded, filter);
      transcript.note(`${filter} ${size}`, decoded);
    }
  }
}

await argon2id();
await phiArgon2();
await sha256();
await meshoptimizer();
transcript.finish();
