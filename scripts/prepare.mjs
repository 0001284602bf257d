/**
 * What `npm start` and `npm test` need before they can run, each step only when something changed: installs the
 * dependencies that the lockfile names, compiles TypeScript, builds the example's plugins.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isInstalled } from "./installed.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

function run(command, args) {
  // npm's own settings for the outer command (such as --silent) are not for the inner one.
  execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

function install() {
  if (isInstalled(root)) return;
  console.log("installing dependencies");
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
}

function newestSource(folder) {
  let newest = 0;
  for (const entry of readdirSync(at(folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (entry.name.endsWith(".ts")) newest = Math.max(newest, modified(at(path)));
  }
  return newest;
}

function build() {
  const stamp = at("dist", ".built");
  const newest = Math.max(
    modified(at("tsconfig.json")),
    modified(at("package-lock.json")),
    ...["engine", "sdk", "plugins-example"].map(newestSource),
  );
  if (modified(stamp) >= newest) return;
  console.log("building");
  run(process.execPath, [at("node_modules", "typescript", "bin", "tsc"), "-p", root]);
  writeFileSync(stamp, "");
}

async function buildExamplePlugins() {
  const { buildPlugins } = await import("../plugins-example/build-plugins.mjs");
  for (const folder of ["plugins", "updates"]) {
    await buildPlugins(at("plugins-example", folder), at("dist", "plugins-example", folder));
  }
}

install();
build();
await buildExamplePlugins();
