/** Compiled code on disk: found again, added to, bounded; and nothing that is wrong with it is believed or fails a load. */
import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { CodeCache, type CodeCacheOptions, createNamespace, type NamespaceOptions } from "../../index.js";
import { engineVersion } from "../../runtime/engine-build.js";
import { projectRoot } from "../support/corpora.js";
import { assemble } from "./assemble.js";

const bytes = assemble(`(module
  (func $one (export "one") (result i32) (i32.const 1))
  (func (export "two") (result i32) (i32.add (call $one) (call $one)))
  (func (export "three") (result i32) (i32.const 3)))`);
const other = assemble(`(module (func (export "one") (result i32) (i32.const 100)))`);

function temporary(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "backplane-cache-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Use {
  readonly results: unknown[];
  readonly cache: CodeCache;
  readonly warnings: string[];
}

/** What a process would do: call some functions of a module with a cache, and write what was compiled. */
function use(
  folder: string,
  names: readonly string[],
  module: Uint8Array = bytes,
  options: CodeCacheOptions & NamespaceOptions = {},
): Use {
  const warnings: string[] = [];
  const { maxBytes, ...namespace } = options;
  const cache = new CodeCache({
    folder,
    ...(maxBytes === undefined ? {} : { maxBytes }),
    warn: (message) => warnings.push(message),
  });
  const { Module, Instance } = createNamespace({ ...namespace, cache });
  const { exports } = new Instance(new Module(module as Uint8Array<ArrayBuffer>));
  const results = names.map((name) => (exports[name] as () => unknown)());
  cache.flush();
  return { results, cache, warnings };
}

const files = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(".bpcode"));
const onlyFile = (folder: string): string => join(folder, files(folder)[0]);

test("the next process finds what this one compiled, and adds to it", (t) => {
  const folder = join(temporary(t), "made", "here");
  const first = use(folder, ["two"]);
  t.like(first.cache.stats(), { hits: 0, misses: 1, functionsCompiled: 2, functionsRead: 0, stored: 1 });
  if (process.platform !== "win32") {
    t.is(statSync(folder).mode & 0o777, 0o700);
    t.is(statSync(onlyFile(folder)).mode & 0o777, 0o600);
  }
  const second = use(folder, ["two", "three"]);
  t.deepEqual(second.results, [2, 3]);
  t.like(second.cache.stats(), { hits: 1, misses: 0, functionsRead: 2, functionsCompiled: 1, stored: 1 });
  const third = use(folder, ["one", "two", "three"]);
  t.deepEqual(third.results, [1, 2, 3]);
  t.like(third.cache.stats(), { functionsRead: 3, functionsCompiled: 0, stored: 0, rejected: 0 });
  t.deepEqual([...first.warnings, ...second.warnings, ...third.warnings], []);
});

test("what another process has written meanwhile is kept", (t) => {
  const folder = temporary(t);
  const cache = new CodeCache({ folder });
  const { Module, Instance } = createNamespace({ cache });
  const { three } = new Instance(new Module(bytes as Uint8Array<ArrayBuffer>)).exports as { three(): number };
  t.is(three(), 3);
  use(folder, ["two"]);
  cache.flush();
  t.like(use(folder, ["two", "three"]).cache.stats(), { functionsRead: 3, functionsCompiled: 0 });
});

test("a file for each module and each way to compile it", (t) => {
  const folder = temporary(t);
  use(folder, ["one"]);
  const ways: NamespaceOptions[] = [
    { bounds: "explicit" },
    { effort: "quick" },
    { fuel: true },
    { canonicalNaNs: true },
    { vectors: false },
    { interrupts: true },
  ];
  for (const [i, way] of ways.entries()) {
    t.deepEqual(use(folder, ["one"], bytes, way).results, [1]);
    t.is(files(folder).length, i + 2, JSON.stringify(way));
  }
  t.deepEqual(use(folder, ["one"], other).results, [100]);
  t.is(files(folder).length, ways.length + 2);
});

test("compiled ahead, everything is found again", (t) => {
  const folder = temporary(t);
  use(folder, [], bytes, { compile: "ahead" });
  t.like(use(folder, [], bytes, { compile: "ahead" }).cache.stats(), {
    functionsRead: 3,
    functionsCompiled: 0,
  });
});

