/**
 * The specification's core scripts on this engine, with guard pages and with explicit bounds checks; and the
 * runner itself, which must notice what is wrong.
 */

import test from "ava";

import { corpusFolder, missingCorpus } from "../support/corpora.js";
import { backplaneNamespace, type Namespace, nodeNamespace } from "../support/namespace.js";
import { floatBits } from "./literals.js";
import { findScripts, runSpec } from "./run-folder.js";
import { runScript } from "./run-script.js";

/** Assertions in all scripts. */
const CORE_ASSERTIONS = 51_139;

const folder = corpusFolder("spec-2.0");

function core(title: string, open: () => Promise<Namespace>): void {
  if (folder === undefined) {
    test.skip(`${title} (${missingCorpus("spec-2.0")})`, (t) => t.fail());
    return;
  }
  test.serial(title, async (t) => {
    t.timeout(300_000);
    const failures: string[] = [];
    const totals = runSpec(await open(), findScripts(folder), { report: (line) => failures.push(line) });
    t.deepEqual(failures, []);
    t.is(totals.passed, CORE_ASSERTIONS);
  });
}

core("core scripts with guard pages", () => backplaneNamespace({ bounds: "guard" }));
core("core scripts with explicit bounds checks", () => backplaneNamespace({ bounds: "explicit" }));

const ADD_MODULE = String.raw`(module binary "\00asm\01\00\00\00" "\01\07\01\60\02\7f\7f\01\7f" "\03\02\01\00"
  "\07\07\01\03add\00\00" "\0a\09\01\07\00\20\00\20\01\6a\0b")`;

function outcome(script: string) {
  return runScript(nodeNamespace, Buffer.from(`${ADD_MODULE}\n${script}`), "inline");
}

test("the runner passes what is right", (t) => {
  const result =
    outcome(`(assert_return (invoke "add" (i32.const 1) (i32.const -3)) (i32.const 0xffff_fffe)) ;; (
    (; (; nested ;) ;) (assert_malformed (module binary "\\00as") "unexpected end")`);
  t.deepEqual({ ...result }, { passed: 2, failed: 0, skipped: 0, failures: [] });
});

test("the runner reports a wrong result, a missing trap, a module wrongly taken, with their lines", (t) => {
  const result = outcome(`
(assert_return (invoke "add" (i32.const 1) (i32.const 1)) (i32.const 3))
(assert_trap (invoke "add" (i32.const 1) (i32.const 1)) "unreachable")
(assert_invalid (module binary "\\00asm\\01\\00\\00\\00") "type mismatch")
(assert_exhaustion (invoke "add" (i32.const 1) (i32.const 1)) "call stack exhausted")
(invoke "none")`);
  t.is(result.passed, 0);
  t.deepEqual(
    result.failures.map((failure) => failure.line),
    [4, 5, 6, 7, 8],
  );
});

test("float literals round once, to their own format", (t) => {
  // 1 + 2^-24 + 2^-60: by way of a double this is a tie and would go to even, to 1.
  t.is(floatBits("0x1.000001000000001p+0", 32), 0x3f800001n);
  t.is(floatBits("0x1.000001p+0", 32), 0x3f800000n);
  t.is(floatBits("-0x1p-149", 32), 0x80000001n);
  t.is(floatBits("0x1.fffffffp+127", 32), 0x7f800000n);
  t.is(floatBits("1e-400", 64), 0n);
  t.is(floatBits("nan:0x123", 32), 0x7f800123n);
  for (const text of [
    "0.1",
    "123456.789e3",
    "4.9406564584124654e-324",
    "1.7976931348623157e308",
    "2.5e-310",
  ]) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, Number(text));
    t.is(floatBits(text, 64), view.getBigUint64(0), text);
  }
});
