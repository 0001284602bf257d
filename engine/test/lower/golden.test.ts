/** Lowering as text: the files in `engine/test/lower/golden`. The stage is `lower` or `lower-sse` (no optional instructions). */
import test from "ava";
import { lower } from "../../isa/amd64/lower/lower.js";
import { printVCode } from "../../isa/amd64/print.js";
import type { Signature } from "../../machine/target.js";
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

goldenTests(test, "../lower/golden", (stage, input) => {
  const func = parseFunction(input);
  verifyFunction(func, "test");
  const list = signatures(func);
  const code = lower(func, layoutBlocks(func).order, {
    features: stage === "lower-sse" ? leastFeatures : allFeatures,
    guardPages: true,
    signature: list[0]!,
    signatureOf: (typeIndex) => list[typeIndex]!,
  });
  return printVCode(code);
});
