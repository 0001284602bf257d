/** Mistakes in what an application says: told at once, as what was expected and what was given. */
import test from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  BackplaneError,
  type CallOptions,
  defineHostModule,
  describe,
  fn,
  hostModule,
  json,
  type PluginGrant,
  PluginHost,
  type PluginHostOptions,
  type PluginOptions,
  type PluginSource,
} from "../index.js";
import { quiet } from "./quiet-host.js";

const bytes = assemble(`(module (memory (export "memory") 1)
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))`);
const plugins = [{ name: "p", bytes }];

async function messageOf(step: () => unknown, code = "OPTIONS"): Promise<string> {
  try {
    await step();
  } catch (error) {
    if (error instanceof BackplaneError && error.code === code) return error.message;
    throw error;
  }
  return "no error";
}

const start = (options: unknown): (() => Promise<void>) => {
  return async () => (await PluginHost.start(options as PluginHostOptions)).close();
};

const hostMistakes: readonly (readonly [string, unknown, RegExp])[] = [
  ["nothing", undefined, /^PluginHost\.start: expected an object, got undefined$/],
  [
    "an unknown name",
    { modulse: [] },
    /^PluginHost\.start: modulse: unknown field; did you mean "modules"\?/,
  ],
  ["plugins of no kind", { plugins: 5 }, /plugins: expected a folder or a list of sources, got 5/],
  ["a module alone", { modules: class Kv {} }, /modules: expected a list, got \[class Kv\]/],
  ["a module that isn't there", { modules: [undefined] }, /modules\[0\]: expected .*, got undefined/],
  ["provide by name", { provide: { a: 1 } }, /provide: expected a list, got \{ a: 1 \}/],
  ["provide without a value", { provide: ["a"] }, /provide\[0\]: expected \[token, value\], got "a"/],
  ["a grant that is no function", { grant: { modules: [] } }, /grant: expected a function, got/],
  ["an unknown limit", { limits: { memroy: 1 } }, /limits\.memroy: unknown field; did you mean "memory"\?/],
  [
    "a limit as text",
    { limits: { memory: "16MB" } },
    /limits\.memory: expected a number of at least 0, got "16MB"/,
  ],
  [
    "half an instruction",
    { limits: { fuel: 1.5 } },
    /limits\.fuel: expected an integer of at least 0, or Infinity, got 1\.5/,
  ],
  ["a limit that is no number", { limits: { fuel: Number.NaN } }, /limits\.fuel: expected .*, got NaN/],
  ["an unknown watch option", { watch: { delay: 5 } }, /watch\.delay: unknown field/],
  ["watch as text", { watch: "yes" }, /watch: expected true, false or its options, got "yes"/],
  ["an unknown cache option", { cache: { dir: "c" } }, /cache\.dir: unknown field/],
  [
    "a logger without methods",
    { logger: {} },
    /logger: expected an object with debug, info, warn, error, got \{\}/,
  ],
];
for (const [name, options, expected] of hostMistakes) {
  test(`a host is not started with ${name}`, async (t) => {
    t.regex(await messageOf(start(options)), expected);
  });
}

test("all that is wrong is told at once", async (t) => {
  const message = await messageOf(start({ modulse: [], grant: 5 }));
  t.regex(message, /modulse/);
  t.regex(message, /grant/);
});

test("what is undefined isn't given", async (t) => {
  const host = await PluginHost.start({
    plugins,
    modules: undefined,
    cache: undefined,
    limits: { fuel: undefined },
  });
  t.is(await host.plugin("p").call("double", 4), 8);
  await host.close();
});

