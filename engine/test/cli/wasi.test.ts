// `backplane run` with WASI programs: what they are given, their streams and pipes, how they end.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { projectRoot } from "../support/corpora.js";
import { withLongerTimes } from "../support/longer-times.js";
import { cliPath, ModuleFolder, runCli } from "./run-cli.js";

const programs = join(projectRoot(), "engine/test/wasi/programs");
const filter = join(programs, "filter.wasm");
const files = join(programs, "files.wasm");

const folder = new ModuleFolder();
test.after.always(() => folder.remove());

function emptyFolder(name: string): string {
  const path = join(folder.path, name);
  mkdirSync(path);
  return path;
}

test.serial("arguments, before and after --", async (t) => {
  const cases: [string[], string][] = [
    [[filter], "[filter.wasm]\n"],
    [[filter, "a", "b c"], "[filter.wasm][a][b c]\n"],
    [[filter, "a", "--", "--dir", "-x", "--", "-1"], "[filter.wasm][a][--dir][-x][--][-1]\n"],
    [[filter, "-5"], "[filter.wasm][-5]\n"],
  ];
  for (const [args, stdout] of cases) {
    t.deepEqual(await runCli(["run", ...args]), { code: 0, stdout, stderr: "" }, args.join(" "));
  }
});

test.serial("the environment: only what --env names", async (t) => {
  const env = { OUTER: "from outside", SECRET: "secret" };
  const args = ["run", "--env", "A=1", "--env", "OUTER", filter, "--env=B=x=y", "--env", "MISSING", "env"];
  const names = ["A", "B", "OUTER", "SECRET", "MISSING", "PATH"];
  t.deepEqual(await runCli([...args, ...names], { env }), {
    code: 0,
    stdout: "A=1\nB=x=y\nOUTER=from outside\nSECRET=(none)\nMISSING=(none)\nPATH=(none)\n",
    stderr: "",
  });
});

test.serial("folders: by name, read-only, not at all", async (t) => {
  const work = emptyFolder("work");
  const given = await runCli(["run", "--dir", `${work}::/d`, files, "/d"]);
  t.is(given.code, 0);
  t.regex(given.stdout, /^fopen w: ok\n[\s\S]*\n0 in \.:\n$/);
  const readOnly = await runCli(["run", "--dir", `${work}::/d::ro`, files, "/d"]);
  t.regex(readOnly.stdout, /^fopen w: Read-only file system\n/);
  const plain = await runCli(["run", "--dir", work, files, work]);
  t.is(plain.stdout, given.stdout, "by its own name");
  const none = await runCli(["run", files, "/d"]);
  t.regex(none.stdout, /^fopen w: Capabilities insufficient\n/);
  const two = await runCli([
    "run",
    `--dir=${work}::/a::ro`,
    `--dir=${emptyFolder("other")}::/b`,
    files,
    "/b",
  ]);
  t.is(two.stdout, given.stdout);
});

test.serial("exit codes", async (t) => {
  for (const code of [0, 1, 42, 126, 255]) {
    t.deepEqual(await runCli(["run", filter, "exit", String(code)]), { code, stdout: "", stderr: "" });
  }
  t.deepEqual(await runCli(["run", filter, "exit", "256"]), {
    code: 1,
    stdout: "",
    stderr: `error: ${filter}: the program exited with code 256, which isn't in 0 to 255\n`,
  });
  const aborted = await runCli(["run", filter, "abort"]);
  t.is(aborted.code, 134);
  t.regex(aborted.stderr, /wasm trap: unreachable\n/);
});

test.serial("large input and output through pipes, whole and in order", async (t) => {
  const input = Buffer.alloc(3_000_000);
  for (let i = 0; i < input.length; i++) input[i] = 32 + ((i * 7 + (i >> 9)) % 90);
  const { code, stdout, stderr } = await runCli(["run", filter, "copy"], { input });
  t.is(code, 0);
  t.is(stderr, "");
  t.true(stdout === input.toString());
  t.deepEqual(await runCli(["run", filter, "copy"]), { code: 0, stdout: "", stderr: "" }, "an empty input");
});

