/** The option `cache`: plugins' code on disk, in whichever way they are loaded. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { type CacheSetting, CodeCache, PluginHost, type PluginHostOptions } from "../index.js";

const bytes = assemble(`(module (memory (export "memory") 1 10)
  (func (export "answer") (result i32) (i32.const 42)))`);

function temporary(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "backplane-host-cache-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The figures of a host's cache after its plugin was called. */
async function figures(cache: CacheSetting | undefined, more: PluginHostOptions = {}) {
  const host = await PluginHost.start({ plugins: [{ name: "p", bytes }], cache, ...more });
  try {
    if ((await host.plugin("p").call("answer")) !== 42) throw new Error("a wrong answer");
    return host.codeCache;
  } finally {
    await host.close();
  }
}

test("a host finds what another has compiled, by whatever the folder is given", async (t) => {
  const folder = temporary(t);
  t.like((await figures(folder))?.stats(), { misses: 1, functionsCompiled: 1, stored: 1 });
  const settings: CacheSetting[] = [folder, pathToFileURL(folder), { folder }, new CodeCache({ folder })];
  for (const setting of settings) {
    t.like((await figures(setting))?.stats(), { hits: 1, functionsRead: 1, functionsCompiled: 0, stored: 0 });
  }
});

test("without the option there is none", async (t) => {
  t.is(await figures(undefined), undefined);
  t.is(await figures(false), undefined);
});

test("true is the user's cache folder", async (t) => {
  const folder = temporary(t);
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = folder;
  try {
    const cache = await figures(true);
    if (process.platform === "linux") {
      t.is(cache?.folder, join(folder, "backplane"));
      t.is(readdirSync(join(folder, "backplane")).length, 1);
    }
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  }
  t.pass();
});

test("a plugin with limits has code of its own, which is found again as well", async (t) => {
  const cache = temporary(t);
  for (const limits of [{ memory: 65_536 }, { fuel: 1_000_000 }]) {
    t.like((await figures(cache, { limits }))?.stats(), { functionsCompiled: 1 }, JSON.stringify(limits));
    t.like((await figures(cache, { limits }))?.stats(), { functionsRead: 1, functionsCompiled: 0 });
  }
});

test("a reload finds what another generation has compiled", async (t) => {
  const folder = temporary(t);
  const file = join(folder, "p.wasm");
  writeFileSync(file, bytes);
  const cache = new CodeCache({ folder: join(folder, "cache") });
  const host = await PluginHost.start({ plugins: [file], cache });
  await host.plugin("p").call("answer");
  cache.flush();
  await host.reload("p");
  t.is(await host.plugin("p").call("answer"), 42);
  await host.close();
  t.like(cache.stats(), { hits: 1, misses: 1, functionsRead: 1, functionsCompiled: 1 });
});

test("a folder that can't be used is told once, and plugins load", async (t) => {
  const folder = temporary(t);
  const file = join(folder, "file");
  writeFileSync(file, "");
  const told: string[] = [];
  const silent = (): void => {};
  const logger = {
    debug: silent,
    info: silent,
    warn: (_: object, text: string) => told.push(text),
    error: silent,
  };
  const host = await PluginHost.start({
    plugins: [
      { name: "p", bytes },
      { name: "q", bytes },
    ],
    cache: file,
    logger,
  });
  for (const name of ["p", "q"]) t.is(await host.plugin(name).call("answer"), 42);
  await host.close();
  t.is(told.length, 1, told.join());
  t.regex(told[0], /^cache: .*file isn't used: /);
});

test("what is no setting is refused", async (t) => {
  for (const cache of [1, { folder: "relative" }, { maxBytes: -1 }, null]) {
    await t.throwsAsync(PluginHost.start({ cache: cache as never }), {
      code: "OPTIONS",
      message: /^cache: /,
    });
  }
});
