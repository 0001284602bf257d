/** Executes the engine's own commands, once their options have been parsed. */
import type { ParsedArguments } from "./commands.js";
import { messageOf, UsageError } from "./errors.js";
import { printable } from "./text.js";

/** Errors: CliError. */
export async function executeEngineCommand(
  name: string,
  { options, positionals }: ParsedArguments,
): Promise<number> {
  const [file, ...rest] = positionals;
  if (file === undefined) throw new UsageError("the module's file is missing", name);
  await requireValidEnvironment();
  if (name === "run") return await (await import("./run.js")).run(file, rest, options);
  if (rest.length > 0) throw new UsageError(`unexpected argument "${printable(rest[0])}"`, name);
  return await (await import("./inspect.js")).inspect(file, options);
}

/** The engine reads `BACKPLANE_*` when it is imported, and throws where it can't make sense of one. */
async function requireValidEnvironment(): Promise<void> {
  try {
    await import("../debug.js");
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}
