/**
 * The whole compiler as one function of ordered calls: from a validated Wasm body to position-independent
 * machine code. Pure and deterministic: the same module, function and options give the same bytes, in any
 * order of functions.
 */
import { dumpStage, timeStage } from "./debug.js";
import type { MachineCode } from "./machine/machine-code.js";
import { allocate } from "./machine/regalloc/index.js";
import type { CpuFeatures, LowerOptions, Signature, Target } from "./machine/target.js";
import type { InstanceLayout } from "./runtime/layout.js";
import { buildFunction } from "./ssa/build/build-function.js";
import { canonicalizeNaNs } from "./ssa/canonical-nans.js";
import { layoutBlocks } from "./ssa/layout.js";
import { optimize } from "./ssa/optimize.js";
import { printFunction } from "./ssa/print.js";
import type { WasmModule } from "./wasm/index.js";

/** `quick`: only what is required, and the fast allocation. `full`: everything. */
export type Effort = "quick" | "full";

export interface CompileOptions {
  readonly target: Target;
  readonly features: CpuFeatures;
  /** How out-of-bounds accesses are found: by guard pages, or by compares before each access. */
  readonly bounds: "guard" | "explicit";
  /** Whether loop headers look at the interrupt word (prologues always do, in the stack limit). */
  readonly interrupts: boolean;
  /** Whether instructions are taken from the context's budget. */
  readonly fuel?: boolean;
  readonly effort: Effort;
  /** Whether NaNs that arithmetic yields are made canonical. */
  readonly canonicalNaNs: boolean;
}

/** What compiling a module's functions has in common. */
export interface CompileUnit {
  readonly module: WasmModule;
  readonly layout: InstanceLayout;
  /** By type index. */
  readonly signatures: readonly Signature[];
}

/** Errors: EngineBug, when an invariant of the compiler is broken. */
export function compileFunction(unit: CompileUnit, index: number, options: CompileOptions): MachineCode {
  const { module, layout, signatures } = unit;
  const { target, features, effort, interrupts, fuel } = options;
  const bounds = options.bounds;
  const lowering: LowerOptions = {
    features,
    guardPages: bounds === "guard",
    keepConstants: effort === "full",
    signatureOf: (typeIndex) => signatures[typeIndex],
    signature: signatures[module.functionTypes[index]],
  };

  const func = timeStage("build", () => buildFunction(module, index, layout, { bounds, interrupts, fuel }));
  if (options.canonicalNaNs) timeStage("canonical-nans", () => canonicalizeNaNs(func));
  dumpStage("ssa", index, () => printFunction(func));
  optimize(func, effort);
  const { order } = timeStage("layout", () => layoutBlocks(func));
  const virtual = timeStage("lower", () => target.lower(func, order, lowering));
  dumpStage("lower", index, () => target.printVCode(virtual));
  const allocation = timeStage("regalloc", () => allocate(virtual, target.registers, effort));
  dumpStage("regalloc", index, () => target.printVCode(virtual, allocation));
  const code = timeStage("encode", () => target.encode(virtual, allocation, lowering));
  dumpStage("asm", index, () => target.printMachineCode(code));
  return code;
}
