/** `createPlugin` with plugins of the tests' own: sources, what is granted, errors, limits, what stays. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect, createServer as createSocketServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { trapOf, WebAssembly } from "../../../engine/index.js";
import { assemble } from "../../../engine/test/runtime/assemble.js";
import defaultExport, {
  CAPABILITIES,
  type CallContext,
  CodeCache,
  createPlugin,
  type ExtismPluginOptions,
  type ManifestLike,
  newPlugin,
  type Plugin,
  PluginOutput,
} from "../../extism.js";
import { BackplaneError, HostError, ManifestError, PluginError } from "../../index.js";
import { extismModule, services } from "./plugins.js";

async function made(
  t: ExecutionContext,
  options: ExtismPluginOptions = {},
  source: ManifestLike = services,
): Promise<Plugin> {
  const plugin = await createPlugin(source, options);
  t.teardown(() => plugin.close());
  return plugin;
}

async function served(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "extism-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("the names of Extism's SDK", (t) => {
  t.is(defaultExport, createPlugin);
  t.is(newPlugin, createPlugin);
  t.true(CAPABILITIES.supportsTimeouts);
});

test("an output is a view that reads as text, JSON and bytes", async (t) => {
  const plugin = await made(t);
  const output = (await plugin.call("echo", '{"a":1}')) as PluginOutput;
  t.true(output instanceof PluginOutput && output instanceof DataView);
  t.is(output.text(), '{"a":1}');
  t.is(output.string(), '{"a":1}');
  t.deepEqual(output.json(), { a: 1 });
  t.is(output.getUint8(0), 0x7b);
  t.is(output.arrayBuffer().byteLength, 7);
  t.deepEqual([...output.bytes().subarray(0, 2)], [0x7b, 0x22]);
  t.throws(() => output.setUint8(0, 1), { message: /Cannot set/ });
  await plugin.call("echo", "other");
  t.is(output.text(), '{"a":1}', "a copy");
});

test("an output's buffer has nothing but the output", async (t) => {
  const plugin = await made(t);
  for (const text of ["short", "x".repeat(100), "y".repeat(10_000), ""]) {
    const output = (await plugin.call("echo", text)) as PluginOutput;
    const { buffer, byteOffset, byteLength } = output;
    t.is(buffer.byteLength, text.length);
    t.is(output.buffer, buffer);
    t.is(Buffer.from(buffer, byteOffset, byteLength).toString(), text);
    t.is(output.arrayBuffer(), buffer);
    t.is(output.bytes().buffer, buffer);
    t.is(new TextDecoder().decode(output), text);
  }
});

test("inputs: text, bytes, views, numbers, objects, nothing", async (t) => {
  const plugin = await made(t);
  const echo = async (input?: unknown): Promise<string | undefined> =>
    (await plugin.call("echo", input))?.text();
  t.is(await echo("ä"), "ä");
  t.is(await echo(Uint8Array.of(104, 105)), "hi");
  t.is(await echo(new DataView(Uint8Array.of(0, 104, 105).buffer, 1)), "hi");
  t.is(await echo(Uint8Array.of(104).buffer), "h");
  t.is(await echo(42), "42");
  t.is(await echo({ n: [1] }), '{"n":[1]}');
  t.is(await echo(), "");
  t.is(await echo(""), "");
});

test("sources: bytes, path, URLs, JSON, responses, base64", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "services.wasm");
  writeFileSync(path, services);
  const manifest = { wasm: [{ path }] };
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  const origin = await served(t, (request, response) => {
    if (request.url === "/missing") response.writeHead(404).end();
    else response.end(request.url === "/json" ? JSON.stringify(manifest) : services);
  });
  const sources: ManifestLike[] = [
    services,
    new Uint8Array(services).buffer,
    path,
    pathToFileURL(path),
    pathToFileURL(path).href,
    join(folder, "manifest.json"),
    JSON.stringify(manifest),
    manifest,
    { wasm: [{ data: services }] },
    { wasm: [{ data: Buffer.from(services).toString("base64") }] },
    { wasm: [{ url: `${origin}/module` }] },
    `${origin}/module`,
    new URL(`${origin}/json`),
    new Response(new Uint8Array(services)),
    { wasm: [{ response: new Response(new Uint8Array(services)) }] },
  ];
  for (const source of sources) {
    const plugin = await createPlugin(Promise.resolve(source));
    t.is((await plugin.call("echo", "hi"))?.text(), "hi");
    await plugin.close();
  }
  await t.throwsAsync(createPlugin(`${origin}/missing`), { code: "PLUGIN_LOAD", message: /status 404/ });
  await t.throwsAsync(createPlugin(join(folder, "missing.wasm")), { code: "PLUGIN_LOAD" });
});

test("sources: compiled modules of this engine, not Node's own", async (t) => {
  const plain = assemble('(module (func (export "seven") (result i32) (i32.const 7)))');
  const own = new WebAssembly.Module(plain);
  for (const source of [own, { wasm: [{ module: own }] }]) {
    const plugin = await made(t, {}, source);
    await t.throwsAsync(plugin.call("seven"), { message: /code: 7$/ });
  }
  const { WebAssembly: node } = globalThis as unknown as { WebAssembly: typeof WebAssembly };
  const refused = { instanceOf: ManifestError, message: /module: expected a module of backplane\/engine/ };
  await t.throwsAsync(createPlugin(new node.Module(plain)), refused);
  await t.throwsAsync(createPlugin({ wasm: [{ module: {} }] }), refused);
});

test("hashes are compared", async (t) => {
  const hash = createHash("sha256").update(services).digest("hex");
  await t.notThrowsAsync(made(t, {}, { wasm: [{ data: services, hash: hash.toUpperCase() }] }));
  const wrong = { wasm: [{ data: services, hash: "0".repeat(64) }] };
  await t.throwsAsync(createPlugin(wrong), { code: "INTEGRITY", message: /hash mismatch/ });
});

const bad: readonly (readonly [title: string, manifest: object | string, message: RegExp])[] = [
  ["nothing", undefined as unknown as string, /expected an object, got undefined/],
  ["no modules", { wasm: [] }, /expected a list of modules/],
  ["no list", { wasm: "x" }, /expected a list of modules/],
  ["no JSON", "{nonsense", /not JSON/],
  ["a module of nothing", { wasm: [{ name: "main" }] }, /wasm\[0\]: expected one of data, path/],
  ["a name that is no text", { wasm: [{ data: services, name: 3 }] }, /wasm\[0\]\.name/],
  [
    "settings that are no texts",
    { wasm: [{ data: services }], config: { a: 1 } },
    /config\.a: expected a text, got 1/,
  ],
  ["hosts that are no list", { wasm: [{ data: services }], allowed_hosts: "*" }, /allowed_hosts/],
  ["a limit below zero", { wasm: [{ data: services }], memory: { max_pages: -1 } }, /memory\.max_pages/],
  ["a time that is no number", { wasm: [{ data: services }], timeout_ms: "1s" }, /timeout_ms/],
  ["paths that are no texts", { wasm: [{ data: services }], allowed_paths: { "/": 1 } }, /allowed_paths/],
  [
    "two modules of a name",
    {
      wasm: [
        { data: services, name: "a" },
        { data: services, name: "a" },
      ],
    },
    /named "a"/,
  ],
];

for (const [title, manifest, message] of bad) {
  test(`a bad manifest: ${title}`, async (t) => {
    await t.throwsAsync(createPlugin(manifest), { instanceOf: ManifestError, message });
  });
}

test("settings: the options' before the manifest's, nothing without", async (t) => {
  const manifest = { wasm: [{ data: services }], config: { key: "of the manifest", none: null } };
  const own = await made(t, {}, manifest);
  t.is((await own.call("config", "key"))?.text(), "of the manifest");
  t.is((await own.call("config", "other"))?.byteLength, 0);
  t.is((await own.call("config", "constructor"))?.byteLength, 0);
  const overridden = await made(t, { config: { key: "of the options" } }, manifest);
  t.is((await overridden.call("config", "key"))?.text(), "of the options");
});

test("variables stay from call to call, through a trap, and end by deleting", async (t) => {
  const plugin = await made(t);
  t.is((await plugin.call("get", "name"))?.byteLength, 0);
  await plugin.call("set", "name");
  await t.throwsAsync(plugin.call("failAndTrap", ""));
  t.is((await plugin.call("get", "name"))?.text(), "name");
  await plugin.call("delete", "name");
  t.is((await plugin.call("get", "name"))?.byteLength, 0);
});

test("variables are bounded, names included", async (t) => {
  const plugin = await made(t, { memory: { maxVarBytes: 200 } });
  await plugin.call("set", "x".repeat(50));
  await plugin.call("set", "x".repeat(50));
  await t.throwsAsync(plugin.call("set", "y".repeat(50)), {
    instanceOf: HostError,
    message: /Variable store is full/,
  });
  const none = await made(t, { memory: { maxVarBytes: 0 } });
  await t.throwsAsync(none.call("set", "x"), { message: /Vars are disabled/ });
});

test("an error that is set fails the call, whatever the code", async (t) => {
  const plugin = await made(t);
  await t.throwsAsync(plugin.call("fail", "it broke"), { instanceOf: PluginError, message: "it broke" });
  const error = await t.throwsAsync(plugin.call("failAndTrap", "and trapped"), { message: "and trapped" });
  t.is(trapOf(error?.cause)?.kind, "unreachable");
  await t.throwsAsync(plugin.call("code"), { instanceOf: PluginError, message: /non-zero exit code: 7/ });
  t.is((await plugin.call("echo", "fine"))?.text(), "fine");
});

test("an error that is no block is one, without a text", async (t) => {
  const errs = extismModule(
    ["error_set", "input_offset"],
    `(func (export "run") (call $error_set (i64.add (call $input_offset) (i64.const 1))))
     (func (export "back") (call $error_set (call $input_offset)) (call $error_set (i64.const 0)))`,
  );
  const plugin = await made(t, {}, errs);
  await t.throwsAsync(plugin.call("run", "text"), { instanceOf: PluginError, message: /without a text/ });
  t.is(await plugin.call("back", "text"), null);
});

test("functions: which there are, and which can be called", async (t) => {
  const plugin = await made(t);
  t.true(await plugin.functionExists("echo"));
  t.true(await plugin.functionExists(["main", "echo"]));
  t.false(await plugin.functionExists("memory"));
  t.false(await plugin.functionExists("wrong"));
  t.false(await plugin.functionExists("constructor"));
  t.false(await plugin.functionExists(["other", "echo"]));
  await t.throwsAsync(plugin.call("nothing"), { code: "EXPORT_NOT_FOUND" });
  await t.throwsAsync(plugin.call("wrong"), { code: "EXPORT_MISMATCH" });
  await t.throwsAsync(plugin.call(["other", "echo"]), { code: "PLUGIN_NOT_FOUND" });
  t.true((await plugin.getExports()).some(({ name }) => name === "echo"));
  t.true((await plugin.getImports()).some(({ module }) => module === "extism:host/env"));
  t.truthy((await plugin.getInstance()).exports.memory);
});

test("escape by handle: what is no handle ends the call, and the plugin goes on", async (t) => {
  const plugin = await made(t, { logger: { ...console, info() {} }, allowedHosts: ["*"] });
  for (const name of ["badConfig", "badLog", "badVar", "badHttp"]) {
    await t.throwsAsync(
      plugin.call(name, "key"),
      { instanceOf: HostError, message: /invalid handle offset/ },
      name,
    );
  }
  await t.throwsAsync(plugin.call("badBody", '{"url":"http://127.0.0.1/"}'), {
    message: /invalid handle offset/,
  });
  await t.throwsAsync(plugin.call("badUtf8"), { message: /isn't UTF-8/ });
  t.is((await plugin.call("echo", "fine"))?.text(), "fine");
});

test("logging: levels, and nothing without a logger", async (t) => {
  const lines: string[] = [];
  const logger = { debug() {}, info: (text: string) => void lines.push(text), warn() {}, error() {} };
  const plugin = await made(t, { logger });
  await plugin.call("log", "a line");
  t.deepEqual(lines, ["a line"]);
  await t.throwsAsync(plugin.call("level"), { message: /code: 2$/ });
  const silent = await made(t, { logger, logLevel: "silent" });
  await silent.call("log", "another");
  t.is(lines.length, 1);
  await t.throwsAsync((await made(t)).call("level"), { message: /code: 2147483647$/ });
  await t.throwsAsync(createPlugin(services, { logLevel: "loud" as "info" }), { instanceOf: TypeError });
});

const reflecting = extismModule(
  ["input_offset", "length", "output_set"],
  `(import "extism:host/user" "reflect" (func $reflect (param i64) (result i64)))
   (import "math" "add" (func $add (param i32 f64) (result f64)))
   (memory (export "memory") 1)
   (func (export "reflect") (local $h i64)
     (local.set $h (call $reflect (call $input_offset)))
     (call $output_set (local.get $h) (call $length (local.get $h))))
   (func (export "add") (result i32)
     (i32.trunc_f64_s (call $add (i32.const -40) (f64.const 40))))`,
);

type Reflect = (context: CallContext, handle: bigint) => unknown;

function withReflect(reflect: Reflect): ExtismPluginOptions {
  const add = (_context: CallContext, a: number, b: number): number => a + b;
  return { functions: { "extism:host/user": { reflect }, math: { add } } };
}

test("host functions: context, variables, core values", async (t) => {
  const reflect: Reflect = (context, handle) => {
    t.is(context.length(handle), 2n);
    t.is(context.read(handle + 1n), null);
    t.is(context.read(0), null);
    t.is(context.getVariable("v"), null);
    context.setVariable("v", "text");
    context.setVariable("bytes", Uint8Array.of(1));
    t.is(context.getVariable("v")?.text(), "text");
    context.deleteVariable("v");
    t.is(context.getVariable("v"), null);
    t.is(context.store(""), 0n);
    t.is(context.logLevel, "silent");
    return context.store(`${context.read(handle)?.text()} ${context.hostContext<{ who: string }>()?.who}`);
  };
  const plugin = await made(t, withReflect(reflect), reflecting);
  t.is((await plugin.call("reflect", "hi", { who: "Ada" }))?.text(), "hi Ada");
  t.is((await plugin.call("reflect", "hi"))?.text(), "hi undefined");
  t.is(await plugin.call("add"), null);
});

test("host functions: asynchronous ones park the plugin; calls come one after the other", async (t) => {
  let running = 0;
  const reflect: Reflect = async (context, handle) => {
    running++;
    t.is(running, 1);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return context.store(context.read(handle)?.bytes() ?? "");
  };
  const plugin = await made(t, withReflect(reflect), reflecting);
  const calls = Array.from({ length: 20 }, (_, i) => plugin.call("reflect", `call ${i}`));
  t.true(plugin.isActive());
  t.false(await plugin.reset(), "not while it is active");
  const outputs = await Promise.all(calls);
  t.deepEqual(
    outputs.map((output) => output?.text()),
    outputs.map((_, i) => `call ${i}`),
  );
  t.false(plugin.isActive());
  t.true(await plugin.reset());
});

test("host functions: what they throw is the call's error", async (t) => {
  const cause = new RangeError("no");
  const sync = await made(
    t,
    withReflect(() => {
      throw cause;
    }),
    reflecting,
  );
  t.is(await t.throwsAsync(sync.call("reflect", "x")), cause);
  const later = await made(
    t,
    withReflect(() => Promise.reject(cause)),
    reflecting,
  );
  t.is(await t.throwsAsync(later.call("reflect", "x")), cause);
  const set = await made(
    t,
    withReflect((context) => {
      context.setError("set");
      return 0n;
    }),
    reflecting,
  );
  await t.throwsAsync(set.call("reflect", "x"), { instanceOf: PluginError, message: "set" });
});

test("imports that nobody offers are told when the plugin is made", async (t) => {
  await t.throwsAsync(createPlugin(reflecting), {
    code: "IMPORT_MISMATCH",
    message: /extism:host\/user\.reflect/,
  });
  const wrong = assemble('(module (import "extism:host/env" "alloc" (func (param i32) (result i32))))');
  await t.throwsAsync(createPlugin(wrong), { message: /expected \(i32\) -> i32, it is \(i64\) -> i64/ });
  const unknown = assemble('(module (import "extism:host/env" "reach" (func (param i64) (result i32))))');
  await t.throwsAsync(
    createPlugin(unknown),
    { message: /has no such function/ },
    "the kernel's own are not offered",
  );
  const memory = assemble('(module (import "extism:host/env" "memory" (memory 1)))');
  await t.throwsAsync(createPlugin(memory), { code: "IMPORT_MISMATCH" });
  const inherited = assemble('(module (import "extism:host/user" "constructor" (func)))');
  await t.throwsAsync(createPlugin(inherited, { functions: { "extism:host/user": {} } }), {
    code: "IMPORT_MISMATCH",
  });
  const wasi = assemble('(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))');
  await t.throwsAsync(createPlugin(wasi), { message: /WASI is not enabled/ });
  await t.throwsAsync(createPlugin(Uint8Array.of(0, 1, 2)), { name: "CompileError" });
});

test("limits: time for a call that computes, that waits, and for the start", async (t) => {
  const plugin = await made(t, { timeoutMs: 50 });
  await t.throwsAsync(plugin.call("spin"), { code: "TIMEOUT" });
  const waiting = await made(t, { ...withReflect(() => new Promise(() => {})), timeoutMs: 50 }, reflecting);
  await t.throwsAsync(waiting.call("reflect", "x"), { code: "TIMEOUT" });
  const loop = "(func $loop (loop $again (br $again)))";
  for (const start of [
    "(start $loop)",
    '(export "_initialize" (func $loop))',
    '(export "__wasm_call_ctors" (func $loop))',
  ]) {
    await t.throwsAsync(createPlugin(assemble(`(module ${loop} ${start})`), { timeoutMs: 50 }), {
      code: "TIMEOUT",
    });
  }
});

test("limits: memory of the plugin and of its blocks", async (t) => {
  const options = { memory: { maxPages: 2 } };
  const plugin = await made(t, options);
  t.is((await plugin.call("echo", new Uint8Array(100_000)))?.byteLength, 100_000);
  await t.throwsAsync(plugin.call("echo", new Uint8Array(300_000)), { message: /out of memory/ });
  t.is((await plugin.call("echo", "fine"))?.text(), "fine");
  await t.throwsAsync(createPlugin(assemble("(module (memory 3))"), options), { code: "LIMIT" });
  const grow = assemble(`(module (memory (export "memory") 1)
    (func (export "grow") (result i32) (if (result i32) (i32.eq (memory.grow (i32.const 3)) (i32.const -1))
      (then (i32.const 0)) (else (i32.const 1)))))`);
  t.is(await (await made(t, options, grow)).call("grow"), null);
});

const starts = (names: readonly string[]): Uint8Array => {
  const bodies: Record<string, string> = {
    hs_init: '(func (export "hs_init") (param i32 i32) (call $add (i32.const 1)))',
    _initialize: '(func (export "_initialize") (call $add (i32.const 2)))',
    __wasm_call_ctors: '(func (export "__wasm_call_ctors") (call $add (i32.const 3)))',
    _start: '(func (export "_start") (call $add (i32.const 4)))',
  };
  return assemble(`(module (global $order (mut i32) (i32.const 0))
    (func $add (param i32) (global.set $order (i32.add (i32.mul (global.get $order) (i32.const 10)) (local.get 0))))
    ${names.map((name) => bodies[name]).join("\n")}
    (func (export "order") (result i32) (global.get $order)))`);
};

const orders: readonly (readonly [names: string[], order: number])[] = [
  [["hs_init", "_initialize", "__wasm_call_ctors", "_start"], 21],
  [["hs_init"], 1],
  [["_initialize", "__wasm_call_ctors"], 3],
  [["_initialize", "_start"], 2],
  [["_start"], 0],
];

for (const [names, order] of orders) {
  test(`start: of ${names.join(", ")}: ${order}`, async (t) => {
    const plugin = await made(t, {}, starts(names));
    if (order === 0) t.is(await plugin.call("order"), null);
    else await t.throwsAsync(plugin.call("order"), { message: new RegExp(`code: ${order}$`) });
  });
}

test("start: _start when it is named; the next call has a new instance", async (t) => {
  const plugin = await made(t, {}, starts(["_start"]));
  t.is(await plugin.call("_start"), null);
  t.is(await plugin.call("order"), null);
});

test("proc_exit(0) without an error is success, other codes are errors", async (t) => {
  const exits = assemble(`(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "zero") (call $exit (i32.const 0)) (unreachable))
    (func (export "three") (call $exit (i32.const 3)) (unreachable)))`);
  const plugin = await made(t, { useWasi: true }, exits);
  t.is(await plugin.call("zero"), null);
  await t.throwsAsync(plugin.call("three"), { instanceOf: PluginError, message: /exit code: 3/ });
});

test("sockets that are handed in are the plugin's WASI's", async (t) => {
  const accepting = extismModule(
    ["alloc", "store_u64", "output_set"],
    `(import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
     (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
     (memory (export "memory") 1) (data (i32.const 32) "\\00\\04\\00\\00\\08\\00\\00\\00")
     (func (export "run") (result i32) (local $code i32) (local $block i64)
       (local.set $code (call $accept (i32.const 3) (i32.const 0) (i32.const 16)))
       (if (local.get $code) (then (return (local.get $code))))
       (local.set $code
         (call $recv (i32.load (i32.const 16)) (i32.const 32) (i32.const 1) (i32.const 2) (i32.const 48) (i32.const 52)))
       (local.set $block (call $alloc (i64.const 8)))
       (call $store_u64 (local.get $block) (i64.load (i32.const 1024)))
       (call $output_set (local.get $block) (i64.load32_u (i32.const 48)))
       (local.get $code))`,
  );
  const server = createSocketServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const plugin = await made(t, { useWasi: true, sockets: [server] }, accepting);
  const call = plugin.call("run");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  t.teardown(() => client.destroy());
  client.write("8 bytes!");
  t.is((await call)?.text(), "8 bytes!");
  const late = await made(t, { useWasi: true, sockets: [server], timeoutMs: 1000 }, accepting);
  await t.throwsAsync(late.call("run"), { code: "TIMEOUT" });
});

test("linked modules: exports, memories, circles of functions", async (t) => {
  const a = assemble(`(module (import "b" "half" (func $half (param i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 0) "\\2a")
    (func (export "steps") (param i32) (result i32)
      (if (result i32) (i32.le_u (local.get 0) (i32.const 1)) (then (i32.const 0))
        (else (i32.add (i32.const 1) (call $half (local.get 0)))))))`);
  const b = assemble(`(module (import "a" "steps" (func $steps (param i32) (result i32)))
    (func (export "half") (param i32) (result i32) (call $steps (i32.shr_u (local.get 0) (i32.const 1))))
    (func (export "own") (result i32) (i32.const 0)))`);
  const main = assemble(`(module (import "a" "steps" (func $steps (param i32) (result i32)))
    (import "a" "memory" (memory 1))
    (func (export "run") (result i32) (i32.add (i32.load (i32.const 0)) (call $steps (i32.const 1024)))))`);
  const wasm = [{ name: "a", data: a }, { name: "b", data: b }, { data: main }];
  const plugin = await made(t, {}, { wasm });
  await t.throwsAsync(plugin.call("run"), { message: /code: 52$/ });
  t.is(await plugin.call(["b", "own"]), null);
  t.is((await plugin.getExports("b")).length, 2);
  t.truthy((await plugin.getInstance("a")).exports.memory);
});

test("linked modules: circles of memories are refused", async (t) => {
  const of = (other: string) =>
    assemble(`(module (import "${other}" "m" (global i32)) (global (export "m") i32 (i32.const 1)))`);
  const wasm = [{ name: "c", data: of("d") }, { name: "d", data: of("c") }, { data: services }];
  await t.throwsAsync(createPlugin({ wasm }), {
    code: "IMPORT_MISMATCH",
    message: /circle can share functions only/,
  });
});

test("linked modules: a companion's kernel is the plugin's", async (t) => {
  const shout = extismModule(
    ["length", "store_u8"],
    `(memory (export "memory") 1)
     (func (export "mark") (param i64) (result i64) (call $store_u8 (local.get 0) (i32.const 33)) (local.get 0))`,
  );
  const main = extismModule(
    ["input_offset", "length", "output_set"],
    `(import "extism:host/user" "mark" (func $mark (param i64) (result i64)))
     (func (export "run") (local $h i64) (local.set $h (call $mark (call $input_offset)))
       (call $output_set (local.get $h) (call $length (local.get $h))))`,
  );
  const wasm = [
    { name: "extism:host/user", data: shout },
    { name: "main", data: main },
  ];
  const plugin = await made(t, {}, { wasm });
  t.is((await plugin.call("run", "hello"))?.text(), "!ello");
});

test("HTTP: status, headers if allowed, redirections", async (t) => {
  const origin = await served(t, (request, response) => {
    if (request.url === "/away") response.writeHead(302, { location: "/here" }).end();
    else if (request.url === "/out") response.writeHead(302, { location: "http://localhost:1/" }).end();
    else if (request.url === "/round") response.writeHead(302, { location: "/round" }).end();
    else
      response.writeHead(404, { "x-tag": "t" }).end(`${request.method} ${request.url} ${request.headers.a}`);
  });
  const ask = (path: string, rest: object = {}): string => JSON.stringify({ url: origin + path, ...rest });
  const plugin = await made(t, { allowedHosts: ["127.0.0.?"], allowHttpResponseHeaders: true });
  t.is((await plugin.call("http", ask("/x", { headers: { a: "b" } })))?.text(), "GET /x b");
  t.is((await plugin.call("http", ask("/away", { method: "post" })))?.text(), "GET /here undefined");
  await t.throwsAsync(plugin.call("status", ask("/x")), { message: /code: 404$/ });
  t.is((await plugin.call("headers", ask("/x")))?.json()["x-tag"], "t");
  await t.throwsAsync(plugin.call("http", ask("/out")), { message: /localhost.* is not allowed/ });
  await t.throwsAsync(plugin.call("http", ask("/round")), { message: /more than 5 redirections/ });
  const plain = await made(t, { allowedHosts: ["127.0.0.1"] });
  t.is((await plain.call("headers", ask("/x")))?.byteLength, 0);
});

test("HTTP: the end of the call's time ends the request", async (t) => {
  t.timeout(60_000);
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const origin = await served(t, (request, response) => {
    if (request.url === "/fast") response.end("fast");
    else response.on("close", closed);
  });
  const plugin = await made(t, { allowedHosts: ["127.0.0.1"], timeoutMs: 3000 });
  t.is((await plugin.call("http", JSON.stringify({ url: `${origin}/fast` })))?.text(), "fast");
  await t.throwsAsync(plugin.call("http", JSON.stringify({ url: origin })), { code: "TIMEOUT" });
  await gone;
});

test("HTTP: responses are bounded", async (t) => {
  const origin = await served(t, (_request, response) => response.end("x".repeat(1001)));
  const ask = JSON.stringify({ url: origin });
  const small = await made(t, { allowedHosts: ["127.0.0.1"], memory: { maxHttpResponseBytes: 1000 } });
  await t.throwsAsync(small.call("http", ask), {
    message: /exceeds the configured maximum number of bytes: 1000/,
  });
  const enough = await made(t, { allowedHosts: ["127.0.0.1"], memory: { maxHttpResponseBytes: 1001 } });
  t.is((await enough.call("http", ask))?.byteLength, 1001);
});

const refused: readonly (readonly [title: string, hosts: string[], request: string])[] = [
  ["no hosts are allowed", [], '{"url":"http://127.0.0.1:1/"}'],
  ["another host", ["example.com"], '{"url":"http://127.0.0.1:1/"}'],
  ["a host as user name", ["example.com"], '{"url":"http://example.com@127.0.0.1:1/"}'],
  ["a host as path", ["example.com"], '{"url":"http://127.0.0.1:1/example.com"}'],
  ["a longer host", ["example.com"], '{"url":"http://example.com.localhost:1/"}'],
  ["a dot is no pattern", ["example.com"], '{"url":"http://exampleXcom:1/"}'],
  ["data:", ["*"], '{"url":"data:text/plain,secret"}'],
  ["file:", ["*"], '{"url":"file:///etc/passwd"}'],
  ["blob:", ["*"], '{"url":"blob:nodedata:1"}'],
  ["no URL", ["*"], '{"url":"nowhere"}'],
  ["no JSON", ["*"], "nonsense"],
  ["no object", ["*"], "null"],
  ["headers that are no texts", ["*"], '{"url":"http://127.0.0.1:1/","headers":{"a":1}}'],
  ["a method that is no text", ["*"], '{"url":"http://127.0.0.1:1/","method":1}'],
];

for (const [title, allowedHosts, request] of refused) {
  test(`escape by HTTP: ${title}: the call ends, nothing is fetched`, async (t) => {
    const asked: unknown[] = [];
    const plugin = await made(t, { allowedHosts, fetch: (async (url: unknown) => asked.push(url)) as never });
    await t.throwsAsync(plugin.call("http", request), { instanceOf: HostError });
    t.deepEqual(asked, []);
  });
}

test("closing waits for the running call, and ends", async (t) => {
  const plugin = await createPlugin(
    reflecting,
    withReflect(async (context) => context.store("done")),
  );
  const call = plugin.call("reflect", "x");
  await plugin.close();
  t.is((await call)?.text(), "done");
  const error = await t.throwsAsync(plugin.call("reflect", "x"), { instanceOf: BackplaneError });
  t.is(error.code, "CLOSED");
});

test("what users of the SDK's worker write is accepted", async (t) => {
  const options = { runInWorker: true, sharedArrayBufferSize: 1 << 16, nodeWorkerArgs: { name: "x" } };
  t.is((await (await made(t, options)).call("echo", "hi"))?.text(), "hi");
});

test("compiled code is kept on disk, that of its other modules too", async (t) => {
  const folder = join(temporaryFolder(t), "cache");
  const helper = assemble('(module (func (export "two") (result i64) (i64.const 2)))');
  const main = extismModule(
    [],
    `(import "helper" "two" (func $two (result i64)))
    (func (export "run") (result i32) (i32.ne (i32.wrap_i64 (call $two)) (i32.const 2)))`,
  );
  const source = {
    wasm: [
      { data: helper, name: "helper" },
      { data: main, name: "main" },
    ],
  };
  const run = async (cache: CodeCache): Promise<CodeCache> => {
    const plugin = await createPlugin(source, { cache });
    await plugin.call("run");
    await plugin.close();
    return cache;
  };
  t.like((await run(new CodeCache({ folder }))).stats(), { hits: 0, misses: 2, stored: 2 });
  t.like((await run(new CodeCache({ folder }))).stats(), { hits: 2, functionsCompiled: 0, stored: 0 });
});
