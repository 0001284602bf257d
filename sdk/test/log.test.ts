/** A plugin's log, and settings that must not show. */
import { inspect } from "node:util";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import type { Logger, PluginHostOptions, PluginOptions } from "../index.js";
import { BackplaneError, currentCall, PluginHost, Secret, secret } from "../index.js";
import { GuestLog, safeLine } from "../plugin/guest-log.js";
import { redactorOf, revealed } from "../secret.js";
import { quiet } from "./quiet-host.js";

const bytes = assemble(`(module (import "backplane" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1) (data (i32.const 8) "one\\0atwo \\1b[31m") (data (i32.const 32) "key hunter22")
  (func (export "say") (param i32) (call $log (local.get 0) (i32.const 8) (i32.const 13)))
  (func (export "tell") (call $log (i32.const 1) (i32.const 32) (i32.const 12)))
  (func (export "outside") (call $log (i32.const 1) (i32.const 65530) (i32.const 12)))
  (func (export "backplane_stop") unreachable))`);

interface Line {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

async function started(
  t: ExecutionContext,
  options: PluginOptions = {},
  more: PluginHostOptions = {},
): Promise<{ host: PluginHost; lines: Line[] }> {
  const lines: Line[] = [];
  const logger = Object.fromEntries(
    ["debug", "info", "warn", "error"].map((level) => [
      level,
      (fields: object, message: string) => lines.push({ level, fields, message }),
    ]),
  ) as unknown as Logger;
  const host = await PluginHost.start({ plugins: [{ bytes, name: "p" }], options, logger, ...more });
  t.teardown(() => host.close());
  lines.length = 0;
  return { host, lines };
}

test("a plugin logs by the built-in module, whatever it is granted", async (t) => {
  const { host, lines } = await started(t, {}, { grant: () => ({ modules: [] }) });
  const seen: string[] = [];
  host.on("log", ({ name, level, message }) => seen.push(`${name} ${level} ${message}`));
  for (const level of [0, 1, 2, 3, 9, -1]) await host.plugin("p").call("say", level);
  const text = "one\\ntwo \\u001b[31m";
  t.deepEqual(
    seen,
    ["debug", "info", "warn", "error", "error", "debug"].map((level) => `p ${level} ${text}`),
  );
  t.deepEqual(lines[1], { level: "info", fields: { plugin: "p" }, message: text });
  t.is(lines.length, 6);
  await t.throwsAsync(host.plugin("p").call("outside"), { instanceOf: BackplaneError, code: "MARSHAL" });
});

test("the built-in module's name is taken", async (t) => {
  const taken = { declaration: { name: "backplane", className: "X", functions: [] }, object: {} };
  await t.throwsAsync(PluginHost.start({ modules: [taken] }), {
    message: /"backplane" is that of the built-in/,
  });
});

test("lines above the rate are dropped and counted, once", (t) => {
  let now = 0;
  const lines: string[] = [];
  const log = new GuestLog(
    { lines: 10, burst: 3 },
    (level, line) => lines.push(`${level} ${line}`),
    () => now,
  );
  for (let i = 0; i < 8; i++) log.log(1, `line ${i}`);
  now = 100;
  log.log(1, "later");
  log.log(1, "dropped");
  log.close();
  log.close();
  t.deepEqual(lines, [
    "info line 0",
    "info line 1",
    "info line 2",
    "warn 5 lines of the log were dropped: more than 10 a second",
    "info later",
    "warn 1 lines of the log were dropped: more than 10 a second",
  ]);
  t.is(log.dropped, 6);
});

test("a plugin that logs without end doesn't flood the application", async (t) => {
  const { host, lines } = await started(t, { logRate: { lines: 1, burst: 20 } });
  const say = host.plugin("p").exports.say as (level: number) => void;
  for (let i = 0; i < 5000; i++) say(1);
  t.true(lines.length <= 22);
  t.true(host.plugin("p").stats().droppedLogLines >= 4970);
});

test("lines are cut, and can't forge others", (t) => {
  t.is(safeLine("a\r\nb\u2028\u202e\u0085\x00"), "a\\r\\nb\\u2028\\u202e\\u0085\\u0000");
  t.is(safeLine("häßlich 🙂"), "häßlich 🙂");
  const long = safeLine("x".repeat(10_000));
  t.is(long, `${"x".repeat(4096)}... (5904 more characters)`);
  t.true(safeLine(`${"x".repeat(4095)}🙂`).startsWith(`${"x".repeat(4095)}... (2 more`));
});

test("secrets reach host functions and nothing that is written", async (t) => {
  let seen: unknown;
  const options: PluginOptions = {
    config: { user: "ada", db: { password: secret("hunter22"), port: 1 } },
    secrets: { token: "abcdefgh" },
  };
  const { host, lines } = await started(t, options);
  const plugin = host.plugin("p");
  host.on("log", () => {
    seen = { ...plugin.config, call: currentCall()?.plugin };
  });
  const { config } = plugin as unknown as {
    config: { db: { password: string; port: number }; token: string };
  };
  t.is(config.db.password, "hunter22");
  t.is(config.token, "abcdefgh");
  t.is(config.db.port, 1);
  await plugin.call("tell");
  t.is(lines[0].message, "key [redacted]");
  await host.close();
  const written = [
    ...[plugin, host, config, options.config, plugin.options, seen, host.stats(), plugin.stats(), lines],
  ].flatMap((thing) => [
    inspect(thing, { depth: 9, showHidden: true }),
    JSON.stringify(thing),
    String(thing),
  ]);
  written.push(JSON.stringify({ ...config }), inspect({ ...config }, { depth: 9 }));
  for (const text of written) t.notRegex(text, /hunter22|abcdefgh/);
  t.is(JSON.stringify(config), `{"user":"ada","db":{"password":"[redacted]","port":1},"token":"[redacted]"}`);
  t.is(inspect(config.db), "{ password: '[redacted]', port: 1 }");
  t.is(String(new Secret("x")), "[redacted]");
});

test("secrets in lists, of other types, and settings without any", (t) => {
  const plain = { a: [1, { b: 2 }] };
  t.is(revealed(plain), plain);
  const mixed = revealed({ keys: ["open", secret("geheim")], n: secret(7) });
  t.is(mixed.keys[1] as unknown, "geheim");
  t.is(JSON.stringify(mixed), `{"keys":["open","[redacted]"],"n":"[redacted]"}`);
  t.is(
    redactorOf({ keys: [secret({ deep: secret("geheim") }), secret("abc")] })("geheim abc"),
    "[redacted] abc",
  );
});

test("a manifest has no way to name environment variables", async (t) => {
  const config = { home: "%HOME%", path: "$PATH", env: { $env: "HOME" } };
  const host = await PluginHost.start({
    plugins: [{ bytes, manifest: { name: "p", config } }],
    logger: quiet,
  });
  t.teardown(() => host.close());
  t.deepEqual(host.plugin("p").config, config);
});

test("plugins and hosts print shortly", async (t) => {
  const { host } = await started(t);
  t.is(inspect(host.plugin("p")), "Plugin p { state: 'ready', generation: 1 }");
  t.is(inspect(host), "PluginHost { p: 'ready' }");
  t.is(
    JSON.stringify({ plugin: host.plugin("p") }),
    `{"plugin":{"name":"p","state":"ready","generation":1}}`,
  );
  t.is(JSON.stringify(host), `{"plugins":{"p":"ready"}}`);
});
