// Finds real files for the scenarios under node_modules. Leaves: absolute paths in a fixed order (byte order of the
// names), never following links.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** One file: its path below node_modules and its text. */
export interface RealFile {
  readonly path: string;
  readonly text: string;
}

/** The nearest folder above this file that holds node_modules. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "node_modules"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("no node_modules above the tests");
    folder = parent;
  }
  return folder;
}

function walk(folder: string, wanted: (name: string) => boolean, limit: number, found: string[]): void {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (found.length >= limit) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path, wanted, limit, found);
    else if (entry.isFile() && wanted(entry.name)) found.push(path);
  }
}

/**
 * Up to `count` files of the given packages (or of all) whose names match, of at least `minimum` and at most `maximum`
 * bytes; at most `perPackage` from each, so that they are not all from the first.
 */
export function findFiles(
  pattern: RegExp,
  count: number,
  options: { minimum?: number; maximum?: number; perPackage?: number; packages?: readonly string[] } = {},
): RealFile[] {
  const root = join(projectRoot(), "node_modules");
  const packages =
    options.packages ??
    readdirSync(root)
      .filter((name) => !name.startsWith("."))
      .sort();
  const chosen: string[] = [];
  for (const name of packages) {
    const folder = join(root, name);
    if (!statSync(folder).isDirectory()) continue;
    const found: string[] = [];
    walk(folder, (file) => pattern.test(file), 400, found);
    const sized = found.filter((path) => {
      const { size } = statSync(path);
      return size >= (options.minimum ?? 1) && size <= (options.maximum ?? 100_000);
    });
    chosen.push(...sized.slice(0, options.perPackage ?? 1));
    if (chosen.length >= count) break;
  }
  return chosen
    .slice(0, count)
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, "utf8") }));
}
