/**
 * The same programs and the same random calls on different file systems: a folder of the host's, one in memory, and
 * Node's own WASI on Node's engine. They must agree, but for what is listed here as known to differ.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WASI } from "node:wasi";
import test from "ava";
import { Instance, Module } from "../../index.js";
import { nodeWebAssembly } from "../../platform/index.js";
import { MemoryFileSystem, OutputBuffer, type Preopen, seededRandom, Wasi } from "../../wasi/index.js";
import { projectRoot } from "../support/corpora.js";
import {
  createFlag,
  directoryFlag,
  exclusiveFlag,
  Guest,
  guestBytes,
  Sandbox,
  truncateFlag,
  writeRights,
} from "./guest.js";

const files = readFileSync(join(projectRoot(), "engine/test/wasi/programs/files.wasm"));

function runOurs(preopen: Preopen): { code: number; lines: string[] } {
  const stdout = new OutputBuffer();
  const wasi = new Wasi({ args: ["files", "/d"], preopens: { "/d": preopen }, stdout, stderr: stdout });
  const code = wasi.start(new Instance(new Module(files), wasi.imports));
  return { code, lines: stdout.text().split("\n") };
}

type NodeInstance = { readonly exports: Record<string, unknown> };

function nodeInstance(bytes: Uint8Array, wasi: WASI): NodeInstance {
  const { Module, Instance } = nodeWebAssembly();
  return new Instance(new Module(bytes), wasi.getImportObject() as object) as NodeInstance;
}

function runNode(folder: string): { code: number; lines: string[] } {
  const outputs = mkdtempSync(join(tmpdir(), "backplane-wasi-"));
  const out = join(outputs, "out");
  const fd = openSync(out, "w");
  const wasi = new WASI({
    version: "preview1",
    args: ["files", "/d"],
    preopens: { "/d": folder },
    stdout: fd,
    stderr: fd,
    returnOnExit: true,
  });
  try {
    const code = wasi.start(nodeInstance(files, wasi)) as number;
    return { code, lines: readFileSync(out, "utf8").split("\n") };
  } finally {
    closeSync(fd);
    rmSync(outputs, { recursive: true, force: true });
  }
}

test.serial("a C program on a host folder, in memory, and on Node's WASI", (t) => {
  const sandbox = new Sandbox();
  const host = runOurs({ path: sandbox.inside, write: true });
  t.is(host.code, 0);
  t.true(host.lines.length > 35);
  t.is(host.lines.at(-2), "0 in .:", "it got to its end");
  t.deepEqual(runOurs({ fs: new MemoryFileSystem(), write: true }), host);
  const node = runNode(sandbox.outside);
  t.is(node.code, 0);
  // Node follows a link although the program asks it not to.
  const differs = (line: string): boolean => line.startsWith("open of a link:");
  t.is(host.lines.find(differs), "open of a link: ok");
  t.not(node.lines.find(differs), "open of a link: ok");
  t.deepEqual(
    host.lines.filter((line) => !differs(line)),
    node.lines.filter((line) => !differs(line)),
  );
  sandbox.remove();
});

test.serial("a C program in a read-only folder", (t) => {
  const sandbox = new Sandbox();
  const { code, lines } = runOurs({ path: sandbox.inside });
  t.is(code, 0);
  t.is(lines[0], "fopen w: Read-only file system");
  t.deepEqual(runOurs(new MemoryFileSystem()), { code, lines });
  sandbox.remove();
});

type Random = (below: number) => number;

function randomFrom(seed: number): Random {
  const fill = seededRandom(seed);
  const bytes = new Uint8Array(4);
  return (below) => {
    fill(bytes);
    return new DataView(bytes.buffer).getUint32(0) % below;
  };
}

const plainPaths = ["a", "b", "d", "e", "d/x", "d/y", "e/d", "e/d/z", "d/e", "missing/x"];
const trickyPaths = [
  ...plainPaths,
  "d/",
  "a/",
  "d/.",
  "./a",
  "d/../a",
  "e/../d/x",
  ".",
  "l",
  "m",
  "l/x",
  "d/l",
  "m/",
  "d//x",
  "l/../a",
  "",
];
const targets = ["a", "d", "d/x", "../a", "l", "missing", "e/d", "./d/", "..", "m"];

/** One random step; what came of it as text. */
function step(guest: Guest, random: Random, paths: readonly string[], links: boolean): string {
  const path = (): string => paths[random(paths.length)]!;
  const [first, second] = [path(), path()];
  const name = (text: string, result: unknown): string => `${text}: ${JSON.stringify(result)}`;
  switch (random(links ? 14 : 11)) {
    case 0:
    case 1:
      return name(`mkdir ${first}`, guest.path("path_create_directory", first));
    case 2:
      return name(`rmdir ${first}`, guest.path("path_remove_directory", first));
    case 3:
      return name(`unlink ${first}`, guest.path("path_unlink_file", first));
    case 4:
      return name(`rename ${first} ${second}`, guest.rename(first, second));
    case 5:
    case 6:
      return name(`put ${first}`, guest.put(first, `text of ${second}`));
    case 7:
      return name(`append ${first}`, guest.put(first, "more", { how: 0, flags: 1 }));
    case 8:
      return name(`cat ${first}`, guest.cat(first));
    case 9: {
      const status = guest.stat(first);
      // A folder's size is its file system's affair.
      return name(`stat ${first}`, typeof status === "object" && status.type === 3 ? "folder" : status);
    }
    case 10: {
      const fd = guest.open(first, { how: directoryFlag });
      if (typeof fd === "string") return name(`list ${first}`, fd);
      const names = guest.names(fd);
      guest.call("fd_close", fd);
      return name(`list ${first}`, names);
    }
    case 11:
      return name(`symlink ${first}`, guest.symlink(targets[random(targets.length)]!, first));
    case 12:
      return name(`link ${first} ${second}`, guest.link(first, second, { follow: random(2) === 0 }));
    default: {
      const how = [createFlag | exclusiveFlag, truncateFlag, createFlag, directoryFlag, 0][random(5)]!;
      const fd = guest.open(first, {
        how,
        follow: random(2) === 0,
        rights: random(2) === 0 ? writeRights : undefined,
      });
      if (typeof fd === "number") guest.call("fd_close", fd);
      return name(`open ${first} ${how}`, typeof fd === "number" ? "opened" : fd);
    }
  }
}

