// Real work with hash-wasm: every algorithm over inputs of many lengths, incremental hashing with saved states, and
// the slow password functions with small parameters. Prints a transcript.

import * as hashWasm from "hash-wasm";
import { type Loose, pseudoRandomBytes, Transcript } from "./transcript.js";

const transcript = new Transcript();
const api = hashWasm as Loose;
const lengths = [0, 1, 55, 56, 63, 64, 65, 127, 128, 129, 1000, 70_001];
const inputs = lengths.map((length) => pseudoRandomBytes(length, length + 7));
const salt = pseudoRandomBytes(16, 21);

/** Every algorithm as a function of one input. */
const algorithms: [string, (input: Uint8Array) => Promise<string>][] = [
  ...[
    "adler32",
    "crc32",
    "crc64",
    "md4",
    "md5",
    "ripemd160",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
  ].map(plain),
  ...["sm3", "whirlpool", "blake2b", "blake2s", "blake3", "xxhash32", "xxhash64", "xxhash3", "xxhash128"].map(
    plain,
  ),
  ...[224, 256, 384, 512].flatMap((bits) => [
    sized("sha3", bits),
    sized("keccak", bits),
    sized("blake3", bits),
  ]),
  ["blake2b keyed", (input) => api.blake2b(input, 256, salt)],
  ["crc32c", (input) => api.crc32(input, 0x82f63b78)],
  ["hmac", hmac],
  [
    "pbkdf2",
    (input) =>
      api.pbkdf2({
        password: input.length === 0 ? "x" : input,
        salt,
        iterations: 20,
        hashLength: 40,
        hashFunction: api.createSHA1(),
      }),
  ],
];

/** Those too slow for every input, each with one. */
const slow: [string, () => Promise<string>][] = [
  ["bcrypt", () => api.bcrypt({ password: "pass", salt, costFactor: 5, outputType: "encoded" })],
  [
    "bcrypt verify",
    async () =>
      String(
        await api.bcryptVerify({
          password: "abc",
          hash: await api.bcrypt({ password: "abc", salt, costFactor: 4 }),
        }),
      ),
  ],
  [
    "scrypt",
    () =>
      api.scrypt({ password: "pass", salt, costFactor: 256, blockSize: 8, parallelism: 1, hashLength: 32 }),
  ],
  ...["argon2i", "argon2d", "argon2id"].map((name): [string, () => Promise<string>] => [
    name,
    () =>
      api[name]({
        password: "pass",
        salt,
        iterations: 2,
        parallelism: 1,
        memorySize: 64,
        hashLength: 32,
        outputType: "encoded",
      }),
  ]),
];

function plain(name: string): [string, (input: Uint8Array) => Promise<string>] {
  return [name, (input) => api[name](input)];
}

function sized(name: string, bits: number): [string, (input: Uint8Array) => Promise<string>] {
  return [`${name} ${bits}`, (input) => api[name](input, bits)];
}

async function hmac(input: Uint8Array): Promise<string> {
  const hash = await api.createHMAC(api.createSHA256(), salt);
  return hash.update(input).digest();
}

for (const [name, algorithm] of algorithms) {
  for (const input of inputs) transcript.note(name, await algorithm(input));
}
for (const [name, action] of slow) transcript.note(name, await action());

async function incremental(create: string): Promise<string> {
  const hash = await api[create]();
  hash.init();
  for (const input of inputs) hash.update(input);
  const saved = hash.save();
  hash.update("tail");
  const first = hash.digest();
  hash.load(saved);
  return `${first} ${hash.digest()} ${saved.length}`;
}
for (const create of [
  "createMD5",
  "createSHA1",
  "createSHA256",
  "createSHA512",
  "createXXHash64",
  "createCRC32",
  "createSHA3",
]) {
  transcript.note(create, await incremental(create));
}
transcript.note("concurrent", (await Promise.all(inputs.map((input) => api.md5(input)))).join());
transcript.finish();
