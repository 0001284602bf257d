// Real work with brotli-wasm: compression at several qualities, decompression (checked by Node's own zlib too),
// streams in small pieces, and damaged input. Prints a transcript.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { digest, type Loose, pseudoRandomBytes, Transcript } from "./transcript.js";

const require = createRequire(import.meta.url);
const brotli = require("brotli-wasm") as Loose;
const transcript = new Transcript();

function inPackage(file: string): string {
  return join(dirname(require.resolve("brotli-wasm")), "pkg.node", file);
}

const inputs: [string, Uint8Array][] = [
  ["empty", new Uint8Array(0)],
  ["short", Buffer.from("hello, hello, hello")],
  ["zeros", new Uint8Array(200_000)],
  ["noise", pseudoRandomBytes(100_000, 3)],
  ["source", readFileSync(inPackage("brotli_wasm.js"))],
  ["brotli module", readFileSync(inPackage("brotli_wasm_bg.wasm")).subarray(0, 300_000)],
];

for (const [name, input] of inputs) {
  for (const quality of [1, 5, 9]) {
    const packed = brotli.compress(input, { quality }) as Uint8Array;
    transcript.note(`${name} at ${quality}`, packed);
    transcript.note("round trip", digest(brotli.decompress(packed)) === digest(input));
    transcript.note("read by zlib", digest(brotliDecompressSync(packed)) === digest(input));
  }
}
transcript.note("best", brotli.compress(inputs[4]?.[1]));
transcript.noteThrown("not brotli", () => brotli.decompress(pseudoRandomBytes(50, 77)));
transcript.noteThrown("cut short", () => brotli.decompress(brotli.compress(inputs[4]?.[1]).subarray(0, 500)));
transcript.noteThrown("no input", () => brotli.compress(undefined));

const source = readFileSync(inPackage("brotli_wasm.js"));

function streamed(input: Uint8Array): Uint8Array {
  const stream = new brotli.CompressStream(6);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const result = stream.compress(input.subarray(at, at + 1000), 100);
    pieces.push(result.buf);
    at += result.input_offset;
    transcript.note("piece", [result.code, result.input_offset, result.buf.length]);
  }
  for (;;) {
    const result = stream.compress(undefined, 100);
    pieces.push(result.buf);
    if (result.code !== brotli.BrotliStreamResultCode.NeedsMoreOutput) break;
  }
  transcript.note("total", stream.total_out());
  stream.free();
  return Buffer.concat(pieces);
}

const packed = streamed(source.subarray(0, 20_000));
transcript.note("streamed", packed);
transcript.note("streamed is read by zlib", digest(brotliDecompressSync(packed)));
transcript.finish();
