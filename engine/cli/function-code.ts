/**
 * One function's SSA and machine code as text, by the pipeline's own stages (see ../pipeline.ts). Enters: a
 * validated module's bytes and a function defined in it. The native engine must work here, since machine code
 * depends on the processor.
 */
import { allocate } from "../machine/regalloc/index.js";
import type { LowerOptions } from "../machine/target.js";
import type { Effort } from "../pipeline.js";
import { type EngineOptions, threadEngine } from "../runtime/engine.js";
import { Module } from "../runtime/module.js";
import { buildFunction } from "../ssa/build/build-function.js";
import { layoutBlocks } from "../ssa/layout.js";
import { optimize } from "../ssa/optimize.js";
import { printFunction } from "../ssa/print.js";

export interface FunctionCode {
  readonly ssa: {
    readonly built: string;
    readonly optimized: string;
  };
  readonly asm: {
    /** Instructions with the registers and slots of their operands. */
    readonly instructions: string;
    /** Bytes, and the places that can stop the function. */
    readonly bytes: string;
  };
}

/** Errors: CompileError, UnsupportedPlatformError, EngineBug. */
export function compileToText(
  bytes: Uint8Array,
  index: number,
  bounds: EngineOptions["bounds"],
  effort: Effort,
): FunctionCode {
  const engine = threadEngine();
  const { target, features } = engine;
  const unit = Module.compile(engine, bytes, {
    bounds,
    effort,
    compile: "lazy",
    interrupts: false,
    canonicalNaNs: false,
    vectors: true,
  });
  const { module, layout, signatures } = unit;
  const lowering: LowerOptions = {
    features,
    guardPages: bounds === "guard",
    keepConstants: effort === "full",
    signatureOf: (typeIndex) => signatures[typeIndex],
    signature: unit.functionSignature(index),
  };
  const func = buildFunction(module, index, layout, { bounds, interrupts: false });
  const built = printFunction(func);
  optimize(func, effort);
  const optimized = printFunction(func);
  const virtual = target.lower(func, layoutBlocks(func).order, lowering);
  const allocation = allocate(virtual, target.registers, effort);
  const instructions = target.printVCode(virtual, allocation);
  const code = target.encode(virtual, allocation, lowering);
  return { ssa: { built, optimized }, asm: { instructions, bytes: target.printMachineCode(code) } };
}
