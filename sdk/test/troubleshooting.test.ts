/** `docs/troubleshooting.md` has an entry for every code and every reason, and none for what doesn't exist. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { readPage } from "../../engine/test/docs/pages.js";
import { projectRoot } from "../../engine/test/support/corpora.js";

/** The members of a union of texts, from the source: at run time nothing is left of a type. */
function members(file: string, type: string): string[] {
  const text = readFileSync(join(projectRoot(), file), "utf8");
  const declared = new RegExp(`export type ${type} =([^;]*);`).exec(text)?.[1] ?? "";
  return [...declared.matchAll(/"([^"]+)"/g)].map((match) => match[1]);
}

const codes = members("sdk/errors.ts", "BackplaneErrorCode");
const reasons = members("engine/platform/errors.ts", "UnsupportedReason");
const page = readPage("docs/troubleshooting.md");

test("every code and reason has an entry, and every entry a code or reason", (t) => {
  t.true(codes.length > 10 && reasons.length > 4);
  const entries = [...page.text.matchAll(/^### (.*)$/gm)].map((match) => match[1]);
  t.deepEqual(entries.toSorted(), [...codes, ...reasons].sort());
});

test("the engine's page has the same reasons", (t) => {
  const rows = readPage("docs/engine.md").text.split("## Systems it cannot run on")[1] ?? "";
  const listed = [...rows.matchAll(/^\| `([a-z-]+)` \|/gm)]
    .map((match) => match[1])
    .filter((name) => name !== "reason");
  t.deepEqual(listed.toSorted(), reasons.toSorted());
});
