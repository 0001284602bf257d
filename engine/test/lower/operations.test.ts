/**
 * Every numeric op natively against Node's own WebAssembly: edge values, operands in registers, constants, memory,
 * and twice the same; results alone, with the operands wanted afterwards too, and (comparisons) read by a branch,
 * a selection and a trap; with all optional instructions and with none.
 */
import test from "ava";
import { type Block, entryBlock, SsaFunction, type Value } from "../../ssa/function.js";
import { Op, OpFlag, opFlags, TrapKind, Type } from "../../ssa/ops.js";
import {
  allFeatures,
  type Compiled,
  Executor,
  leastFeatures,
  type Outcome,
  type RunOptions,
} from "./execute.js";
import { edgeValues, isNaNBits, isQuietNaN, type NumericOp, numericOps, reference } from "./reference.js";

type Source = "param" | "load" | bigint | "same";
type Reader = "value" | "kept" | "branch" | "select" | "trapif" | "inverted";

const settings: readonly RunOptions[] = [
  { features: allFeatures, level: "full" },
  { features: leastFeatures, level: "quick" },
];

/** Where operand k of kind "load" is in memory. */
const loadOffset = (k: number): number => 128 + 16 * k;

function build(op: NumericOp, sources: readonly Source[], reader: Reader): SsaFunction {
  const results = reader === "kept" ? [op.result, ...op.params] : [reader === "value" ? op.result : Type.i32];
  const f = new SsaFunction(op.name, 0, results);
  const b = f.newBlock();
  const base = f.addParam(entryBlock, Type.ptr);
  const index = f.addParam(entryBlock, Type.i32);
  const params = op.params.map((type) => f.addParam(entryBlock, type));
  const operands: Value[] = [];
  sources.forEach((source, k) => {
    const type = op.params[k]!;
    if (source === "param") operands.push(params[k]!);
    else if (source === "same") operands.push(operands[k - 1]!);
    else if (source === "load") operands.push(f.append(b, Op.load, type, base, index, 0, loadOffset(k)));
    else operands.push(f.append(b, Op.const, type, 0, 0, 0, Number(BigInt.asIntN(32, source)), high(source)));
  });
  const v = f.append(b, op.op, op.result, operands[0], operands[1] ?? 0);
  finish(f, b, v, operands, reader);
  return f;
}

const high = (bits: bigint): number => Number(BigInt.asIntN(32, bits >> 32n));

/** Uses `v`; the comparison's readers give 1 where the value isn't zero. */
function finish(f: SsaFunction, b: Block, v: Value, operands: readonly Value[], reader: Reader): void {
  const constant = (n: number): Value => f.append(b, Op.const, Type.i32, 0, 0, 0, n);
  const give = (block: Block, list: readonly Value[]): void =>
    void f.append(block, Op.return, Type.none, 0, f.addList(list), list.length);
  switch (reader) {
    case "value":
      give(b, [v]);
      return;
    case "kept":
      give(b, [v, ...operands]);
      return;
    case "select":
      give(b, [f.append(b, Op.select, Type.i32, v, constant(1), constant(0))]);
      return;
    case "inverted":
      give(b, [f.append(b, Op.select, Type.i32, f.append(b, Op.eqz, Type.i32, v), constant(0), constant(1))]);
      return;
    case "trapif":
      f.append(b, Op.trapif, Type.none, v, 0, 0, TrapKind.undefinedElement);
      give(b, [constant(0)]);
      return;
    case "branch": {
      const [yes, no] = [f.newBlock(), f.newBlock()];
      const edge = f.addEdge(b, yes);
      f.addEdge(b, no);
      f.append(b, Op.brif, Type.none, v, 0, 0, edge, 2);
      give(yes, [f.append(yes, Op.const, Type.i32, 0, 0, 0, 1)]);
      give(no, [f.append(no, Op.const, Type.i32, 0, 0, 0, 0)]);
      return;
    }
  }
}

