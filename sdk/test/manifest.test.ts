/** Manifests: what is accepted, what is refused and how it is said; grants; trust. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { BackplaneError, fn, hostFunction, hostModule, ManifestError, PluginHost } from "../index.js";
import { intersect } from "../manifest/grant.js";
import { parseManifest } from "../manifest/manifest.js";
import { quiet } from "./quiet-host.js";

@hostModule("app")
class App {
  @hostFunction(fn(["i32"], "i32"))
  twice(n: number): number {
    return 2 * n;
  }
}

const one = assemble(`(module (func (export "one") (result i32) (i32.const 1)))`);
const importing = assemble(`(module (import "app" "twice" (func $t (param i32) (result i32)))
  (func (export "run") (result i32) (call $t (i32.const 4))))`);

function folderWith(t: ExecutionContext, files: Record<string, Uint8Array | string | object>): string {
  const folder = mkdtempSync(join(tmpdir(), "backplane-manifest-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    const raw = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(join(folder, name), raw ? content : JSON.stringify(content));
  }
  return folder;
}

const refused: [string, unknown, RegExp][] = [
  ["an unknown field", { name: "a", nmae: "b" }, /^a: nmae: unknown field \(known: \$schema, name, version/],
  [
    "an unknown request",
    { name: "a", requests: { host: [] } },
    /requests\.host: unknown field; did you mean "hosts"\? \(known: modules/,
  ],
  ["no name", {}, /name: missing/],
  ["a version that is none", { name: "a", version: "1" }, /version: expected a version as 1\.2\.3, got "1"/],
  [
    "an ABI that can have no such name",
    { name: "a", abi: "back plane" },
    /abi: expected the name of an ABI, as "backplane-1", got "back plane"/,
  ],
  ["a hash that is none", { name: "a", sha256: "AB" }, /sha256: expected 64 lower-case hexadecimal digits/],
  [
    "more of WASI than there is",
    { name: "a", requests: { wasi: { clocks: "coarse", env: "LANG", args: [] } } },
    /requests\.wasi\.clocks: expected "fine", got "coarse"; requests\.wasi\.env: expected a list of texts.*; requests\.wasi\.args: expected true or false/,
  ],
  [
    "access that there isn't",
    { name: "a", requests: { paths: { "/x": "rw" } } },
    /paths\["\/x"\]: expected "read" or/,
  ],
  [
    "a list of other things",
    { name: "a", requests: { modules: [1] } },
    /requests\.modules\[0\]: expected text, got 1/,
  ],
  [
    "a negative limit",
    { name: "a", requests: { limits: { memory: -1 } } },
    /limits\.memory: expected an integer/,
  ],
  [
    "a range of versions that is none",
    { name: "a", dependencies: { plugins: { b: "latest & greatest" } } },
    /dependencies\.plugins\["b"\]: expected a range of versions as \^1\.2\.0, got "latest/,
  ],
  ["dependencies in a list", { name: "a", dependencies: ["b"] }, /dependencies: expected an object/],
  [
    "dependencies on other things",
    { name: "a", dependencies: { hosts: {} } },
    /dependencies\.hosts: unknown/,
  ],
  ["a list", [], /the manifest: expected an object/],
];
for (const [what, manifest, message] of refused) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => parseManifest(JSON.stringify(manifest), "a"), { instanceOf: ManifestError, message });
  });
}

test("all faults of a manifest are told at once", (t) => {
  const error = t.throws(() => parseManifest(`{ "x": 1, "y": 2, "reentrant": 3 }`, "a"), {
    instanceOf: ManifestError,
  });
  t.is(error.problems.length, 4);
  t.throws(() => parseManifest("{", "a"), { instanceOf: ManifestError, message: /a: not JSON/ });
});

interface Schema {
  readonly type?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const schema = JSON.parse(
  readFileSync(new URL("../../../sdk/plugin.schema.json", import.meta.url), "utf8"),
) as Schema;

/** Whether a value fits a schema, as far as the manifest's uses JSON Schema. */
function fits(value: unknown, at: Schema): boolean {
  if (at.$ref !== undefined) return fits(value, schema.$defs?.[at.$ref.replace("#/$defs/", "")] as Schema);
  if (at.const !== undefined && value !== at.const) return false;
  if (at.enum?.includes(value) === false) return false;
  const record = typeof value === "object" && value !== null && !Array.isArray(value);
  if (at.type === "object" && !record) return false;
  if (at.type === "array" && !Array.isArray(value)) return false;
  if (at.type === "integer" && !Number.isSafeInteger(value)) return false;
  if ((at.type === "string" || at.type === "boolean") && typeof value !== at.type) return false;
  if (at.pattern !== undefined && !new RegExp(at.pattern, "u").test(value as string)) return false;
  if (at.minimum !== undefined && (value as number) < at.minimum) return false;
  if (at.items !== undefined) return (value as unknown[]).every((item) => fits(item, at.items as Schema));
  if (!record) return true;
  if (at.required?.some((name) => !(name in (value as object)))) return false;
  return Object.entries(value as object).every(([name, field]) => {
    const known = at.properties?.[name] ?? at.additionalProperties ?? true;
    return typeof known === "boolean" ? known : fits(field, known);
  });
}

