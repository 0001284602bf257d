/** WASI in plugins: what a manifest asks for, what the application grants, and what the life of a plugin makes of it. */
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { MemoryFileSystem, OutputBuffer } from "../../engine/index.js";
import { assemble } from "../../engine/test/runtime/assemble.js";
import { createFlag, Guest, guestBytes, Sandbox, writeRights } from "../../engine/test/wasi/guest.js";
import {
  type BackplaneError,
  PluginExitError,
  type PluginGrant,
  PluginHost,
  type PluginOptions,
  type PluginRequests,
} from "../index.js";
import { quiet } from "./quiet-host.js";

const bytes = await guestBytes();

interface Setup {
  readonly grant?: PluginGrant;
  /** Undefined: there is no manifest. */
  readonly requests?: PluginRequests;
  readonly options?: PluginOptions;
  readonly module?: Uint8Array;
}

async function start(t: ExecutionContext, setup: Setup = {}): Promise<{ host: PluginHost; guest: Guest }> {
  const { grant = {}, requests, options = {}, module = bytes } = setup;
  const manifest = requests && { name: "p", requests };
  const host = await PluginHost.start({
    plugins: [{ name: "p", bytes: module, manifest }],
    grant: () => grant,
    options,
    logger: quiet,
  });
  t.teardown(() => host.close());
  if (host.failures.size > 0) throw host.failures.get("p");
  return { host, guest: Guest.around({ exports: host.plugin("p").exports }) };
}

/** Texts at pointers of a list, as `args_get` and `environ_get` write them. */
function texts(guest: Guest, what: "args" | "environ"): string[] {
  if (guest.call(`${what}_sizes_get`, 16, 20) !== "SUCCESS") return [];
  const count = guest.view.getUint32(16, true);
  guest.call(`${what}_get`, 1024, 4096);
  return Array.from({ length: count }, (_, i) => {
    const at = guest.view.getUint32(1024 + 4 * i, true);
    return Buffer.from(guest.bytes.slice(at, guest.bytes.indexOf(0, at))).toString();
  });
}

function time(guest: Guest, clock: number): bigint {
  guest.call("clock_time_get", clock, 1n, 16);
  return guest.view.getBigUint64(16, true);
}

function sandbox(t: ExecutionContext): Sandbox {
  const made = new Sandbox();
  t.teardown(() => made.remove());
  writeFileSync(join(made.outside, "secret.txt"), "secret");
  writeFileSync(join(made.inside, "own.txt"), "own");
  return made;
}

test("without a grant there is nothing", async (t) => {
  const requests = {
    paths: { "/": "write" },
    wasi: { args: true, env: ["A"], stdin: true, stdout: true },
  } as const;
  for (const asked of [undefined, requests]) {
    const { guest } = await start(t, { requests: asked });
    t.deepEqual(texts(guest, "args"), ["p"]);
    t.deepEqual(texts(guest, "environ"), []);
    t.is(guest.call("fd_prestat_get", 3, 16), "EBADF");
    t.is(guest.read(0), "");
    t.is(guest.write(1, "thrown away"), "SUCCESS");
    guest.call("clock_res_get", 1, 16);
    t.is(guest.view.getBigUint64(16, true), 1_000_000n);
  }
});

test("a manifest that asks for nothing gets nothing", async (t) => {
  const { inside } = sandbox(t);
  const output = new OutputBuffer();
  const grant = {
    paths: { "/": { path: inside } },
    wasi: { args: ["x"], env: { A: "1" }, stdin: "in", stdout: output, stderr: output, clocks: "fine" },
  } as const;
  const { guest, host } = await start(t, { requests: {}, grant });
  t.deepEqual(texts(guest, "args"), ["p"]);
  t.deepEqual(texts(guest, "environ"), []);
  t.is(guest.call("fd_prestat_get", 3, 16), "EBADF");
  t.is(guest.read(0), "");
  guest.write(1, "x");
  guest.write(2, "x");
  t.is(output.text(), "");
  guest.call("clock_res_get", 1, 16);
  t.is(guest.view.getBigUint64(16, true), 1_000_000n);
  t.deepEqual(host.plugin("p").granted.wasi, { env: {}, preopens: {} });
});

