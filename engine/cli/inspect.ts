/** `backplane inspect`: shows what is in a module. Only `--ssa` and `--asm` need the native engine. */

import { type FunctionFacts, validateModule, type WasmModule } from "../wasm/index.js";
import type { OptionValues } from "./commands.js";
import { CliError, ExitCode, UsageError } from "./errors.js";
import type { FunctionCode } from "./function-code.js";
import { findFunction, functionText, reportFunction } from "./function-report.js";
import { decodeFile, readFile, readingModule } from "./load-module.js";
import { moduleText, reportModule } from "./module-report.js";

type Options = OptionValues;

/** Shows a file. Errors: CliError. */
export async function inspect(file: string, options: Options): Promise<ExitCode> {
  const wanted = options["func"] as string | undefined;
  for (const option of ["ssa", "asm"]) {
    if (options[option] === true && wanted === undefined) {
      throw new UsageError(`--${option} needs a function: --func N or --func NAME`, "inspect");
    }
  }
  const module = decodeFile(file, readFile(file));
  const facts = readingModule(file, () => validateModule(module));
  if (wanted !== undefined) await inspectFunction(file, module, facts, wanted, options);
  else {
    const report = reportModule(file, module);
    print(options, report, () => moduleText(report));
  }
  return ExitCode.done;
}

async function inspectFunction(
  file: string,
  module: WasmModule,
  facts: FunctionFacts,
  wanted: string,
  options: Options,
): Promise<void> {
  const index = findFunction(file, module, wanted);
  const report = reportFunction(module, facts, index);
  const { ssa, asm } = options;
  const code = ssa === true || asm === true ? await codeOf(file, module, index, options) : undefined;
  const shown = {
    ...(ssa === true ? { ssa: code?.ssa } : {}),
    ...(asm === true ? { asm: code?.asm } : {}),
  };
  print(options, { ...report, ...shown }, () => functionText(report) + codeText(shown));
}

function codeText({ ssa, asm }: Partial<FunctionCode>): string {
  let text = "";
  if (ssa !== undefined) text += `\nssa, as built:\n${ssa.built}\nssa, optimized:\n${ssa.optimized}`;
  if (asm !== undefined) text += `\ninstructions:\n${asm.instructions}\nmachine code:\n${asm.bytes}`;
  return text;
}

async function codeOf(
  file: string,
  module: WasmModule,
  index: number,
  options: Options,
): Promise<FunctionCode> {
  const { UnsupportedPlatformError } = await import("../platform/errors.js");
  const { compileToText } = await import("./function-code.js");
  const bounds = options["bounds"] === "explicit" ? "explicit" : "guard";
  const effort = options["effort"] === "quick" ? "quick" : "full";
  try {
    return readingModule(file, () => compileToText(module.bytes, index, bounds, effort));
  } catch (error) {
    if (error instanceof UnsupportedPlatformError)
      throw new CliError(error.message, undefined, { cause: error });
    throw error;
  }
}

function print(options: Options, data: object, text: () => string): void {
  process.stdout.write(options["json"] === true ? `${JSON.stringify(data, null, 2)}\n` : text());
}
