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

// ava's own summary leaves out the passed ones when a test failed, so its lines are counted.
const marks = { "✔": 0, "✘": 0, "-": 0 };
let rest = "";
child.stdout.setEncoding("utf8");
child.stdout.on("data", (chunk) => {
  process.stdout.write(chunk);
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    const mark = /^ {2}(?:(✔|✘) |(-) \[skip\])/.exec(line);
    if (mark !== null) marks[mark[1] ?? mark[2]]++;
  }
});
child.on("close", (code) => {
  // A file that dies fails without a test of its own.
  const failed = marks["✘"] === 0 && code !== 0 ? 1 : marks["✘"];
  console.log(`${marks["✔"]} passed, ${failed} failed, ${marks["-"]} skipped`);
  process.exitCode = code === 0 && marks["✔"] > 0 ? 0 : 1;
});
