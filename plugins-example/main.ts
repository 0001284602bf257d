/**
 * A program that makes web pages of drafts. What happens to the text is the business of plugins: this shows how they
 * are loaded and called, what becomes of one that fails, and how one is replaced while it works.
 */
import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Logger, PluginHost } from "backplane";
import { Statistics, Step } from "./contracts.js";
import { draft } from "./draft.js";
import { formatJson, loadFormatter } from "./formatting.js";
import { Pipeline, reason } from "./pipeline.js";
import { Outline, Pages, SiteHost } from "./site.js";

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

function title(text: string): void {
  console.log(`\n== ${text}`);
}

/** Errors only: which plugins can't be loaded, a warning, is told below. */
const logger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (fields, message) => console.error(message, fields),
};

/** The plugins that could be loaded, and why others could not: those don't keep the application from starting. */
function showPlugins(host: PluginHost): void {
  title("Plugins");
  console.log(`loaded: ${host.names.join(", ")}`);
  for (const [, error] of host.failures) console.log(`refused: ${reason(error)}`);
}

async function makePage(host: PluginHost, outline: Outline): Promise<void> {
  title("A page of a draft, through three plugins");
  const { text, skipped } = await new Pipeline(host, ["tidy", "typography", "markup"]).run(draft);
  console.log(text.trimEnd());
  for (const { step, error } of skipped) console.log(`(without ${step}: ${reason(error)})`);
  title("Its description, formatted by dprint");
  const statistics = await (await host.plugin("statistics", Statistics)).measure(draft);
  const description = JSON.stringify({ outline: outline.take(), statistics });
  console.log((await formatJson(host, description)).trimEnd());
}

/** A step that traps is left out. After five traps in a row it isn't even tried for a while. */
async function containFailure(host: PluginHost): Promise<void> {
  title("A step that fails");
  const pipeline = new Pipeline(host, ["tidy", "fragile", "typography"]);
  for (let attempt = 1; attempt <= 6; attempt++) {
    const { text, skipped } = await pipeline.run('  "Still here..."  ');
    const [{ step, error }] = skipped;
    if (attempt === 1) console.log(`${text} (without ${step}: ${error.message})`);
    if (attempt === 6) console.log(`${text} (without ${step}: ${reason(error).replace(/ for .*/, "")})`);
  }
}

/** A thousand calls, and a new version of the plugin's file in the middle of them. */
async function replaceWhileWorking(host: PluginHost, folder: string): Promise<void> {
  title("A plugin's file is replaced while calls run");
  const tidy = await host.plugin("tidy", Step);
  const sample = "  one   space  ";
  console.log(`before: "${await tidy.run(sample)}"`);
  const reloaded = new Promise((resolve) => host.once("reloaded", resolve));
  let done = false;
  let calls = 0;
  const working = async (): Promise<void> => {
    for (; !done || calls < 1000; calls++) {
      await tidy.run(sample);
      if (calls % 10 === 0) await new Promise(setImmediate);
    }
  };
  const workers = Promise.all(Array.from({ length: 10 }, working));
  await cp(beside("updates/tidy.wasm"), join(folder, "tidy.new"));
  await rename(join(folder, "tidy.new"), join(folder, "tidy.wasm"));
  await reloaded;
  done = true;
  await workers;
  const { failures, generation } = host.plugin("tidy").stats();
  console.log(`after:  "${await tidy.run(sample)}"`);
  console.log(
    `generation ${generation}; calls: ${calls >= 1000 ? "1000 or more" : calls}, failed: ${failures}`,
  );
}

// Plugins are installed into a folder of the application; here into a new one, since one of them gets replaced.
const folder = await mkdtemp(join(tmpdir(), "site-plugins-"));
await cp(beside("plugins"), folder, { recursive: true });
const outline = new Outline();
const host = await PluginHost.start({
  plugins: folder,
  modules: [SiteHost],
  provide: [
    [Outline, outline],
    [Pages, new Pages()],
  ],
  limits: { memory: 16 * 1024 * 1024 },
  watch: true,
  logger,
});
try {
  await loadFormatter(host);
  showPlugins(host);
  await makePage(host, outline);
  await containFailure(host);
  await replaceWhileWorking(host, folder);
} finally {
  await host.close();
  await rm(folder, { recursive: true });
}
