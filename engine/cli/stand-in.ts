/** Functions in place of imports that nothing provides, for `--unknown-imports`. */
import { RuntimeError } from "../index.js";
import { type Import, ValType, type WasmModule } from "../wasm/index.js";
import { showName } from "./text.js";

export type UnknownImports = "trap" | "default";

/** A function that throws or returns zeros; undefined for imports that aren't functions. */
export function standIn(
  wasm: WasmModule,
  entry: Import,
  how: UnknownImports,
): ((...args: unknown[]) => unknown) | undefined {
  if (entry.kind !== "function") return undefined;
  if (how === "trap") {
    return () => {
      throw new RuntimeError(
        `unknown import ${showName(entry.module)}.${showName(entry.name)} has been called`,
      );
    };
  }
  const zeros = wasm.types[entry.typeIndex].results.map(zeroOf);
  return () => (zeros.length < 2 ? zeros[0] : zeros);
}

function zeroOf(type: ValType): number | bigint | null {
  switch (type) {
    case ValType.i64:
      return 0n;
    case ValType.funcref:
    case ValType.externref:
      return null;
    default:
      return 0;
  }
}
