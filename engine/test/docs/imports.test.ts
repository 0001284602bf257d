/** The table of folders in `docs/architecture.md` says who may import whom; the sources must keep to it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import test from "ava";
import { projectRoot } from "../support/corpora.js";
import { readPage } from "./pages.js";

const root = projectRoot();

/** Folder or file -> what it may import, from the table's rows. */
function allowed(): Map<string, string[]> {
  const rows = readPage("docs/architecture.md").text.matchAll(/^\| `([^`]+\/[^`]*)` \| [^|]* \|([^|]*)\|$/gm);
  const table = new Map<string, string[]>();
  for (const [, name, may] of rows)
    table.set(
      name!,
      [...may!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!),
    );
  return table;
}

/** Source files below a folder, or the file itself; without tests and benchmarks, and folders with rows of their own. */
function sourcesOf(name: string): string[] {
  if (!name.endsWith("/")) return [name];
  const inner = [...table.keys()].filter((other) => other !== name && other.startsWith(name));
  const entries = readdirSync(join(root, name), { recursive: true, encoding: "utf8" });
  return entries
    .filter((entry) => entry.endsWith(".ts") && !/(^|\/)(test|bench)\//.test(entry))
    .map((entry) => name + entry)
    .filter((file) => !inner.some((other) => file.startsWith(other)));
}

/** The project's files that a file imports, as `.ts` paths from the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1]!);
  return specifiers.map((s) => normalize(join(dirname(file), s)).replace(/\.js$/, ".ts"));
}

const table = allowed();

test("the table has every folder", (t) => {
  const folders = readdirSync(join(root, "engine"), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  for (const { name } of folders) {
    if (name !== "test" && name !== "bench") t.true(table.has(`engine/${name}/`), name);
  }
});

for (const [name, may] of table) {
  test(`${name} imports only what it may`, (t) => {
    const everywhere = [name, "engine/debug.ts"];
    let count = 0;
    for (const file of sourcesOf(name)) {
      for (const imported of importsOf(file)) {
        count++;
        const fits = [...everywhere, ...may].some(
          (place) => imported === place || (place.endsWith("/") && imported.startsWith(place)),
        );
        t.true(fits, `${file} imports ${imported}`);
      }
    }
    t.true(count > 0);
  });
}
