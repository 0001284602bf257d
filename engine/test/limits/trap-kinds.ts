// Kinds of traps, told from the wording of an error. Both V8's wordings and the specification's are known.

/** What went wrong, independent of an engine's wording. */
export type TrapKind =
  | "memory bounds"
  | "table bounds"
  | "divide by zero"
  | "integer overflow"
  | "invalid conversion"
  | "unreachable"
  | "bad indirect call"
  | "stack overflow"
  | "other";

const patterns: [TrapKind, RegExp][] = [
  ["stack overflow", /call stack size exceeded|stack overflow/i],
  ["unreachable", /^unreachable/i],
  ["memory bounds", /memory access out of bounds|out of bounds memory access/i],
  [
    "bad indirect call",
    /null function or function signature|signature mismatch|indirect call type mismatch|uninitialized element|undefined element/i,
  ],
  [
    "table bounds",
    /table index is out of bounds|out of bounds table access|table access out of bounds|table element out of bounds/i,
  ],
  ["divide by zero", /(divide|division|remainder) by zero/i],
  ["integer overflow", /divide result unrepresentable|integer overflow/i],
  ["invalid conversion", /float unrepresentable|invalid conversion to integer/i],
];

/** The kind of an error by its message. */
export function trapKind(error: unknown): TrapKind {
  const message = (error as Error | undefined)?.message ?? "";
  return patterns.find(([, pattern]) => pattern.test(message))?.[0] ?? "other";
}
