/** Bad plugins beside a good one that is called all the while: each has its own error, the good one notices nothing. */
import { createHash } from "node:crypto";
import test from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  type BackplaneError,
  defineHostModule,
  fn,
  HostError,
  PluginHost,
  type PluginSource,
} from "../index.js";
import { quiet } from "./quiet-host.js";

const good = assemble(`(module (import "app" "twice" (func $twice (param i32) (result i32)))
  (func (export "run") (param i32) (result i32) (call $twice (local.get 0))))`);
const throwing = assemble(`(module (import "app" "fail" (func $fail)) (func (export "run") (call $fail)))`);
const trapping = assemble(`(module (memory 1) (func (export "run") (drop (i32.load (i32.const -1)))))`);
const recursing = assemble(`(module (func $f (export "run") (call $f)))`);
const large = assemble(`(module (memory 100))`);
const growing = assemble(
  `(module (memory 1) (func (export "run") (result i32) (memory.grow (i32.const 1000))))`,
);
const starting = assemble(`(module (func $s unreachable) (start $s))`);

const lying: Record<string, { source: PluginSource; code: string }> = {
  "a wrong hash": {
    source: {
      bytes: good,
      manifest: { name: "hash", sha256: createHash("sha256").update("x").digest("hex") },
    },
    code: "INTEGRITY",
  },
  "another version": {
    source: { bytes: good, manifest: { name: "version", version: "1.0.0" }, version: "2.0.0" },
    code: "VERSION_MISMATCH",
  },
  "another name": { source: { bytes: good, manifest: { name: "one" }, name: "other" }, code: "PLUGIN_LOAD" },
  "modules that it doesn't ask for": {
    source: { bytes: good, manifest: { name: "asks", requests: { modules: [] } } },
    code: "NOT_GRANTED",
  },
  "a dependency that there isn't": {
    source: { bytes: good, manifest: { name: "needs", dependencies: { plugins: { ghost: "*" } } } },
    code: "DEPENDENCY",
  },
};

test("bad plugins are contained", async (t) => {
  const app = defineHostModule("app", {
    twice: [fn(["i32"], "i32"), (n) => 2 * n],
    fail: [
      fn([]),
      () => {
        throw new RangeError("the host's");
      },
    ],
  });
  const traps: string[] = [];
  const host = await PluginHost.start(
    {
      modules: [app],
      logger: quiet,
      limits: { memory: 64 * 65_536 },
      plugins: [
        { bytes: good, name: "good" },
        { bytes: throwing, name: "throwing" },
        { bytes: trapping, name: "trapping" },
        { bytes: recursing, name: "recursing" },
        { bytes: growing, name: "growing" },
        { bytes: assemble("(module)"), name: "empty" },
        { bytes: large, name: "large" },
        { bytes: starting, name: "starting" },
        { bytes: assemble(`(module (import "app" "gone" (func)))`), name: "importing" },
        { bytes: assemble(`(module (import "app" "twice" (func)))`), name: "mistyped" },
        { bytes: new Uint8Array(100), name: "noise" },
        ...Object.values(lying).map(({ source }) => source),
      ],
    },
    (h) => h.on("trap", ({ name }) => traps.push(name)),
  );
  t.teardown(() => host.close());

  let done = false;
  const busy = (async (): Promise<number> => {
    let calls = 0;
    for (; !done; calls++) {
      t.is(await host.plugin("good").call("run", calls), 2 * calls);
      await new Promise(setImmediate);
    }
    return calls;
  })();

  t.deepEqual(host.names, ["empty", "good", "growing", "recursing", "throwing", "trapping"]);
  const codeOf = (name: string): string => (host.failures.get(name) as BackplaneError).code;
  t.is(codeOf("large"), "LIMIT");
  t.is(codeOf("importing"), "IMPORT_MISMATCH");
  t.is(codeOf("mistyped"), "IMPORT_MISMATCH");
  for (const name of ["starting", "noise"]) t.is(codeOf(name), "PLUGIN_LOAD");
  for (const [what, { source, code }] of Object.entries(lying)) {
    const name =
      (source as { name?: string; manifest: { name: string } }).name ??
      (source as { manifest: { name: string } }).manifest.name;
    t.is(codeOf(name), code, what);
  }

  const call = (name: string): Promise<unknown> => host.plugin(name).call("run");
  for (let i = 0; i < 3; i++) {
    const error = await t.throwsAsync(call("throwing"), { instanceOf: HostError });
    t.true(error.cause instanceof RangeError);
    await t.throwsAsync(call("trapping"), { message: /out of bounds/ });
    await t.throwsAsync(call("recursing"), { instanceOf: RangeError });
    t.is(await call("growing"), -1);
  }
  await t.throwsAsync(call("empty"), { message: 'empty: no exported function "run" (exports: nothing)' });
  done = true;
  t.true((await busy) > 0);
  t.is(traps.filter((name) => name === "trapping").length, 3);
  t.is(host.plugin("good").stats().failures, 0);
});

test("a trap while a plugin starts is told as its start's", async (t) => {
  const hook = assemble(
    `(module (func (export "backplane_start") (drop (i32.div_s (i32.const 1) (i32.const 0)))))`,
  );
  const plugins = [
    { bytes: starting, name: "section" },
    { bytes: hook, name: "hook" },
  ];
  const host = await PluginHost.start({ plugins, logger: quiet });
  t.teardown(() => host.close());
  t.like(host.failures.get("section"), { code: "PLUGIN_LOAD", message: "section: its start: unreachable" });
  t.like(host.failures.get("hook"), { code: "PLUGIN_LOAD", message: "hook: its start: divide by zero" });
});
