/** The example of `docs/writing-an-abi.md`: its plugin is assembled and its program run as the page shows them. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { readPage } from "../../engine/test/docs/pages.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { projectRoot } from "../../engine/test/support/corpora.js";
import { builtInAbis } from "../abi/choose-abi.js";

const page = readPage("docs/writing-an-abi.md");
// In the package itself, so that the example finds it by its name.
mkdirSync(join(projectRoot(), "dist"), { recursive: true });
const folder = mkdtempSync(join(projectRoot(), "dist/abi-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test("the page's ABI runs the page's plugin", async (t) => {
  t.timeout(120_000);
  let output: string | undefined;
  for (const { language, attributes, text } of page.blocks) {
    const file = attributes.get("file");
    if (attributes.get("output") === "event-main") output = text;
    if (file === undefined) continue;
    if (language === "wat") writeFileSync(join(folder, file.replace(/\.wat$/, ".wasm")), assemble(text));
    else writeFileSync(join(folder, file), text);
  }
  const { stdout } = await promisify(execFile)(process.execPath, ["event-main.mjs"], { cwd: folder });
  t.is(stdout, output ?? "the page has no output");
});

test("the page has the ABIs that there are", (t) => {
  const listed = [...page.text.matchAll(/^\| `([a-z]+(?:-\d+)?)` \|/gm)].map((match) => match[1]);
  t.deepEqual(listed.toSorted(), builtInAbis.map(({ name }) => name).sort());
});
