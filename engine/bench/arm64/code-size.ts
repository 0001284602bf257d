// Bytes of a module's code, for arm64 and amd64, on any machine: compiling is pure.
//   node code-size.js MODULE.wasm
// Leaves: one line of JSON, { functions, arm64, amd64 }: how many functions, and the bytes of their code with its constants and
// jump tables, with guard pages, at full effort, with what processors of today have.

import { readFileSync } from "node:fs";
import { targetOf } from "../../isa/index.js";
import { compileFunction } from "../../pipeline.js";
import { instanceLayoutOf } from "../../runtime/instance-layout.js";
import { checkedModule } from "../../runtime/module.js";
import { signatureOf } from "../../runtime/signatures.js";

const features = {
  arm64: ["atomics"],
  amd64: ["sse4_1", "popcnt", "lzcnt", "bmi1", "bmi2", "avx", "avx2"],
} as const;

const options = {
  bounds: "guard",
  interrupts: false,
  effort: "full",
  canonicalNaNs: false,
} as const;

/** Bytes of all functions of a module. */
export function codeSizeOf(bytes: Uint8Array, architecture: "arm64" | "amd64"): number {
  const module = checkedModule(bytes, { vectors: true });
  const target = targetOf(architecture === "arm64" ? "arm64" : "x64", "linux")!;
  const unit = { module, layout: instanceLayoutOf(module), signatures: module.types.map(signatureOf) };
  const all = { ...options, target, features: new Set<string>(features[architecture]) };
  return module.bodies.reduce(
    (sum, _, i) => sum + compileFunction(unit, module.importedFunctionCount + i, all).bytes.length,
    0,
  );
}

const bytes = readFileSync(process.argv[2] as string);
const module = checkedModule(bytes, { vectors: true });
process.stdout.write(
  `${JSON.stringify({
    functions: module.bodies.length,
    arm64: codeSizeOf(bytes, "arm64"),
    amd64: codeSizeOf(bytes, "amd64"),
  })}\n`,
);
