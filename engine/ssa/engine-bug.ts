/** The third kind of failure: neither bad input nor a trap, but a broken invariant of the engine itself. */

/**
 * Thrown when the engine finds itself inconsistent. It names the stage (a pass, the verifier, the allocator)
 * and the function.
 *
 * @example
 * throw new EngineBug("gvn", func.index, func.name, "v7 is used before it is defined");
 */
export class EngineBug extends Error {
  override readonly name = "EngineBug";

  /**
   * @param stage the pass or stage at fault
   * @param functionIndex the function's index in its module, or -1
   * @param functionName for the message; may be empty
   * @param detail what doesn't hold
   */
  constructor(
    readonly stage: string,
    readonly functionIndex: number,
    functionName: string,
    detail: string,
    options?: ErrorOptions,
  ) {
    const where =
      functionIndex < 0 ? "" : ` in function ${functionIndex}${functionName ? ` "${functionName}"` : ""}`;
    super(`engine bug after ${stage}${where}: ${detail}`, options);
  }
}
