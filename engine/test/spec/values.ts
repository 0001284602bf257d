/**
 * Arguments and expected results of scripts.
 *
 * In: `(i32.const 1)`, `(f64.const nan:canonical)`, `(v128.const i32x4 1 2 3 4)`, `(ref.extern 1)`, ... Out:
 * `Cell`s: every value as it crosses the boundary to JavaScript bit for bit (see `exact-call.ts`): a number as
 * an unsigned bigint of its width, a vector as its 128 bits, a reference as itself.
 */

import { floatBits, integerBits, isArithmeticNan, isCanonicalNan } from "./literals.js";
import { isList, type SList, type SNode } from "./read-script.js";

/** Bits of a number or vector, or a reference. */
export type Cell = bigint | object | null;

/** Answers what is wrong with `actual`, or `undefined` if it is as expected. */
export type Expectation = (actual: Cell) => string | undefined;

/** Host objects behind `(ref.extern n)`: the same object for the same number. */
const hostObjects = new Map<string, object>();

function hostObject(id: string): object {
  let object = hostObjects.get(id);
  if (object === undefined) {
    object = { extern: id };
    hostObjects.set(id, object);
  }
  return object;
}

const laneWidths: { readonly [shape: string]: 8 | 16 | 32 | 64 } = {
  i8x16: 8,
  i16x8: 16,
  i32x4: 32,
  i64x2: 64,
  f32x4: 32,
  f64x2: 64,
};

function atom(node: SNode | undefined): string {
  if (typeof node !== "string") throw new SyntaxError("a literal is missing");
  return node;
}

function laneBits(shape: string, text: string): bigint {
  const width = laneWidths[shape];
  if (width === undefined) throw new SyntaxError(`vector shape ${shape}`);
  return shape.startsWith("f") ? floatBits(text, width as 32 | 64) : integerBits(text, width);
}

function vectorBits(items: readonly SNode[]): bigint {
  const shape = atom(items[1]);
  const width = laneWidths[shape] ?? 8;
  let bits = 0n;
  for (let lane = items.length - 1; lane >= 2; lane--) {
    bits = (bits << BigInt(width)) | laneBits(shape, atom(items[lane]));
  }
  return bits;
}

/** The value of an argument. */
export function argumentCell(node: SNode): Cell {
  if (!isList(node)) throw new SyntaxError("an argument is not a list");
  const literal = node.items[1];
  switch (node.items[0]) {
    case "i32.const":
      return integerBits(atom(literal), 32);
    case "i64.const":
      return integerBits(atom(literal), 64);
    case "f32.const":
      return floatBits(atom(literal), 32);
    case "f64.const":
      return floatBits(atom(literal), 64);
    case "v128.const":
      return vectorBits(node.items);
    case "ref.null":
      return null;
    case "ref.extern":
    case "ref.host":
      return hostObject(atom(literal));
  }
  throw new SyntaxError(`line ${node.line}: argument ${String(node.items[0])}`);
}

function shown(cell: Cell): string {
  if (typeof cell === "bigint") return `0x${cell.toString(16)}`;
  return cell === null ? "null" : typeof cell === "function" ? "a function" : JSON.stringify(cell);
}

function expectSame(expected: Cell): Expectation {
  return (actual) => (actual === expected ? undefined : `got ${shown(actual)}, expected ${shown(expected)}`);
}

function expectFloat(text: string, width: 32 | 64): Expectation {
  if (text !== "nan:canonical" && text !== "nan:arithmetic") return expectSame(floatBits(text, width));
  const matches = text === "nan:canonical" ? isCanonicalNan : isArithmeticNan;
  return (actual) =>
    typeof actual === "bigint" && matches(actual, width)
      ? undefined
      : `got ${shown(actual)}, expected ${text}`;
}

function expectVector(list: SList): Expectation {
  const shape = atom(list.items[1]);
  const width = laneWidths[shape] ?? 8;
  const lanes = list.items.slice(2).map((node) => {
    const text = atom(node);
    return shape.startsWith("f") ? expectFloat(text, width as 32 | 64) : expectSame(laneBits(shape, text));
  });
  return (actual) => {
    if (typeof actual !== "bigint") return `got ${shown(actual)}, expected a vector`;
    for (let lane = 0; lane < lanes.length; lane++) {
      const bits = BigInt.asUintN(width, actual >> BigInt(lane * width));
      const wrong = lanes[lane]?.(bits);
      if (wrong !== undefined) return `lane ${lane}: ${wrong}`;
    }
    return undefined;
  };
}

/** What a result must be. */
export function expectation(node: SNode): Expectation {
  if (!isList(node)) throw new SyntaxError("a result is not a list");
  const [head, literal] = node.items;
  switch (head) {
    case "f32.const":
      return expectFloat(atom(literal), 32);
    case "f64.const":
      return expectFloat(atom(literal), 64);
    case "v128.const":
      return expectVector(node);
    case "ref.func":
      return (actual) =>
        typeof actual === "function" ? undefined : `got ${shown(actual)}, expected a function`;
    case "ref.extern":
      if (literal !== undefined) break;
      return (actual) => (actual !== null ? undefined : "got null, expected a host reference");
    case "either": {
      const choices = node.items.slice(1).map(expectation);
      return (actual) =>
        choices.some((choice) => choice(actual) === undefined)
          ? undefined
          : `got ${shown(actual)}, not one of those`;
    }
  }
  return expectSame(argumentCell(node));
}
