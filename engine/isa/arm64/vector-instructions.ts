/** The rows of instructions on whole vectors (NEON), by families. See instructions.ts for names, forms and operands. */

/** All rows by name. To be called once, where the rows get their numbers. */
export function vectorRows() {
  return {};
}
