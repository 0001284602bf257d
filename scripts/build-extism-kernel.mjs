/**
 * Assembles Extism's kernel, `sdk/abi/extism/kernel/*.wat`, and writes the bytes as `kernel/bytes.ts`, so that nobody
 * needs an assembler to build or to use the package. A test compares the two (`sdk/test/extism/kernel.test.ts`).
 *
 * Usage: node scripts/build-extism-kernel.mjs
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const folder = fileURLToPath(new URL("../sdk/abi/extism/kernel/", import.meta.url));
const assembler = await wabt();

/** @param {string} name of the source, without `.wat` */
function assembled(name) {
  const module = assembler.parseWat(`${name}.wat`, readFileSync(`${folder}${name}.wat`, "utf8"));
  try {
    module.validate();
    return Buffer.from(module.toBinary({ write_debug_names: true }).buffer).toString("base64");
  } finally {
    module.destroy();
  }
}

/** @param {string} name of the constant @param {string} text in base64 */
function constant(name, text) {
  const lines = text.match(/.{1,100}/g).map((line) => `  "${line}"`);
  return `export const ${name} = [\n${lines.join(",\n")},\n].join("");\n`;
}

writeFileSync(
  `${folder}bytes.ts`,
  `/** Written by \`node scripts/build-extism-kernel.mjs\` from the \`.wat\` files beside it. Base64. */\n
${constant("memoryBytes", assembled("memory"))}
${constant("blocksBytes", assembled("blocks"))}
${constant("valuesBytes", assembled("values"))}`,
);
