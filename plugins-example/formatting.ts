/**
 * A formatter of dprint, from npm. It was written for another host; Backplane knows that host's convention, so it is a
 * plugin like any other: with memory of its own, a deadline, a place in `host.stats()`.
 */
import { createRequire } from "node:module";
import type { PluginHost } from "backplane";

const require = createRequire(import.meta.url);

export async function loadFormatter(host: PluginHost): Promise<void> {
  const { getPath } = require("@dprint/json") as { getPath(): string };
  await host.load({ file: getPath(), name: "json" }, { config: { lineWidth: 60, indentWidth: 2 } });
}

export async function formatJson(host: PluginHost, fileText: string): Promise<string> {
  return (await host.plugin("json").call("format", { filePath: "page.json", fileText })) as string;
}