const accepted: unknown[] = [
  { name: "a" },
  {
    $schema: "./plugin.schema.json",
    name: "A-1.b_c",
    version: "1.2.3-rc.1+build",
    sha256: "0".repeat(64),
    abi: "backplane-1",
    config: { any: ["thing", null] },
    activation: "call",
    reentrant: true,
    dependencies: { plugins: { text: "^1.2.0 || >=2.0.0-beta <3", "t.2": "*" }, modules: { kv: "~2" } },
    requests: {
      modules: ["kv"],
      hosts: ["example.org"],
      paths: { "/data": "write" },
      wasi: { args: true, env: ["LANG"], stdin: true, stdout: false, stderr: true, clocks: "fine" },
      limits: { memory: 0, timeout: 1 },
    },
  },
];

function reads(manifest: unknown): boolean {
  try {
    parseManifest(JSON.stringify(manifest), "a");
    return true;
  } catch {
    return false;
  }
}

test("schema and reader accept and refuse the same", (t) => {
  for (const manifest of accepted)
    t.true(reads(manifest) && fits(manifest, schema), JSON.stringify(manifest));
  for (const [what, manifest] of refused) t.true(!reads(manifest) && !fits(manifest, schema), what);
});

test("the schema knows the fields that the reader knows", (t) => {
  const known = (at: object): string[] => {
    const error = t.throws(() => parseManifest(JSON.stringify(at), "a"), { instanceOf: ManifestError });
    const list = /\(known: ([^)]*)\)/.exec(error.message)?.[1] ?? "";
    return list.split(", ").sort();
  };
  const fieldsOf = (at: Schema | undefined): string[] => Object.keys(at?.properties ?? {}).sort();
  const { requests, dependencies } = schema.properties ?? {};
  t.deepEqual(fieldsOf(schema), known({ zz: 1 }));
  t.deepEqual(fieldsOf(requests), known({ requests: { zz: 1 } }));
  t.deepEqual(fieldsOf(dependencies), known({ dependencies: { zz: 1 } }));
  t.deepEqual(fieldsOf(requests.properties?.limits), known({ requests: { limits: { zz: 1 } } }));
  t.deepEqual(fieldsOf(requests.properties?.wasi), known({ requests: { wasi: { zz: 1 } } }));
});

test("what holds is the intersection of request and grant", (t) => {
  const requested = {
    modules: ["app", "kv", "other"],
    hosts: ["a.example", "b.example"],
    paths: { "/a": "write", "/b": "write", "/c": "read" },
    limits: { memory: 1000, timeout: 5 },
  } as const;
  t.deepEqual(intersect(requested, {}, ["text"], [], ["app", "kv"], {}), {
    modules: ["app", "kv"],
    plugins: [],
    hosts: [],
    paths: {},
    wasi: { env: {}, preopens: {} },
    limits: { memory: 1000, timeout: 5 },
  });
  const given = {
    modules: ["app"],
    plugins: ["text", "third"],
    hosts: ["b.example", "c.example"],
    paths: { "/a": "write", "/b": "read" },
    wasi: false,
  } as const;
  t.deepEqual(
    intersect(requested, { ...given, limits: { memory: 10 } }, ["text", "other"], [], ["app", "kv"], {
      timeout: 3,
    }),
    {
      modules: ["app"],
      plugins: ["text"],
      hosts: ["b.example"],
      paths: { "/a": "write", "/b": "read" },
      wasi: undefined,
      limits: { memory: 10, timeout: 3 },
    },
  );
  t.deepEqual(intersect({}, {}, [], ["kv"], ["app", "kv"], {}).modules, ["kv"]);
});