test("what holds of arguments, environment, streams and clocks is the intersection", async (t) => {
  const output = new OutputBuffer();
  const { guest } = await start(t, {
    requests: { wasi: { args: true, env: ["A", "B"], stdin: true, stderr: true, clocks: "fine" } },
    grant: {
      wasi: {
        args: ["--fast"],
        env: { B: "2", C: "3" },
        stdin: "input",
        stdout: new OutputBuffer(0),
        stderr: output,
        clocks: "fine",
      },
    },
  });
  t.deepEqual(texts(guest, "args"), ["p", "--fast"]);
  t.deepEqual(texts(guest, "environ"), ["B=2"]);
  t.is(guest.read(0), "input");
  t.is(guest.write(1, "not asked for, so thrown away"), "SUCCESS");
  t.is(guest.write(2, "error"), "SUCCESS");
  t.is(output.text(), "error");
  guest.call("clock_res_get", 1, 16);
  t.is(guest.view.getBigUint64(16, true), 1n);
});

test("a plugin without a manifest gets what it is given", async (t) => {
  const { inside } = sandbox(t);
  const output = new OutputBuffer();
  const { guest } = await start(t, {
    grant: {
      paths: { "/": { path: pathToFileURL(inside), access: "write" }, "/looked-at": "read" },
      wasi: { args: ["x"], env: { A: "1" }, stdout: output },
    },
  });
  t.deepEqual(texts(guest, "args"), ["p", "x"]);
  t.deepEqual(texts(guest, "environ"), ["A=1"]);
  t.is(guest.put("new.txt", "new"), "SUCCESS");
  t.is(readFileSync(join(inside, "new.txt"), "utf8"), "new");
  t.is(guest.call("fd_prestat_get", 4, 16), "EBADF", "a path without a folder is for host functions");
  guest.write(1, "out");
  t.is(output.text(), "out");
});

test("folders: read-only, writable, several, and denied ones", async (t) => {
  const { inside, outside } = sandbox(t);
  const memory = MemoryFileSystem.from({ "m.txt": "memory" });
  const { guest, host } = await start(t, {
    requests: { paths: { "/ro": "read", "/rw": "write", "/weaker": "write", "/denied": "read" } },
    grant: {
      paths: {
        "/ro": { path: inside, access: "write" },
        "/rw": { fs: memory, access: "write" },
        "/weaker": { path: outside },
        "/not-asked-for": { path: outside, access: "write" },
      },
    },
  });
  t.deepEqual(host.plugin("p").granted.paths, { "/ro": "read", "/rw": "write", "/weaker": "read" });
  t.is(guest.cat("own.txt", { at: 3 }), "own");
  t.is(guest.put("new.txt", "x", { at: 3 }), "EROFS");
  t.is(guest.cat("m.txt", { at: 4 }), "memory");
  t.is(guest.put("new.txt", "new", { at: 4 }), "SUCCESS");
  t.is(memory.readText("new.txt"), "new");
  t.is(guest.cat("secret.txt", { at: 5 }), "secret");
  t.is(guest.put("secret.txt", "x", { at: 5 }), "EROFS");
  t.is(guest.open("secret.txt", { at: 6 }), "EBADF");
});

test("nothing leads out of a folder", async (t) => {
  const { inside, outside } = sandbox(t);
  mkdirSync(join(inside, "sub"));
  symlinkSync("../outside/secret.txt", join(inside, "relative"));
  symlinkSync(join(outside, "secret.txt"), join(inside, "absolute"));
  symlinkSync("..", join(inside, "up"));
  symlinkSync("/", join(inside, "root"));
  symlinkSync("../../outside", join(inside, "sub", "around"));
  const { guest } = await start(t, { grant: { paths: { "/data": { path: inside, access: "write" } } } });
  const crafted = [
    "..",
    "../outside/secret.txt",
    "sub/../../outside/secret.txt",
    join(outside, "secret.txt"),
    "/data/own.txt",
    "relative",
    "absolute",
    "up/outside/secret.txt",
    "root/etc/passwd",
    "sub/around/secret.txt",
  ];
  for (const path of crafted) {
    t.is(guest.cat(path), "[EPERM]", path);
    t.is(guest.put(path, "x"), "EPERM", path);
    t.is(
      guest.rename("own.txt", path),
      path === "relative" || path === "absolute" ? "SUCCESS" : "EPERM",
      path,
    );
    if (path === "relative" || path === "absolute") guest.rename(path, "own.txt");
  }
  t.is(guest.open("new", { how: createFlag, rights: writeRights, at: 2 }), "ENOTDIR");
  t.is(readFileSync(join(outside, "secret.txt"), "utf8"), "secret");
});

