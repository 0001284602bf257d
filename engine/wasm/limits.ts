/**
 * The sizes that a module may have: the section "Implementation-defined Limits" of the WebAssembly JavaScript
 * API, so that a module means the same on every engine.
 */
export const LIMITS = {
  moduleBytes: 1_073_741_824,
  types: 1_000_000,
  functions: 1_000_000,
  imports: 1_000_000,
  exports: 1_000_000,
  globals: 1_000_000,
  dataSegments: 100_000,
  elementSegments: 10_000_000,
  tables: 100_000,
  /** Entries of one element segment. */
  elements: 10_000_000,
  /** Entries of a table: a limit of running, not of compiling; a declared size beyond it still validates. */
  tableEntries: 10_000_000,
  memories: 1,
  memoryPages: 65_536,
  params: 1_000,
  results: 1_000,
  bodyBytes: 7_654_321,
  /** Parameters among them. */
  locals: 50_000,
  branchTableEntries: 65_520,
  /** This engine's own: operands on the stack at once. A body of calls with 1,000 results could ask for 3.8e9. */
  operands: 16_777_216,
} as const;

/** Bytes in a page of linear memory. */
export const PAGE_SIZE = 65_536;
