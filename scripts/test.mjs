/** Runs the tests and closes with `N passed, N failed, N skipped` on a line of its own. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ava = join(root, "node_modules", "ava", "entrypoints", "cli.mjs");
const child = spawn(process.execPath, [ava, ...process.argv.slice(2)], {
  cwd: root,
  stdio: ["ignore", "pipe", "inherit"],
});

let tail = "";
child.stdout.on("data", (chunk) => {
  process.stdout.write(chunk);
  tail = (tail + chunk).slice(-20000);
});
child.on("close", (code) => {
  const count = (pattern) => Number([...tail.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const passed = count(/(\d+) tests? passed/g);
  const failed = count(/(\d+) tests? failed/g) + count(/(\d+) uncaught exceptions?/g);
  const skipped = count(/(\d+) tests? skipped/g);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = code === 0 && passed > 0 ? 0 : 1;
});
