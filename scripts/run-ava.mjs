/** Runs ava and counts what its tests came to, for scripts that report one sum of several runs. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ava = join(root, "node_modules", "ava", "entrypoints", "cli.mjs");

/**
 * `args`: ava's; `nodeArgs`: before them, Node's; `write` gets the output, this process's if there is none. Returns { passed, failed, skipped }.
 * ava's own summary leaves out the passed ones when a test failed, so its lines are counted.
 */
export function runAva(args, { nodeArgs = [], write } = {}) {
  const child = spawn(process.execPath, [...nodeArgs, ava, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", write === undefined ? "inherit" : "pipe"],
  });
  const marks = { "✔": 0, "✘": 0, "-": 0 };
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", write);
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk) => {
    if (write === undefined) process.stdout.write(chunk);
    else write(chunk);
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const mark = /^ {2}(?:(✔|✘) |(-) \[skip\])/.exec(line);
      if (mark !== null) marks[mark[1] ?? mark[2]]++;
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code) => {
      // A file that dies, or that has no tests, fails without a test of its own.
      const ended = code === 0 && marks["✔"] + marks["-"] > 0;
      resolve({
        passed: marks["✔"],
        failed: marks["✘"] === 0 && !ended ? 1 : marks["✘"],
        skipped: marks["-"],
      });
    });
  });
}