const pluginMistakes: readonly (readonly [string, unknown, RegExp])[] = [
  ["an unknown name", { instanses: 2 }, /^p: instanses: unknown field; did you mean "instances"\?/],
  ["options by the plugin's name", { p: { instances: 2 } }, /^p: p: unknown field/],
  ["no instances", { instances: 0 }, /^p: instances: expected an integer of at least 1, got 0/],
  ["another thread", { run: "worker" }, /^p: run: expected "main" or "thread", got "worker"/],
  ["a timeout before 0", { timeout: -5 }, /^p: timeout: expected a number of milliseconds from 0 on, got -5/],
  ["a slice before 0", { slice: -1 }, /^p: slice: expected a number of milliseconds from 0 on, got -1/],
  ["another reset", { reset: true }, /^p: reset: expected "keep" or "call", got true/],
  ["an unknown limit", { limits: { mem: 1 } }, /^p: limits\.mem: unknown field/],
  [
    "an unknown circuit option",
    { circuit: { trap: 1 } },
    /^p: circuit\.trap: unknown field; did you mean "traps"\?/,
  ],
  ["text", "fast", /^p: expected an object, got "fast"/],
];
for (const [name, options, expected] of pluginMistakes) {
  test(`a plugin isn't taken with ${name} as its options`, async (t) => {
    t.regex(await messageOf(start({ plugins, options: () => options })), expected);
    const host = await PluginHost.start({});
    t.regex(await messageOf(() => host.load(plugins[0], options as PluginOptions)), expected);
    await host.close();
  });
}

