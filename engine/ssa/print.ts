/**
 * SSA function -> text, for dumps and golden tests; `parse.ts` reads it back, and printing that again gives
 * the same text.
 *
 *     func 3 "name" -> i32 {
 *     b0(v1:ptr, v2:i32):
 *       v3:i32 = const 5
 *       v4:i32 = add v2, v3
 *       v5:i32 = load v1, v4 +8
 *       brif v5, b1(v4), b2
 *
 * A value is named by its row number. After the operands come the immediates, in a form that their shape
 * decides (see `immediateText`); `@0x1e` at the end is the Wasm byte offset. Removed blocks aren't shown.
 */
import { builtins } from "../runtime/layout.js";
import type { Block, SsaFunction, Value } from "./function.js";
import { AliasClass, Op, opArity, opIsList, opNames, opRows, Type, trapNames, typeNames } from "./ops.js";
import { shapeNames } from "./shapes.js";

export const aliasNames = Object.keys(AliasClass) as readonly (keyof typeof AliasClass)[];

const scratch = new DataView(new ArrayBuffer(8));

/** Bits of a constant as text: integers in signed decimal, floats in the shortest form that reads back. */
export function constantText(type: Type, lo: number, hi: number): string {
  if (type === Type.i32) return String(lo | 0);
  if (type === Type.f32) return floatText(floatFromBits32(lo), `0x${(lo >>> 0).toString(16)}`);
  scratch.setInt32(0, lo, true);
  scratch.setInt32(4, hi, true);
  if (type !== Type.f64) return String(scratch.getBigInt64(0, true));
  return floatText(scratch.getFloat64(0, true), `0x${scratch.getBigUint64(0, true).toString(16)}`);
}

/** The 16 bytes of a vector of the function as one number, lane 0 lowest. */
function vectorText(func: SsaFunction, number: number): string {
  let text = "0x";
  for (let w = 3; w >= 0; w--) text += (func.vectors[4 * number + w]! >>> 0).toString(16).padStart(8, "0");
  return text;
}

function floatFromBits32(bits: number): number {
  scratch.setInt32(0, bits, true);
  return scratch.getFloat32(0, true);
}

function floatText(x: number, bits: string): string {
  if (Number.isNaN(x)) return `nan:${bits}`;
  if (Object.is(x, -0)) return "-0";
  if (x === Infinity) return "inf";
  return x === -Infinity ? "-inf" : String(x);
}

function signed(n: number): string {
  return n < 0 ? `-${-n}` : `+${n}`;
}

/** The immediates of a row, with a leading space, or "". Terminators' edges are printed by `edgesText`. */
function immediateText(func: SsaFunction, v: Value): string {
  const op = func.op[v]!;
  const lo = func.lo[v]!;
  const hi = func.hi[v]!;
  switch (opRows[op]!.immediate) {
    case "none":
    case "edges":
      return "";
    case "const":
      if (op !== Op.const) return ` << ${lo}`;
      return ` ${func.type[v] === Type.v128 ? vectorText(func, lo) : constantText(func.type[v] as Type, lo, hi)}`;
    case "offset":
      return lo === 0 ? "" : ` +${lo >>> 0}`;
    case "check":
      return ` +${(lo >>> 0) + hi * 2 ** 32}`;
    case "field":
      return op === Op.offset ? ` ${signed(lo)}` : ` ${signed(lo)} ${aliasNames[hi] ?? `class${hi}`}`;
    case "function":
      return ` f${lo} s${hi}`;
    case "signature":
      return ` s${hi}`;
    case "symbol":
      return ` s${lo}`;
    case "builtin":
      return ` ${builtins[lo]?.name ?? `builtin${lo}`}`;
    case "trap":
      return ` ${trapNames[lo] ?? `trap${lo}`}`;
    case "slot":
      return ` $${lo}`;
    case "index":
      return ` #${lo}`;
    case "shape":
      return ` ${shapeNames[hi] ?? `shape${hi}`}`;
    case "lane":
      return ` ${shapeNames[hi] ?? `shape${hi}`} ${lo}`;
    case "lanes":
      return ` ${vectorText(func, lo)}`;
  }
}

function operandsText(func: SsaFunction, v: Value): string {
  const op = func.op[v]!;
  const arity = opArity[op]!;
  const fixed: string[] = [];
  for (let i = 0; i < arity; i++) fixed.push(`v${func.operand(v, i)}`);
  let text = fixed.length === 0 ? "" : ` ${fixed.join(", ")}`;
  if (opIsList[op]) {
    const list: string[] = [];
    for (let i = arity; i < func.operandCount(v); i++) list.push(`v${func.operand(v, i)}`);
    if (arity > 0) text += `(${list.join(", ")})`;
    else if (list.length > 0) text += ` ${list.join(", ")}`;
  }
  return text;
}

function edgesText(func: SsaFunction, block: Block): string {
  const parts: string[] = [];
  for (let i = 0; i < func.successorCount(block); i++) {
    const e = func.successorEdge(block, i);
    const args: string[] = [];
    for (let k = 0; k < func.edgeArgsCount[e]!; k++) args.push(`v${func.edgeArg(e, k)}`);
    parts.push(`b${func.edgeTarget[e]}${args.length === 0 ? "" : `(${args.join(", ")})`}`);
  }
  return parts.join(", ");
}

/** One row as a line of text, without indentation. */
export function printRow(func: SsaFunction, v: Value): string {
  const op = func.op[v]!;
  const type = func.type[v]!;
  let text = type === Type.none ? "" : `v${v}:${typeNames[type] ?? `type${type}`} = `;
  text += (opNames[op] ?? `op${op}`) + operandsText(func, v) + immediateText(func, v);
  if (op === Op.jump || op === Op.brif || op === Op.brtable) {
    text += (op === Op.jump ? " " : ", ") + edgesText(func, func.blockOf[v] as Block);
  }
  if (func.source[v]! >= 0) text += ` @0x${func.source[v]!.toString(16)}`;
  return text;
}

/** The whole function as text, ending in a line feed. */
export function printFunction(func: SsaFunction): string {
  const lines: string[] = [];
  const results = func.results.map((t) => typeNames[t]).join(", ");
  lines.push(`func ${func.index} ${JSON.stringify(func.name)}${results === "" ? "" : ` -> ${results}`} {`);
  if (func.slotTypes.length > 0) lines.push(`  slots ${func.slotTypes.map((t) => typeNames[t]).join(", ")}`);
  for (let b = 0; b < func.blockCount; b++) {
    if (func.isRemoved(b as Block)) continue;
    const params = func.params[b]!.map((p) => `v${p}:${typeNames[func.type[p]!]}`).join(", ");
    lines.push(`b${b}${params === "" ? "" : `(${params})`}:`);
    for (let v = func.firstRow[b]!; v !== -1; v = func.next[v]!)
      lines.push(`  ${printRow(func, v as Value)}`);
  }
  lines.push("}");
  return `${lines.join("\n")}\n`;
}