/** What the function must come to, from what the instruction comes to. */
function isExpected(op: NumericOp, args: readonly bigint[], reader: Reader, got: Outcome): boolean {
  const expected = reference(op, args);
  if (typeof expected === "string") {
    if (expected !== "float") return got === expected;
    const invalid = isNaNBits(op.params[0]!, args[0]!);
    return got === (invalid ? "invalidConversion" : "conversionOverflow");
  }
  if (reader === "trapif" && expected !== 0n) return got === "undefinedElement";
  if (typeof got === "string") return false;
  if (reader !== "value" && reader !== "kept") {
    return got[0] === (reader === "trapif" ? 0n : expected === 0n ? 0n : 1n);
  }
  if (reader === "kept" && args.some((bits, k) => got[1 + k] !== bits)) return false;
  if (!op.exactBits && isNaNBits(op.result, expected)) return isQuietNaN(op.result, got[0]!);
  return got[0] === expected;
}

const hex = (bits: Outcome): string =>
  typeof bits === "string" ? bits : bits.map((b) => b.toString(16)).join(",");
const text = (result: bigint | string): string => (typeof result === "string" ? result : result.toString(16));

/** Runs a shape over pairs of edge values; returns the first difference. */
function tryShape(
  executor: Executor,
  op: NumericOp,
  sources: readonly Source[],
  reader: Reader,
  options: RunOptions,
): string | null {
  const compiled: Compiled = executor.compile(build(op, sources, reader), options);
  const choices = sources.map((source, k) => {
    if (typeof source === "bigint") return [source];
    return source === "same" ? [0n] : edgeValues[op.params[k]!]!;
  });
  for (const first of choices[0]!) {
    for (const second of choices[1] ?? [0n]) {
      const args = [first, second].slice(0, op.params.length);
      if (sources[1] === "same") args[1] = first;
      for (const [k, bits] of args.entries()) executor.memory.setBigUint64(loadOffset(k) + 4, bits, true);
      const got = executor.call(compiled, [4n, ...args]);
      if (isExpected(op, args, reader, got)) continue;
      const shape = sources.map(String).join(", ");
      return `${op.name}(${shape}) ${reader} of ${hex(args)}: ${hex(got)}, not ${text(reference(op, args))}`;
    }
  }
  return null;
}

const isComparison = (op: NumericOp): boolean => op.result === Type.i32 && op.op >= Op.eqz && op.op <= Op.fge;

function shapes(op: NumericOp): Source[][] {
  const constants = (k: number): readonly bigint[] => edgeValues[op.params[k]!]!;
  if (op.params.length === 1)
    return [
      ["param"],
      ["load"],
      ...constants(0)
        .slice(0, 4)
        .map((c): Source[] => [c]),
    ];
  return [
    ["param", "param"],
    ["param", "load"],
    ["load", "param"],
    ["load", "load"],
    ["param", "same"],
    ["load", "same"],
    ...constants(1).flatMap((c): Source[][] => [
      ["param", c],
      ["load", c],
    ]),
    ...constants(0).map((c): Source[] => [c, "param"]),
  ];
}

function readers(op: NumericOp): Reader[] {
  if (isComparison(op)) return ["value", "branch", "select", "trapif", "inverted"];
  const traps = (opFlags[op.op]! & OpFlag.trap) !== 0;
  const isInt = op.result === Type.i32 && !traps;
  return isInt ? ["value", "kept", "branch", "select"] : ["value", "kept"];
}

const groups = new Map<string, NumericOp[]>();
for (const op of numericOps) {
  const key = op.name.split(".")[0]!;
  groups.set(key, [...(groups.get(key) ?? []), op]);
}

test("every numeric instruction of the opcode table is tried", (t) => {
  // 2 * 29 integer ones, 2 * 20 float ones, 25 conversions, 5 sign extensions, 8 saturating conversions.
  t.is(numericOps.length, 136);
});

for (const [type, ops] of groups) {
  test(`${type}: ${ops.length} ops in all shapes`, (t) => {
    const executor = new Executor();
    for (const op of ops) {
      for (const sources of shapes(op)) {
        for (const reader of readers(op)) {
          for (const options of settings) {
            const difference = tryShape(executor, op, sources, reader, options);
            if (difference !== null) t.fail(difference);
          }
        }
      }
    }
    t.pass();
  });
}
