/**
 * The pass manager: runs the list in `passes/index.ts` over a function. Enters: SSA as the builder makes it.
 * Leaves: SSA without unreachable blocks and critical edges.
 *
 * Under BACKPLANE_VERIFY=1 the verifier runs before the first pass and after each; dumps and times by pass name.
 */
import { debugOptions, dumpStage, endStage, isDumped, startStage, writeError } from "../debug.js";
import { EngineBug } from "./engine-bug.js";
import type { SsaFunction } from "./function.js";
import { passes } from "./passes/index.js";
import type { Pass } from "./passes/pass.js";
import { printFunction } from "./print.js";
import { verifyFunction } from "./verify.js";

/** `quick`: only what code generation requires. `full`: everything. */
export type Level = "quick" | "full";

const quickPasses = passes.filter((p) => p.required);
const fullPasses = passes.filter((p) => p.required || !debugOptions.off.has(p.name));

for (const pass of quickPasses) {
  if (debugOptions.off.has(pass.name))
    writeError(`BACKPLANE_OFF: pass "${pass.name}" is required, it stays on\n`);
}

/**
 * Optimizes a function in place.
 * @throws EngineBug naming the pass, if one fails or the verifier finds it at fault
 */
export function optimize(func: SsaFunction, level: Level): void {
  if (debugOptions.verify) verifyFunction(func, "ssa");
  const list = level === "quick" ? quickPasses : fullPasses;
  for (let i = 0; i < list.length; i++) runPass(list[i]!, func);
}

/** Runs one pass, with everything that the environment asks for around it. */
export function runPass(pass: Pass, func: SsaFunction): void {
  const start = startStage();
  try {
    pass.run(func);
  } catch (cause) {
    if (cause instanceof EngineBug) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new EngineBug(pass.name, func.index, func.name, detail, { cause });
  }
  endStage(pass.name, start);
  if (isDumped(pass.name, func.index)) dumpStage(pass.name, func.index, () => printFunction(func));
  if (debugOptions.verify) verifyFunction(func, pass.name);
}