const sourceMistakes: readonly (readonly [string, unknown, RegExp])[] = [
  ["a number", 5, /^a plugin's source: expected a path, a URL or an object, got 5/],
  ["nothing", undefined, /^a plugin's source: expected a path, a URL or an object, got undefined/],
  [
    "a pin that is misspelled",
    { name: "p", bytes, sha265: "00" },
    /sha265: unknown field; did you mean "sha256"\?/,
  ],
  ["bytes as text", { name: "p", bytes: "AGFzbQ" }, /bytes: expected a Uint8Array, got "AGFzbQ"/],
  [
    "an ArrayBuffer",
    { name: "p", bytes: new ArrayBuffer(8) },
    /bytes: expected a Uint8Array, got ArrayBuffer/,
  ],
  ["neither", { name: "p" }, /^a plugin's source is either a file or bytes/],
];
for (const [name, source, expected] of sourceMistakes) {
  test(`a source isn't ${name}`, async (t) => {
    t.regex(await messageOf(start({ plugins: [source] })), expected);
    const host = await PluginHost.start({});
    t.regex(await messageOf(() => host.load(source as PluginSource)), expected);
    await host.close();
  });
}

const grantMistakes: readonly (readonly [string, unknown, RegExp])[] = [
  ["nothing", undefined, /^p: grant: expected an object, got undefined/],
  ["a list", ["kv"], /^p: grant: expected an object, got \[ 'kv' \]/],
  ["an unknown name", { module: [] }, /^p: grant: module: unknown field; did you mean "modules"\?/],
  ["one module", { modules: "kv" }, /^p: grant: modules: expected a list of texts, got "kv"/],
  [
    "an unknown access",
    { paths: { "/a": "rw" } },
    /^p: grant: paths\["\/a"\]: expected "read" or "write", got "rw"/,
  ],
  ["a folder by another name", { paths: { "/a": { folder: "." } } }, /paths\["\/a"\]\.folder: unknown field/],
  ["an unknown part of WASI", { wasi: { environment: {} } }, /wasi\.environment: unknown field/],
  ["an unknown limit", { limits: { memroy: 1 } }, /limits\.memroy: unknown field/],
];
for (const [name, grant, expected] of grantMistakes) {
  test(`a policy that grants ${name} gives nothing`, async (t) => {
    const host = await PluginHost.start({ plugins, grant: () => grant as PluginGrant, logger: quiet });
    t.regex(await messageOf(() => Promise.reject(host.failures.get("p"))), expected);
    await host.close();
  });
}

const callMistakes: readonly (readonly [string, unknown, RegExp])[] = [
  ["an unknown name", { timout: 5 }, /^p: timout: unknown field; did you mean "timeout"\?/],
  [
    "a controller",
    { signal: new AbortController() },
    /^p: signal: expected an AbortSignal, got AbortController/,
  ],
  [
    "another form",
    { result: "text" },
    /^p: result: expected "core", "string", "bytes" or "json", got "text"/,
  ],
  ["a number", 5, /^p: the call's options: expected an object, got 5/],
];
for (const [name, options, expected] of callMistakes) {
  test(`a call doesn't take ${name} as its options`, async (t) => {
    const host = await PluginHost.start({ plugins });
    t.regex(await messageOf(() => host.plugin("p").call("double", 1, options as CallOptions)), expected);
    const handle = await host.plugin("p", describe({ double: fn(["i32"], "i32") }));
    t.regex(await messageOf(() => handle.double(1, options as CallOptions)), expected);
    await host.close();
  });
}

test("a folder that isn't there is told as such", async (t) => {
  for (const watch of [false, true]) {
    t.is(
      await messageOf(start({ plugins: "./no-such-folder", watch })),
      "plugins: can't read the folder ./no-such-folder: there is no such folder",
    );
  }
});

test("a plain record is no description", async (t) => {
  const host = await PluginHost.start({ plugins });
  const plain = { double: fn(["i32"], "i32") } as never;
  t.regex(
    await messageOf(() => host.plugin("p", plain)),
    /^p: handle: expected what describe\(\{ \.\.\. \}\) gave, got \{/,
  );
  await host.close();
});

test("a snapshot is bytes", async (t) => {
  const host = await PluginHost.start({ plugins });
  for (const wrong of [undefined, "text", new ArrayBuffer(4)]) {
    t.regex(
      await messageOf(() => host.restore(wrong as never), "SNAPSHOT"),
      /^a plugin's snapshot: expected a Uint8Array, got /,
    );
  }
  await host.close();
});

test("declarations with unknown options, or without what they need, are refused", async (t) => {
  t.regex(
    await messageOf(() => fn(["i32"], "i32", { throw: true } as never)),
    /^fn: throw: unknown field; did you mean "throws"\?/,
  );
  t.regex(
    await messageOf(() => json({ type: "object" } as never)),
    /^json: expected a Standard Schema \(an object with "~standard"\), got \{ type: 'object' \}/,
  );
  t.regex(
    await messageOf(() => describe(undefined as never)),
    /^describe: expected an object, got undefined/,
  );
  const wrong = { scpe: "plugin" } as never;
  const module = /^host module "m": scpe: unknown field; did you mean "scope"\?/;
  t.regex(await messageOf(() => hostModule("m", wrong), "HOST_MODULE"), module);
  t.regex(
    await messageOf(() => defineHostModule("m", {}, wrong), "HOST_MODULE"),
    /^host module "m": scpe: unknown field/,
  );
  t.regex(
    await messageOf(
      () => defineHostModule({ f: [fn([]), () => {}] } as never, undefined as never),
      "HOST_MODULE",
    ),
    /^defineHostModule: expected a name and functions, got \{/,
  );
});

test("an import from a module whose name is misspelled is told what the application offers", async (t) => {
  const misspelled = assemble(`(module (import "ap" "log" (func)))`);
  const app = defineHostModule("app", { log: [fn([]), () => {}] });
  const host = await PluginHost.start({
    plugins: [{ name: "p", bytes: misspelled }],
    modules: [app],
    logger: quiet,
  });
  t.is(
    await messageOf(() => Promise.reject(host.failures.get("p")), "IMPORT_MISMATCH"),
    'p: import ap.log: there is no host module "ap"; did you mean "app"? (there are: app, backplane)',
  );
  await host.close();
});

test("why a plugin isn't there is logged when the host starts, and told when it is asked for", async (t) => {
  const warnings: string[] = [];
  const logger = { ...quiet, warn: (_: object, message: string) => void warnings.push(message) };
  const host = await PluginHost.start({ plugins: ["./no-such.wasm"], logger });
  const why = "no-such: can't read ./no-such.wasm: there is no such file";
  t.deepEqual(warnings, [`a plugin can't be loaded: ${why}`]);
  t.is(
    await messageOf(() => host.plugin("no-such"), "PLUGIN_NOT_FOUND"),
    `no plugin "no-such": it failed to load: ${why}`,
  );
  await host.close();
});
