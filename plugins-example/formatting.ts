/**
 * The formatters of dprint, from npm: WebAssembly modules with a JavaScript package that runs them by the global
 * `WebAssembly`. The first import puts Backplane's engine in its place, and the packages needn't know.
 */
import "backplane/register";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createFromBuffer, type Formatter } from "@dprint/formatter";

const require = createRequire(import.meta.url);

async function formatterOf(name: string): Promise<Formatter> {
  const { getPath } = require(name) as { getPath(): string };
  const formatter = createFromBuffer(await readFile(getPath()));
  formatter.setConfig({ lineWidth: 60, indentWidth: 2 }, {});
  return formatter;
}

export async function formatJson(fileText: string): Promise<string> {
  return (await formatterOf("@dprint/json")).formatText({ filePath: "page.json", fileText });
}
