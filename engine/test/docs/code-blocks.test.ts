/**
 * Runs the code blocks of the guides, each in a process of its own, as a reader who pastes them would.
 *
 * Blocks marked `runnable`: "js" as an ES module, "ts" type-checked and compiled with the options of the README's
 * "json tsconfig" block first, or with `tsconfig=NAME` with those of the block that has the same, "sh" (one command a line) with `backplane` and `node` at hand. `register` adds
 * `--import backplane/register`. A "text output" block right after one is what it must print. `file=NAME` on any
 * block puts its text beside them under that name, for blocks that read it. Packages resolve as in an application,
 * since the blocks run in a folder of the package itself, whose exports lead to the build.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import ts from "typescript";
import wabtModule from "wabt";
import { projectRoot } from "../support/corpora.js";
import { allPages, type CodeBlock, type Page } from "./pages.js";

interface Runnable {
  readonly page: Page;
  readonly block: CodeBlock;
  readonly title: string;
  /** What it must print; undefined: anything. */
  readonly output: string | undefined;
}

function runnables(): Runnable[] {
  return allPages().flatMap((page) =>
    page.blocks.flatMap((block, i) => {
      if (!block.attributes.has("runnable")) return [];
      const next = page.blocks[i + 1];
      const output = next?.attributes.has("output") ? next.text : undefined;
      return [{ page, block, title: `${page.name}:${block.line}`, output }];
    }),
  );
}

const dist = join(projectRoot(), "dist");
mkdirSync(dist, { recursive: true });
const folder = mkdtempSync(join(dist, "guides-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test.before(async () => {
  const wabt = await wabtModule();
  for (const page of allPages()) {
    for (const { attributes, language, text } of page.blocks) {
      const name = attributes.get("file");
      if (name === undefined) continue;
      const isText = language !== "wat";
      writeFileSync(
        join(folder, name),
        isText ? text : wabt.parseWat(name, text).toBinary({ write_debug_names: true }).buffer,
      );
    }
  }
});

/** The compiler options that the guides recommend; "" names the README's. */
function recommendedOptions(name: string): ts.CompilerOptions {
  const blocks = allPages().flatMap((page) => page.blocks);
  const block = blocks.find((b) => b.language === "json" && b.attributes.get("tsconfig") === name);
  const json = JSON.parse(block!.text) as { compilerOptions: object };
  const { options, errors } = ts.convertCompilerOptionsFromJson(json.compilerOptions, folder);
  if (errors.length > 0) throw new Error(ts.formatDiagnostics(errors, host));
  return options;
}

const host: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => folder,
  getNewLine: () => "\n",
};

/** Type-checks and compiles the files; what is wrong as text, "" if nothing is. */
function compileTypeScript(files: readonly string[], tsconfig = ""): string {
  const program = ts.createProgram(files, {
    ...recommendedOptions(tsconfig),
    outDir: folder,
    rootDir: folder,
  });
  const emitted = program.emit();
  return ts.formatDiagnostics([...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics], host);
}

function run(
  command: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(command, args, { cwd: folder, env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

const cli = join(projectRoot(), "dist/sdk/cli/main.js");

/** Runs a block; its file has been compiled if it is TypeScript. */
async function runBlock(
  { block }: Runnable,
  file: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  if (block.language === "sh") {
    const script = `set -e\nbackplane() { "${process.execPath}" "${cli}" "$@"; }\n${block.text}`;
    return await run("sh", ["-c", script]);
  }
  const options = block.attributes.has("register") ? ["--import", "backplane/register"] : [];
  return await run(process.execPath, [...options, file]);
}

const blocks = runnables();
const sources = new Map(
  blocks.map((runnable, i): [Runnable, string] => [
    runnable,
    join(folder, `block-${i}.${runnable.block.language === "ts" ? "mts" : "mjs"}`),
  ]),
);
for (const [{ block }, file] of sources) writeFileSync(file, block.text);

test("the guides have blocks to run", (t) => {
  const languages = new Set(blocks.map(({ block }) => block.language));
  t.true(languages.has("js") && languages.has("ts"));
  for (const language of languages) t.true(["js", "ts", "sh"].includes(language), language);
});

const typeScriptBlocks = [...sources].filter(([{ block }]) => block.language === "ts");
const tsconfigOf = ({ block }: Runnable): string => block.attributes.get("tsconfig") ?? "";
let diagnostics = "not compiled";
test.before(() => {
  const names = new Set(typeScriptBlocks.map(([runnable]) => tsconfigOf(runnable)));
  diagnostics = [...names]
    .map((name) => {
      const files = typeScriptBlocks.filter(([runnable]) => tsconfigOf(runnable) === name);
      return compileTypeScript(
        files.map(([, file]) => file),
        name,
      );
    })
    .join("");
});

test("TypeScript blocks compile with the recommended options", (t) => t.is(diagnostics, ""));

test("TypeScript blocks are type-checked: a method that contradicts its declaration doesn't compile", (t) => {
  const [, good] = [...sources].find(([{ block }]) => block.text.includes('fn(["i32"], "i32")')) ?? [];
  const text = good === undefined ? "" : readFileSync(good, "utf8");
  const bad = join(folder, "contradiction.mts");
  writeFileSync(bad, text.replace('fn(["i32"], "i32")', 'fn(["i64"], "i32")'));
  t.regex(compileTypeScript([bad]), /error TS/);
});

for (const [runnable, source] of sources) {
  test(`${runnable.title} runs`, async (t) => {
    const { code, stdout, stderr } = await runBlock(runnable, source.replace(/\.mts$/, ".mjs"));
    t.is(code, 0, stderr);
    if (runnable.output !== undefined) t.is(stdout, runnable.output);
  });
}
