/** What `backplane bindings` writes: golden texts, and plugins built with them that a host calls. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { packageFolder, runCli } from "../../engine/test/cli/run-cli.js";
import { interfaceOf } from "../bindings/interface.js";
import { BackplaneError, fn, hostFunction, hostModule, PluginHost } from "../index.js";
import { compileAssemblyScript } from "./assemblyscript.js";
import * as declared from "./bindings/declarations.js";

const { app, Crossing, saved } = declared;
const sources = join(packageFolder, "sdk/test/bindings");
const compiled = join(packageFolder, "dist/sdk/test/bindings/declarations.js");
const folder = mkdtempSync(join(tmpdir(), "backplane-bindings-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const files = { as: "bindings.ts", c: "bindings.h", rust: "bindings.rs" } as const;

for (const [language, file] of Object.entries(files)) {
  test(`${language}: the text`, async (t) => {
    const out = join(folder, file);
    const options = ["--lang", language, "--plugin", "Crossing", "--out", out];
    t.deepEqual(await runCli(["bindings", ...options, compiled]), { code: 0, stdout: "", stderr: "" });
    const golden = join(sources, `${file}.golden`);
    if (process.env.BACKPLANE_GOLDEN === "write") copyFileSync(out, golden);
    t.is(readFileSync(out, "utf8"), readFileSync(golden, "utf8"));
  });
}

test("the example's bindings are what the command writes", async (t) => {
  const { stdout, stderr } = await runCli(["bindings", join(packageFolder, "dist/plugins-example/site.js")]);
  t.is(stderr, "");
  t.is(stdout, readFileSync(join(packageFolder, "plugins-example/plugins/lib/bindings.ts"), "utf8"));
});

/** Every function that the description wants, with every kind of value. */
async function crosses(t: ExecutionContext, bytes: Uint8Array): Promise<void> {
  const host = await PluginHost.start({ plugins: [{ bytes, name: "p", required: true }], modules: [app] });
  t.teardown(() => host.close());
  const plugin = await host.plugin("p", Crossing);
  t.is(await plugin.greet("Ada", "fr"), "Bonjour, Ada!");
  t.is(await plugin.greet("Zoé", "xx"), "?, Zoé!");
  t.is(await plugin.greet("", "fr"), "Bonjour, !");
  t.is(await plugin.maybe("text", true), "text");
  t.is(await plugin.maybe("text", false), null);
  t.is(await plugin.maybe(null, true), null);
  t.deepEqual(await plugin.reverse(new Uint8Array([1, 2, 255])), new Uint8Array([255, 2, 1]));
  t.deepEqual(await plugin.reverse(new Uint8Array()), new Uint8Array());
  t.is(await plugin.reverse(null), null);
  t.is(await plugin.add(-1, 250, 2n ** 60n), 2n ** 60n + 249n);
  t.is(await plugin.even(4), true);
  t.is(await plugin.even(5), false);
  t.is(await plugin.save("good"), "saved");
  t.is(await plugin.save("bad"), "can't save bad");
  t.deepEqual(saved, ["good"]);
  t.deepEqual(await plugin.echo({ a: [1, "é", null] }), { a: [1, "é", null] });
  for (let i = 0; i < 2000; i++) await plugin.greet("Ada Lovelace", "fr");
  const { memory } = host.plugin("p").stats();
  t.true(memory <= 4 * 65_536, `${memory} bytes: what crossed was given back`);
}

test.serial("AssemblyScript compiles and runs", async (t) => {
  t.timeout(120_000);
  saved.length = 0;
  const work = mkdtempSync(join(folder, "as-"));
  for (const name of ["index", "plugin"]) {
    copyFileSync(join(sources, `${name}.as.txt`), join(work, `${name}.ts`));
  }
  copyFileSync(join(sources, "bindings.ts.golden"), join(work, "bindings.ts"));
  t.is(compileAssemblyScript(work, "index.ts", ["--optimize", "--use", "abort="]), "");
  await crosses(t, readFileSync(join(work, "plugin.wasm")));
});

const clang = spawnSync("clang", ["--target=wasm32", "--version"]).status === 0;
(clang ? test.serial : test.skip)(clang ? "C compiles and runs" : "C (no clang here)", async (t) => {
  saved.length = 0;
  const work = mkdtempSync(join(folder, "c-"));
  copyFileSync(join(sources, "plugin.c"), join(work, "plugin.c"));
  copyFileSync(join(sources, "bindings.h.golden"), join(work, "bindings.h"));
  const options = ["--target=wasm32", "-O2", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-Wl,--no-entry"];
  const { status, stderr } = spawnSync("clang", [...options, "-o", "plugin.wasm", "plugin.c"], {
    cwd: work,
    encoding: "utf8",
  });
  t.is(status, 0, stderr);
  await crosses(t, readFileSync(join(work, "plugin.wasm")));
});

// For this machine's own processor: its types are checked; there is no Rust here that makes WebAssembly.
const rustc = spawnSync("rustc", ["--version"]).status === 0;
(rustc ? test : test.skip)(rustc ? "Rust type-checks" : "Rust (no rustc here)", (t) => {
  const work = mkdtempSync(join(folder, "rust-"));
  copyFileSync(join(sources, "plugin.rs"), join(work, "plugin.rs"));
  copyFileSync(join(sources, "bindings.rs.golden"), join(work, "bindings.rs"));
  const options = ["--edition", "2021", "--crate-type=lib", "--emit=metadata", "plugin.rs"];
  const { status, stderr } = spawnSync("rustc", options, { cwd: work, encoding: "utf8" });
  t.is(status, 0, stderr);
  t.is(stderr, "");
});

@hostModule("decorated")
class Decorated {
  @hostFunction(fn(["i32"], "i32"), { name: "twice-it" })
  twice(n: number): number {
    return 2 * n;
  }
}

test("classes with decorators, instances and lists are found", (t) => {
  const names = (exported: Record<string, unknown>): string[] =>
    interfaceOf(exported).imports.map(({ name }) => name);
  t.deepEqual(names({ Decorated }), ["decorated"]);
  t.deepEqual(names({ one: new Decorated(), other: 1, nothing: null, app }), ["decorated", "app"]);
  t.deepEqual(names({ modules: [app, Decorated] }), ["app", "decorated"]);
  const [module] = interfaceOf({ Decorated }).imports;
  t.is(module.functions[0].name, "twice-it");
});

test("what can't be bound to is said", async (t) => {
  const code = { instanceOf: BackplaneError, code: "OPTIONS" };
  t.throws(() => interfaceOf({ a: 1 }), { ...code, message: /no host module and no description/ });
  const two = { A: Crossing, B: Crossing };
  t.throws(() => interfaceOf(two), { ...code, message: /several descriptions, name the plugin's: A, B/ });
  t.throws(() => interfaceOf(two, "C"), { ...code, message: /no description "C" \(there are: A, B\)/ });
  const missing = await runCli(["bindings"]);
  t.deepEqual([missing.code, missing.stdout], [2, ""]);
  t.regex(
    missing.stderr,
    /^error: the application's file is missing\nFor more, try backplane help bindings\n$/,
  );
  const absent = await runCli(["bindings", join(folder, "absent.mjs")]);
  t.is(absent.code, 1);
  t.regex(absent.stderr, /^error: .*absent\.mjs: no such file\n$/);
  const language = await runCli(["bindings", "--lang", "cobol", "x.js"]);
  t.is(language.code, 2);
  const throws = join(folder, "throws.mjs");
  writeFileSync(throws, "throw new Error('no database')");
  t.is((await runCli(["bindings", throws])).stderr, `error: ${throws}: no database\n`);
});
