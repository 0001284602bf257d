// Has Node's own engine compile all of a module; with the options that scripts/bench-arm64.mjs gives, it tells how large each
// function came out: node ... compile-eagerly.js MODULE.wasm

import { readFileSync } from "node:fs";

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { Module: new (bytes: Uint8Array) => object };
};
new WebAssembly.Module(readFileSync(process.argv[2] as string));
