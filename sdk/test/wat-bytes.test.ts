/** Modules that the SDK links with plugins: their bytes are those of their source. */
import { readFileSync } from "node:fs";
import test from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { projectRoot } from "../../engine/test/support/corpora.js";
import { blocksBytes, memoryBytes, valuesBytes } from "../abi/extism/kernel/bytes.js";
import { shortCallBytes } from "../binding/short/bytes.js";

for (const [file, bytes] of [
  ["abi/extism/kernel/memory.wat", memoryBytes],
  ["abi/extism/kernel/blocks.wat", blocksBytes],
  ["abi/extism/kernel/values.wat", valuesBytes],
  ["binding/short/short-call.wat", shortCallBytes],
] as const) {
  test(file, (t) => {
    const source = readFileSync(`${projectRoot()}/sdk/${file}`, "utf8");
    t.is(Buffer.from(assemble(source)).toString("base64"), bytes, "run scripts/build-wat.mjs");
  });
}
