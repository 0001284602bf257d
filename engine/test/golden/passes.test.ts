/** Each pass on small inputs. A stage is a pass's name, several joined by `+`, `quick` or `full`. */
import test from "ava";
import { layoutBlocks } from "../../ssa/layout.js";
import { optimize } from "../../ssa/optimize.js";
import { parseFunction } from "../../ssa/parse.js";
import { passes } from "../../ssa/passes/index.js";
import { printFunction } from "../../ssa/print.js";
import { verifyFunction } from "../../ssa/verify.js";
import { goldenTests } from "./harness.js";

goldenTests(test, "passes", (stage, input) => {
  const func = parseFunction(input);
  verifyFunction(func, "input");
  if (stage === "layout") {
    const { order, hotCount } = layoutBlocks(func);
    const names = Array.from(order, (b) => `b${b}`);
    return `hot: ${names.slice(0, hotCount).join(" ")}\ncold: ${names.slice(hotCount).join(" ")}\n`;
  }
  if (stage === "quick" || stage === "full") optimize(func, stage);
  else {
    for (const name of stage.split("+")) {
      const pass = passes.find((p) => p.name === name);
      if (pass === undefined) throw new Error(`there is no pass "${name}"`);
      pass.run(func);
      verifyFunction(func, name);
    }
  }
  return printFunction(func);
});