test.serial("a reader that goes away: the program gets EPIPE, and decides", async (t) => {
  const { code, stderr } = await runCli(["run", filter, "lines", "10000000"], { closeOutput: true });
  t.is(code, 4);
  t.is(stderr, "printf: Broken pipe\n");
});

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [cliPath, "run", ...args], { stdio: ["pipe", "pipe", "inherit"] });
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout!) text += String(chunk);
  return text;
}

test.serial("a reader that is slow: the program waits, also on a pipe that doesn't block", async (t) => {
  const child = start(filter, "lines", "200000");
  let text = "";
  for await (const chunk of child.stdout!) {
    if (text === "") await new Promise((resolve) => setTimeout(resolve, 300));
    text += String(chunk);
  }
  const lines = text.split("\n");
  t.is(lines.length, 200_001);
  t.is(lines[199_999], "line 199999");
});

test.serial("input that comes late, and polls for it", async (t) => {
  const child = start(filter, "poll", "20000");
  setTimeout(() => child.stdin!.end("x"), 200);
  t.is(await outputOf(child), "1\n");
  const timedOut = start(filter, "poll", "50");
  t.is(await outputOf(timedOut), "0\n");
  timedOut.stdin!.end();
});

test.serial("signals end the program as they end any other", async (t) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const child = start(filter, "copy");
    child.stdin!.write("started");
    await once(child.stdout!, "data");
    child.kill(signal);
    t.deepEqual(await once(child, "exit"), [null, signal]);
  }
});

test.serial("standard input and output as files", async (t) => {
  const input = folder.write("input.txt", "from a file");
  const output = join(folder.path, "output.txt");
  const child = spawn("sh", [
    "-c",
    `exec "$0" "$1" run "$2" copy < "$3" > "$4"`,
    process.execPath,
    cliPath,
    filter,
    input,
    output,
  ]);
  t.deepEqual(await once(child, "exit"), [0, null]);
  t.is(readFileSync(output, "utf8"), "from a file");
});

test.serial("what can't be given", async (t) => {
  const usage = (message: string) => ({
    code: 2,
    stdout: "",
    stderr: `error: ${message}\nFor more, try backplane help run\n`,
  });
  for (const dir of ["", "::", "a::", "::b", "a::b::rw", "a::b::ro::c"]) {
    t.deepEqual(
      await runCli(["run", `--dir=${dir}`, filter]),
      usage(`--dir takes HOST, HOST::GUEST or HOST::GUEST::ro, not "${dir}"`),
    );
  }
  t.deepEqual(await runCli(["run", "--env=", filter]), usage('--env takes NAME or NAME=VALUE, not ""'));
  t.deepEqual(await runCli(["run", "--env==x", filter]), usage('--env takes NAME or NAME=VALUE, not "=x"'));
  t.deepEqual(await runCli(["run", "--dir", join(folder.path, "none"), filter]), {
    code: 1,
    stdout: "",
    stderr: `error: WASI folder ${join(folder.path, "none")}: ENOENT, it can't be opened as a folder\n`,
  });
  writeFileSync(join(folder.path, "file"), "");
  t.regex((await runCli(["run", "--dir", join(folder.path, "file"), filter])).stderr, /ENOTDIR/);
});

