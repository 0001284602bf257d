/** The plugins of `docs/plugin-authoring.md`, built as the page says and called by a host as the page says. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { readPage } from "../../engine/test/docs/pages.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { defineHostModule, describe, fn, PluginHost } from "../index.js";
import { compileAssemblyScript } from "./assemblyscript.js";

const folder = mkdtempSync(join(tmpdir(), "backplane-authoring-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));
const page = readPage("docs/plugin-authoring.md");

function source(language: string): string {
  const block = page.blocks.find(({ attributes }) => attributes.get("plugin") === language);
  if (block === undefined) throw new Error(`the page has no plugin in ${language}`);
  return block.text;
}

async function greets(t: ExecutionContext, bytes: Uint8Array): Promise<void> {
  const greetings = new Map([["fr", "Bonjour"]]);
  const app = defineHostModule("app", {
    greeting: [fn(["string"], "string?"), (language) => greetings.get(language) ?? null],
  });
  const host = await PluginHost.start({
    plugins: [{ bytes, name: "greeter", required: true }],
    modules: [app],
  });
  t.teardown(() => host.close());
  const greeter = await host.plugin("greeter", describe({ greet: fn(["string"], "string") }));
  t.is(await greeter.greet("Ada"), "Bonjour, Ada!");
  // Memory that wasn't given back would run out.
  for (let i = 0; i < 3000; i++) await greeter.greet("Ada Lovelace");
  t.is(await greeter.greet(""), "Bonjour, !");
  const { memory } = host.plugin("greeter").stats();
  t.true(memory <= 4 * 65_536, `${memory} bytes`);
}

test("WAT", (t) => greets(t, assemble(source("wat"))));

test("AssemblyScript", async (t) => {
  t.timeout(120_000);
  t.regex(page.text, /asc greeter\.ts --outFile greeter\.wasm --optimize --use abort=\n/);
  writeFileSync(join(folder, "greeter.ts"), source("assemblyscript"));
  t.is(compileAssemblyScript(folder, "greeter.ts", ["--optimize", "--use", "abort="]), "");
  await greets(t, readFileSync(join(folder, "plugin.wasm")));
});

const clang = spawnSync("clang", ["--target=wasm32", "--version"]).status === 0;
const inC = clang ? "C" : "C (no clang here)";
(clang ? test : test.skip)(inC, async (t) => {
  const command = /^clang (.*)$/m.exec(page.text)?.[1];
  if (command === undefined) return t.fail("the page has no command for clang");
  writeFileSync(join(folder, "greeter.c"), source("c"));
  const { status, stderr } = spawnSync("clang", command.split(" "), {
    cwd: folder,
    encoding: "utf8",
  });
  t.is(status, 0, stderr);
  await greets(t, readFileSync(join(folder, "greeter.wasm")));
});
