// Guests stay in their folders: crafted paths, links of all kinds, races, handles that outlive what they were opened by.

import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import {
  createFlag,
  directoryFlag,
  exclusiveFlag,
  Guest,
  Sandbox,
  truncateFlag,
  writeRights,
} from "./guest.js";

const secret = "secret";

/** A guest with one writable folder; `secret.txt` lies outside it. */
async function contained(options: { write?: boolean } = {}): Promise<{ sandbox: Sandbox; guest: Guest }> {
  const sandbox = new Sandbox();
  writeFileSync(join(sandbox.outside, "secret.txt"), secret);
  writeFileSync(join(sandbox.inside, "own.txt"), "own");
  mkdirSync(join(sandbox.inside, "sub"));
  writeFileSync(join(sandbox.inside, "sub", "deep.txt"), "deep");
  const { write = true } = options;
  const guest = await Guest.make({ preopens: { "/": { path: sandbox.inside, write } } });
  return { sandbox, guest };
}

/** Paths that lead out as they are written. `OUTSIDE` is the folder beside the guest's. */
const leadingOut = [
  "..",
  "../",
  "../outside/secret.txt",
  "./../outside/secret.txt",
  "sub/../../outside/secret.txt",
  "sub/../sub/../../outside/secret.txt",
  "../inside/own.txt",
  "sub/../..",
  "sub/./.././../outside",
  ".//..//outside/secret.txt",
  "OUTSIDE/secret.txt",
  "/",
  "//",
  "/own.txt",
  "/../outside/secret.txt",
  "/proc/self/root/etc/passwd",
];

for (const written of leadingOut) {
  test(`refused by every function: the path ${written}`, async (t) => {
    const { sandbox, guest } = await contained();
    const path = written.replace("OUTSIDE", sandbox.outside);
    t.is(guest.cat(path), "[EPERM]");
    t.is(guest.stat(path), "EPERM");
    t.is(guest.put(path, "x"), "EPERM");
    for (const name of ["path_unlink_file", "path_create_directory", "path_remove_directory"]) {
      t.is(guest.path(name, path), "EPERM", name);
    }
    t.is(guest.call("path_readlink", 3, ...guest.text(path), 512, 64, 16), "EPERM");
    t.is(guest.rename("own.txt", path), "EPERM");
    t.is(guest.rename(path, "stolen"), "EPERM");
    t.is(guest.link("own.txt", path), "EPERM");
    t.is(guest.link(path, "stolen"), "EPERM");
    t.is(guest.symlink("own.txt", path), "EPERM");
    t.deepEqual(readdirSync(sandbox.outside), ["secret.txt"]);
    t.deepEqual(readdirSync(sandbox.inside).sort(), ["own.txt", "sub"]);
    sandbox.remove();
  });
}

test("paths that stay in aren't refused", async (t) => {
  const { sandbox, guest } = await contained();
  const allowed: [string, string][] = [
    ["own.txt", "own"],
    ["./own.txt", "own"],
    ["sub/../own.txt", "own"],
    ["sub//deep.txt", "deep"],
    ["sub/./deep.txt", "deep"],
    ["sub/../sub/../sub/deep.txt", "deep"],
    ["..own.txt", "[ENOENT]"],
    ["...", "[ENOENT]"],
    ["own.txt/..", "[ENOTDIR]"],
    ["own.txt/../own.txt", "[ENOTDIR]"],
    ["missing/../own.txt", "[ENOENT]"],
    ["", "[ENOENT]"],
    ["own.txt/", "[ENOTDIR]"],
    ["own.txt/.", "[ENOTDIR]"],
    ["sub/.", "[EISDIR]"],
    [".", "[EISDIR]"],
  ];
  for (const [path, result] of allowed) t.is(guest.cat(path), result, path);
  sandbox.remove();
});

