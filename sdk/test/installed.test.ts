/** What `npm start` and `npm test` take for installed, whatever the times of the files are. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import { projectRoot } from "../../engine/test/support/corpora.js";

interface Entry {
  readonly version: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
}
type Packages = Readonly<Record<string, Entry>>;

const script = pathToFileURL(join(projectRoot(), "scripts", "installed.mjs")).href;
const { isInstalled } = (await import(script)) as { isInstalled(root: string): boolean };

const one: Entry = { version: "1.0.0", integrity: "sha512-one" };
const lockfile: Packages = {
  "": { version: "0.0.0" },
  "node_modules/one": one,
  "node_modules/two": { version: "2.0.0", integrity: "sha512-two" },
  "node_modules/native": { version: "1.0.0", optional: true, os: [process.platform] },
  "node_modules/elsewhere": { version: "1.0.0", optional: true, os: ["none"] },
};
const { "": _, "node_modules/elsewhere": __, ...all } = lockfile;

/** @param noted what npm notes of what it installed @param folders those that are there */
function checks(noted: Packages | string, folders: readonly string[] = Object.keys(all)): boolean {
  const root = mkdtempSync(join(tmpdir(), "backplane-installed-"));
  try {
    writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages: lockfile }));
    for (const folder of folders) {
      mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, folder, "package.json"), "{}");
    }
    mkdirSync(join(root, "node_modules"), { recursive: true });
    const text = typeof noted === "string" ? noted : JSON.stringify({ packages: noted });
    writeFileSync(join(root, "node_modules", ".package-lock.json"), text);
    // As after a checkout of an older lockfile.
    utimesSync(join(root, "package-lock.json"), 1000, 1000);
    return isInstalled(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("all of them, but for those of other systems", (t) => {
  t.true(checks(all));
  t.true(checks({ ...all, "node_modules/three": one }), "more than that does no harm");
});

test("missing ones, other versions and other contents are noticed", (t) => {
  for (const path of Object.keys(all)) {
    const { [path]: missing, ...others } = all;
    t.false(checks(others), path);
    t.false(checks({ ...all, [path]: { ...missing, version: "0.0.1" } }), path);
    t.false(checks({ ...all, [path]: { ...missing, integrity: "sha512-other" } }), path);
    t.false(checks(all, Object.keys(others)), `the folder of ${path}`);
  }
  t.false(checks({}));
  t.false(checks('{"packages": {'), "cut off");
});

test("a folder without anything", (t) => {
  t.false(isInstalled(join(tmpdir(), "backplane-not-there")));
});
