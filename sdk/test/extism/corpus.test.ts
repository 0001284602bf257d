/**
 * Prebuilt plugins of the Extism project, each doing what it is for; those that must fail fail as they should.
 * Without the corpora these are skipped; `create-plugin.test.ts` has plugins of its own.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { trapOf } from "../../../engine/index.js";
import { corpusFolder } from "../../../engine/test/support/corpora.js";
import {
  type CallContext,
  createPlugin,
  type ExtismPluginOptions,
  type ManifestLike,
  type Plugin,
  type PluginOutput,
} from "../../extism.js";
import { BackplaneError, PluginError } from "../../index.js";

const folder = corpusFolder("extism");
const file = (name: string): string => join(folder ?? "", `${name}.wasm`);

type Body = (t: ExecutionContext, plugin: Plugin) => Promise<void>;

function plugin(title: string, source: ManifestLike, options: ExtismPluginOptions, body: Body): void {
  const run = async (t: ExecutionContext): Promise<void> => {
    const made = await createPlugin(source, options);
    try {
      await body(t, made);
    } finally {
      await made.close();
    }
  };
  if (folder !== undefined) test(title, run);
  else test.skip(`${title} (no extism; set BACKPLANE_CORPORA)`, run);
}

function corpusTest(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  if (folder !== undefined) test(title, run);
  else test.skip(`${title} (no extism; set BACKPLANE_CORPORA)`, run);
}

function number(output: PluginOutput | null): number {
  return Number(output?.getBigUint64(0, true));
}

function temporaryFolder(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), "extism-"));
  t.teardown(() => rmSync(made, { recursive: true }));
  writeFileSync(join(made, "test.txt"), "hello world!");
  return made;
}

const user = (functions: Record<string, (context: CallContext, handle: bigint) => unknown>) => ({
  functions: { "extism:host/user": functions },
});

plugin("code: counts vowels", file("code"), {}, async (t, p) => {
  const output = await p.call("count_vowels", "this is a test");
  t.deepEqual(output?.json(), { count: 4, total: 4, vowels: "aeiouAEIOU" });
  t.like((await p.call("count_vowels", "another"))?.json(), { count: 3, total: 7 });
});

plugin("code: settings and variables", file("code"), { config: { vowels: "aeiou" } }, async (t, p) => {
  t.like((await p.call("count_vowels", "thIs Is A test"))?.json(), { count: 1, vowels: "aeiou" });
});

plugin(
  "code-functions: an asynchronous host function reads and stores",
  file("code-functions"),
  {
    useWasi: true,
    ...user({
      async hello_world(context, handle) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        const count = context.read(handle)?.json().count;
        return context.store(`counted ${count}`);
      },
    }),
  },
  async (t, p) => {
    t.is((await p.call("count_vowels", "aaa"))?.text(), "counted 3");
  },
);

plugin("alloc: allocates and frees", file("alloc"), {}, async (t, p) => {
  for (let i = 0; i < 3; i++) t.is(await p.call("run_test"), null);
});

plugin("allocations: many blocks", file("allocations"), {}, async (t, p) => {
  t.is(await p.call("allocations", new Uint8Array(0)), null);
});

plugin(
  "circular: modules that import from one another",
  {
    wasm: [
      { name: "lhs", path: file("circular-lhs") },
      { name: "rhs", path: file("circular-rhs") },
      { name: "main", path: file("circular") },
    ],
  },
  {},
  async (t, p) => {
    t.is(number(await p.call("encalculate", "")), 127);
    t.false(await p.functionExists(["lhs", "mul_two"]), "it has a parameter");
    t.deepEqual(
      (await p.getExports("rhs")).map((one) => one.name),
      ["memory", "add_one"],
    );
  },
);

plugin("config: a setting", file("config"), { useWasi: true, config: { thing: "testing" } }, async (t, p) => {
  t.deepEqual((await p.call("run_test"))?.json(), { config: "testing" });
});

plugin("config: without it", file("config"), { useWasi: true }, async (t, p) => {
  t.deepEqual((await p.call("run_test"))?.json(), { config: "<unset by host>" });
});

plugin("consume: a mebibyte of input", file("consume"), {}, async (t, p) => {
  t.is((await p.call("consume", new Uint8Array(1 << 20)))?.byteLength, 0);
});

plugin("echo: what goes in comes out", file("echo"), {}, async (t, p) => {
  const bytes = Uint8Array.from({ length: 200_001 }, (_, i) => (i * 7) & 255);
  t.deepEqual((await p.call("echo", bytes))?.bytes(), bytes);
  t.is((await p.call("echo", "viele grüße"))?.text(), "viele grüße");
});

plugin("empty: an output of no bytes", file("empty"), {}, async (t, p) => {
  t.is((await p.call("test"))?.byteLength, 0);
});

plugin("exit: code 0 is success", file("exit"), { useWasi: true, config: { code: "0" } }, async (t, p) => {
  t.is(await p.call("_start"), null);
  t.is(await p.call("_start"), null, "the instance is made anew");
});

plugin(
  "exit: another code is an error",
  file("exit"),
  { useWasi: true, config: { code: "2" } },
  async (t, p) => {
    const error = await t.throwsAsync(p.call("_start"), { instanceOf: PluginError });
    t.regex(error.message, /exit code: 2/);
  },
);

plugin("fail: its error is the call's", file("fail"), {}, async (t, p) => {
  await t.throwsAsync(p.call("run_test"), { instanceOf: PluginError, message: "Some error message" });
  await t.throwsAsync(p.call("run_test"), { instanceOf: PluginError }, "the instance goes on serving");
});

corpusTest("fs: a folder that is allowed, and none that isn't", async (t) => {
  const mnt = temporaryFolder(t);
  const allowed = await createPlugin(file("fs"), { useWasi: true, allowedPaths: { "/mnt": mnt } });
  t.is((await allowed.call("run_test"))?.text(), "hello world!");
  await allowed.close();
  const denied = await createPlugin(file("fs"), { useWasi: true });
  await t.throwsAsync(denied.call("run_test"), { instanceOf: PluginError });
  await denied.close();
});

corpusTest("fs-link: a linked module has the folders too", async (t) => {
  const manifest = {
    wasm: [
      { name: "side", path: file("fs") },
      { name: "main", path: file("fs-link") },
    ],
    allowed_paths: { [temporaryFolder(t)]: "/mnt" },
  };
  const linked = await createPlugin(JSON.stringify(manifest), { useWasi: true });
  t.is((await linked.call("run_test"))?.text(), "hello world!");
  t.is((await linked.call(["side", "run_test"]))?.text(), "hello world!");
  await linked.close();
});

plugin("globals: state stays from call to call", file("globals"), { useWasi: true }, async (t, p) => {
  for (let count = 0; count < 3; count++) t.deepEqual((await p.call("globals"))?.json(), { count });
});

plugin("hello: greets", file("hello"), {}, async (t, p) => {
  t.is((await p.call("run_test"))?.text(), "Hello, world!");
});

corpusTest("http: asks hosts that are allowed, on the main thread", async (t) => {
  const server = createServer((request, response) => {
    response.setHeader("x-tag", "tagged").end(`got ${request.method} ${request.url}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/todos`;
  const request = JSON.stringify({ url });

  const allowed = await createPlugin(file("http"), { allowedHosts: ["127.0.*"] });
  t.is((await allowed.call("http_request", request))?.text(), "got GET /todos");
  await allowed.close();

  const denied = await createPlugin(file("http"));
  await t.throwsAsync(denied.call("http_request", request), { message: /is not allowed/ });
  await denied.close();

  const headers = await createPlugin(file("http_headers"), {
    allowedHosts: ["127.0.0.1"],
    allowHttpResponseHeaders: true,
  });
  const output = await headers.call("http_get", request);
  t.is(output?.json()["x-tag"], "tagged");
  await headers.close();

  const hidden = await createPlugin(file("http_headers"), { allowedHosts: ["127.0.0.1"] });
  t.deepEqual((await hidden.call("http_get", request))?.json(), {});
  await hidden.close();
});

plugin("input_offset: the input is a block", file("input_offset"), {}, async (t, p) => {
  t.is(number(await p.call("input_offset_length", "hello world")), 11);
});

corpusTest("log: levels", async (t) => {
  const lines: string[] = [];
  const to = (level: string) => (text: string) => lines.push(`${level}: ${text}`);
  const logger = {
    trace: to("trace"),
    debug: to("debug"),
    info: to("info"),
    warn: to("warn"),
    error: to("error"),
  };
  const linesAt = async (options: ExtismPluginOptions): Promise<string[]> => {
    const logging = await createPlugin(file("log"), { useWasi: true, logger, ...options });
    await logging.call("run_test");
    await logging.close();
    return lines.splice(0);
  };
  const all = [
    "trace: this is a trace log",
    "debug: this is a debug log",
    "info: this is an info log",
    "warn: this is a warning log",
    "error: this is an error log",
  ];
  t.deepEqual(await linesAt({ logLevel: "trace" }), all);
  t.deepEqual(await linesAt({}), all.slice(2));
  t.deepEqual(await linesAt({ logLevel: "error" }), all.slice(4));
  t.deepEqual(await linesAt({ logLevel: "silent" }), []);
});

plugin("loop: stopped in time, and again", file("loop"), { timeoutMs: 100 }, async (t, p) => {
  for (let i = 0; i < 2; i++) await t.throwsAsync(p.call("loop_forever"), { code: "TIMEOUT" });
});

plugin("loop-forever: stopped in time", file("loop-forever"), { timeoutMs: 100 }, async (t, p) => {
  await t.throwsAsync(p.call("loop"), { code: "TIMEOUT" });
});

corpusTest("loop-forever-init: the limit covers the start", async (t) => {
  await t.throwsAsync(createPlugin(file("loop-forever-init"), { timeoutMs: 100 }), { code: "TIMEOUT" });
  const side = { wasm: [{ name: "side", path: file("loop-forever-init") }, { path: file("hello") }] };
  await t.throwsAsync(createPlugin(side, { timeoutMs: 100 }), { code: "TIMEOUT" });
});

plugin("memory: blocks up to a limit", file("memory"), { memory: { maxPages: 30 } }, async (t, p) => {
  const ask = (bytes: number) => p.call("alloc_memory", JSON.stringify({ bytes }));
  t.is((await ask(1024))?.byteLength, 0);
  await t.throwsAsync(ask(4 * 1024 * 1024));
  t.is((await ask(1024))?.byteLength, 0);
});

plugin("memory: variables up to a limit", file("memory"), { memory: { maxVarBytes: 1024 } }, async (t, p) => {
  const ask = (bytes: number) => p.call("alloc_var", JSON.stringify({ bytes }));
  t.is((await ask(900))?.byteLength, 0);
  await t.throwsAsync(ask(1024), { message: /Variable store is full/ });
});

corpusTest("read_write: ro: folders can be read", async (t) => {
  const mnt = temporaryFolder(t);
  const config = { path: "/data/test.txt" };
  const options = { useWasi: true, config };
  const readOnly = await createPlugin(file("read_write"), {
    ...options,
    allowedPaths: { "/data": `ro:${mnt}` },
  });
  t.is((await readOnly.call("try_read"))?.text(), "hello world!");
  await t.throwsAsync(readOnly.call("try_write", "more"), { message: /[Rr]ead-only|ermi/ });
  t.is(readFileSync(join(mnt, "test.txt"), "utf8"), "hello world!");
  await readOnly.close();
  const manifest = { wasm: [{ path: file("read_write") }], allowed_paths: { [mnt]: "/data" }, config };
  const writable = await createPlugin(manifest, { useWasi: true });
  await writable.call("try_write", " line2");
  t.is(readFileSync(join(mnt, "test.txt"), "utf8"), "hello world! line2");
  await writable.close();
});

plugin(
  "reflect: a host function gives back what it gets",
  file("reflect"),
  user({ host_reflect: (context, handle) => context.store(context.read(handle)?.text() ?? "") }),
  async (t, p) => {
    t.is((await p.call("reflect", "Hello, world!"))?.text(), "Hello, world!");
  },
);

plugin(
  "upper: a module stands for the application's functions",
  {
    wasm: [
      { name: "extism:host/user", path: file("upper") },
      { name: "main", path: file("reflect") },
    ],
  },
  {},
  async (t, p) => {
    t.is((await p.call("reflect", "Hello, world!"))?.text(), "HELLO, WORLD!");
  },
);

corpusTest("02-var-reflected: a variable read by the plugin and by the application", async (t) => {
  const seen: (string | undefined)[] = [];
  const functions = {
    user: { test: (context: CallContext, handle: bigint) => void seen.push(context.read(handle)?.text()) },
  };
  const reflected = await createPlugin(file("02-var-reflected"), { functions });
  await reflected.call("test");
  t.deepEqual(seen, ["hi there"]);
  await reflected.close();
});

corpusTest("sleep: host functions tell the time", async (t) => {
  let now = 0n;
  let notified = 0;
  const functions = user({ get_now_ms: () => (now += 10n), notify: () => void notified++ });
  const sleeping = await createPlugin(file("sleep"), functions);
  const output = await sleeping.call("sleep", { duration_ms: 50 });
  t.is(output?.byteLength, 0);
  t.is(notified, 1);
  t.true(now > 50n);
  await sleeping.close();
});

plugin(
  "unreachable: a trap, and the next call has an instance",
  file("unreachable"),
  { useWasi: true },
  async (t, p) => {
    for (let i = 0; i < 2; i++) {
      const error = await t.throwsAsync(p.call("do_unreachable"));
      t.is(trapOf(error)?.kind, "unreachable");
    }
  },
);

corpusTest("unreachable: WASI has to be asked for", async (t) => {
  const error = await t.throwsAsync(createPlugin(file("unreachable")), { instanceOf: BackplaneError });
  t.regex(error.message, /WASI is not enabled/);
});

plugin("var: a variable of the plugin's", file("var"), { useWasi: true }, async (t, p) => {
  t.is((await p.call("run_test"))?.text(), "a: 0");
});

plugin("wasistdout: prints to nobody", file("wasistdout"), { useWasi: true }, async (t, p) => {
  t.is(await p.call("say_hello"), null);
});
