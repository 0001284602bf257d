// The class Wasi: what is granted by default and on request, starting, exits, streams, other snapshots, own file systems.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import wabtModule from "wabt";
import { Instance, Module } from "../../index.js";
import { nodeWebAssembly } from "../../platform/index.js";
import {
  type Directory,
  ExitError,
  type File,
  FileError,
  type FileStatus,
  FileType,
  HostFileSystem,
  hostRandom,
  MemoryFileSystem,
  OutputBuffer,
  seededRandom,
  Wasi,
  WasiError,
  type WasiOptions,
} from "../../wasi/index.js";
import { projectRoot } from "../support/corpora.js";
import { createFlag, directoryFlag, Guest, Sandbox, signatures } from "./guest.js";

async function assemble(text: string): Promise<Module> {
  const wabt = await wabtModule();
  const parsed = wabt.parseWat("test.wat", text);
  try {
    return new Module(parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
}

function program(name: string): Uint8Array {
  return readFileSync(join(projectRoot(), "engine/test/wasi/programs", name));
}

test("every function of preview 1 is there, and nothing else", (t) => {
  for (const imports of [new Wasi().imports, new Wasi().asyncImports]) {
    t.deepEqual(Object.keys(imports), ["wasi_snapshot_preview1", "wasi_unstable"]);
    for (const functions of Object.values(imports)) {
      t.deepEqual(Object.keys(functions).sort(), Object.keys(signatures).sort());
    }
  }
});

test("nothing is granted that wasn't asked for", async (t) => {
  const guest = await Guest.make();
  for (const name of ["args_sizes_get", "environ_sizes_get"]) {
    guest.bytes.fill(0xff, 512, 520);
    t.is(guest.call(name, 512, 516), "SUCCESS");
    t.deepEqual([...guest.bytes.slice(512, 520)], [0, 0, 0, 0, 0, 0, 0, 0], name);
  }
  t.is(guest.call("fd_prestat_get", 3, 16), "EBADF", "no folders");
  t.is(guest.read(0), "", "no input");
  t.is(guest.write(1, "x"), "SUCCESS", "output goes nowhere");
  t.is(guest.write(2, "x"), "SUCCESS");
  t.is(guest.read(1), "[ENOTCAPABLE]");
  t.is(guest.write(0, "x"), "ENOTCAPABLE");
  t.is(guest.call("fd_filestat_get", 1, 512), "SUCCESS");
});

test("arguments and environment", async (t) => {
  const guest = await Guest.make({ args: ["p", "ü"], env: { A: "1", NONE: undefined, B: "" } });
  t.is(guest.call("args_sizes_get", 512, 516), "SUCCESS");
  t.deepEqual([guest.view.getUint32(512, true), guest.view.getUint32(516, true)], [2, 5]);
  t.is(guest.call("args_get", 512, 600), "SUCCESS");
  t.is(Buffer.from(guest.bytes.slice(600, 605)).toString(), "p\0ü\0");
  t.is(guest.call("environ_get", 512, 600), "SUCCESS");
  t.is(Buffer.from(guest.bytes.slice(600, 607)).toString(), "A=1\0B=\0");
  t.throws(() => new Wasi({ args: ["a\0b"] }), { instanceOf: TypeError, message: /NUL/ });
  t.throws(() => new Wasi({ env: { "A\0": "" } }), { instanceOf: TypeError });
  t.throws(() => new Wasi({ preopens: { "a\0": new MemoryFileSystem() } }), { instanceOf: TypeError });
});

test("commands: exit codes", async (t) => {
  const run = async (body: string): Promise<number> => {
    const text = `(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "_start") ${body}))`;
    const module = await assemble(text);
    const wasi = new Wasi();
    const code = wasi.start(new Instance(module, wasi.imports));
    const other = new Wasi();
    t.is(await other.startAsync(new Instance(module, other.asyncImports)), code);
    return code;
  };
  t.is(await run(""), 0);
  t.is(await run("(call $exit (i32.const 0))"), 0);
  t.is(await run("(call $exit (i32.const 3)) unreachable"), 3);
  t.is(await run("(call $exit (i32.const -1))"), 0xffff_ffff);
  await t.throwsAsync(run("unreachable"), { message: "unreachable" });
});

test("another guest's exit isn't this one's", async (t) => {
  const inner = new Wasi();
  const exiting = new Instance(
    await assemble(`(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "f") (call $exit (i32.const 5))))`),
    inner.imports,
  );
  const outer = new Wasi();
  const calling = new Instance(
    await assemble(`(module (import "inner" "f" (func $f)) (memory (export "memory") 1)
      (func (export "_start") (call $f)))`),
    { inner: exiting.exports },
  );
  const error = t.throws(() => outer.start(calling), { instanceOf: ExitError });
  t.is(inner.exitCodeOf(error), 5);
});

test("reactors, and what isn't started as it should be", async (t) => {
  const reactor = await assemble(`(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
    (func (export "_initialize") (global.set $n (i32.const 7))) (func (export "n") (result i32) (global.get $n)))`);
  const wasi = new Wasi();
  const instance = new Instance(reactor, {});
  wasi.initialize(instance);
  t.is((instance.exports["n"] as () => number)(), 7);
  t.like(
    t.throws(() => wasi.initialize(instance)),
    { name: "WasiError", reason: "already-started" },
  );
  t.like(
    t.throws(() => new Wasi().start(instance)),
    { reason: "wrong-kind" },
  );
  const asynchronous = new Instance(reactor, {});
  await new Wasi().initializeAsync(asynchronous);
  t.is((asynchronous.exports["n"] as () => number)(), 7);
  const plain = await assemble(`(module (memory (export "memory") 1))`);
  t.notThrows(() => new Wasi().initialize(new Instance(plain, {})), "_initialize may be missing");
  const command = await assemble(`(module (memory (export "memory") 1) (func (export "_start")))`);
  t.like(
    t.throws(() => new Wasi().initialize(new Instance(command, {}))),
    { reason: "wrong-kind" },
  );
  const bare = await assemble(`(module (func (export "_start")))`);
  t.like(
    t.throws(() => new Wasi().start(new Instance(bare, {}))),
    { reason: "memory-missing" },
  );
  await t.throwsAsync(new Wasi().startAsync(new Instance(bare, {})), { instanceOf: WasiError });
  const early =
    await assemble(`(module (import "wasi_snapshot_preview1" "args_sizes_get" (func $f (param i32 i32) (result i32)))
    (memory (export "memory") 1) (func $s (drop (call $f (i32.const 0) (i32.const 4)))) (start $s))`);
  t.like(
    t.throws(() => new Instance(early, new Wasi().imports)),
    { reason: "memory-missing" },
  );
});

test("a memory that the guest imports", async (t) => {
  const { Memory } = await import("../../index.js");
  const memory = new Memory({ initial: 1 });
  const wasi = new Wasi({ args: ["one"] });
  const module = await assemble(`(module (import "env" "memory" (memory 1))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $f (param i32 i32) (result i32)))
    (func (export "_start") (drop (call $f (i32.const 0) (i32.const 4)))))`);
  const instance = new Instance(module, { ...wasi.imports, env: { memory } });
  wasi.bind(memory);
  t.is(wasi.start(instance), 0);
  t.deepEqual([...new Uint32Array(memory.buffer, 0, 2)], [1, 4]);
});

test("on Node's own engine", (t) => {
  const { Module, Instance } = nodeWebAssembly();
  const stdout = new OutputBuffer();
  const wasi = new Wasi({ args: ["p", "a", "b"], stdout });
  const module = new Module(program("filter.wasm"));
  t.is(wasi.start(new Instance(module, wasi.imports) as { exports: object }), 0);
  t.is(stdout.text(), "[p][a][b]\n");
});

function filter(options: WasiOptions): number {
  const wasi = new Wasi(options);
  return wasi.start(new Instance(new Module(program("filter.wasm")), wasi.imports));
}

test("input from bytes and text; output to a buffer and a function", async (t) => {
  const bytes = new Uint8Array(200_000);
  seededRandom(1)(bytes);
  const stdout = new OutputBuffer();
  t.is(filter({ args: ["filter", "copy"], stdin: bytes, stdout }), 0);
  t.deepEqual(stdout.bytes(), bytes);
  const chunks: Uint8Array[] = [];
  t.is(filter({ args: ["filter", "copy"], stdin: "täxt", stdout: (chunk) => chunks.push(chunk) }), 0);
  t.is(Buffer.concat(chunks).toString(), "täxt");
  const small = new OutputBuffer(1000);
  const stderr = new OutputBuffer();
  t.is(filter({ args: ["filter", "copy"], stdin: bytes, stdout: small, stderr }), 3);
  t.is(small.bytes().length, 1000);
  t.is(stderr.text(), "write: No space left on device\n");
});

test("what an output function throws ends the call, with that error", (t) => {
  const error = new Error("the host's own");
  const thrown = t.throws(() =>
    filter({
      args: ["filter"],
      stdout: () => {
        throw error;
      },
    }),
  );
  t.is(thrown, error);
});

test("many instances, each with its own", async (t) => {
  const module = new Module(program("filter.wasm"));
  const runs = Array.from({ length: 60 }, async (_, i) => {
    const stdout = new OutputBuffer();
    const wasi = new Wasi({ args: ["filter", "copy"], stdin: `input ${i}`, stdout });
    const code = await wasi.startAsync(new Instance(module, wasi.asyncImports));
    return [code, stdout.text()];
  });
  for (const [i, run] of (await Promise.all(runs)).entries()) t.deepEqual(run, [0, `input ${i}`]);
});

test("wasi_unstable: the older numbers of fd_seek, and the older records", async (t) => {
  const preopens = { "/": { fs: MemoryFileSystem.from({ f: "0123456789" }), write: true } };
  const guest = await Guest.make({ preopens }, { module: "wasi_unstable" });
  const fd = guest.open("f") as number;
  const seek = (offset: bigint, origin: number): number => {
    t.is(guest.call("fd_seek", fd, offset, origin, 512), "SUCCESS");
    return Number(guest.view.getBigUint64(512, true));
  };
  t.is(seek(4n, 2), 4, "from the start");
  t.is(seek(1n, 0), 5, "from here");
  t.is(seek(-1n, 1), 9, "from the end");
  guest.bytes.fill(0xff, 512, 600);
  t.is(guest.call("fd_filestat_get", fd, 512), "SUCCESS");
  t.is(guest.view.getUint32(512 + 20, true), 1, "links");
  t.is(guest.view.getBigUint64(512 + 24, true), 10n, "size");
  t.is(guest.bytes[512 + 56], 0xff, "nothing after 56 bytes");
  guest.bytes.fill(0, 8192, 8192 + 56);
  guest.view.setUint32(8192 + 24, 1, true);
  guest.view.setBigUint64(8192 + 32, 1_000_000n, true);
  t.is(guest.call("poll_oneoff", 8192, 9000, 1, 16), "SUCCESS");
  t.is(guest.view.getUint32(16, true), 1);
});

test("random: the host's, or a seed's however it is asked for", async (t) => {
  const take = async (random: WasiOptions["random"], sizes: number[]): Promise<string> => {
    const guest = await Guest.make({ random });
    let all = "";
    for (const size of sizes) {
      t.is(guest.call("random_get", 1024, size), "SUCCESS");
      all += Buffer.from(guest.bytes.slice(1024, 1024 + size)).toString("hex");
    }
    return all;
  };
  t.is(await take(seededRandom(5), [64]), await take(seededRandom(5), [1, 30, 33]));
  t.not(await take(seededRandom(5), [64]), await take(seededRandom(6), [64]));
  t.not(await take(undefined, [64]), await take(hostRandom, [64]));
});

test("several folders, host's and in memory, in the order they were given", async (t) => {
  const sandbox = new Sandbox();
  const files = MemoryFileSystem.from({ "a/b/c.txt": "deep", "top.txt": "top" });
  const guest = await Guest.make({
    preopens: {
      "/memory": files,
      "/host": { path: sandbox.inside, write: true },
      ".": new HostFileSystem(sandbox.outside),
    },
  });
  const names = [3, 4, 5, 6].map((fd) => {
    if (guest.call("fd_prestat_get", fd, 512) !== "SUCCESS") return undefined;
    const length = guest.view.getUint32(516, true);
    t.is(guest.call("fd_prestat_dir_name", fd, 600, length), "SUCCESS");
    return Buffer.from(guest.bytes.slice(600, 600 + length)).toString();
  });
  t.deepEqual(names, ["/memory", "/host", ".", undefined]);
  t.is(guest.cat("a/b/c.txt"), "deep");
  t.is(guest.put("x", "x", { at: 4 }), "SUCCESS");
  t.is(guest.rename("x", "y", 4, 3), "EROFS");
  t.is(guest.put("x", "x", { at: 5 }), "EROFS");
  const both = await Guest.make({
    preopens: { "/memory": { fs: files, write: true }, "/host": { path: sandbox.inside, write: true } },
  });
  t.is(both.rename("x", "y", 4, 3), "EXDEV");
  t.is(both.link("top.txt", "y", { at: 3, toAt: 4 }), "EXDEV");
  t.like(
    t.throws(() => new Wasi({ preopens: { "/": join(sandbox.path, "none") } })),
    { code: "ENOENT" },
  );
  sandbox.remove();
});

test("a file system in memory from the host's side", (t) => {
  const files = MemoryFileSystem.from({ "a/b.txt": "b", c: new Uint8Array([1, 2]) });
  files.write("a/n/e/w.txt", "new");
  files.write("c", "replaced");
  t.is(files.readText("a/n/../b.txt"), "b");
  t.is(files.readText("c"), "replaced");
  t.deepEqual(files.list(), ["a", "c"]);
  t.deepEqual(files.list("a"), ["b.txt", "n"]);
  t.like(
    t.throws(() => files.read("missing")),
    { name: "FileError", code: "ENOENT" },
  );
  t.like(
    t.throws(() => files.read("a")),
    { code: "EISDIR" },
  );
  t.like(
    t.throws(() => files.write("c/d", "")),
    { code: "ENOTDIR" },
  );
  t.like(
    t.throws(() => files.write("../x", "")),
    { code: "EPERM" },
  );
  t.like(
    t.throws(() => new MemoryFileSystem({ limit: 1000 }).write("a", "x".repeat(1000))),
    { code: "ENOSPC" },
  );
});

test("files opened when their names are removed live until they are closed", async (t) => {
  const files = MemoryFileSystem.from({ f: "content" });
  const before = new MemoryFileSystem().used;
  const guest = await Guest.make({ preopens: { "/": { fs: files, write: true } } });
  const fd = guest.open("f") as number;
  t.is(guest.path("path_unlink_file", "f"), "SUCCESS");
  t.is(guest.stat("f"), "ENOENT");
  t.is(guest.read(fd), "content");
  t.true(files.used > before);
  guest.wasi.close();
  t.is(files.used, before);
});

/** A file system as an application would write it: one read-only folder of what a function computes. */
class Computed implements Directory {
  readonly kind = "directory";
  closed = 0;

  constructor(private readonly contents: Readonly<Record<string, () => string>>) {}

  openRoot(): Directory {
    return this;
  }

  status(): FileStatus {
    return {
      type: FileType.directory,
      size: 0n,
      device: 9n,
      inode: 1n,
      links: 1n,
      accessed: 0n,
      modified: 0n,
      changed: 0n,
    };
  }

  open(name: string): File | Directory {
    if (name === ".") return this;
    const content = this.contents[name];
    // Errors of Node's kind do as well as FileErrors.
    if (content === undefined) throw Object.assign(new Error("nothing here"), { code: "ENOENT" });
    const bytes = Buffer.from(content());
    return {
      kind: "file",
      read: (target, position) => bytes.copy(target, 0, position),
      status: () => ({ ...this.status(), type: FileType.regularFile, size: BigInt(bytes.length) }),
      write: () => refuse(),
      resize: () => refuse(),
      allocate: () => refuse(),
      setTimes: () => refuse(),
      sync() {},
      close: () => {
        this.closed++;
      },
    };
  }

  enter = (): Directory => refuse("ENOTDIR");
  statusOf = (name: string): FileStatus =>
    this.open(name).kind === "file" ? { ...this.status(), type: FileType.regularFile } : this.status();
  readLink = (): string => refuse("EINVAL");
  entries(place: bigint) {
    return Object.keys(this.contents)
      .map((name, i) => ({ name, type: FileType.regularFile, inode: 0n, next: BigInt(i + 1) }))
      .slice(Number(place));
  }
  setTimes = (): void => refuse();
  setTimesOf = (): void => refuse();
  makeDirectory = (): void => refuse();
  removeDirectory = (): void => refuse();
  removeFile = (): void => refuse();
  rename = (): void => refuse();
  link = (): void => refuse();
  makeLink = (): void => refuse();
  sync(): void {}
  close(): void {}
}

function refuse(code: "EROFS" | "ENOTDIR" | "EINVAL" = "EROFS"): never {
  throw new FileError(code);
}

test("a file system of the application's own", async (t) => {
  const fault = new TypeError("a fault of the host's");
  const computed = new Computed({
    greeting: () => "hello",
    fault: () => {
      throw fault;
    },
  });
  const guest = await Guest.make({ preopens: { "/": { fs: computed, write: true } } });
  t.is(guest.cat("greeting"), "hello");
  t.is(computed.closed, 1);
  t.is(guest.cat("missing"), "[ENOENT]");
  t.is(guest.cat("greeting/x"), "[ENOTDIR]");
  t.is(guest.cat("../x"), "[EPERM]");
  t.is(guest.path("path_create_directory", "x"), "EROFS");
  const fd = guest.open(".", { how: directoryFlag }) as number;
  t.deepEqual(guest.names(fd), ["fault", "greeting"]);
  t.is(
    t.throws(() => guest.cat("fault")),
    fault,
    "is the host's to see, not the guest's",
  );
});

test("names by their bytes: not normalized, many, long", async (t) => {
  const sandbox = new Sandbox();
  for (const preopen of [
    { path: sandbox.inside, write: true },
    { fs: new MemoryFileSystem(), write: true },
  ]) {
    const guest = await Guest.make({ preopens: { "/": preopen } });
    const names = [
      "\u00e9",
      "e\u0301",
      "name with spaces",
      "\n",
      "\\",
      "x".repeat(255),
      "日本語",
      "...",
    ].sort();
    for (const name of names) t.is(guest.put(name, name), "SUCCESS", name);
    t.deepEqual(guest.names(3).sort(), names.toSorted());
    for (const name of names) t.is(guest.cat(name), name);
    t.is(guest.open("x".repeat(256), { how: createFlag }), "ENAMETOOLONG");
  }
  sandbox.remove();
});

test("appending, and renumbered descriptors", async (t) => {
  const sandbox = new Sandbox();
  for (const preopen of [
    { path: sandbox.inside, write: true },
    { fs: new MemoryFileSystem(), write: true },
  ]) {
    const guest = await Guest.make({ preopens: { "/": preopen } });
    const all = (1n << 28n) - 1n;
    const first = guest.open("f", { how: createFlag, rights: all, flags: 1 }) as number;
    const second = guest.open("f", { rights: all, flags: 1 }) as number;
    for (const fd of [first, second, first]) t.is(guest.write(fd, `${fd};`), "SUCCESS");
    t.is(guest.cat("f"), `${first};${second};${first};`);
    guest.vector(...guest.text("XX", 1024));
    t.is(guest.call("fd_pwrite", first, 64, 1, 0n, 16), "SUCCESS", "a position counts, appending or not");
    t.is(guest.cat("f"), `XX${second};${first};`);
    t.is(guest.call("fd_fdstat_set_flags", first, 0), "SUCCESS");
    t.is(guest.call("fd_seek", first, 1n, 0, 16), "SUCCESS");
    t.is(guest.write(first, "Y"), "SUCCESS");
    t.is(guest.cat("f"), `XY${second};${first};`);
    t.is(guest.call("fd_renumber", first, second), "SUCCESS");
    t.is(guest.write(first, "x"), "EBADF");
    t.is(guest.write(second, "Z"), "SUCCESS", "it kept its position");
    t.is(guest.cat("f"), `XYZ;${first};`);
  }
  sandbox.remove();
});
