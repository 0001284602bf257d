/**
 * Builds the plugins: WAT is assembled, AssemblyScript compiled, what is binary already copied; each only when its
 * source is newer than what was built. What has no source any more is removed. `node build-plugins.mjs` does it for
 * this application, into `dist`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

export async function buildPlugins(from, to) {
  mkdirSync(to, { recursive: true });
  const sources = readdirSync(from, { recursive: true, encoding: "utf8" });
  // AssemblyScript's files import one another, so a change in one is a change in all.
  const script = Math.max(
    0,
    ...sources.filter((name) => name.endsWith(".ts")).map((name) => modified(join(from, name))),
  );
  const names = readdirSync(from).filter((name) => /\.(wat|ts|wasm|json)$/.test(name));
  const builtName = (name) => name.replace(/\.(wat|ts)$/, ".wasm");
  const built = new Set(names.map(builtName));
  for (const name of readdirSync(to)) if (!built.has(name)) rmSync(join(to, name), { recursive: true });
  for (const name of names) {
    const source = join(from, name);
    const target = join(to, builtName(name));
    const outdated = modified(target) <= (name.endsWith(".ts") ? script : modified(source));
    if (!outdated) continue;
    if (name.endsWith(".wat")) await assemble(source, target);
    else if (name.endsWith(".ts")) await compileAssemblyScript(from, name, target);
    else writeFileSync(target, readFileSync(source));
  }
}

let wabt;

async function assemble(source, target) {
  wabt ??= await (await import("wabt")).default();
  const module = wabt.parseWat(source, readFileSync(source, "utf8"));
  writeFileSync(target, module.toBinary({ write_debug_names: true }).buffer);
  module.destroy();
}

async function compileAssemblyScript(folder, name, target) {
  const { default: asc } = await import("assemblyscript/asc");
  // "abort=": a failed assertion is a trap, rather than an import that the application would have to offer.
  const options = ["--baseDir", folder, "--outFile", target, "--optimize", "--use", "abort="];
  const { error, stderr } = await asc.main([name, ...options]);
  if (error !== null) throw new Error(`${name}: ${error.message}\n${stderr.toString()}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const folder of ["plugins", "updates"]) {
    const from = fileURLToPath(new URL(folder, import.meta.url));
    await buildPlugins(from, fileURLToPath(new URL(`dist/${folder}`, import.meta.url)));
  }
}
