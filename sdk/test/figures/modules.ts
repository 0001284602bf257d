/** Host modules of plain functions, for the figures. */
import type { DefinedModule, FunctionSignature } from "../../index.js";

type Method = (...args: never[]) => unknown;

export function moduleOf(
  name: string,
  functions: Readonly<Record<string, readonly [FunctionSignature, Method]>>,
): DefinedModule {
  const entries = Object.entries(functions);
  return {
    declaration: {
      name,
      className: name,
      functions: entries.map(([method, [signature]]) => ({ name: method, method, signature })),
    },
    object: Object.fromEntries(entries.map(([method, [, implementation]]) => [method, implementation])),
  };
}
