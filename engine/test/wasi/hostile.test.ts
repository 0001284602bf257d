// Guests that lie: pointers, lengths, texts, descriptors and sizes. They get an error number, or what they asked for
// within their own memory; never a host exception, nor memory of the host's in a size of their choosing.

import test from "ava";
import { trapOf } from "../../index.js";
import { ExitError, MemoryFileSystem, OutputBuffer, seededRandom } from "../../wasi/index.js";
import { createFlag, directoryFlag, Guest, Sandbox, signatures, writeRights } from "./guest.js";

const memoryFolder = (options?: { limit?: number }) => ({
  "/": { fs: MemoryFileSystem.from({ "a.txt": "content", "sub/b.txt": "b" }, options), write: true },
});

const end = 2 * 65_536;

test("pointers outside the memory are EFAULT, whatever the function", async (t) => {
  const guest = await Guest.make({ args: ["a"], env: { A: "b" }, preopens: memoryFolder() });
  const file = guest.open("a.txt") as number;
  const written = guest.open("new.txt", { how: createFlag, rights: writeRights }) as number;
  guest.vector(1024, 8);
  const good: [number, number] = guest.text("a.txt");
  for (const bad of [end, end - 1, -1, -4, 0x7fff_ffff, -0x8000_0000]) {
    const calls: [string, ...(number | bigint)[]][] = [
      ["args_get", bad, 0],
      ["args_get", 0, bad],
      ["args_sizes_get", bad, 0],
      ["args_sizes_get", 0, bad],
      ["environ_get", bad, 0],
      ["environ_sizes_get", bad, 0],
      ["clock_res_get", 0, bad],
      ["clock_time_get", 0, 0n, bad],
      ["fd_fdstat_get", 3, bad],
      ["fd_filestat_get", 3, bad],
      ["fd_pread", file, bad, 1, 0n, 0],
      ["fd_pread", file, 64, 1, 0n, bad],
      ["fd_pwrite", written, bad, 1, 0n, 0],
      ["fd_prestat_get", 3, bad],
      ["fd_prestat_dir_name", 3, end, 1],
      ["fd_read", file, bad, 1, 0],
      ["fd_read", file, 64, 1, bad],
      ["fd_readdir", 3, bad, 64, 0n, 0],
      ["fd_readdir", 3, 0, 64, 0n, bad],
      ["fd_seek", file, 0n, 0, bad],
      ["fd_tell", file, bad],
      ["fd_write", written, bad, 1, 0],
      ["path_create_directory", 3, bad, 8],
      ["path_filestat_get", 3, 0, bad, 8, 0],
      ["path_filestat_get", 3, 0, ...good, bad],
      ["path_filestat_set_times", 3, 0, bad, 8, 0n, 0n, 0],
      ["path_link", 3, 0, bad, 8, 3, ...good],
      ["path_link", 3, 0, ...good, 3, bad, 8],
      ["path_open", 3, 0, bad, 8, 0, 0n, 0n, 0, 0],
      ["path_open", 3, 0, ...good, 0, 0n, 0n, 0, bad],
      ["path_readlink", 3, bad, 8, 0, 8, 0],
      ["path_remove_directory", 3, bad, 8],
      ["path_rename", 3, bad, 8, 3, ...good],
      ["path_symlink", bad, 8, 3, ...good],
      ["path_unlink_file", 3, bad, 8],
      ["poll_oneoff", bad, 1024, 1, 0],
      ["poll_oneoff", 2048, bad, 1, 0],
      ["random_get", bad, 8],
    ];
    for (const [name, ...args] of calls) t.is(guest.call(name, ...args), "EFAULT", `${name}(${args})`);
  }
  t.is(guest.call("random_get", 0, -1), "EFAULT", "4 GiB");
  t.is(guest.call("random_get", end, 0), "SUCCESS", "nothing, at the very end");
});

test("vectors: how many, how long, where", async (t) => {
  const stdout = new OutputBuffer();
  const guest = await Guest.make({ stdout });
  t.is(guest.call("fd_write", 1, 0, 1025, 16), "EINVAL", "more than POSIX's IOV_MAX");
  t.is(guest.call("fd_write", 1, 0, -1, 16), "EINVAL");
  guest.vector(1024, -1);
  t.is(guest.call("fd_write", 1, 64, 1, 16), "EFAULT");
  guest.vector(end, 1);
  t.is(guest.call("fd_write", 1, 64, 1, 16), "EFAULT");
  guest.vector(end, 0);
  t.is(guest.call("fd_write", 1, 64, 1, 16), "SUCCESS", "no bytes at the end");
  t.is(guest.call("fd_write", 1, 64, 0, 16), "SUCCESS", "no vectors");
  t.is(guest.result(), 0);
  // As many as there may be, all over the whole memory: more than 4 GiB could be asked for only with a larger one.
  for (let i = 0; i < 1024; i++) {
    guest.view.setUint32(4096 + 8 * i, 0, true);
    guest.view.setUint32(4096 + 8 * i + 4, end, true);
  }
  t.is(guest.call("fd_write", 1, 4096, 1024, 16), "SUCCESS");
  t.is(guest.result(), 65_536, "a bounded part of it");
  t.is(stdout.bytes().length, 65_536);
});