test.serial("random steps on a host folder and in memory", async (t) => {
  let steps = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const sandbox = new Sandbox();
    const guests = await Promise.all([
      Guest.make({ preopens: { "/": { path: sandbox.inside, write: true } } }),
      Guest.make({ preopens: { "/": { fs: new MemoryFileSystem(), write: true } } }),
    ]);
    const randoms = [randomFrom(seed), randomFrom(seed)];
    const done: string[] = [];
    for (let i = 0; i < 150; i++, steps++) {
      const [host, memory] = guests.map((guest, g) => step(guest, randoms[g]!, trickyPaths, true));
      done.push(host!);
      if (host !== memory) return t.fail(`seed ${seed}: ${done.join("\n")}\nin memory: ${memory}`);
    }
    for (const guest of guests) guest.wasi.close();
    sandbox.remove();
  }
  t.is(steps, 6000);
});

test.serial("random steps on a host folder, and on Node's WASI", async (t) => {
  const bytes = await guestBytes();
  let successes = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const sandbox = new Sandbox();
    const ours = await Guest.make({ preopens: { "/": { path: sandbox.inside, write: true } } });
    const wasi = new WASI({ version: "preview1", preopens: { "/": sandbox.outside }, returnOnExit: true });
    const instance = nodeInstance(bytes, wasi);
    wasi.initialize(instance);
    const nodes = Guest.around(instance);
    const randoms = [randomFrom(seed), randomFrom(seed)];
    const done: string[] = [];
    for (let i = 0; i < 150; i++) {
      const [mine, nodesOwn] = [ours, nodes].map((guest, g) => step(guest, randoms[g]!, plainPaths, false));
      // What reading a folder is called.
      const theirs = nodesOwn!.replace("[ENOTCAPABLE]", "[EISDIR]");
      done.push(mine!);
      if (mine!.endsWith('"SUCCESS"')) successes++;
      if (mine !== theirs) return t.fail(`seed ${seed}: ${done.join("\n")}\nNode's: ${theirs}`);
    }
    ours.wasi.close();
    rmSync(sandbox.path, { recursive: true });
  }
  t.true(successes > 500, String(successes));
});

test.serial("records and numbers as Node writes them", async (t) => {
  const bytes = await guestBytes();
  const sandbox = new Sandbox();
  const options = { args: ["program", "ä", ""], env: { A: "1", EMPTY: "" } };
  const wasi = new WASI({ version: "preview1", ...options, preopens: { "/dir": sandbox.inside } });
  const instance = nodeInstance(bytes, wasi);
  wasi.initialize(instance);
  const node = Guest.around(instance);
  const ours = await Guest.make({ ...options, preopens: { "/dir": { path: sandbox.inside, write: true } } });
  const both = [ours, node];
  for (const guest of both) t.is(guest.put("file", "0123456789"), "SUCCESS");
  const fds = both.map((guest) => guest.open("file", { rights: (1n << 28n) - 1n }));
  t.deepEqual(fds, [4, 4]);
  const calls: [string, ...(number | bigint)[]][] = [
    ["args_sizes_get", 512, 516],
    ["args_get", 512, 600],
    ["environ_sizes_get", 512, 516],
    ["environ_get", 512, 600],
    ["fd_prestat_get", 3, 512],
    ["fd_prestat_dir_name", 3, 512, 4],
    ["fd_seek", 4, -3n, 2, 512],
    ["fd_tell", 4, 512],
    ["fd_seek", 4, -1n, 1, 512],
    ["fd_seek", 4, 1n, 0, 512],
    ["fd_seek", 4, -1n, 0, 512],
    ["fd_seek", 4, 0n, 9, 512],
    ["fd_allocate", 4, 5n, 10n],
    ["fd_filestat_set_size", 4, 12n],
    ["fd_filestat_set_times", 4, 1_500_000_000_123_456_789n, 1_600_000_000_000_000_000n, 5],
    ["fd_datasync", 4],
    ["fd_sync", 4],
    ["fd_advise", 4, 0n, 4n, 3],
    ["fd_fdstat_set_flags", 4, 1],
    ["fd_renumber", 4, 9],
    ["clock_res_get", 7, 512],
    ["random_get", 512, 0],
  ];
  for (const [name, ...args] of calls) {
    for (const guest of both) guest.bytes.fill(0, 512, 1024);
    t.is(ours.call(name, ...args), node.call(name, ...args), `${name}(${args})`);
    t.deepEqual(ours.bytes.slice(512, 1024), node.bytes.slice(512, 1024), `${name}(${args})`);
  }
  // All of a file's status but the device, which is written in another way.
  for (const guest of both) t.is(guest.call("fd_filestat_get", 4, 512), "SUCCESS");
  t.deepEqual(ours.bytes.slice(520, 576 - 24), node.bytes.slice(520, 576 - 24));
  ours.wasi.close();
  sandbox.remove();
});
