/**
 * MachineCode as bytes and back. All integers are little endian; every part begins at a multiple of 4.
 *
 * Bytes: the numbers in the order of `numbers`, 4 bytes each; then for `bytes` and each table in the order of `tables` its
 * length in elements, 4 bytes, and its elements, 1 or 4 bytes each.
 */
import type { MachineCode } from "./machine-code.js";

const numbers = ["codeSize", "frameSize", "returnOffset", "bodyOffset"] as const;
const tables = [
  ["bytes", Uint8Array],
  ["relocationOffset", Int32Array],
  ["relocationKind", Uint8Array],
  ["relocationSymbol", Int32Array],
  ["siteOffset", Int32Array],
  ["siteKind", Uint8Array],
  ["siteTrap", Uint8Array],
  ["siteSource", Int32Array],
  ["siteMap", Int32Array],
  ["mapStart", Int32Array],
  ["mapWord", Int32Array],
] as const;

/** Fails to compile when a field of MachineCode is missing above. */
type Field = (typeof numbers)[number] | (typeof tables)[number][0];
const complete: Exclude<keyof MachineCode, Field> extends never ? true : never = true;

const aligned = (size: number): number => (size + 3) & ~3;

/** A function's code as bytes, a multiple of 4. */
export function writeMachineCode(code: MachineCode): Uint8Array {
  const size = tables.reduce((sum, [name]) => sum + 4 + aligned(code[name].byteLength), 4 * numbers.length);
  const result = new Uint8Array(complete ? size : 0);
  const view = new DataView(result.buffer);
  let at = 0;
  for (const name of numbers) {
    view.setInt32(at, code[name], true);
    at += 4;
  }
  for (const [name] of tables) {
    const table = code[name];
    view.setUint32(at, table.length, true);
    result.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength), at + 4);
    at += 4 + aligned(table.byteLength);
  }
  return result;
}

/** Reads what `writeMachineCode` wrote; the result shares nothing with `source`. Errors: RangeError where bytes are missing. */
export function readMachineCode(source: Uint8Array): MachineCode {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  // A Buffer's own `slice` copies nothing.
  const bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const code: Record<string, unknown> = {};
  let at = 0;
  for (const name of numbers) {
    code[name] = view.getInt32(at, true);
    at += 4;
  }
  for (const [name, Table] of tables) {
    const length = view.getUint32(at, true);
    const size = length * Table.BYTES_PER_ELEMENT;
    if (at + 4 + size > source.byteLength) throw new RangeError(`machine code ends within its ${name}`);
    code[name] = new Table(bytes.slice(at + 4, at + 4 + size).buffer);
    at += 4 + aligned(size);
  }
  return code as unknown as MachineCode;
}
