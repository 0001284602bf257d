/**
 * Whether the dependencies that package-lock.json names are the ones that are installed: by their names, versions and
 * hashes, as npm has noted them in node_modules/.package-lock.json, and by their folders. Times of files say nothing: a
 * lockfile that was checked out again may be older than what was installed by another one.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @param {string} root the project's folder */
export function isInstalled(root) {
  const wanted = packagesOf(join(root, "package-lock.json"));
  const installed = packagesOf(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "" || !isForThisSystem(entry)) return true;
    const found = installed[path];
    return (
      found !== undefined &&
      found.version === entry.version &&
      found.integrity === entry.integrity &&
      existsSync(join(root, path, "package.json"))
    );
  });
}

/** By path; undefined without such a file, or if it was cut off. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** npm leaves out optional packages that are for other systems; others that are optional may be missing for other reasons. */
function isForThisSystem({ optional, os, cpu, libc }) {
  if (optional !== true) return true;
  if (os === undefined && cpu === undefined) return false;
  return allows(os, process.platform) && allows(cpu, process.arch) && allows(libc, "glibc");
}

/** As package.json has it: names, or names not, with "!" before them. */
function allows(list, name) {
  if (list === undefined) return true;
  const names = [list].flat();
  if (names.includes(`!${name}`)) return false;
  const positive = names.filter((one) => !one.startsWith("!"));
  return positive.length === 0 || positive.includes(name);
}