test("damage of any kind is found, told once, and repaired", (t) => {
  const folder = temporary(t);
  use(folder, ["two"]);
  const file = onlyFile(folder);
  const sound = readFileSync(file);
  const damaged: [string, Uint8Array][] = [
    ["empty", new Uint8Array(0)],
    ["text", Buffer.from("nothing of the kind")],
    ["longer", Buffer.concat([sound, Buffer.alloc(4)])],
  ];
  for (const size of [4, 40, 72, 73, 100, sound.length - 1]) {
    damaged.push([`ends after ${size}`, sound.subarray(0, size)]);
  }
  for (const at of [0, 4, 8, 39, 40, 71, 72, 76, 80, 200, sound.length - 1]) {
    const flipped = Buffer.from(sound);
    flipped[at] ^= 1;
    damaged.push([`another byte at ${at}`, flipped]);
  }
  for (const [what, content] of damaged) {
    writeFileSync(file, content);
    const found = use(folder, ["two", "one"]);
    t.deepEqual(found.results, [2, 1], what);
    t.like(found.cache.stats(), { hits: 0, rejected: 1, functionsCompiled: 2, stored: 1 }, what);
    t.is(found.warnings.length, 1, what);
    t.like(use(folder, ["two"]).cache.stats(), { hits: 1, rejected: 0 }, `${what}, repaired`);
  }
});

test("a file under another module's name isn't taken", (t) => {
  const folder = temporary(t);
  use(folder, ["one"], other);
  const foreign = onlyFile(folder);
  use(folder, ["one"]);
  const own = join(folder, files(folder).find((name) => join(folder, name) !== foreign) as string);
  copyFileSync(foreign, own);
  const found = use(folder, ["one"]);
  t.deepEqual(found.results, [1]);
  t.is(found.cache.stats().rejected, 1);
});

const onPosix = process.platform === "win32" ? test.skip : test;

onPosix("files that others could have written aren't taken", (t) => {
  const spoil: Record<string, (file: string, folder: string) => void> = {
    "written by the group": (file) => chmodSync(file, 0o620),
    "written by all": (file) => chmodSync(file, 0o602),
    "a link": (file, folder) => {
      renameSync(file, join(folder, "moved"));
      symlinkSync("moved", file);
    },
    "a link to nothing": (file) => {
      rmSync(file);
      symlinkSync("nothing", file);
    },
    "a pipe": (file) => {
      rmSync(file);
      execFileSync("mkfifo", [file]);
    },
    ...(process.geteuid?.() === 0
      ? { "another user's": (file: string) => chownSync(file, 12345, 12345) }
      : {}),
  };
  for (const [what, change] of Object.entries(spoil)) {
    const folder = temporary(t);
    use(folder, ["two"]);
    change(onlyFile(folder), folder);
    const found = use(folder, ["two"]);
    t.deepEqual(found.results, [2], what);
    t.like(found.cache.stats(), { hits: 0, rejected: 1, functionsCompiled: 2, stored: 1 }, what);
    t.is(found.warnings.length, 1, what);
    t.like(use(folder, ["two"]).cache.stats(), { hits: 1, rejected: 0 }, `${what}, replaced`);
  }
});

onPosix("a folder that others could write to isn't used", (t) => {
  const spoil: Record<string, (folder: string, above: string) => void> = {
    "written by the group": (folder) => chmodSync(folder, 0o770),
    "written by all": (folder) => chmodSync(folder, 0o1777),
    "the folder above written by all": (_folder, above) => chmodSync(above, 0o777),
    "a link": (folder, above) => {
      renameSync(folder, join(above, "moved"));
      symlinkSync("moved", folder);
    },
    "a file": (folder) => {
      rmSync(folder, { recursive: true });
      writeFileSync(folder, "");
    },
    ...(process.geteuid?.() === 0
      ? {
          "another user's": (folder: string) => chownSync(folder, 12345, 12345),
          "the folder above another user's": (_: string, above: string) => chownSync(above, 12345, 12345),
          "the folder above another user's, though sticky": (_: string, above: string) => {
            chownSync(above, 12345, 12345);
            chmodSync(above, 0o1777);
          },
        }
      : {}),
  };
  for (const [what, change] of Object.entries(spoil)) {
    const above = temporary(t);
    const folder = join(above, "cache");
    use(folder, ["two"]);
    change(folder, above);
    const found = use(folder, ["two"]);
    t.deepEqual(found.results, [2], what);
    t.like(found.cache.stats(), { hits: 0, misses: 1, functionsCompiled: 2, stored: 0 }, what);
    t.is(found.warnings.length, 1, `${what}: ${found.warnings.join()}`);
  }
});

