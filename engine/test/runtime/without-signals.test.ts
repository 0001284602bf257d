/**
 * What systems without signals do, on this one: bounds and interrupts are checked in the code, the clock is a worker. The
 * tests of the clock, limits, calls and fuel are run once more, in a process of their own that does without.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import test from "ava";

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const root = here("../../../..");
const environment = { ...process.env, NODE_OPTIONS: "", BACKPLANE_OFF: "signals" };

test("the clock, limits, calls and fuel are the same without signals", (t) => {
  t.timeout(300_000);
  const files = ["./clock.test.js", "./limits.test.js", "./calls.test.js", "./fuel.test.js"].map(here);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["node_modules/ava/entrypoints/cli.mjs", ...files],
    {
      encoding: "utf8",
      cwd: root,
      env: environment,
    },
  );
  t.is(status, 0, stdout.slice(-3000) + stderr.slice(-1000));
  t.regex(stdout, /[3-9]\d tests passed/);
});

test("calls on threads are refused there, by name", (t) => {
  const script = `
    const { createNamespace, threaded } = await import(${JSON.stringify(new URL("../../index.js", import.meta.url).href)});
    const { Module, Instance } = createNamespace();
    const bytes = new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 4, 1, 2, 0, 11,
    ]);
    await threaded(new Instance(new Module(bytes)).exports.f)().catch((error) => console.log(error.message));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: environment,
  });
  t.is(stdout, "calls can't run on threads: that needs signals, which aren't used on this system\n", stderr);
});
