/**
 * Exceptions of a host function that a C plugin calls with a kibibyte of its stack in use: whether the next call is right.
 * By hand:
 *
 *     node dist/sdk/test/figures/throwing.js [EXCEPTIONS]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectRoot } from "../../../engine/test/support/corpora.js";
import { defineHostModule, fn, HostError, PluginHost } from "../../index.js";

export interface ThrowingFigures {
  /** Calls that failed as they were to. */
  readonly failed: number;
  /** What the next call gave, and should have. */
  readonly next: unknown;
  readonly expected: number;
  /** Instances made in place of ones whose stack pointer can't be put back. */
  readonly replaced: number;
}

/** @param file of `sdk/test/fixtures`: frames.wasm, or frames-exported.wasm with its stack pointer exported */
export async function throwOften(file: string, exceptions: number): Promise<ThrowingFigures> {
  const ask = (value: number): number => {
    if (value < 0) throw new Error("no");
    return value;
  };
  const bytes = readFileSync(join(projectRoot(), "sdk", "test", "fixtures", file));
  const host = await PluginHost.start({
    plugins: [{ name: "p", bytes }],
    modules: [defineHostModule("h", { ask: [fn(["i32"], "i32"), ask] })],
  });
  const plugin = host.plugin("p");
  let failed = 0;
  for (let i = 0; i < exceptions; i++) {
    await plugin.call("work", -1).catch((error) => {
      if (error instanceof HostError) failed++;
    });
  }
  const next = await plugin.call("work", 7);
  const { replaced } = plugin.stats();
  await host.close();
  return { failed, next, expected: (255 * 256) / 2 + 7, replaced };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const exceptions = Number(process.argv[2] ?? 100_000);
  for (const file of ["frames-exported.wasm", "frames.wasm"])
    console.log(file, await throwOften(file, exceptions));
}