/** A guest with links out of its folder. */
async function withLinksOut(): ReturnType<typeof contained> {
  const made = await contained();
  const { inside, outside } = made.sandbox;
  symlinkSync(join(outside, "secret.txt"), join(inside, "absolute"));
  symlinkSync("../outside/secret.txt", join(inside, "relative"));
  symlinkSync("..", join(inside, "up"));
  symlinkSync("sub/../../outside", join(inside, "around"));
  symlinkSync("relative", join(inside, "chain"));
  symlinkSync("../up", join(inside, "sub", "nested"));
  symlinkSync("/", join(inside, "root"));
  symlinkSync("/proc/self/cwd", join(inside, "magic"));
  symlinkSync("../outside/new.txt", join(inside, "dangling"));
  symlinkSync(join(outside, "new.txt"), join(inside, "dangling-absolute"));
  return made;
}

const throughLinks = [
  "absolute",
  "relative",
  "chain",
  "up/outside/secret.txt",
  "around/secret.txt",
  "sub/nested/outside/secret.txt",
  "root/etc/passwd",
  "magic/package.json",
  "dangling",
  "dangling-absolute",
  "up/",
  "root/",
  "around/.",
  "sub/../up/inside/own.txt",
];

for (const path of throughLinks) {
  test(`not followed by any function: the link in ${path}`, async (t) => {
    const { sandbox, guest } = await withLinksOut();
    t.is(guest.cat(path), "[EPERM]");
    t.is(guest.stat(path), "EPERM");
    t.is(guest.put(path, "x"), "EPERM");
    t.is(guest.link(path, "stolen", { follow: true }), "EPERM");
    t.is(guest.call("path_filestat_set_times", 3, 1, ...guest.text(path), 0n, 0n, 5), "EPERM");
    t.deepEqual(readdirSync(sandbox.outside), ["secret.txt"]);
    t.is(readFileSync(join(sandbox.outside, "secret.txt"), "utf8"), secret);
    sandbox.remove();
  });
}

test("what is done to a link itself, when it leads out", async (t) => {
  const { sandbox, guest } = await withLinksOut();
  // Those that name the link itself do what they say to the link.
  t.is(guest.cat("relative", { follow: false }), "[ELOOP]");
  t.deepEqual(guest.stat("relative", false), { type: 7, size: "../outside/secret.txt".length });
  t.is(guest.link("relative", "copy"), "SUCCESS");
  t.is(guest.cat("copy"), "[EPERM]");
  t.is(guest.rename("copy", "sub/copy"), "SUCCESS");
  t.is(guest.cat("sub/copy"), "[ENOENT]", "it now leads into the folder, where there is no such thing");
  t.is(guest.path("path_unlink_file", "sub/copy"), "SUCCESS");
  t.is(guest.open("dangling", { how: createFlag | exclusiveFlag, rights: writeRights }), "EEXIST");
  t.is(guest.open("up", { how: directoryFlag }), "EPERM");
  t.is(guest.open("up", { how: directoryFlag, follow: false }), "ELOOP");
  t.deepEqual(readdirSync(sandbox.outside), ["secret.txt"]);
  t.is(readFileSync(join(sandbox.outside, "secret.txt"), "utf8"), secret);
  sandbox.remove();
});

test("links that stay in are followed", async (t) => {
  const { sandbox, guest } = await contained();
  t.is(guest.symlink("sub/deep.txt", "l"), "SUCCESS");
  t.is(guest.symlink("../own.txt", "sub/up"), "SUCCESS");
  t.is(guest.symlink("sub", "d"), "SUCCESS");
  t.is(guest.symlink("d/../sub/./up", "chain"), "SUCCESS");
  t.is(guest.symlink("made.txt", "dangling"), "SUCCESS");
  t.is(guest.symlink("loop", "loop"), "SUCCESS");
  t.is(guest.cat("l"), "deep");
  t.is(guest.cat("sub/up"), "own");
  t.is(guest.cat("d/deep.txt"), "deep");
  t.is(guest.cat("chain"), "own");
  t.is(guest.cat("d/up"), "own");
  t.is(guest.put("dangling", "made"), "SUCCESS");
  t.is(readFileSync(join(sandbox.inside, "made.txt"), "utf8"), "made");
  t.is(guest.cat("loop"), "[ELOOP]");
  t.is(guest.cat("loop/x"), "[ELOOP]");
  t.is(guest.cat("l", { follow: false }), "[ELOOP]");
  t.like(guest.stat("d/", false), { type: 3 }, "a final slash follows");
  t.is(guest.path("path_unlink_file", "d/"), "ENOTDIR");
  t.is(guest.path("path_remove_directory", "d"), "ENOTDIR");
  t.is(guest.path("path_unlink_file", "d"), "SUCCESS");
  t.true(existsSync(join(sandbox.inside, "sub", "deep.txt")));
  sandbox.remove();
});

