/** Formatters of dprint, as they come from npm, and one by hand that misbehaves. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createFromBuffer } from "@dprint/formatter";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  type BackplaneError,
  type DefinedModule,
  defineHostModule,
  describe,
  fn,
  PluginError,
  PluginHost,
  type PluginHostOptions,
} from "../index.js";
import { quiet } from "./quiet-host.js";

const require = createRequire(import.meta.url);

function formatterOf(name: string): Uint8Array {
  const { getPath } = require(`@dprint/${name}`) as { getPath(): string };
  return readFileSync(getPath());
}

const texts: Readonly<Record<string, readonly [filePath: string, fileText: string]>> = {
  json: ["a.json", '{"b":[1,2 , 3],\n"c": {"d":null}}'],
  toml: ["a.toml", "[a]\nb   = 1\nc=[1,2,\n3]\n"],
  dockerfile: ["Dockerfile", "FROM   node:20\nrun   echo  a\n"],
  markdown: ["a.md", "Title\n=====\n\n*  one\n*  two\n"],
  typescript: ["a.ts", "const a=1;function f( x:number ){return x+1}"],
};

async function hostOf(t: ExecutionContext, options: PluginHostOptions): Promise<PluginHost> {
  // Functions are compiled when they are first called: a formatter's in seconds, on a busy machine in many.
  const limits = { startTimeout: 120_000, timeout: 120_000 };
  const host = await PluginHost.start({
    logger: quiet,
    ...options,
    options: { ...limits, ...options.options },
  });
  t.teardown(() => host.close());
  t.deepEqual(host.failures, new Map());
  return host;
}

for (const [name, [filePath, fileText]] of Object.entries(texts)) {
  test(`${name}: formats as dprint's own package does`, async (t) => {
    t.timeout(300_000);
    const bytes = formatterOf(name);
    const host = await hostOf(t, { plugins: [{ name, bytes }] });
    const expected = createFromBuffer(bytes as Uint8Array<ArrayBuffer>).formatText({ filePath, fileText });
    t.not(expected, fileText);
    const plugin = host.plugin(name);
    t.is(await plugin.call("format", { filePath, fileText }), expected);
    t.is(await plugin.call("format", { filePath, fileText: expected }), expected, "nothing to change");
    t.like(await plugin.call("get_plugin_info"), { name: `dprint-plugin-${name}` });
  });
}

test("settings are its configuration, and a file may have others", async (t) => {
  const config = { global: { lineWidth: 20 }, "array.preferSingleLine": true };
  const plugins = [{ name: "json", bytes: formatterOf("json") }];
  const host = await hostOf(t, { plugins, options: { config } });
  const plugin = host.plugin("json");
  const filePath = "a.json";
  const fileText = '{"a":[1,\n2]}';
  t.is(await plugin.call("format", { filePath, fileText }), '{ "a": [1, 2] }\n');
  const nested = '{\n"a":1}';
  const overrideConfig = { indentWidth: 8 };
  t.is(await plugin.call("format", { filePath, fileText: nested, overrideConfig }), '{\n        "a": 1\n}\n');
  t.is(await plugin.call("format", { filePath, fileText: nested }), '{\n  "a": 1\n}\n', "for that file only");
  t.like(await plugin.call("get_resolved_config"), { lineWidth: 20 });
  t.deepEqual(await plugin.call("get_config_diagnostics"), []);
  t.regex((await plugin.call("get_license_text")) as string, /MIT/);
  t.like(await plugin.call("get_config_file_matching"), {
    fileExtensions: ["json", "jsonc"],
  });
});

test("what it can't format is its error, and it goes on serving", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "json", bytes: formatterOf("json") }] });
  const plugin = host.plugin("json");
  const error = await t.throwsAsync(plugin.call("format", { filePath: "a.json", fileText: "{" }), {
    instanceOf: PluginError,
  });
  t.regex(error.message, /^json: export format: a\.json: /);
  t.is(await plugin.call("format", { filePath: "a.json", fileText: "{}" }), "{}\n");
  t.is(plugin.stats().replaced, 0);
  await t.throwsAsync(plugin.call("format", { fileText: "{}" }), {
    code: "MARSHAL",
    message: /filePath, fileText/,
  });
  await t.throwsAsync(plugin.call("format", "{"), { code: "MARSHAL" });
  await t.throwsAsync(plugin.call("clear_shared_bytes", 1), { code: "EXPORT_NOT_FOUND" });
});

test("with a reset for each call it is configured each time", async (t) => {
  const options = { reset: "call", config: { "array.preferSingleLine": true } } as const;
  const host = await hostOf(t, { plugins: [{ name: "json", bytes: formatterOf("json") }], options });
  for (let i = 0; i < 3; i++) {
    const request = { filePath: "a.json", fileText: '{"a":[1,\n2]}' };
    t.is(await host.plugin("json").call("format", request), '{ "a": [1, 2] }\n');
  }
});

test("a typed handle formats", async (t) => {
  const host = await hostOf(t, { plugins: [{ name: "json", bytes: formatterOf("json") }] });
  const json = await host.plugin("json", describe({ format: fn(["json"], "string") }));
  t.is(await json.format({ filePath: "a.json", fileText: "[ ]" }), "[]\n");
});

const markdown = '```json\n{"a":1}\n```\n\n```other\nx\n```\n';

for (const how of ["at once", "after a while"]) {
  test(`text of another language goes to the application's host module, which answers ${how}`, async (t) => {
    t.timeout(300_000);
    const requests: unknown[] = [];
    const answer = (request: unknown): string | null => {
      requests.push(request);
      const { filePath, fileText } = request as { filePath: string; fileText: string };
      if (filePath.endsWith(".json")) return `${fileText.replace(":", ": ")}`;
      return null;
    };
    const dprint: DefinedModule =
      how === "at once"
        ? defineHostModule("dprint", { format: [fn(["json"], "string?"), answer] })
        : defineHostModule("dprint", {
            format: [
              fn(["json"], "string?"),
              async (request) => {
                await new Promise((resolve) => setTimeout(resolve, 5));
                return answer(request);
              },
            ],
          });
    const host = await hostOf(t, {
      plugins: [{ name: "md", bytes: formatterOf("markdown") }],
      modules: [dprint],
    });
    const formatted = await host.plugin("md").call("format", { filePath: "a.md", fileText: markdown });
    t.is(formatted, markdown.replace(":", ": "));
    t.deepEqual(requests, [
      { filePath: "file.json", fileText: '{"a":1}', overrideConfig: { lineWidth: 80 } },
    ]);
  });
}

/** What every plugin of the schema has; `format` and what it answers with are the test's. */
const formatter = (body: string, imports = ""): Uint8Array =>
  assemble(`(module
    ${imports}
    (import "dprint" "host_has_cancelled" (func $cancelled (result i32)))
    (memory (export "memory") 1)
    (func (export "dprint_plugin_version_4") (result i32) (i32.const 4))
    (func (export "get_shared_bytes_ptr") (result i32) (i32.const 1024))
    (func (export "clear_shared_bytes") (param i32) (result i32) (i32.const 1024))
    (func (export "register_config") (param i32))
    (func (export "set_file_path"))
    ${body})`);

