/** Writes binary modules for tests: bytes as they stand in the file, with sizes and counts filled in. */
import { FUNCREF } from "../support/wasm-bytes.js";

export { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128 } from "../support/wasm-bytes.js";

export type Bytes = number | readonly Bytes[] | Uint8Array;

/** Everything in one row of bytes. */
export function flat(...parts: readonly Bytes[]): number[] {
  const out: number[] = [];
  append(out, parts);
  return out;
}

function append(out: number[], parts: readonly Bytes[] | Uint8Array): void {
  for (const part of parts) {
    if (typeof part === "number") out.push(part);
    else append(out, part);
  }
}

/** An unsigned LEB128 integer. */
export function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const more = rest >= 0x80;
    out.push((rest % 0x80) | (more ? 0x80 : 0));
    rest = Math.floor(rest / 0x80);
  } while (rest > 0);
  return out;
}

/** A name, or any bytes, behind their length. */
export function sized(content: string | readonly Bytes[]): number[] {
  const bytes = typeof content === "string" ? [...new TextEncoder().encode(content)] : flat(content);
  return flat(leb(bytes.length), bytes);
}

/** A vector: a count and the items. */
export function vec(...items: readonly Bytes[]): number[] {
  return flat(leb(items.length), ...items);
}

export function section(id: number, ...content: readonly Bytes[]): number[] {
  return flat(id, sized(content));
}

export const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

export function moduleBytes(...sections: readonly Bytes[]): Uint8Array {
  return Uint8Array.from(flat(header, ...sections));
}

/** Hexadecimal text: "20 00 0b". */
export function hex(text: string): number[] {
  return text
    .split(/\s+/)
    .filter((byte) => byte !== "")
    .map((byte) => Number.parseInt(byte, 16));
}

export function funcType(params: readonly number[] = [], results: readonly number[] = []): number[] {
  return flat(0x60, vec(...params), vec(...results));
}

export interface FunctionParts {
  readonly params?: readonly number[];
  readonly results?: readonly number[];
  /** Runs of locals, each a count and a type. */
  readonly locals?: readonly Bytes[];
  /** Further types, from index 1 on. */
  readonly types?: readonly Bytes[];
  /** Sections that stand between the function section and the code section. */
  readonly before?: readonly Bytes[];
  /** And those behind the code section. */
  readonly after?: readonly Bytes[];
}

/** A module of one function; `code` is hexadecimal or bytes, its last `end` included. */
export function functionModule(code: string | readonly Bytes[], parts: FunctionParts = {}): Uint8Array {
  const { params = [], results = [], locals = [], types = [], before = [], after = [] } = parts;
  const instructions = typeof code === "string" ? hex(code) : code;
  return moduleBytes(
    section(1, vec(funcType(params, results), ...types)),
    section(3, vec(0)),
    ...before,
    section(10, vec(sized([vec(...locals), instructions]))),
    ...after,
  );
}

export const oneMemory = section(5, vec([0, 1]));
export const oneTable = section(4, vec([FUNCREF, 0, 1]));

interface NodeWebAssembly {
  validate(bytes: Uint8Array): boolean;
}

/** Whether Node's own engine finds a module valid. */
export function nodeAccepts(bytes: Uint8Array): boolean {
  return (globalThis as unknown as { WebAssembly: NodeWebAssembly }).WebAssembly.validate(bytes);
}