test("a guest can't make links that lead others out", async (t) => {
  const { sandbox, guest } = await contained();
  for (const target of ["/", "/etc/passwd", sandbox.outside])
    t.is(guest.symlink(target, "evil"), "EPERM", target);
  t.is(guest.symlink("", "empty"), "ENOENT");
  t.is(
    guest.symlink("../outside/secret.txt", "relative"),
    "SUCCESS",
    "as POSIX has it; it can't be followed",
  );
  t.is(guest.cat("relative"), "[EPERM]");
  sandbox.remove();
});

test("a folder that was opened is the limit for what is opened through it", async (t) => {
  const { sandbox, guest } = await contained();
  const sub = guest.open("sub", { how: directoryFlag }) as number;
  t.is(guest.cat("deep.txt", { at: sub }), "deep");
  for (const path of ["../own.txt", "..", "./../own.txt"])
    t.is(guest.cat(path, { at: sub }), "[EPERM]", path);
  t.is(guest.symlink("../own.txt", "up", sub), "SUCCESS");
  t.is(guest.cat("up", { at: sub }), "[EPERM]");
  t.is(guest.cat("sub/up"), "own", "from further up, the same link stays in");
  sandbox.remove();
});

test("a folder moved out of the sandbox while it is open leads no further", async (t) => {
  const { sandbox, guest } = await contained();
  const sub = guest.open("sub", { how: directoryFlag }) as number;
  renameSync(join(sandbox.inside, "sub"), join(sandbox.outside, "moved"));
  t.is(guest.cat("deep.txt", { at: sub }), "deep", "what was opened stays open");
  for (const path of ["..", "../secret.txt", "../../outside/secret.txt"]) {
    t.is(guest.cat(path, { at: sub }), "[EPERM]", path);
  }
  t.is(guest.cat("sub/deep.txt"), "[ENOENT]");
  sandbox.remove();
});

test("the folder is the one that was there when it was given, whatever happens to its path", async (t) => {
  const { sandbox, guest } = await contained();
  renameSync(sandbox.inside, join(sandbox.path, "elsewhere"));
  symlinkSync("outside", sandbox.inside);
  t.is(guest.cat("own.txt"), "own");
  t.is(guest.cat("secret.txt"), "[ENOENT]");
  sandbox.remove();
});

test("nothing is changed in a folder that is read-only", async (t) => {
  const { sandbox, guest } = await contained({ write: false });
  symlinkSync("sub/deep.txt", join(sandbox.inside, "l"));
  t.is(guest.cat("own.txt"), "own");
  t.is(guest.cat("l"), "deep");
  const changes: [string, string][] = [
    ["write", guest.put("own.txt", "x")],
    ["create", guest.put("new.txt", "x")],
    ["create to read", String(guest.open("new.txt", { how: createFlag }))],
    ["truncate", String(guest.open("own.txt", { how: truncateFlag }))],
    ["write without more", String(guest.open("own.txt", { rights: 1n << 6n }))],
    ["allocate", String(guest.open("own.txt", { rights: 1n << 8n }))],
    ["mkdir", guest.path("path_create_directory", "new")],
    ["rmdir", guest.path("path_remove_directory", "sub")],
    ["unlink", guest.path("path_unlink_file", "own.txt")],
    ["rename", guest.rename("own.txt", "other.txt")],
    ["link", guest.link("own.txt", "other.txt")],
    ["symlink", guest.symlink("own.txt", "other.txt")],
    ["times", guest.call("path_filestat_set_times", 3, 0, ...guest.text("own.txt"), 0n, 0n, 5)],
    ["times of the folder", guest.call("fd_filestat_set_times", 3, 0n, 0n, 5)],
  ];
  for (const [what, result] of changes) t.is(result, "EROFS", what);
  const all = (1n << 30n) - 1n - writeRights;
  const fd = guest.open("own.txt", { rights: all }) as number;
  t.is(guest.call("fd_filestat_set_times", fd, 0n, 0n, 5), "EROFS");
  t.is(guest.write(fd, "x"), "ENOTCAPABLE");
  t.is(guest.call("fd_filestat_set_size", fd, 0n), "ENOTCAPABLE");
  t.is(guest.call("fd_allocate", fd, 0n, 100n), "ENOTCAPABLE");
  t.deepEqual(readdirSync(sandbox.inside).sort(), ["l", "own.txt", "sub"]);
  t.is(readFileSync(join(sandbox.inside, "own.txt"), "utf8"), "own");
  sandbox.remove();
});

