/** What the engine says where it can't run: one clear sentence each, no crash. Each in a child process. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import test from "ava";

const engine = new URL("../../index.js", import.meta.url).href;
const denyExecutable = new URL("./deny-executable.js", import.meta.url).href;
const root = fileURLToPath(new URL("../../../..", import.meta.url));

/**
 * QEMU's user mode has no seccomp; and koffi for arm64 lies on NODE_PATH there, where it finds itself by another way and
 * keeps the reason to itself when it is refused.
 */
const notEmulated = process.env.BACKPLANE_EMULATED === undefined ? test : test.skip;
const onAmd64 = process.arch === "x64" ? test : test.skip;

/** Imports the engine, uses it, prints the error it gives. */
function attempt(
  nodeOptions: string[],
  before = "",
): { stdout: string; stderr: string; status: number | null } {
  const script = `${before}
    const { createNamespace } = await import(${JSON.stringify(engine)});
    try {
      new (createNamespace().Module)(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
      console.log("fine");
    } catch (error) {
      console.log(error.name + " " + error.reason + ": " + error.message);
    }`;
  return spawnSync(process.execPath, [...nodeOptions, "--input-type=module", "-e", script], {
    encoding: "utf8",
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
}

test("it runs at all", (t) => {
  t.is(attempt([]).stdout.trim(), "fine");
});

test("--jitless", (t) => {
  t.regex(attempt(["--jitless"]).stdout, /^UnsupportedPlatformError webassembly-missing: .*--jitless/);
});

notEmulated("the permission model without --allow-addons", (t) => {
  const { stdout } = attempt(["--experimental-permission", "--allow-fs-read=*"]);
  t.regex(stdout, /^UnsupportedPlatformError addons-denied: .*--allow-addons/);
});

notEmulated("a kernel that denies executable mappings", (t) => {
  const { stdout, stderr } = attempt([], `await import(${JSON.stringify(denyExecutable)});`);
  t.regex(stdout, /^UnsupportedPlatformError executable-memory-denied: .*denies executable memory/, stderr);
});

onAmd64("a processor without SSE4.1, which all code for vectors needs", (t) => {
  const { stdout } = attempt([], `process.env.BACKPLANE_OFF = "sse4_1";`);
  t.regex(stdout, /^UnsupportedPlatformError processor: .*SSE4\.1.*; use Node's own WebAssembly/);
});

test("an unknown platform", (t) => {
  const { stdout } = attempt([], `Object.defineProperty(process, "platform", { value: "sunos" });`);
  t.regex(stdout, /^UnsupportedPlatformError platform: .*sunos.*; use Node's own WebAssembly/);
});

test("a system that is known, on a processor that it isn't known with", (t) => {
  const script = `Object.defineProperty(process, "platform", { value: "win32" });
    Object.defineProperty(process, "arch", { value: "arm64" });`;
  t.regex(attempt([], script).stdout, /^UnsupportedPlatformError platform: .*win32 for arm64/);
});

test("a processor that there is no instruction set for", (t) => {
  const script = `Object.defineProperty(process, "arch", { value: "riscv64" });`;
  t.regex(attempt([], script).stdout, /^UnsupportedPlatformError platform: .*linux for riscv64/);
});

test("musl", (t) => {
  const pretend = `
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const read = fs.readFileSync;
    fs.readFileSync = (path, ...more) =>
      path === "/proc/self/maps" ? "7f00-7f01 r-xp 0 0:0 0 /lib/ld-musl-x86_64.so.1" : read(path, ...more);
    syncBuiltinESMExports();`;
  t.regex(attempt([], pretend).stdout, /^UnsupportedPlatformError libc: .*musl.*glibc/);
});

test("a V8 without guard pages: explicit checks are compiled instead", (t) => {
  const { stdout } = attempt(["--disable-wasm-trap-handler"]);
  t.is(stdout.trim(), "fine");
});
