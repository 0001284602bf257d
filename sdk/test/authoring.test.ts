/** The plugins of `docs/plugin-authoring.md`, built as the page says and called by a host as the page says. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { packageFolder, runCli } from "../../engine/test/cli/run-cli.js";
import { readPage } from "../../engine/test/docs/pages.js";
import { type DefinedModule, type Description, type FunctionSignature, PluginHost } from "../index.js";
import { compileAssemblyScript } from "./assemblyscript.js";

// In the package itself, so that the contract finds it by its name.
mkdirSync(join(packageFolder, "dist"), { recursive: true });
const folder = mkdtempSync(join(packageFolder, "dist/authoring-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));
const page = readPage("docs/plugin-authoring.md");

for (const { attributes, text } of page.blocks) {
  for (const key of ["file", "assemblyscript", "plugin"]) {
    const name = attributes.get(key);
    if (name !== undefined) writeFileSync(join(folder, name), text);
  }
}
const contract = join(folder, "contract.mjs");

/** The page's command that begins so, without its beginning. */
function command(beginning: string): string[] {
  const line = page.text.split("\n").find((one) => one.startsWith(`${beginning} `));
  if (line === undefined) throw new Error(`the page has no command ${beginning}`);
  return line.slice(beginning.length + 1).split(" ");
}

async function writeBindings(t: ExecutionContext, language: string, file: string): Promise<void> {
  const options = ["--lang", language, "--out", join(folder, file)];
  t.deepEqual(await runCli(["bindings", contract, ...options]), { code: 0, stdout: "", stderr: "" });
}

async function greets(t: ExecutionContext, bytes: Uint8Array): Promise<void> {
  const { app, Greeter } = (await import(pathToFileURL(contract).href)) as {
    app: DefinedModule;
    Greeter: Description<{ greet: FunctionSignature<["string"], "string"> }>;
  };
  const plugins = [{ bytes, name: "greeter", required: true }];
  const host = await PluginHost.start({ plugins, modules: [app] });
  t.teardown(() => host.close());
  const greeter = await host.plugin("greeter", Greeter);
  t.is(await greeter.greet("Ada"), "Bonjour, Ada! (not saved: disk full)");
  for (let i = 0; i < 2000; i++) await greeter.greet("Ada Lovelace");
  t.is(await greeter.greet(""), "Bonjour, ! (not saved: disk full)");
  const { memory } = host.plugin("greeter").stats();
  t.true(memory <= 4 * 65_536, `${memory} bytes: what crossed was given back`);
}

test("AssemblyScript", async (t) => {
  t.timeout(300_000);
  await writeBindings(t, "as", "bindings.ts");
  const [entry, , , ...options] = command("npx asc");
  t.is(compileAssemblyScript(folder, entry, options), "");
  await greets(t, readFileSync(join(folder, "plugin.wasm")));
});

const clang = spawnSync("clang", ["--target=wasm32", "--version"]).status === 0;
(clang ? test : test.skip)(clang ? "C" : "C (no clang here)", async (t) => {
  t.timeout(300_000);
  await writeBindings(t, "c", "bindings.h");
  const { status, stderr } = spawnSync("clang", command("clang"), { cwd: folder, encoding: "utf8" });
  t.is(status, 0, stderr);
  await greets(t, readFileSync(join(folder, "greeter.wasm")));
});

const rustc = spawnSync("rustc", ["--version"]).status === 0;
(rustc ? test : test.skip)(rustc ? "Rust: its types" : "Rust (no rustc here)", async (t) => {
  t.timeout(300_000);
  await writeBindings(t, "rust", "bindings.rs");
  const options = ["--edition", "2021", "--crate-type=lib", "--emit=metadata", "lib.rs"];
  const { status, stderr } = spawnSync("rustc", options, { cwd: folder, encoding: "utf8" });
  t.is(status, 0, stderr);
});