test("between two folders, of which one is read-only, nothing is moved or linked", async (t) => {
  const sandbox = new Sandbox();
  writeFileSync(join(sandbox.inside, "a.txt"), "a");
  writeFileSync(join(sandbox.outside, "b.txt"), "b");
  const guest = await Guest.make({
    preopens: { "/rw": { path: sandbox.inside, write: true }, "/ro": sandbox.outside },
  });
  t.is(guest.rename("a.txt", "a.txt", 3, 4), "EROFS");
  t.is(guest.rename("b.txt", "b.txt", 4, 3), "EROFS");
  t.is(
    guest.link("b.txt", "b.txt", { at: 4, toAt: 3 }),
    "EROFS",
    "it would make b.txt writable by another name",
  );
  t.is(guest.link("a.txt", "a.txt", { at: 3, toAt: 4 }), "EROFS");
  t.is(guest.cat("../inside/a.txt", { at: 4 }), "[EPERM]");
  sandbox.remove();
});

test("between two writable folders, files can be moved", async (t) => {
  const sandbox = new Sandbox();
  writeFileSync(join(sandbox.inside, "a.txt"), "a");
  const guest = await Guest.make({
    preopens: {
      "/one": { path: sandbox.inside, write: true },
      "/two": { path: sandbox.outside, write: true },
    },
  });
  t.is(guest.rename("a.txt", "b.txt", 3, 4), "SUCCESS");
  t.is(guest.cat("b.txt", { at: 4 }), "a");
  t.is(guest.rename("b.txt", "../inside/a.txt", 4, 4), "EPERM");
  t.is(guest.link("b.txt", "c.txt", { at: 4, toAt: 3 }), "SUCCESS");
  t.is(guest.cat("c.txt"), "a");
  sandbox.remove();
});

test("final slashes: what they mean for each function", async (t) => {
  const { sandbox, guest } = await contained();
  t.is(guest.path("path_create_directory", "made/"), "SUCCESS");
  t.is(guest.path("path_remove_directory", "made/"), "SUCCESS");
  t.is(guest.path("path_unlink_file", "own.txt/"), "ENOTDIR");
  t.is(guest.path("path_unlink_file", "sub/"), "EISDIR");
  t.is(guest.path("path_remove_directory", "own.txt/"), "ENOTDIR");
  t.is(guest.put("new.txt/", "x"), "EISDIR");
  t.is(guest.put("own.txt/", "x"), "ENOTDIR");
  t.is(guest.rename("own.txt/", "other.txt"), "ENOTDIR");
  t.is(guest.rename("own.txt", "other.txt/"), "ENOTDIR");
  t.is(guest.rename("sub/", "renamed/"), "SUCCESS");
  t.is(guest.link("own.txt/", "other.txt"), "ENOTDIR");
  t.is(guest.link("own.txt", "other.txt/"), "ENOENT");
  t.is(guest.symlink("own.txt", "other/"), "ENOENT");
  t.is(guest.symlink("own.txt", "renamed/"), "EEXIST");
  t.deepEqual(readdirSync(sandbox.inside).sort(), ["own.txt", "renamed"]);
  sandbox.remove();
});

