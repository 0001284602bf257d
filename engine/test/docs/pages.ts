/**
 * Reads the guides: the Markdown pages of `docs/` and the README.
 *
 * A code block's info string says what is to be done with it: the language, then words or `key=value` pairs, as in
 * "js runnable" or "text dump=ssa". Blocks are found by their fences at the start of a line; none is nested.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/corpora.js";

export interface CodeBlock {
  readonly language: string;
  /** What follows the language: `runnable` is ["runnable", ""], `dump=ssa` is ["dump", "ssa"]. */
  readonly attributes: ReadonlyMap<string, string>;
  /** The lines between the fences, each with its line feed. */
  readonly text: string;
  /** Where `text` begins in the page. */
  readonly start: number;
  /** Number of the opening fence's line, from 1. */
  readonly line: number;
}

export interface Page {
  /** Below the project's root, as `docs/engine.md`. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
}

/** @throws Error for a fence that is never closed */
export function codeBlocks(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { info: string; start: number; line: number } | undefined;
  let offset = 0;
  let number = 0;
  for (const line of page.split("\n")) {
    number++;
    const next = offset + line.length + 1;
    if (open === undefined && line.startsWith("```"))
      open = { info: line.slice(3), start: next, line: number };
    else if (open !== undefined && line === "```") {
      const [language = "", ...words] = open.info.trim().split(/\s+/);
      const attributes = new Map(words.map((word): [string, string] => splitAttribute(word)));
      blocks.push({
        language,
        attributes,
        text: page.slice(open.start, offset),
        start: open.start,
        line: open.line,
      });
      open = undefined;
    }
    offset = next;
  }
  if (open !== undefined) throw new Error(`the code block of line ${open.line} is never closed`);
  return blocks;
}

function splitAttribute(word: string): [string, string] {
  const at = word.indexOf("=");
  return at < 0 ? [word, ""] : [word.slice(0, at), word.slice(at + 1)];
}

export function readPage(name: string): Page {
  const path = join(projectRoot(), name);
  const text = readFileSync(path, "utf8");
  return { name, path, text, blocks: codeBlocks(text) };
}

/** The README, every page directly in `docs/`, and the example's. */
export function allPages(): Page[] {
  const guides = readdirSync(join(projectRoot(), "docs")).filter((name) => name.endsWith(".md"));
  const names = ["README.md", ...guides.sort().map((name) => `docs/${name}`), "plugins-example/README.md"];
  return names.map(readPage);
}
