/** The pages of the API: every public symbol is documented, and TypeDoc has nothing to say. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { projectRoot } from "../support/corpora.js";

const run = promisify(execFile);

test("TypeDoc gives no warnings", async (t) => {
  t.timeout(300_000);
  const root = projectRoot();
  const typedoc = join(root, "node_modules/typedoc/bin/typedoc");
  // The build checks types.
  const flags = ["--emit", "none", "--skipErrorChecking"];
  await t.notThrowsAsync(run(process.execPath, [typedoc, ...flags], { cwd: root }));
});
