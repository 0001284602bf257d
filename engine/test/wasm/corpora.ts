/** Where test data that is not part of the project lies, if it is there. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder: the nearest one above this file that has a package.json. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/** The corpora folder, whether or not it exists: `BACKPLANE_CORPORA`, or `../shared/corpora`. */
export function corporaFolder(): string {
  return process.env.BACKPLANE_CORPORA ?? resolve(projectRoot(), "../shared/corpora");
}

/** All files below a folder with this ending, sorted; none if the folder is absent. */
export function filesBelow(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, name));
}
