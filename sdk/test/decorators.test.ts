/** Decorated classes at run time: in both modes, compiled by TypeScript and by esbuild, minified or not. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { transformSync } from "esbuild";
import ts from "typescript";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { projectRoot } from "../../engine/test/support/corpora.js";
import { hostModuleDeclaration } from "../declare/decorators.js";
import { BackplaneError, HostError, PluginHost } from "../index.js";
import type * as Fixture from "./decorators/kv-host.js";

const sourceFile = join(projectRoot(), "sdk/test/decorators/kv-host.ts");
const source = readFileSync(sourceFile, "utf8");

function byTypeScript(experimentalDecorators: boolean): (text: string) => string {
  const { ESNext } = ts.ModuleKind;
  const { ES2022 } = ts.ScriptTarget;
  return (text) =>
    ts.transpileModule(text, {
      compilerOptions: {
        experimentalDecorators,
        target: ES2022,
        module: ESNext,
        useDefineForClassFields: true,
      },
    }).outputText;
}

function byEsbuild(experimentalDecorators: boolean, minify: boolean): (text: string) => string {
  const tsconfigRaw = { compilerOptions: { experimentalDecorators, useDefineForClassFields: true } };
  return (text) => transformSync(text, { loader: "ts", target: "es2022", tsconfigRaw, minify }).code;
}

interface Build {
  readonly name: string;
  readonly standard: boolean;
  readonly minified: boolean;
  readonly compile: (text: string) => string;
}

const builds: readonly Build[] = [
  { name: "TypeScript, legacy", standard: false, minified: false, compile: byTypeScript(true) },
  { name: "TypeScript, standard", standard: true, minified: false, compile: byTypeScript(false) },
  { name: "esbuild, legacy", standard: false, minified: false, compile: byEsbuild(true, false) },
  { name: "esbuild, standard", standard: true, minified: false, compile: byEsbuild(false, false) },
  { name: "esbuild, standard, minified", standard: true, minified: true, compile: byEsbuild(false, true) },
];

/** Beside this file, so that the fixture's imports lead to the same build. */
const here = dirname(fileURLToPath(import.meta.url));
mkdirSync(here, { recursive: true });
const folder = mkdtempSync(join(here, "decorators-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
async function load<T>(build: Build, text: string): Promise<T> {
  const file = join(folder, `fixture-${++files}.js`);
  writeFileSync(file, build.compile(text));
  return (await import(pathToFileURL(file).href)) as T;
}

const user = `(module
  (import "kv" "get" (func $get (param i32) (result i32)))
  (import "kv" "set-value" (func $set (param i32 i32)))
  (import "kv" "later" (func $later (param i32) (result i32)))
  (import "kv" "version" (func $version (result i32)))
  (import "kv" "base-double" (func $double (param i32) (result i32)))
  (import "kv2" "triple" (func $triple (param i32) (result i32)))
  (import "kv2" "version" (func $version2 (result i32)))
  (import "wrapped" "one" (func $one (result i32)))
  (import "session" "count" (func $count (result i32)))
  (func (export "set") (param i32 i32) (call $set (local.get 0) (local.get 1)))
  (func (export "get") (param i32) (result i32) (call $get (local.get 0)))
  (func (export "later") (param i32) (result i32) (call $later (local.get 0)))
  (func (export "version") (result i32) (call $version))
  (func (export "double") (param i32) (result i32) (call $double (local.get 0)))
  (func (export "triple") (param i32) (result i32) (call $triple (local.get 0)))
  (func (export "version2") (result i32) (call $version2))
  (func (export "one") (result i32) (call $one))
  (func (export "count") (result i32) (call $count)))`;

function hostModuleFault(t: ExecutionContext, make: () => unknown, message: RegExp): void {
  const error = t.throws(make, { instanceOf: BackplaneError });
  t.is(error.code, "HOST_MODULE");
  t.regex(error.message, message);
}

for (const build of builds) {
  test(`${build.name}: host functions, those of bases too, hooks, scopes and disposal`, async (t) => {
    const fixture = await load<typeof Fixture>(build, source);
    const { KvHost, DerivedHost, Session, Wrapped, Store } = fixture;
    const store = new Store();
    const bytes = assemble(user);
    const host = await PluginHost.start({
      plugins: [
        { bytes, name: "a" },
        { bytes, name: "b" },
      ],
      modules: [KvHost, DerivedHost, Session, Wrapped],
      provide: [[Store, store]],
    });
    t.deepEqual([...host.failures.values()], []);
    const [a, b] = [host.plugin("a"), host.plugin("b")];
    await a.call("set", [1, 77]);
    t.is(await b.call("get", 1), 77);
    t.is(await a.call("later", 4), 5);
    t.is(await a.call("version"), 2);
    t.is(await a.call("double", 4), 8);
    t.is(await a.call("triple", 4), 12);
    t.is(await a.call("version2"), 2);
    t.is(await a.call("one"), 2);
    t.deepEqual([await a.call("count"), await a.call("count"), await b.call("count")], [1, 2, 1]);
    t.deepEqual(
      store.log.filter((line) => line.includes("generation")).sort(),
      ["a generation 1", "a generation 1", "b generation 1", "b generation 1"],
      "KvHost and DerivedHost are told of each",
    );
    await a.reload();
    t.is(store.log.filter((line) => line === "a generation 2").length, 2);
    t.is(await a.call("count"), 3, "the plugin's own module lives through reloads");
    store.log.length = 0;
    await a.close();
    t.deepEqual(store.log, [
      "stopped a",
      "stopped a",
      "session of a: a stopped after 3",
      "session of a disposed",
    ]);
    store.log.length = 0;
    await host.close();
    t.deepEqual(store.log, [
      "stopped b",
      "stopped b",
      "session of b: b stopped after 1",
      "session of b disposed",
      "disposed",
      "disposed",
    ]);
  });

  test(`${build.name}: what is declared`, async (t) => {
    const { KvHost, DerivedHost } = await load<typeof Fixture>(build, source);
    const declaration = hostModuleDeclaration(KvHost);
    t.is(declaration?.name, "kv");
    t.is(declaration?.version, "1.2.0");
    if (!build.minified) t.is(declaration?.className, "KvHost");
    const names = (type: object): string[] =>
      hostModuleDeclaration(type)!.functions.map(({ name, method }) => `${name}=${method}`);
    t.deepEqual(names(KvHost), [
      "version=version",
      "base-double=double",
      "get=get",
      "set-value=set",
      "later=later",
    ]);
    t.deepEqual(names(DerivedHost), [
      "version=version",
      "triple=double",
      "get=get",
      "set-value=set",
      "later=later",
    ]);
    t.deepEqual(declaration?.hooks?.map(({ event, method }) => `${event}=${method}`).sort(), [
      "loaded=onLoad",
      "reloaded=onLoad",
      "stopped=onStop",
    ]);
  });

  test(`${build.name}: what is wrong is told`, async (t) => {
    const { faulty, Unmarked } = await load<typeof Fixture>(build, source);
    hostModuleFault(t, faulty.duplicate, /^host module "kv": one and two both offer "one"$/);
    hostModuleFault(t, faulty.static, /^@hostFunction: one is static; it has to be a public method/);
    hostModuleFault(t, faulty.symbol, /^@hostFunction: Symbol\(one\) has a symbol for a name; it has to be/);
    await t.throwsAsync(PluginHost.start({ modules: [Unmarked] }), {
      message:
        /is not a host module although it has host functions \(one\): mark it with @hostModule\("name"\)$/,
    });
    const replaced = async (): Promise<unknown> => {
      const host = await PluginHost.start({ modules: [faulty.replaced()] });
      return host.close();
    };
    if (build.standard) {
      await t.throwsAsync(replaced, {
        message:
          'host module "kv": another decorator replaced one after @hostFunction; write @hostFunction above it',
      });
    } else await t.notThrowsAsync(replaced);
  });

  if (!build.standard) continue;
  test(`${build.name}: private methods and accessors are refused`, async (t) => {
    const make = (member: string): Promise<unknown> =>
      load(
        build,
        `import { fn, hostFunction } from "../../index.js";
        export class A { @hostFunction(fn([], "i32")) ${member} { return 1; } }`,
      );
    await t.throwsAsync(make("#one()"), {
      message: /^@hostFunction: #one is private; it has to be a public method/,
    });
    await t.throwsAsync(make("get one()"), { message: /^@hostFunction: one is a getter; it has to be/ });
  });

  // Serial tests come first, alone: the others see no such symbol, as on every Node so far.
  test.serial(`${build.name}: with Symbol.metadata there is no difference`, async (t) => {
    const symbols = Symbol as { metadata?: symbol };
    symbols.metadata = Symbol("Symbol.metadata");
    t.teardown(() => delete symbols.metadata);
    const { KvHost } = await load<typeof Fixture>(build, source);
    t.is(hostModuleDeclaration(KvHost)?.functions.length, 5);
  });
}

test("an error of a host function names it as declared", async (t) => {
  const { KvHost, Store } = await load<typeof Fixture>(builds.at(-1)!, source);
  class Broken extends Store {
    override readonly values = new Proxy(new Map<number, number>(), {
      get: () => {
        throw new RangeError("no values");
      },
    });
  }
  const text = `(module (import "kv" "set-value" (func $set (param i32 i32)))
    (func (export "set") (param i32 i32) (call $set (local.get 0) (local.get 1))))`;
  const host = await PluginHost.start({
    plugins: [{ bytes: assemble(text), name: "a" }],
    modules: [KvHost],
    provide: [[Store, new Broken()]],
  });
  t.teardown(() => host.close());
  const error = await t.throwsAsync(host.plugin("a").call("set", [1, 2]), { instanceOf: HostError });
  t.regex(error.message, /^a: import kv\.set-value \(.*set\): no values$/);
});
