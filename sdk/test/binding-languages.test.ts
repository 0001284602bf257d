/**
 * The example of `docs/abi.md` in every language that can be built here: the same calls, the same answers, and no
 * memory lost. The C one is built beforehand, see `fixtures/`; the Rust one isn't run.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { moduleTypes, WebAssembly } from "../../engine/index.js";
import { readPage } from "../../engine/test/docs/pages.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { projectRoot } from "../../engine/test/support/corpora.js";
import { BackplaneInstance } from "../abi/backplane/backplane-instance.js";
import { bindExport } from "../binding/bind-export.js";
import { checkExports, checkHooks, checkImports } from "../binding/check.js";
import { importLinker } from "../binding/link.js";
import { fn } from "../declare/signature.js";
import type { DefinedModule } from "../di.js";
import { PluginInstance } from "../plugin/plugin-instance.js";

const page = readPage("docs/abi.md");
const fixture = (name: string): string => join(projectRoot(), "sdk", "test", "fixtures", name);

function example(language: string, attribute?: string): string {
  const found = page.blocks.filter(
    (block) => block.language === language && (attribute === undefined || block.attributes.has(attribute)),
  );
  if (found.length !== 1) throw new Error(`docs/abi.md has ${found.length} examples in ${language}`);
  return found[0].text;
}

/** What the compiler is used for; its own types declare its language's globals over those of JavaScript. */
interface AssemblyScriptCompiler {
  main(
    options: readonly string[],
    files: {
      readFile(name: string): string | null;
      writeFile(name: string, contents: Uint8Array): void;
      listFiles(): string[];
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: object }>;
}

async function compileAssemblyScript(source: string): Promise<Uint8Array> {
  const name = "assemblyscript/asc";
  const { default: asc } = (await import(name)) as { default: AssemblyScriptCompiler };
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(["greeter.ts", "--outFile", "greeter.wasm", "--use", "abort="], {
    readFile: (file) => (file === "greeter.ts" ? source : null),
    writeFile: (_file, contents) => {
      binary = contents;
    },
    listFiles: () => [],
  });
  if (binary === undefined) throw new Error(`${error?.message}\n${String(stderr)}`);
  return binary;
}

const titles = new Map<string, string | null>([
  ["Ada", "Countess"],
  ["Bo", null],
  ["J\u00f6rg \u{1f600}", "Gra\u0142"],
  ["", ""],
]);

const app: DefinedModule = {
  declaration: {
    name: "app",
    className: "App",
    functions: [{ name: "title", method: "title", signature: fn(["string"], "string?", { throws: true }) }],
  },
  object: {
    title(name: string): string | null {
      const title = titles.get(name);
      if (title === undefined) throw new Error(`who is ${name}?`);
      return title;
    },
  },
};

const sources: [language: string, bytes: () => Uint8Array | Promise<Uint8Array>][] = [
  ["WAT", () => assemble(example("wat"))],
  ["AssemblyScript", () => compileAssemblyScript(example("ts", "assemblyscript"))],
  ["C", () => readFileSync(fixture("greeter.wasm"))],
];

for (const [language, bytes] of sources) {
  test(`the plugin in ${language} greets`, async (t) => {
    const module = new WebAssembly.Module((await bytes()) as Uint8Array<ArrayBuffer>);
    const greet = fn(["string"], "string");
    const types = moduleTypes(module);
    checkImports("greeter", types, types.imports, [app]);
    checkHooks("greeter", module);
    checkExports("greeter", module, { greet });
    const side = new BackplaneInstance(importLinker({ name: "greeter", config: {} }, module, [app])());
    const { memory } = side;
    new PluginInstance(new WebAssembly.Instance(module, side.imports), side, { plugin: "greeter" }).start();
    const call = bindExport(side, "greet", greet);
    t.is(call("Ada"), "Hello, Countess Ada!");
    t.is(call("Bo"), "Hello, Bo!");
    t.is(call("J\u00f6rg \u{1f600}"), "Hello, Gra\u0142 J\u00f6rg \u{1f600}!");
    t.is(call(""), "Hello,  !");
    t.is(call("Eve"), "Hello, stranger (who is Eve?)!");
    const long = "x".repeat(200_000);
    t.is(call(long), `Hello, stranger (who is ${long}?)!`);
    const before = memory.size;
    for (let i = 0; i < 200; i++) call(long);
    t.true(memory.size <= 4 * before, `${memory.size} bytes, ${before} before`);
  });
}

test("the C plugin is the page's", (t) => {
  t.is(readFileSync(fixture("greeter.c"), "utf8"), example("c"));
});
