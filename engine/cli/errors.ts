/**
 * How a command ends. The numbers are the ones that users of other WebAssembly command lines know: 2 for a command
 * line that can't be understood, 134 (128 + SIGABRT, what a shell shows for an aborted process) for a trap.
 */
export const ExitCode = { done: 0, failed: 1, usage: 2, trap: 134 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The largest exit code that the system passes on. */
export const largestExitCode = 255;

/** What ends a command: the message goes to standard error after `error: `. */
export class CliError extends Error {
  override readonly name = "CliError";

  constructor(
    message: string,
    readonly exitCode: ExitCode = ExitCode.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A command line that can't be understood. `command` is the one whose help can tell more. */
export class UsageError extends CliError {
  constructor(
    message: string,
    readonly command?: string,
  ) {
    super(message, ExitCode.usage);
  }
}

/** What an error says, for values of unknown origin. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