test("output to the plugin's log is lines, made safe", async (t) => {
  const { guest, host } = await start(t, { grant: { wasi: { stdout: "log", stderr: "log" } } });
  const lines: string[] = [];
  host.on("log", ({ level, message }) => lines.push(`${level} ${message}`));
  guest.write(1, "one\r\ntw");
  guest.write(2, "wrong\n");
  guest.write(1, "o\n\u001b[31mred\u00e9");
  await host.close();
  t.deepEqual(lines, ["info one", "warn wrong", "info two", "info \\u001b[31mred\u00e9"]);
});

test("streams: a guest that has to wait for one is parked", async (t) => {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const { host, guest } = await start(t, { grant: { wasi: { stdin, stdout } } });
  guest.vector(1024, 100);
  const read = host.plugin("p").call("fd_read", [0, 64, 1, 16]);
  setTimeout(() => stdin.write("late"), 5);
  t.is(await read, 0);
  t.is(guest.textRead(), "late");
  const [at, length] = guest.text("out", 2048);
  guest.vector(at, length);
  t.is(await host.plugin("p").call("fd_write", [1, 64, 1, 16]), 0);
  t.is(String(stdout.read()), "out");
});

/** Puts a subscription to the monotonic clock at 512. */
function subscribe(guest: Guest, nanoseconds: bigint): void {
  guest.bytes.fill(0, 512, 560);
  guest.view.setUint8(512 + 8, 0);
  guest.view.setUint32(512 + 16, 1, true);
  guest.view.setBigUint64(512 + 24, nanoseconds, true);
}

test("poll_oneoff parks: other calls go on, and a signal and a timeout end it", async (t) => {
  const { host, guest } = await start(t, { options: { instances: 2 } });
  const plugin = host.plugin("p");
  subscribe(guest, 1_000_000_000_000n);
  const signal = AbortSignal.timeout(10);
  await t.throwsAsync(plugin.call("poll_oneoff", [512, 640, 1, 16], { signal }), { code: "ABORTED" });
  t.is(plugin.stats().replaced, 1, "who gave up the wait has given up the instance");
  const fresh = Guest.around({ exports: plugin.exports });
  subscribe(fresh, 1_000_000_000_000n);
  const sleeping = t.throwsAsync(plugin.call("poll_oneoff", [512, 640, 1, 16], { timeout: 30 }), {
    code: "TIMEOUT",
  });
  t.is(await plugin.call("sched_yield"), 0);
  await sleeping;
  const short = Guest.around({ exports: plugin.exports });
  subscribe(short, 1_000_000n);
  t.is(await plugin.call("poll_oneoff", [512, 640, 1, 16]), 0);
});

test("calls that wait in WASI count as calls that wait", async (t) => {
  const { host, guest } = await start(t, { options: { instances: 2, limits: { parkedCalls: 1 } } });
  const plugin = host.plugin("p");
  subscribe(guest, 1_000_000_000_000n);
  const controller = new AbortController();
  const waiting = plugin.call("poll_oneoff", [512, 640, 1, 16], { signal: controller.signal });
  // The other instance, whose memory is its own.
  const other = Guest.around({ exports: plugin.exports });
  const [at, length] = other.text("not waiting");
  other.vector(at, length);
  t.is(await plugin.call("fd_write", [1, 64, 1, 16]), 0);
  const { slots } = (
    plugin as unknown as { generation: { pool: { slots: { current: { exports: object } }[] } } }
  ).generation.pool;
  subscribe(Guest.around({ exports: slots[1].current.exports }), 1_000_000_000_000n);
  await t.throwsAsync(plugin.call("poll_oneoff", [512, 640, 1, 16]), {
    code: "LIMIT",
    message: /parkedCalls/,
  });
  controller.abort();
  await t.throwsAsync(waiting, { code: "ABORTED" });
});