onPosix("a folder above that is a link is followed to where it leads, which is looked at as well", (t) => {
  const above = temporary(t);
  mkdirSync(join(above, "real"), { mode: 0o700 });
  symlinkSync("real", join(above, "link"));
  const folder = join(above, "link", "cache");
  t.like(use(folder, ["two"]).cache.stats(), { stored: 1 });
  t.like(use(folder, ["two"]).cache.stats(), { hits: 1 });
  chmodSync(join(above, "real"), 0o777);
  t.like(use(folder, ["two"]).cache.stats(), { hits: 0, stored: 0 });
});

test("beyond its size those go that were used longest ago", (t) => {
  const folder = temporary(t);
  const modules = Array.from({ length: 6 }, (_, i) =>
    assemble(`(module (func (export "one") (result i32) (i32.const ${i + 1})))`),
  );
  const made: string[] = [];
  for (const [i, module] of modules.slice(0, 5).entries()) {
    use(folder, ["one"], module);
    const name = files(folder).find((file) => !made.includes(file)) as string;
    made.push(name);
    utimesSync(join(folder, name), 1000 + i, 1000 + i);
  }
  // The oldest is used again.
  use(folder, ["one"], modules[0]);
  const size = statSync(join(folder, made[0])).size;
  const last = use(folder, ["one"], modules[5], { maxBytes: size * 4 });
  t.is(last.cache.stats().evicted, 3, "down to three quarters");
  const left = files(folder);
  t.true(left.includes(made[0]));
  t.deepEqual(
    made.slice(1, 4).filter((name) => left.includes(name)),
    [],
  );
  t.is(left.length, 3);
});

test("what a process left half written goes after an hour", (t) => {
  const folder = temporary(t);
  use(folder, ["one"]);
  const [old, young] = ["old.tmp", "young.tmp"].map((name) => join(folder, name));
  for (const file of [old, young]) writeFileSync(file, "");
  utimesSync(old, 1000, 1000);
  use(folder, ["three"]);
  t.false(existsSync(old));
  t.true(existsSync(young));
});

test("a cache has an absolute folder and a size", (t) => {
  t.throws(() => new CodeCache({ folder: "relative" }), { instanceOf: TypeError });
  t.throws(() => new CodeCache({ maxBytes: -1 }), { instanceOf: RangeError });
  t.throws(() => new CodeCache({ maxBytes: "1" as never }), { instanceOf: RangeError });
});

test("processes that write at the same time, at their ends, lose nothing that counts", async (t) => {
  const folder = temporary(t);
  const file = join(temporary(t), "module.wasm");
  writeFileSync(file, bytes);
  const program = fileURLToPath(new URL("use-code-cache.js", import.meta.url));
  const run = async (name: string): Promise<Record<string, unknown>> => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder, file, name]);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const results = await Promise.all(["one", "two", "three", "two"].map(run));
  t.deepEqual(
    results.map(({ result }) => result),
    [1, 2, 3, 2],
  );
  for (const name of ["one", "two", "three"]) await run(name);
  t.like(await run("two"), { result: 2, hits: 1, functionsRead: 2, functionsCompiled: 0 });
  t.like(await run("three"), { result: 3, hits: 1, functionsRead: 1, functionsCompiled: 0 });
  t.deepEqual(
    readdirSync(folder).filter((name) => !name.endsWith(".bpcode")),
    [],
  );
});

test("the engine's version is the package's", (t) => {
  const { version } = JSON.parse(readFileSync(join(projectRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  t.is(engineVersion, version);
});