test("an error of the host module is the plugin's to handle", async (t) => {
  const dprint = defineHostModule("dprint", {
    format: [
      fn(["json"], "string?"),
      () => {
        throw new Error("no formatter today");
      },
    ],
  });
  const bytes = formatter(
    `(global $length (mut i32) (i32.const 0))
    (func (export "format") (param i32) (result i32)
      (if (i32.ne (i32.const 2) (call $format
          (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 1)))
        (then (unreachable)))
      (global.set $length (call $error))
      (call $write (i32.const 1024))
      (i32.const 2))
    (func (export "get_formatted_text") (result i32) (unreachable))
    (func (export "get_error_text") (result i32) (global.get $length))`,
    `(import "dprint" "host_format" (func $format (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "dprint" "host_get_error_text" (func $error (result i32)))
    (import "dprint" "host_write_buffer" (func $write (param i32)))`,
  );
  const host = await hostOf(t, { plugins: [{ name: "p", bytes }], modules: [dprint] });
  await t.throwsAsync(host.plugin("p").call("format", { filePath: "a", fileText: "b" }), {
    instanceOf: PluginError,
    message: "p: export format: a: no formatter today",
  });
});

test("lengths that a formatter made up are refused", async (t) => {
  const bytes = formatter(`
    (func (export "format") (param i32) (result i32) (i32.add (i32.const 1) (call $cancelled)))
    (func (export "get_formatted_text") (result i32) (i32.const -1))
    (func (export "get_error_text") (result i32) (i32.const 0))`);
  const host = await hostOf(t, { plugins: [{ name: "p", bytes }] });
  const call = host.plugin("p").call("format", { filePath: "a", fileText: "b" });
  await t.throwsAsync(call, { code: "MARSHAL", message: /p: memory: 4294967295 bytes at 1024 end outside/ });
  const ranged = host.plugin("p").call("format", { filePath: "a", fileText: "b", range: [0, 1] });
  await t.throwsAsync(ranged, { code: "PLUGIN", message: /can't format a range/ });
});

test("one that lacks exports, or imports what there isn't, isn't loaded", async (t) => {
  const host = await PluginHost.start({
    plugins: [
      { name: "lacks", bytes: formatter("") },
      {
        name: "imports",
        bytes: assemble(
          `(module (import "dprint" "host_formt" (func)) (func (export "dprint_plugin_version_4")))`,
        ),
      },
    ],
    logger: quiet,
  });
  t.teardown(() => host.close());
  const lacks = host.failures.get("lacks") as BackplaneError;
  t.is(lacks.code, "EXPORT_MISMATCH");
  t.regex(lacks.message, /^lacks: a plugin of dprint exports format, get_formatted_text, get_error_text$/);
  const imports = host.failures.get("imports") as BackplaneError;
  t.is(imports.code, "IMPORT_MISMATCH");
  t.regex(imports.message, /^imports: import dprint\.host_formt: dprint has no such function.*host_format/);
});