test("clocks and randomness are the same in each instance, if the application says so", async (t) => {
  const seen: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const { guest } = await start(t, { grant: { wasi: { clocks: "fixed", random: { seed: 42 } } } });
    guest.call("random_get", 1024, 16);
    seen.push([time(guest, 0), time(guest, 1), Buffer.from(guest.bytes.slice(1024, 1040)).toString("hex")]);
  }
  t.deepEqual(seen[0], seen[1]);
  const { guest } = await start(t, {
    requests: {},
    grant: {
      wasi: {
        clocks: () => ({ resolution: 5n, realtime: () => 10n, monotonic: () => 15n }),
        random: () => (target) => void target.fill(7),
      },
    },
  });
  t.deepEqual([time(guest, 0), time(guest, 1)], [10n, 15n], "whether the plugin asks for it or not");
  guest.call("random_get", 1024, 2);
  t.deepEqual([...guest.bytes.slice(1024, 1026)], [7, 7]);
});

test("proc_exit ends the call with an error, and the instance, not the process", async (t) => {
  const { host, guest } = await start(t, {});
  guest.bytes[100] = 1;
  for (const code of [0, 3]) {
    const error = await t.throwsAsync(host.plugin("p").call("proc_exit", code), {
      instanceOf: PluginExitError,
    });
    t.is(error.exitCode, code);
    t.is(error.message, `p.proc_exit: the plugin exited with code ${code}`);
  }
  t.is(Guest.around({ exports: host.plugin("p").exports }).bytes[100], 0, "a new instance");
  t.throws(() => (host.plugin("p").exports.proc_exit as (code: number) => void)(4), {
    instanceOf: PluginExitError,
  });
  t.is(host.plugin("p").stats().replaced, 3);
  t.is(host.plugin("p").stats().traps, 0);
});

