/**
 * Which engine this is, so that code which another one has compiled isn't taken for its own: the release, and, since code
 * of one release changes while it is being worked on, sizes and times of the engine's files.
 */
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** package.json has the same. */
export const engineVersion = "0.1.0";

let build: string | undefined;

/** A few milliseconds, once. */
export function engineBuild(): string {
  build ??= `${engineVersion} ${hashOfFiles()}`;
  return build;
}

function hashOfFiles(): string {
  const own = fileURLToPath(import.meta.url);
  const hash = createHash("sha256");
  const add = (path: string): void => {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  };
  // In a bundle there is nothing else.
  if (!basename(own).startsWith("engine-build.")) add(own);
  else for (const path of scripts(dirname(dirname(own)))) add(path);
  return hash.digest("hex");
}

function scripts(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === "test" || entry.name === "bench" ? [] : scripts(path);
      return /\.[jt]s$/.test(entry.name) && !entry.name.endsWith(".d.ts") ? [path] : [];
    });
}
