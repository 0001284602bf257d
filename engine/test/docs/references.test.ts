/** What the guides point at exists: files named in them, links between them, and npm scripts. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { projectRoot } from "../support/corpora.js";
import { allPages, type Page } from "./pages.js";

const root = projectRoot();
/** Made by `npm run docs` and by building. */
const generated = /^(docs\/api|dist)(\/|$)/;

/** Paths in backticks that begin with one of the project's folders; `*` and capital placeholders aren't paths. */
function namedFiles(page: Page): string[] {
  const pattern = /`((?:engine|sdk|docs|scripts|plugins-example)\/[^`\s]*)`/g;
  const names = [...page.text.matchAll(pattern)].map((match) => match[1]!);
  return names.filter((name) => !/[*<>{}]|[A-Z]{2}/.test(name) || name.includes("README"));
}

function links(page: Page): string[] {
  const targets = [...page.text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** The id that GitHub gives a heading. */
function headingIds(page: Page): Set<string> {
  const headings = [...page.text.matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

const pages = allPages();

for (const page of pages) {
  test(`${page.name}: files and links exist`, (t) => {
    for (const name of namedFiles(page)) {
      if (!generated.test(name)) t.true(existsSync(join(root, name)), `${page.name} names ${name}`);
    }
    for (const link of links(page)) {
      const [target = "", id] = link.split("#");
      const path = target === "" ? page.path : join(dirname(page.path), target);
      const name = path.slice(root.length + 1);
      if (!generated.test(name)) t.true(existsSync(path), `${page.name} links to ${link}`);
      const linked = pages.find((other) => other.path === path);
      if (id !== undefined && linked !== undefined)
        t.true(headingIds(linked).has(id), `${page.name} links to ${link}`);
    }
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const [, script] of page.text.matchAll(/npm run (?:-s )?([a-z]+)/g)) {
      t.true(script! in scripts, `${page.name} names the script ${script}`);
    }
    t.pass();
  });
}