test("bad plugins of a folder have their own errors and leave the good ones alone", async (t) => {
  const wrong = "0".repeat(64);
  const plugins = folderWith(t, {
    "good.wasm": one,
    "good.plugin.json": {
      name: "good",
      sha256: createHash("sha256").update(one).digest("hex"),
      config: { a: 1, b: 2 },
    },
    "hash.wasm": one,
    "hash.plugin.json": { name: "hash", sha256: wrong },
    "gone.plugin.json": { name: "gone" },
    "field.wasm": one,
    "field.plugin.json": { name: "field", colour: "red" },
    "named.wasm": one,
    "named.plugin.json": { name: "other" },
    "asks.wasm": importing,
    "asks.plugin.json": { name: "asks", requests: { modules: [] } },
  });
  const host = await PluginHost.start({
    plugins,
    modules: [App],
    logger: quiet,
    options: { config: { b: 3 } },
  });
  t.teardown(() => host.close());
  t.deepEqual(host.names, ["good"]);
  t.deepEqual(host.plugin("good").config, { a: 1, b: 3 });
  const failure = (name: string) => host.failures.get(name) as BackplaneError;
  t.is(failure("hash").code, "INTEGRITY");
  t.regex(failure("hash").message, /hash: sha256 is [0-9a-f]{64}, the manifest says 0{64}/);
  t.regex(failure("gone").message, /gone: can't read .*gone\.wasm: there is no such file/);
  t.is(failure("field").code, "MANIFEST");
  t.regex(failure("named").message, /is of a plugin named "other"/);
  t.is(failure("asks").code, "NOT_GRANTED");
  t.is(failure("asks").message, `asks: import app.twice: "app" isn't granted`);
});

test("the application pins hash and version, and decides what is granted", async (t) => {
  const folder = folderWith(t, { "p.wasm": importing, "p.plugin.json": { name: "p", version: "1.2.3" } });
  const file = join(folder, "p.wasm");
  const host = await PluginHost.start({
    modules: [App],
    logger: quiet,
    grant: ({ name }) => (name === "q" ? { modules: [] } : {}),
  });
  t.teardown(() => host.close());
  await t.throwsAsync(host.load({ file, version: "2.0.0" }), {
    message: /wants version 2\.0\.0, the manifest names version 1\.2\.3/,
  });
  await t.throwsAsync(host.load({ file, sha256: "ff" }), { message: /the application says ff/ });
  await t.throwsAsync(host.load({ bytes: importing, name: "q" }), { message: /"app" isn't granted/ });
  const plugin = await host.load({ file, version: "1.2.3" });
  t.is(await plugin.call("run"), 8);
  await t.throwsAsync(host.load(file), { message: /two plugins named "p"/ });
});

test("memory is limited", async (t) => {
  const growing =
    assemble(`(module (memory (export "memory") 1) (global (mut i64) (i64.const -7)) (global i32 (i32.const 900))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);
  const host = await PluginHost.start({ logger: quiet, limits: { memory: 3 * 65_536 } });
  t.teardown(() => host.close());
  const plugin = await host.load({ bytes: growing, name: "growing" });
  t.is(plugin.exports.memory !== undefined, true);
  t.is(await plugin.call("grow", 2), 1);
  t.is(await plugin.call("grow", 1), -1);
  const large = assemble(`(module (memory 4))`);
  const error = await t.throwsAsync(host.load({ bytes: large, name: "large" }), {
    instanceOf: BackplaneError,
  });
  t.is(error.code, "LIMIT");
});

test("a required plugin stops the start", async (t) => {
  const sources = [
    { bytes: one, name: "fine" },
    { bytes: new Uint8Array(3), name: "bad", required: true },
  ];
  await t.throwsAsync(PluginHost.start({ plugins: sources, logger: quiet }), { message: /^bad: / });
});

test("a URL is fetched", async (t) => {
  const file = new URL(`data:application/wasm;base64,${Buffer.from(one).toString("base64")}`);
  const host = await PluginHost.start({ plugins: [{ file, name: "one" }], logger: quiet });
  t.teardown(() => host.close());
  t.is(await host.plugin("one").call("one"), 1);
});
