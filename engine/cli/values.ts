/**
 * Wasm values as text: arguments from the command line, and results as other WebAssembly command lines print them
 * (integers signed, floats in the shortest form that reads back, `inf` and `NaN`).
 */
import { ValType, valTypeName } from "../wasm/index.js";
import { CliError } from "./errors.js";
import { printable } from "./text.js";

export type WasmValue = number | bigint | null;

const integerText = /^([+-]?)(0x[0-9a-f]+|\d+)$/i;
const decimalText = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const specialText = /^([+-]?)(inf|infinity|nan)$/i;

/**
 * Reads the argument for a parameter. Integers may be written signed or unsigned: from -(2**31) to 2**32 - 1 for i32.
 *
 * @param position of the parameter, from 0; for messages
 * @throws {CliError}
 * @example
 * parseArgument("0xff", ValType.i32, 0); // 255
 */
export function parseArgument(text: string, type: ValType, position: number): WasmValue {
  const value = readValue(text, type);
  if (value !== undefined) return value;
  const what = `argument ${position + 1}, "${printable(text)}"`;
  if (type === ValType.v128) throw new CliError(`${what}: a v128 can't be passed on the command line`);
  throw new CliError(`${what}: expected ${expected(type)}`);
}

function readValue(text: string, type: ValType): WasmValue | undefined {
  switch (type) {
    case ValType.i32: {
      const value = readInteger(text, 32n);
      return value === undefined ? undefined : Number(value);
    }
    case ValType.i64:
      return readInteger(text, 64n);
    case ValType.f32:
    case ValType.f64:
      return readFloat(text);
    case ValType.funcref:
    case ValType.externref:
      return text === "null" ? null : undefined;
    default:
      return undefined;
  }
}

function expected(type: ValType): string {
  switch (type) {
    case ValType.i32:
      return "an i32 (decimal or 0x hexadecimal, -2147483648 to 4294967295)";
    case ValType.i64:
      return "an i64 (decimal or 0x hexadecimal, -9223372036854775808 to 18446744073709551615)";
    case ValType.f32:
    case ValType.f64:
      return `an ${valTypeName(type)} (decimal, inf or nan)`;
    default:
      return `null, the only ${valTypeName(type)} that the command line can pass`;
  }
}

function readInteger(text: string, bits: bigint): bigint | undefined {
  const match = integerText.exec(text);
  if (match === null) return undefined;
  const magnitude = BigInt(match[2]);
  const value = match[1] === "-" ? -magnitude : magnitude;
  return value < -(1n << (bits - 1n)) || value >= 1n << bits ? undefined : value;
}

function readFloat(text: string): number | undefined {
  if (decimalText.test(text)) return Number(text);
  const match = specialText.exec(text);
  if (match === null) return undefined;
  if (match[2].toLowerCase() === "nan") return Number.NaN;
  return match[1] === "-" ? -Infinity : Infinity;
}

/** A result as a line's text. */
export function formatResult(value: unknown, type: ValType): string {
  switch (type) {
    case ValType.f32:
      return formatFloat(value as number, shortestFloat32);
    case ValType.f64:
      return formatFloat(value as number, String);
    case ValType.funcref:
    case ValType.externref:
      return value === null ? `<null ${valTypeName(type)}>` : `<${valTypeName(type)}>`;
    default:
      return String(value);
  }
}

function formatFloat(value: number, finite: (value: number) => string): string {
  if (Object.is(value, -0)) return "-0";
  if (value === Infinity) return "inf";
  return value === -Infinity ? "-inf" : finite(value);
}

/** Nine digits tell any two f32 values apart. */
function shortestFloat32(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}
