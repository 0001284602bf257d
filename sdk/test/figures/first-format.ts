/**
 * A process that formats a file with the plugin @dprint/typescript of npm, as a command would: prints the milliseconds of
 * loading it and of its first format, together.
 *
 *     node dist/sdk/test/figures/first-format.js FOLDER
 *
 * FOLDER keeps compiled code; an empty one compiles everything.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { projectRoot } from "../../../engine/test/support/corpora.js";
import { PluginHost } from "../../index.js";

const folder = process.argv[2];
const bytes = readFileSync(createRequire(import.meta.url).resolve("@dprint/typescript/plugin.wasm"));
const fileText = readFileSync(join(projectRoot(), "sdk", "host.ts"), "utf8");
const begin = performance.now();
const host = await PluginHost.start({
  plugins: [{ name: "typescript", bytes, required: true }],
  cache: folder,
});
const result = await host.plugin("typescript").call("format", { filePath: "host.ts", fileText });
const end = performance.now();
if (typeof result !== "string" || !result.includes("class PluginHost"))
  throw new Error("it wasn't formatted");
await host.close();
console.log(end - begin);
