/** What `backplane inspect --func` says of one function; its SSA and machine code are made by function-code.ts. */
import { type FunctionFacts, formatFuncType, readNames, type WasmModule } from "../wasm/index.js";
import { fileError } from "./load-module.js";
import { count, showName } from "./text.js";

export interface FunctionReport {
  readonly index: number;
  /** From the name section, or null. */
  readonly name: string | null;
  readonly exportedAs: readonly string[];
  readonly type: string;
  /** Of the body, in the file. */
  readonly offset: number;
  /** Of the body, in bytes. */
  readonly size: number;
  readonly instructions: number;
  /** Parameters not among them. */
  readonly locals: number;
  readonly loops: number;
  readonly branches: number;
  readonly calls: number;
  readonly maxOperands: number;
  readonly maxDepth: number;
}

/**
 * The function that `--func` means: an index if it is a number, else an export's name, else one of the name section's.
 * Errors: CliError if there is none, or if it is an import.
 */
export function findFunction(file: string, module: WasmModule, wanted: string): number {
  const index = /^\d+$/.test(wanted) ? Number(wanted) : findByName(module, wanted);
  const functionCount = module.functionTypes.length;
  if (index < 0) throw fileError(file, `no function is exported as or named ${showName(wanted)}`);
  if (index >= functionCount) {
    const there = functionCount === 0 ? "there are none" : `the last one is ${functionCount - 1}`;
    throw fileError(file, `there is no function ${index}: ${there}`);
  }
  if (index < module.importedFunctionCount) {
    const { module: from, name } = module.imports.filter(({ kind }) => kind === "function")[index];
    throw fileError(
      file,
      `function ${index} is imported (${showName(from)}.${showName(name)}): it has no body here`,
    );
  }
  return index;
}

function findByName(module: WasmModule, wanted: string): number {
  const exported = module.exports.find(({ kind, name }) => kind === "function" && name === wanted);
  if (exported !== undefined) return exported.index;
  const names = readNames(module);
  for (let i = 0; i < module.functionTypes.length; i++) if (names.functionName(i) === wanted) return i;
  return -1;
}

export function reportFunction(module: WasmModule, facts: FunctionFacts, index: number): FunctionReport {
  const row = index - module.importedFunctionCount;
  const body = module.bodies[row];
  return {
    index,
    name: readNames(module).functionName(index) ?? null,
    exportedAs: module.exports
      .filter((e) => e.kind === "function" && e.index === index)
      .map(({ name }) => name),
    type: formatFuncType(module.types[module.functionTypes[index]]),
    offset: body.start,
    size: body.end - body.start,
    instructions: facts.instructionCount[row],
    locals: body.localCount,
    loops: facts.loopCount[row],
    branches: facts.branchCount[row],
    calls: facts.callCount[row],
    maxOperands: facts.maxOperands[row],
    maxDepth: facts.maxDepth[row],
  };
}

export function functionText(report: FunctionReport): string {
  const name = report.name === null ? "" : ` ${showName(report.name)}`;
  const exported =
    report.exportedAs.length === 0 ? "" : `, exported as ${report.exportedAs.map(showName).join(", ")}`;
  return `function ${report.index}${name}: ${report.type}${exported}
body: ${count(report.size, "byte")} at 0x${report.offset.toString(16)}, ${count(report.instructions, "instruction")}, \
${count(report.locals, "local")}
control: ${count(report.loops, "loop")}, ${report.branches} branches, ${count(report.calls, "direct call")}, \
nesting depth ${report.maxDepth}, at most ${count(report.maxOperands, "operand")} on the stack
`;
}
