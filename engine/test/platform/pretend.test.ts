/**
 * The platforms of systems that aren't here, upon calls of theirs that are put together from Linux's: first the toy runtime,
 * then the whole engine in a process that pretends to be of such a system.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import test from "ava";
import { amd64 } from "../../isa/amd64/index.js";
import { darwinPlatform } from "../../platform/darwin.js";
import type { IKoffi } from "../../platform/koffi.js";
import { linuxPlatform } from "../../platform/linux.js";
import { Context, ExitStatus } from "../../runtime/layout.js";
import { Type } from "../../ssa/ops.js";
import { isNativeHere, NativeBench } from "../isa/native-bench.js";
import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { pretendDarwin } from "./pretend-darwin.js";

const native = isNativeHere("amd64") ? test : test.skip;
const koffi = createRequire(import.meta.url)("koffi") as IKoffi;

native(
  "Apple silicon: code is written in one native call, MAP_JIT memory is never writable while it runs",
  (t) => {
    const { koffi: darwin, log } = pretendDarwin(koffi, linuxPlatform(koffi, amd64));
    const platform = darwinPlatform(darwin, amd64, "arm64");
    const bench = new NativeBench(amd64, platform);
    t.is(log.jitMappings, 1);
    const signature = { params: [Type.i64, Type.i64], results: [Type.i64, Type.i64] };
    const returns = bench.add(Uint8Array.of(0xc3));
    const [toggles, invalidations] = log.counts;
    bench.setSlot(0, 17n);
    bench.setSlot(1, 18n);
    t.is(bench.start(bench.add(amd64.entryAdapter(signature)), returns), ExitStatus.done);
    t.is(bench.slot(0), 17n);
    t.is(bench.slot(1), 18n);
    t.deepEqual([...log.counts], [toggles! + 2n, invalidations! + 1n], "one more piece of code was written");
    const protection = linuxPlatform(koffi, amd64)
      .signals!.addressMap()!
      .find(({ start, end }) => start <= returns && returns < end)?.protection;
    t.is(protection, "r-xp");
    t.true(bench.get(Context.wasmSp) === bench.stackTop);
  },
);

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Runs a compiled program of the tests in a process that pretends. */
function pretend(system: string, program: string, ...args: string[]): ReturnType<typeof spawnSync> {
  return spawnSync(process.execPath, ["--import", here("./pretend.js"), here(program), ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", PRETEND: system },
  });
}

for (const system of ["win32", "darwin"]) {
  native(`the engine on what pretends to be ${system}`, (t) => {
    t.timeout(300_000);
    const { stdout, stderr, status } = pretend(system, "./pretend-program.js");
    t.is(stdout, `platform ${system === "win32" ? "windows" : "darwin"}\nall is well\n`, String(stderr));
    t.is(status, 0);
  });

  native(`scripts of the specification on what pretends to be ${system}`, (t) => {
    t.timeout(300_000);
    const folder = corpusFolder("spec-2.0");
    if (folder === undefined) {
      t.log(missingCorpus("spec-2.0"));
      t.pass();
      return;
    }
    for (const name of [
      "call_indirect",
      "memory_grow",
      "memory_copy",
      "float_exprs",
      "simd_bitwise",
      "unwind",
    ]) {
      const script = `${folder}/${name}.bin.wast`;
      const { stdout } = pretend(system, "../spec/main.js", script);
      t.regex(String(stdout), /[1-9]\d* passed, 0 failed, 0 skipped\n$/, name);
    }
  });
}