test("what paths name the folder itself", async (t) => {
  const { sandbox, guest } = await contained();
  for (const path of [".", "./", "sub/.."]) {
    t.like(guest.stat(path), { type: 3 }, path);
    t.is(typeof guest.open(path, { how: directoryFlag }), "number", path);
    t.is(guest.path("path_create_directory", path), "EEXIST", path);
    t.is(guest.path("path_remove_directory", path), "EINVAL", path);
    t.is(guest.path("path_unlink_file", path), "EISDIR", path);
    t.is(guest.rename(path, "x"), "EBUSY", path);
    t.is(guest.rename("sub", path), "EBUSY", path);
    t.is(guest.link(path, "x"), "EPERM", path);
    t.is(guest.symlink("x", path), "EEXIST", path);
    t.is(guest.put(path, "x"), "EISDIR", path);
  }
  sandbox.remove();
});

test("hard links that the host made into the folder are its business", async (t) => {
  const { sandbox, guest } = await contained();
  linkSync(join(sandbox.outside, "secret.txt"), join(sandbox.inside, "shared.txt"));
  t.is(guest.cat("shared.txt"), secret, "the same file, by a name inside");
  sandbox.remove();
});

/** Swaps a name between a folder and a link out, as fast as it can. */
const swapper = `
const { parentPort, workerData } = require("node:worker_threads");
const fs = require("node:fs");
const { name, folder, link } = workerData;
parentPort.postMessage("ready");
const stop = new Int32Array(workerData.stop);
while (Atomics.load(stop, 0) === 0) {
  fs.renameSync(name, folder);
  fs.renameSync(link, name);
  fs.renameSync(name, link);
  fs.renameSync(folder, name);
}
`;

test("a name swapped for a link out while the guest opens it", async (t) => {
  const { sandbox, guest } = await contained();
  const { inside, outside } = sandbox;
  mkdirSync(join(inside, "a"));
  writeFileSync(join(inside, "a", "secret.txt"), "harmless");
  symlinkSync(outside, join(inside, "link"));
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(swapper, {
    eval: true,
    workerData: { name: join(inside, "a"), folder: join(inside, "folder"), link: join(inside, "link"), stop },
  });
  await new Promise((resolve) => worker.once("message", resolve));
  const seen = new Map<string, number>();
  const end = Date.now() + 1500;
  for (let i = 0; Date.now() < end; i++) {
    const result =
      i % 3 === 0
        ? guest.cat("a/secret.txt")
        : i % 3 === 1
          ? guest.put("a/planted.txt", "x")
          : guest.cat("a/../a/secret.txt");
    seen.set(result, (seen.get(result) ?? 0) + 1);
  }
  Atomics.store(new Int32Array(stop), 0, 1);
  await new Promise((resolve) => worker.once("exit", resolve));
  t.false(seen.has(secret), "the guest read a file outside");
  t.deepEqual(readdirSync(outside), ["secret.txt"], "the guest made a file outside");
  // The race is a test only if both sides of it were met.
  t.true((seen.get("harmless") ?? 0) > 0, `it met the folder: ${[...seen]}`);
  t.true((seen.get("[EPERM]") ?? 0) + (seen.get("EPERM") ?? 0) > 0, `it met the link: ${[...seen]}`);
  sandbox.remove();
});

test("a file swapped for a link out while the guest opens it", async (t) => {
  const { sandbox, guest } = await contained();
  const { inside } = sandbox;
  writeFileSync(join(inside, "f"), "harmless");
  symlinkSync("../outside/secret.txt", join(inside, "link"));
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(swapper, {
    eval: true,
    workerData: { name: join(inside, "f"), folder: join(inside, "file"), link: join(inside, "link"), stop },
  });
  await new Promise((resolve) => worker.once("message", resolve));
  const seen = new Set<string>();
  const end = Date.now() + 1500;
  for (let i = 0; Date.now() < end; i++) {
    seen.add(i % 2 === 0 ? guest.cat("f") : guest.cat("f", { follow: false }));
    const status = guest.stat("f");
    if (typeof status === "object" && status.size === secret.length && status.type === 4) seen.add(secret);
    guest.call("path_filestat_set_times", 3, 1, ...guest.text("f"), 1n, 1n, 5);
  }
  Atomics.store(new Int32Array(stop), 0, 1);
  await new Promise((resolve) => worker.once("exit", resolve));
  t.false(seen.has(secret));
  t.true(seen.has("harmless") && seen.has("[EPERM]") && seen.has("[ELOOP]"), [...seen].join());
  rmSync(join(inside, "link"), { force: true });
  sandbox.remove();
});