test.serial("both names of WASI, reactors, and programs without a memory", async (t) => {
  for (const wasi of ["wasi_snapshot_preview1", "wasi_unstable"]) {
    const exits = await folder.assemble(
      "exits.wasm",
      `(module (import "${wasi}" "proc_exit" (func (param i32))) (memory (export "memory") 1)
        (func (export "_start") (call 0 (i32.const 3))))`,
    );
    t.deepEqual(await runCli(["run", exits]), { code: 3, stdout: "", stderr: "" });
  }
  const reactor = await folder.assemble(
    "reactor.wasm",
    `(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (memory (export "memory") 1)
      (global $n (mut i32) (i32.const 0)) (func (export "_initialize") (global.set $n (i32.const 7)))
      (func (export "n") (param i32) (result i32) (i32.add (global.get $n) (local.get 0)))
      (func (export "exit") (param i32) (call 0 (local.get 0))))`,
  );
  t.is((await runCli(["run", reactor, "--invoke", "n", "1"])).stdout, "8\n");
  t.is((await runCli(["run", reactor, "--invoke", "exit", "9"])).code, 9);
  const bare = await folder.assemble(
    "bare.wasm",
    `(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (func (export "_start")))`,
  );
  t.deepEqual(await runCli(["run", bare]), {
    code: 1,
    stdout: "",
    stderr: `error: ${bare}: a WASI program must export its memory as memory\n`,
  });
});

test.serial("imports that nothing provides: refused, trapping, or returning zeros", async (t) => {
  const unknown = await folder.assemble(
    "unknown.wasm",
    `(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (import "other" "f" (func $f (param i64) (result i32 i64))) (import "wasi_snapshot_preview1" "no" (func))
      (memory (export "memory") 1)
      (func (export "_start") (call $f (i64.const 1)) drop i32.const 5 i32.add call $exit))`,
  );
  t.deepEqual(await runCli(["run", unknown]), {
    code: 1,
    stdout: "",
    stderr: `error: ${unknown}: the command line provides no imports but WASI's; unresolved: 2 imports
  other.f: function (i64) -> (i32, i64)
  wasi_snapshot_preview1.no: function () -> ()
`,
  });
  t.is((await runCli(["run", "--unknown-imports", "default", unknown])).code, 5);
  const trapped = await runCli(["run", "--unknown-imports=trap", unknown]);
  t.is(trapped.code, 134);
  t.regex(trapped.stderr, /wasm trap: unknown import other\.f has been called\n/);
  const memory = await folder.assemble("memory.wasm", `(module (import "other" "memory" (memory 1)))`);
  t.is((await runCli(["run", "--unknown-imports=default", memory])).code, 1);
});

test.serial("--timeout stops what runs and what waits, and nothing that is done before", async (t) => {
  const spin = await folder.assemble("spin.wasm", '(module (func $spin (export "_start") (loop br 0)))');
  const spinning = async (ms: number): Promise<string> => {
    const { code, stderr } = await runCli(["run", "--timeout", `${ms}ms`, spin]);
    t.is(code, 134);
    return stderr;
  };
  const where = /: stopped at its timeout\n {4}at spin \(/;
  t.regex(await withLongerTimes(spinning, (text) => where.test(text)), where);
  const starting = await folder.assemble(
    "spin-start.wasm",
    "(module (func $spin (loop br 0)) (start $spin))",
  );
  t.is((await runCli(["run", "--timeout=0.2", starting])).code, 134);
  const sleeping = await runCli(["run", "--timeout", "200ms", filter, "sleep", "3600000"]);
  t.is(sleeping.code, 134);
  t.deepEqual(await runCli(["run", "--timeout", "1m", filter, "exit", "7"]), {
    code: 7,
    stdout: "",
    stderr: "",
  });
  const input = Buffer.alloc(300_000, "in and out ");
  const copied = await runCli(["run", "--timeout", "1m", filter, "copy"], { input });
  t.true(copied.stdout === input.toString());
  const reading = start("--timeout", "300ms", filter, "copy");
  t.deepEqual(await once(reading, "exit"), [134, null], "while it waits for input");
  reading.stdin!.end();
  for (const text of ["", "0", "-1s", "1d", "soon"]) {
    t.deepEqual(await runCli(["run", `--timeout=${text}`, filter]), {
      code: 2,
      stdout: "",
      stderr: `error: --timeout takes a time such as 500ms, 2s or 1m, more than 0, not "${text}"\nFor more, try backplane help run\n`,
    });
  }
});
