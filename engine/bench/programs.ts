// The list of benchmark programs. Enters: the corpora folder. Leaves: rows that name a program and say how it is run.
// Programs that are absent are left out by the caller, which says so.

import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { hashPackages } from "./hash-packages.js";
import { vectorKernels } from "./vector-kernels.js";
import { vectorPackages } from "./vector-packages.js";

/** How a program is driven, see measure.ts. */
export type ProgramKind = "coremark" | "wasi" | "micro" | "vector" | "package" | "compile";

export interface Program {
  readonly name: string;
  readonly kind: ProgramKind;
  /** The module's path; micro benchmarks make theirs. */
  readonly file?: string;
  readonly args?: readonly string[];
}

/** The nearest folder above this file with a package.json. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/** The corpora folder: BACKPLANE_CORPORA or the one beside the project. */
export function corporaFolder(): string {
  return process.env.BACKPLANE_CORPORA ?? join(projectRoot(), "../shared/corpora");
}

export const microNames = [
  "host-call",
  "exported-call",
  "call-indirect",
  "direct-call",
  "memory-sum",
  "memory-write",
  "float-loop",
  "branches",
  "i64-mix",
] as const;

/** Why a program of the corpora is not run. */
export const leftOut: ReadonlyMap<string, string> = new Map([
  ["pulldown-cmark", "its input is not in the corpora"],
  ["shootout-nestedloop", "its loops are folded away, 5 us are left"],
  ["sqlite3", "a library without _start"],
]);

function sightglass(folder: string): Program[] {
  const programs: Program[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (name === "LICENSE" || leftOut.has(name)) continue;
    const files = readdirSync(join(folder, name)).filter((file) => file.endsWith(".wasm"));
    for (const file of files.sort()) {
      const short = file === "benchmark.wasm" ? name : file.replace(/\.wasm$/, "");
      if (leftOut.has(short)) continue;
      programs.push({ name: short, kind: "wasi", file: join(folder, name, file) });
    }
  }
  return programs;
}

/** Every program whose file is there. */
export function allPrograms(): Program[] {
  const bench = join(corporaFolder(), "bench");
  const dprint = join(projectRoot(), "node_modules/@dprint/typescript/plugin.wasm");
  const wasm3 = (path: string, args: string[] = []): Program => ({
    name: (path.split("/").pop() as string).replace(/\.wasm$/, ""),
    kind: "wasi",
    file: join(bench, "wasm3", path),
    args,
  });
  const programs: Program[] = [
    { name: "coremark-minimal", kind: "coremark", file: join(bench, "wasm3/coremark/coremark-minimal.wasm") },
    wasm3("mandelbrot/mandel.wasm", ["128", "4e5"]),
    wasm3("mandelbrot/mandel_dd.wasm", ["128", "4e5"]),
    wasm3("smallpt/smallpt.wasm", ["16", "128"]),
    wasm3("smallpt/smallpt-ex.wasm", ["16", "128"]),
    wasm3("c-ray/c-ray.wasm", ["-s", "320x240", "-r", "4", "-i", "scene"]),
    wasm3("stream/stream.wasm"),
    ...microNames.map((name): Program => ({ name, kind: "micro" })),
    ...[...vectorKernels.keys()].map((name): Program => ({ name, kind: "vector" })),
    ...[...vectorPackages.keys(), ...hashPackages.keys()].map((name): Program => ({ name, kind: "package" })),
    { name: "compile-dprint-typescript", kind: "compile", file: dprint },
  ];
  if (existsSync(join(bench, "sightglass"))) programs.splice(7, 0, ...sightglass(join(bench, "sightglass")));
  return programs.filter((program) => program.file === undefined || existsSync(program.file));
}
