// Real work with @dprint/formatter: one plugin (its name is the argument) formats twenty files. Prints a transcript
// with the digests and lengths of the results, the plugin's own information and its configuration.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createFromBuffer } from "@dprint/formatter";
import { findFiles, type RealFile } from "./real-files.js";
import { dockerfileSamples, tomlSamples } from "./sample-manifests.js";
import { digest, Transcript } from "./transcript.js";

const require = createRequire(import.meta.url);
const transcript = new Transcript();
const plugin = process.argv[2] ?? "json";

/** The twenty files for a plugin; real ones first. */
function filesFor(name: string): RealFile[] {
  switch (name) {
    case "json":
      return findFiles(/^(package|tsconfig.*|biome|.*schema)\.json$/, 20, { minimum: 300 });
    case "markdown":
      return findFiles(/\.md$/, 20, { minimum: 1000, maximum: 60_000 });
    case "typescript": {
      const written = findFiles(/(?<!\.d)\.tsx?$/, 8, { minimum: 500, maximum: 30_000, perPackage: 8 });
      const declared = findFiles(/\.d\.ts$/, 6, { minimum: 1000, maximum: 25_000 });
      return [...written, ...declared, ...findFiles(/\.js$/, 20, { minimum: 1500, maximum: 25_000 })].slice(
        0,
        20,
      );
    }
    case "toml":
      return tomlSamples();
    case "dockerfile": {
      const real = findFiles(/^Dockerfile$/, 20);
      return [...real, ...dockerfileSamples(20 - real.length)];
    }
    default:
      throw new Error(`no plugin named ${name}`);
  }
}

const formatter = createFromBuffer(readFileSync(require(`@dprint/${plugin}`).getPath() as string));
formatter.setConfig({ lineWidth: 90, indentWidth: 2 }, {});
transcript.note("info", formatter.getPluginInfo());
transcript.note("matching", formatter.getFileMatchingInfo());
transcript.note("license", digest(formatter.getLicenseText()));
transcript.note("config", formatter.getResolvedConfig());
transcript.note("diagnostics", formatter.getConfigDiagnostics());

const files = filesFor(plugin);
transcript.note("files", files.length);
let changed = 0;
for (const { path, text } of files) {
  transcript.noteThrown(path, () => {
    const formatted = formatter.formatText({ filePath: path, fileText: text });
    if (formatted !== text) changed++;
    return [formatted.length, digest(formatted)];
  });
}
transcript.note("changed", changed);
formatter.setConfig({ lineWidth: 40, useTabs: true }, {});
for (const { path, text } of files.slice(0, 4)) {
  transcript.noteThrown(`${path} narrow`, () =>
    digest(formatter.formatText({ filePath: path, fileText: text })),
  );
}
const broken = {
  json: '{"a": [1, }',
  markdown: "# a\n\n- b\n  1. c\n```",
  typescript: "let = ;(",
  toml: "a = [1,\n",
  dockerfile: "FROM\n",
};
const extension = {
  json: "x.json",
  markdown: "x.md",
  typescript: "x.ts",
  toml: "x.toml",
  dockerfile: "Dockerfile",
};
const kind = plugin as keyof typeof broken;
transcript.noteThrown("broken", () =>
  formatter.formatText({ filePath: extension[kind], fileText: broken[kind] }),
);
transcript.finish();