const writing = (body: string): Uint8Array =>
  assemble(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
    (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00run")
    (func $say (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20))))
    ${body})`);

test("a command runs once for each call of _start, each in an instance of its own", async (t) => {
  const output = new OutputBuffer();
  const module = writing(`(func (export "_start")
    (if (global.get $n) (then (unreachable)))
    (global.set $n (i32.const 1)) (call $say))`);
  const { host } = await start(t, { module, grant: { wasi: { stdout: output } } });
  const plugin = host.plugin("p");
  t.is(output.text(), "", "it isn't run when it is loaded");
  t.is(await plugin.call("_start"), undefined);
  t.is(await plugin.call("_start"), undefined);
  t.is(output.text(), "runrun");
});

test("a command that exits: 0 is a return, anything else an error", async (t) => {
  const module = writing(`(func (export "_start") (call $exit (i32.const 0)) (unreachable))`);
  const { host } = await start(t, { module });
  t.is(await host.plugin("p").call("_start"), undefined);
  const failing = writing(`(func (export "_start") (call $exit (i32.const 7)) (unreachable))`);
  const other = await start(t, { module: failing });
  const error = await t.throwsAsync(other.host.plugin("p").call("_start"), { instanceOf: PluginExitError });
  t.is(error.exitCode, 7);
});

test("a reactor is initialized when it is loaded; one that exits then isn't", async (t) => {
  const output = new OutputBuffer();
  const grant = { wasi: { stdout: output } };
  await start(t, { module: writing(`(func (export "_initialize") (call $say))`), grant });
  t.is(output.text(), "run");
  const exits = writing(`(func (export "_initialize") (call $exit (i32.const 2)))`);
  const error = await t.throwsAsync(start(t, { module: exits }), { instanceOf: PluginExitError });
  t.is(error.message, "p: its start: the plugin exited with code 2");
});

test("each instance of a pool has its own descriptors, and what is in memory is shared", async (t) => {
  const memory = MemoryFileSystem.from({ "a.txt": "abc" });
  const { host } = await start(t, {
    options: { instances: 2 },
    grant: { paths: { "/": { fs: memory, access: "write" } }, wasi: { stdin: "text" } },
  });
  const plugin = host.plugin("p");
  const [first, second] = (
    plugin as unknown as { generation: { pool: { slots: { current: { exports: object } }[] } } }
  ).generation.pool.slots.map((slot) => Guest.around({ exports: slot.current.exports }));
  t.is(first.open("a.txt"), 4);
  t.is(second.open("a.txt"), 4);
  t.is(first.read(4), "abc");
  t.is(second.read(4), "abc");
  t.is(first.read(0), "text");
  t.is(second.read(0), "text");
  first.put("b.txt", "new");
  t.is(second.cat("b.txt"), "new");
});

test("a reload opens everything anew and closes what the old instance had open", async (t) => {
  const { inside } = sandbox(t);
  const { host, guest } = await start(t, { grant: { paths: { "/": { path: inside } } } });
  t.is(guest.open("own.txt"), 4);
  await host.reload("p");
  t.is(guest.read(4), "[EBADF]");
  t.is(guest.cat("own.txt"), "own");
});

test("with a reset for each call, descriptors and clocks are as after the start", async (t) => {
  const memory = MemoryFileSystem.from({ "a.txt": "abc" });
  const { guest } = await start(t, {
    options: { reset: "call" },
    grant: { paths: { "/": { fs: memory } }, wasi: { clocks: "fixed" } },
  });
  const plugin = guest;
  // Each call finds a fresh memory, so the path is put there by nobody: "" is none.
  t.is(plugin.call("fd_renumber", 3, 0), "SUCCESS");
  t.is(plugin.call("fd_renumber", 3, 0), "SUCCESS", "descriptor 3 is there again");
});

test("WASI that is refused, or that doesn't exist, is told at load", async (t) => {
  const module = assemble(
    `(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))`,
  );
  const refused = await t.throwsAsync<BackplaneError>(start(t, { module, grant: { wasi: false } }));
  t.is(refused.code, "NOT_GRANTED");
  t.is(refused.message, "p: import wasi_snapshot_preview1.fd_write: WASI isn't granted");
  const unknown = assemble(`(module (import "wasi_snapshot_preview1" "fd_wriet" (func)))`);
  const missing = await t.throwsAsync<BackplaneError>(start(t, { module: unknown }));
  t.is(missing.code, "IMPORT_MISMATCH");
  t.regex(
    missing.message,
    /p: import wasi_snapshot_preview1\.fd_wriet: WASI preview 1 has no such function.*fd_write/,
  );
  const gone = await t.throwsAsync<BackplaneError>(
    start(t, { grant: { paths: { "/": { path: "/nowhere/at/all" } } } }),
  );
  t.is(gone.code, "PLUGIN_LOAD");
});

/** A library with WASI, and a plugin that calls it natively. */
const library = `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (data (i32.const 16) "\\01") (data (i32.const 24) "\\00\\e8\\76\\48\\17")
  (func (export "leave") (param i32) (call $exit (local.get 0)))
  (func (export "sleep") (result i32) (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 96)))
  (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`;
const user = `(module
  (import "library" "leave" (func $leave (param i32)))
  (import "library" "sleep" (func $sleep (result i32)))
  (import "library" "count" (func $count (result i32)))
  (func (export "leave") (call $leave (i32.const 5)))
  (func (export "sleep") (result i32) (call $sleep))
  (func (export "count") (result i32) (call $count)))`;

test("plugins that are linked: an exit, and a wait that is given up, end the instances of all", async (t) => {
  const manifest = { name: "user", dependencies: { plugins: { library: "*" } } };
  const host = await PluginHost.start({
    plugins: [
      { name: "library", bytes: assemble(library) },
      { bytes: assemble(user), manifest },
    ],
    grant: () => ({ plugins: ["library"] }),
    logger: quiet,
  });
  t.teardown(() => host.close());
  const plugin = host.plugin("user");
  t.is(await plugin.call("count"), 1);
  t.is(await plugin.call("count"), 2);
  const error = await t.throwsAsync(plugin.call("leave"), { instanceOf: PluginExitError });
  t.is(error.message, "user.leave: the plugin exited with code 5");
  t.is(await plugin.call("count"), 1, "a new instance of the library, and of what is linked with it");
  await t.throwsAsync(plugin.call("sleep", undefined, { timeout: 20 }), { code: "TIMEOUT" });
  t.is(await plugin.call("count"), 1);
});

test("a plugin that computes on a thread uses WASI as on the main thread", async (t) => {
  const { host, guest } = await start(t, {
    options: { run: "thread" },
    grant: { paths: { "/": { fs: MemoryFileSystem.from({ "a.txt": "abc" }) } }, wasi: { stdout: "log" } },
  });
  const lines: string[] = [];
  host.on("log", ({ message }) => lines.push(message));
  const plugin = host.plugin("p");
  const [path, length] = guest.text("a.txt");
  t.is(await plugin.call("path_open", [3, 0, path, length, 0, 2n, 0n, 0, 16]), 0);
  t.is(guest.result(), 4);
  guest.vector(1024, 10);
  t.is(await plugin.call("fd_read", [4, 64, 1, 16]), 0);
  t.is(guest.textRead(), "abc");
  const [at, size] = guest.text("line\n", 2048);
  guest.vector(at, size);
  t.is(await plugin.call("fd_write", [1, 64, 1, 16]), 0);
  t.deepEqual(lines, ["line"]);
  subscribe(guest, 1_000_000n);
  t.is(await plugin.call("poll_oneoff", [512, 640, 1, 16]), 0);
  const error = await t.throwsAsync(plugin.call("proc_exit", 9), { instanceOf: PluginExitError });
  t.is(error.exitCode, 9);
});

test("a stream that ends is the end of input", async (t) => {
  const { host, guest } = await start(t, { grant: { wasi: { stdin: Readable.from(["a", "b"]) } } });
  guest.vector(1024, 100);
  let text = "";
  for (;;) {
    t.is(await host.plugin("p").call("fd_read", [0, 64, 1, 16]), 0);
    if (guest.result() === 0) break;
    text += guest.textRead();
  }
  t.is(text, "ab");
});

test("sockets: guests wait for what was handed in; a server outlives the instance that had it", async (t) => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { host, guest } = await start(t, { grant: { wasi: { sockets: [server] } } });
  const plugin = host.plugin("p");
  for (const text of ["first", "second"]) {
    const accepting = plugin.call("sock_accept", [3, 0, 16]);
    const client = connect(port, "127.0.0.1");
    t.is(await accepting, 0);
    const fd = guest.result();
    guest.vector(1024, 100);
    const receiving = plugin.call("sock_recv", [fd, 64, 1, 0, 16, 20]);
    client.write(text);
    t.is(await receiving, 0);
    t.is(guest.textRead(), text);
    const ended = once(client.resume(), "close");
    await t.throwsAsync(plugin.call("proc_exit", 0), { instanceOf: PluginExitError });
    await ended;
  }
  const signal = AbortSignal.timeout(20);
  await t.throwsAsync(plugin.call("sock_accept", [3, 0, 16], { signal }), { code: "ABORTED" });
});

test("sockets: only for manifests that ask for them; a function gives each instance its own", async (t) => {
  let made = 0;
  const sockets = () => {
    made++;
    return [createServer()];
  };
  const without = await start(t, { grant: { wasi: { sockets } }, requests: { wasi: {} } });
  t.is(without.guest.call("sock_shutdown", 3, 0), "EBADF");
  const options = { instances: 2 };
  const { guest } = await start(t, {
    grant: { wasi: { sockets } },
    requests: { wasi: { sockets: true } },
    options,
  });
  t.is(guest.call("sock_recv", 3, 64, 1, 0, 16, 20), "ENOTSOCK");
  t.is(made, 2);
});