test("texts that aren't UTF-8, have a NUL in them or are too long", async (t) => {
  const guest = await Guest.make({ preopens: memoryFolder() });
  for (const bytes of [
    [0xff],
    [0xc0, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
    [0x2e, 0x80],
  ]) {
    t.is(
      guest.call("path_create_directory", 3, ...guest.text(Uint8Array.from(bytes))),
      "EILSEQ",
      bytes.join(),
    );
  }
  t.is(guest.path("path_create_directory", "a\0b"), "EINVAL");
  t.is(guest.path("path_create_directory", "x".repeat(256)), "ENAMETOOLONG");
  t.is(guest.path("path_create_directory", "x".repeat(4096)), "ENAMETOOLONG");
  t.is(guest.call("path_create_directory", 3, 0, end), "ENAMETOOLONG");
  t.is(guest.path("path_create_directory", "./".repeat(2000)), "EEXIST", "long, but it is the folder itself");
  t.is(guest.path("path_create_directory", "\ufeffname"), "SUCCESS", "a byte order mark is a part of a name");
  t.deepEqual(guest.names(3), ["a.txt", "sub", "\ufeffname"]);
});

test("descriptors that aren't there, or aren't of the kind", async (t) => {
  const guest = await Guest.make({ preopens: memoryFolder() });
  for (const fd of [4, 99, -1, 0x7fff_ffff]) {
    for (const [name, letters] of Object.entries(signatures)) {
      if (!name.startsWith("fd_") && !name.startsWith("sock_")) continue;
      const args = [...letters].slice(1).map((letter) => (letter === "I" ? 0n : 0));
      t.is(guest.call(name, fd, ...args), "EBADF", `${name}(${fd})`);
    }
    t.is(guest.path("path_create_directory", "x", fd), "EBADF");
  }
  const file = guest.open("a.txt") as number;
  t.is(guest.path("path_create_directory", "x", file), "ENOTDIR");
  t.is(guest.path("path_create_directory", "x", 1), "ENOTDIR");
  t.is(guest.call("fd_readdir", file, 0, 8, 0n, 16), "ENOTDIR");
  t.is(guest.call("fd_read", 3, 64, 1, 16), "EISDIR");
  t.is(guest.call("fd_seek", 1, 0n, 0, 16), "ESPIPE");
  t.is(guest.call("fd_prestat_get", file, 16), "EBADF");
  t.is(guest.call("sock_accept", file, 0, 16), "ENOTSOCK");
  t.is(guest.call("sock_recv", 3, 64, 1, 0, 16, 20), "ENOTSOCK");
  t.is(guest.call("sock_send", 1, 64, 1, 0, 16), "ENOTSOCK");
  t.is(guest.call("sock_shutdown", 0, 3), "ENOTSOCK");
});

test("as many descriptors as allowed, and what they held is freed", async (t) => {
  const guest = await Guest.make({ preopens: memoryFolder(), maxDescriptors: 10 });
  const opened: (string | number)[] = [];
  for (let i = 0; i < 8; i++) opened.push(guest.open("a.txt"));
  t.deepEqual(opened, [4, 5, 6, 7, 8, 9, "EMFILE", "EMFILE"]);
  t.is(guest.open("new.txt", { how: createFlag }), "EMFILE");
  t.is(guest.stat("new.txt"), "ENOENT", "nothing was made that can't be opened");
  t.is(guest.call("fd_close", 6), "SUCCESS");
  t.is(guest.call("fd_close", 6), "EBADF");
  t.is(guest.open("a.txt"), 6);
  t.is(guest.call("fd_renumber", 6, 3), "SUCCESS");
  t.is(guest.read(3), "content");
  t.is(guest.call("fd_renumber", 6, 3), "EBADF");
  t.is(guest.call("fd_renumber", 3, 1_000_000), "EBADF");
});

test("positions and sizes", async (t) => {
  for (const host of [false, true]) {
    const sandbox = new Sandbox();
    const preopens = host
      ? { "/": { path: sandbox.inside, write: true } }
      : memoryFolder({ limit: 1_000_000 });
    const guest = await Guest.make({ preopens });
    t.is(guest.put("a.txt", "content"), "SUCCESS");
    const all = (1n << 30n) - 1n;
    const fd = guest.open("a.txt", { rights: all }) as number;
    guest.vector(1024, 8);
    const far = 1n << 53n;
    t.is(guest.call("fd_pread", fd, 64, 1, far, 16), "EFBIG");
    t.is(guest.call("fd_pread", fd, 64, 1, -1n, 16), "EFBIG");
    t.is(guest.call("fd_pwrite", fd, 64, 1, -1n, 16), "EFBIG");
    t.is(guest.call("fd_pwrite", fd, 64, 1, far - 4n, 16), "EFBIG");
    t.is(guest.call("fd_pread", fd, 64, 1, 1n << 40n, 16), "SUCCESS");
    t.is(guest.result(), 0);
    t.is(guest.call("fd_filestat_set_size", fd, -1n), "EFBIG");
    t.is(guest.call("fd_seek", fd, -1n, 0, 16), "EINVAL");
    t.is(guest.call("fd_seek", fd, 1n << 62n, 0, 16), "EINVAL");
    t.is(guest.call("fd_seek", fd, 0x7fff_ffff_ffff_ffffn, 2, 16), "EINVAL");
    t.is(guest.call("fd_seek", fd, 0n, 3, 16), "EINVAL");
    t.is(guest.call("fd_allocate", fd, 0n, 0n), "EINVAL");
    t.is(guest.call("fd_allocate", fd, far, far), "EFBIG");
    t.is(guest.call("fd_advise", fd, -1n, 1n, 0), "EINVAL");
    t.is(guest.call("fd_advise", fd, 0n, 1n, 6), "EINVAL");
    t.is(guest.call("fd_readdir", 3, 0, 1000, -1n, 16), host ? "EINVAL" : "SUCCESS");
    t.is(guest.call("fd_filestat_set_times", fd, 0n, 0n, 3), "EINVAL");
    t.is(guest.call("fd_filestat_set_times", fd, 0n, 0n, 16), "EINVAL");
    t.is(guest.call("fd_fdstat_set_flags", fd, 32), "EINVAL");
    t.is(guest.call("fd_fdstat_set_rights", fd, -1n, 0n), "ENOTCAPABLE");
    if (!host) {
      t.is(guest.call("fd_filestat_set_size", fd, 1n << 40n), "ENOSPC");
      t.is(guest.call("fd_allocate", fd, 0n, 1n << 40n), "ENOSPC");
      t.is(guest.call("fd_pwrite", fd, 64, 1, 1n << 40n, 16), "ENOSPC");
      t.deepEqual(guest.stat("a.txt"), { type: 4, size: 7 });
    }
    guest.wasi.close();
    sandbox.remove();
  }
});

test("a file system in memory holds no more than it may", async (t) => {
  const files = new MemoryFileSystem({ limit: 100_000 });
  const guest = await Guest.make({ preopens: { "/": { fs: files, write: true } } });
  let made = 0;
  while (guest.path("path_create_directory", `d${made}`) === "SUCCESS") made++;
  t.true(made > 150 && made < 200, String(made));
  t.is(guest.path("path_create_directory", "x"), "ENOSPC");
  t.is(guest.put("f", "x"), "ENOSPC");
  t.is(guest.symlink("x", "l"), "ENOSPC");
  t.is(guest.path("path_remove_directory", "d0"), "SUCCESS");
  t.is(guest.put("f", "x".repeat(1000)), "SUCCESS");
  t.deepEqual(
    guest.stat("f"),
    { type: 4, size: 100_000 - 256 - 512 * made },
    "as much of it as there was room for",
  );
  const fd = guest.open("f", { rights: writeRights, flags: 1 }) as number;
  t.is(guest.write(fd, "x"), "ENOSPC");
  t.is(guest.link("f", "g"), "ENOSPC", "names cost as well");
  t.is(guest.call("fd_close", fd), "SUCCESS");
  t.true(files.used <= 100_000);
  for (let i = 1; i < made; i++) guest.path("path_remove_directory", `d${i}`);
  guest.path("path_unlink_file", "f");
  t.is(files.used, new MemoryFileSystem().used, "all of it comes back");
});

test("polls: how many, of what", async (t) => {
  const guest = await Guest.make();
  t.is(guest.call("poll_oneoff", 0, 1024, 0, 16), "EINVAL");
  t.is(guest.call("poll_oneoff", 0, 1024, -1, 16), "EINVAL");
  const large = await Guest.make({}, { memory: "100" });
  t.is(
    large.call("poll_oneoff", 0, 1024, 100_000, 16),
    "EINVAL",
    "there is room for them, but they are too many",
  );
  guest.bytes[2048 + 8] = 9;
  t.is(guest.call("poll_oneoff", 2048, 4096, 1, 16), "EINVAL", "no such kind");
});

test("exits: the error that ends the call, and nothing else", async (t) => {
  const guest = await Guest.make();
  for (const code of [0, 1, 255, 256, -1]) {
    const error = t.throws(() => guest.call("proc_exit", code), { instanceOf: ExitError });
    t.is((error as ExitError).exitCode, code >>> 0);
    t.is(guest.wasi.exitCodeOf(error), code >>> 0);
    t.is((await Guest.make()).wasi.exitCodeOf(error), undefined, "another guest's");
  }
  t.is(guest.call("proc_raise", 0), "SUCCESS");
  t.is(guest.call("proc_raise", 17), "SUCCESS", "CONT");
  t.is(guest.call("proc_raise", 18), "ENOTSUP", "STOP");
  t.is(guest.call("proc_raise", 31), "EINVAL");
  t.is(guest.call("proc_raise", -1), "EINVAL");
  t.like(
    t.throws(() => guest.call("proc_raise", 6)),
    { exitCode: 134 },
  );
});

/** Random arguments, most of them near something that makes sense. */
function makeArguments(letters: string, random: (below: number) => number): (number | bigint)[] {
  const words = [0, 1, 2, 3, 4, 5, 8, 16, 64, 256, 1024, 4096, end - 8, end, -1, -0x8000_0000, 0x7fff_ffff];
  return [...letters].map((letter) => {
    const word = words[random(words.length)]!;
    const value = random(4) === 0 ? word + random(16) - 8 : word;
    return letter === "i" ? value | 0 : random(3) === 0 ? BigInt(value) << 32n : BigInt(value);
  });
}

test("random calls: error numbers only", async (t) => {
  const fill = seededRandom(7);
  const bytes = new Uint8Array(4);
  const random = (below: number): number => {
    fill(bytes);
    return new DataView(bytes.buffer).getUint32(0) % below;
  };
  const sandbox = new Sandbox();
  const names = Object.keys(signatures).filter((name) => name !== "proc_exit" && name !== "proc_raise");
  let successes = 0;
  for (let round = 0; round < 20; round++) {
    const guest = await Guest.make({
      args: ["a", "b"],
      env: { A: "b" },
      preopens: {
        "/host": { path: sandbox.inside, write: true },
        "/memory": { fs: MemoryFileSystem.from({ a: "a", "b/c": "c" }, { limit: 100_000 }), write: true },
      },
      stdin: "some input",
      stdout: () => {},
      maxDescriptors: 16,
    });
    fill(guest.bytes.subarray(4096, 8192));
    guest.text("a/../b");
    guest.vector(1024, 64);
    for (let i = 0; i < 1000; i++) {
      const name = names[random(names.length)]!;
      // A clock far away would be waited for.
      if (name === "poll_oneoff") continue;
      const args = makeArguments(signatures[name]!, random);
      try {
        const result = guest.call(name, ...args);
        if (result === "SUCCESS") successes++;
        t.notRegex(result, /^error /, `${name}(${args}) gave ${result}`);
      } catch (error) {
        t.fail(`${name}(${args}) threw ${error} ${trapOf(error)?.kind ?? ""}`);
      }
    }
    guest.wasi.close();
  }
  t.true(successes > 1000, String(successes));
  sandbox.remove();
});

test("no folder is opened as what it isn't, through handles of closed ones", async (t) => {
  const guest = await Guest.make({ preopens: memoryFolder() });
  const sub = guest.open("sub", { how: directoryFlag }) as number;
  t.is(guest.path("path_unlink_file", "sub/b.txt"), "SUCCESS");
  t.is(guest.path("path_remove_directory", "sub"), "SUCCESS");
  t.is(guest.put("x", "x", { at: sub }), "ENOENT", "a removed folder takes nothing new");
  t.deepEqual(guest.names(sub), []);
  guest.wasi.close();
  t.is(guest.put("x", "x"), "EBADF");
  t.is(guest.call("fd_close", 3), "EBADF");
});

test("a memory that grew, and one of no pages", async (t) => {
  const empty = await Guest.make({}, { memory: "0" });
  t.is(empty.call("random_get", 0, 1), "EFAULT");
  t.is(empty.call("random_get", 0, 0), "SUCCESS");
  // Each kind of access is the first one after the memory has grown.
  const firsts: [string, ...(number | bigint)[]][] = [
    ["random_get", 70_000, 8],
    ["clock_time_get", 0, 0n, 70_000],
    ["args_sizes_get", 70_000, 70_004],
    ["fd_fdstat_get", 1, 70_000],
    ["fd_write", 1, 70_000, 2, 70_032],
    ["path_create_directory", 3, 70_000, 1],
    ["poll_oneoff", 70_000, 71_000, 1, 72_000],
  ];
  for (const [name, ...args] of firsts) {
    const guest = await Guest.make({ preopens: memoryFolder() }, { memory: "1 4" });
    t.is(guest.call(name, ...args), "EFAULT", name);
    guest.grow(1);
    guest.bytes[70_000] = 65;
    t.is(guest.call(name, ...args), "SUCCESS", name);
  }
});
