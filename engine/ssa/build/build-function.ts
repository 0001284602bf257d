/**
 * Wasm to SSA: one function body of a validated module becomes an SsaFunction.
 *
 * In: a validated module (nothing is checked again), a function defined in it, and the layout of its instance
 * records. Out: a function that the verifier accepts, naive where a pass does better: base pointers and record
 * fields are read wherever they are needed, loop headers may have parameters that never change.
 *
 * Three steps: the scan (scan-body.ts) finds what loops assign and decides whether locals can be SSA values;
 * the entry block gets parameters and zeros; then each instruction is built by its family's function
 * (instructions.ts). Control flow is merged as constructs close (merge.ts). Time and memory are linear in the
 * body's size but for constructs' result lists, and nothing recurses.
 */
import type { InstanceLayout } from "../../runtime/layout.js";
import { denseIndex } from "../../wasm/opcode-columns.js";
import type { FunctionBody, WasmModule } from "../../wasm/types.js";
import { entryBlock, SsaFunction } from "../function.js";
import type { Type } from "../ops.js";
import { Builder, typeOfValType } from "./builder.js";
import { openFunction, skipUnreachable } from "./control.js";
import { countInstruction } from "./fuel.js";
import { instructions } from "./instructions.js";

export interface BuildOptions {
  /** `guard`: memory 0 has guard pages and never moves. `explicit`: each access is checked. */
  readonly bounds: "guard" | "explicit";
  /** Whether loop headers check the interrupt word. Function entries needn't: prologues look at the stack limit. */
  readonly interrupts: boolean;
  /** Whether instructions are taken from a budget; see fuel.ts. */
  readonly fuel?: boolean;
  /** `slots` keeps all locals in frame slots, as is done by itself for bodies where values would cost too much. */
  readonly locals?: "values" | "slots";
}

/** Bodies above this size leave nothing behind: the builder's arrays may have grown with them. */
const keptBodyBytes = 1 << 19;

let builder = new Builder();

/**
 * Builds a function's SSA.
 *
 * @param functionIndex the index in the module, imports counted; not an imported function's
 * @example
 * const f = buildFunction(module, module.importedFunctionCount, new InstanceLayout(layoutInput), {
 *   bounds: "guard",
 *   interrupts: false,
 * });
 */
export function buildFunction(
  module: WasmModule,
  functionIndex: number,
  layout: InstanceLayout,
  options: BuildOptions,
): SsaFunction {
  const body = module.bodies[functionIndex - module.importedFunctionCount]!;
  const type = module.types[module.functionTypes[functionIndex]!]!;
  const results = type.results.map((r) => typeOfValType[r] as Type);
  // About one row per two bytes, and a zero or parameter for each local's type.
  const capacity = 32 + type.params.length + ((body.end - body.codeStart) >> 1);
  const f = new SsaFunction(`f${functionIndex}`, functionIndex, results, capacity);
  const b = builder;
  b.start(f, module, layout, options, body);
  declareParams(b, body, type.params);
  b.scan.run(b);
  b.cursor.reset(body.codeStart, body.end);
  b.localsInSlots = b.scan.localsInSlots || options.locals === "slots";
  b.log.reset(b.locals.count);
  b.pending.reset();
  b.variables.reset(b.locals.count);
  openFunction(b);
  buildInstructions(b);
  if (body.end - body.codeStart > keptBodyBytes) builder = new Builder();
  else b.release();
  return f;
}

/** Gives the entry block the parameters. Declared locals become known as the scan meets them. */
function declareParams(b: Builder, body: FunctionBody, params: readonly number[]): void {
  b.locals.reset(params.length, body);
  for (let local = 0; local < params.length; local++) {
    const type = typeOfValType[params[local]!]! as Type;
    b.locals.set(local, type, b.f.addParam(entryBlock, type));
  }
}

function buildInstructions(b: Builder): void {
  const { cursor } = b;
  while (cursor.next()) {
    b.source = cursor.offset;
    if (!b.reachable) skipUnreachable(b, cursor.opcode);
    else {
      if (b.fuel) countInstruction(b, cursor.opcode);
      const index = denseIndex(cursor.opcode);
      instructions[index]!(b, index);
    }
  }
}
