/**
 * Lowering as text: the files in `engine/test/lower/golden` for amd64, whose stage is `lower` or `lower-sse` (no optional
 * instructions), and in `engine/test/lower/golden-arm64`.
 */
import test from "ava";
import { amd64 } from "../../isa/amd64/index.js";
import { arm64 } from "../../isa/arm64/index.js";
import type { Signature, Target } from "../../machine/target.js";
import type { SsaFunction } from "../../ssa/function.js";
import { layoutBlocks } from "../../ssa/layout.js";
import { Type } from "../../ssa/ops.js";
import { parseFunction } from "../../ssa/parse.js";
import { verifyFunction } from "../../ssa/verify.js";
import { goldenTests } from "../golden/harness.js";
import { allFeatures, leastFeatures } from "./execute.js";

/** Type 0 is the function's own; 1 takes an i32 and returns one. */
function signatures(func: SsaFunction): readonly Signature[] {
  const params = func.params[0]!.slice(1).map((v) => func.type[v] as Type);
  return [
    { params, results: func.results },
    { params: [Type.i32], results: [Type.i32] },
  ];
}

function lowered(target: Target, input: string, features: ReadonlySet<string>): string {
  const func = parseFunction(input);
  verifyFunction(func, "test");
  const list = signatures(func);
  const code = target.lower(func, layoutBlocks(func).order, {
    features,
    guardPages: true,
    keepConstants: true,
    signature: list[0]!,
    signatureOf: (typeIndex) => list[typeIndex]!,
  });
  return target.printVCode(code);
}

goldenTests(test, "../lower/golden", (stage, input) =>
  lowered(amd64, input, stage === "lower-sse" ? leastFeatures : allFeatures),
);
goldenTests(test, "../lower/golden-arm64", (_, input) => lowered(arm64, input, new Set()));
