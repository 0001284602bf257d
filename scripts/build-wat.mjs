/**
 * Assembles the modules that the SDK itself links with plugins, and writes their bytes beside them as `bytes.ts`, so
 * that nobody needs an assembler to build or to use the package. Tests compare the two (`sdk/test/wat-bytes.test.ts`).
 *
 * Usage: node scripts/build-wat.mjs
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const folders = ["sdk/abi/extism/kernel", "sdk/binding/short"];
const assembler = await wabt();

/** @param {string} file */
function assembled(file) {
  const module = assembler.parseWat(file, readFileSync(file, "utf8"));
  try {
    module.validate();
    return Buffer.from(module.toBinary({ write_debug_names: true }).buffer).toString("base64");
  } finally {
    module.destroy();
  }
}

/** @param {string} file `short-call.wat` becomes `shortCallBytes` */
function constant(folder, file) {
  const name = file.replace(".wat", "-bytes").replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const lines = assembled(`${folder}/${file}`)
    .match(/.{1,100}/g)
    .map((line) => `  "${line}"`);
  return `export const ${name} = [\n${lines.join(",\n")},\n].join("");\n`;
}

for (const name of folders) {
  const folder = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const files = readdirSync(folder).filter((file) => file.endsWith(".wat"));
  const head = "/** Written by `node scripts/build-wat.mjs` from the `.wat` files beside it. Base64. */\n";
  writeFileSync(`${folder}/bytes.ts`, `${head}\n${files.map((file) => constant(folder, file)).join("\n")}`);
}
