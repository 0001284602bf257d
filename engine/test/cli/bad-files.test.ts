// What is wrong with a module's file is one clear line, the same from each command, and exit code 1.

import { join } from "node:path";
import test from "ava";
import { assemble, ModuleFolder, packageFolder, runCli } from "./run-cli.js";

const folder = new ModuleFolder();
test.after.always(() => folder.remove());

const add =
  '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))';

async function refused(t: import("ava").ExecutionContext, path: string, message: RegExp): Promise<void> {
  for (const command of ["run", "inspect"]) {
    const { code, stdout, stderr } = await runCli([command, path]);
    t.is(code, 1, `${command} ${path}`);
    t.is(stdout, "");
    t.true(stderr.startsWith(`error: ${path}: `), stderr);
    t.regex(stderr.slice(`error: ${path}: `.length), message);
    t.is(stderr.indexOf("\n"), stderr.length - 1, "one line");
  }
}

test.serial("paths that lead to no file", async (t) => {
  await refused(t, join(folder.path, "missing.wasm"), /^no such file\n$/);
  await refused(t, folder.path, /^this is a folder, not a module\n$/);
  const file = folder.write("a-file", "");
  await refused(t, join(file, "module.wasm"), /^no such file: a part of the path is not a folder\n$/);
});

test.serial("files that are no modules", async (t) => {
  await refused(t, folder.write("empty.wasm", ""), /^the module is empty: .* found 0 bytes\n$/);
  await refused(
    t,
    folder.write("text.wat", add),
    /^this is text, not a binary module: assemble a \.wat file first/,
  );
  await refused(t, folder.write("notes.txt", "hello"), /^not a WebAssembly module: .* found 68 65 6c 6c\n$/);
  const component = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
  await refused(t, folder.write("component.wasm", component), /components are not core modules/);
  const future = Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0);
  await refused(t, folder.write("future.wasm", future), /version/);
});

test.serial("truncated and damaged modules", async (t) => {
  const bytes = await assemble(add);
  await refused(
    t,
    folder.write("header.wasm", bytes.slice(0, 6)),
    /^truncated module: unexpected end: .* @\+0x4\n$/,
  );
  await refused(
    t,
    folder.write("cut.wasm", bytes.slice(0, bytes.length - 3)),
    /^truncated module: .* @\+0x[0-9a-f]+\n$/,
  );
  const damaged = bytes.slice();
  damaged[8] = 0x7f;
  await refused(t, folder.write("damaged.wasm", damaged), /^invalid module: .* @\+0x8\n$/);
});

test.serial("invalid functions", async (t) => {
  const bytes = await assemble(add);
  const sum = bytes.lastIndexOf(0x6a);
  bytes[sum] = 0x7c;
  await refused(
    t,
    folder.write("invalid.wasm", bytes),
    /^invalid module: function 0: i64\.add: .* @\+0x[0-9a-f]+\n$/,
  );
});

test.serial("a file that the permission model keeps away", async (t) => {
  const path = await folder.assemble("kept.wasm", add);
  const flag = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  const { code, stderr } = await runCli(["inspect", path], {
    node: ["--no-warnings", flag, `--allow-fs-read=${packageFolder}*`],
  });
  t.is(code, 1);
  t.is(
    stderr,
    `error: ${path}: Node's permission model denies reading this file: allow it by --allow-fs-read\n`,
  );
});
