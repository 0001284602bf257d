/**
 * A guest made on the spot: a module whose exports pass their arguments on to imports of the same signature, as a
 * plugin's author would have to. By it a function of TypeScript stands for a plugin's export, and a test can call a
 * host function, both through all of the marshalling.
 *
 * Ownership is that of `docs/abi.md`: arguments belong to the guest, which gives them back after the import has
 * returned; a result of the import's is handed on, and its memory is the host's to free.
 *
 * Source of the encoding: WebAssembly specification 2.0, chapter "Binary Format".
 */
import {
  type CoreSignature,
  coreSignature,
  type FunctionSignature,
  isReference,
} from "../declare/signature.js";

export interface Forwarder {
  readonly export: string;
  readonly module: string;
  readonly import: string;
  readonly signature: FunctionSignature;
}

const valueTypes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, funcref: 0x70, externref: 0x6f } as const;
const functionKind = 0;
const memoryKind = 2;
const op = {
  if: 0x04,
  end: 0x0b,
  return: 0x0f,
  call: 0x10,
  getLocal: 0x20,
  setLocal: 0x21,
  teeLocal: 0x22,
} as const;
const getGlobal = 0x23;
const setGlobal = 0x24;
const i32Const = 0x41;
const noResult = 0x40;
/** Where the arena begins: not at 0, which is null. */
const bottom = 8;
const top = 0;
const used = 1;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value !== 0);
  return bytes;
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)]);
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized(vector(items))];
}

function functionType({ params, results }: CoreSignature): number[] {
  const types = (list: CoreSignature["params"]): number[] => sized(list.map((type) => valueTypes[type]));
  return [0x60, ...types(params), ...types(results)];
}

/** A body with a number of i32 locals beside its parameters. */
function body(locals: number, code: readonly number[]): number[] {
  const declared = locals === 0 ? [] : [[...unsigned(locals), valueTypes.i32]];
  return sized([...vector(declared), ...code, op.end]);
}

const allocType: CoreSignature = { params: ["i32"], results: ["i32"] };
const freeType: CoreSignature = { params: ["i32", "i32"], results: [] };

/** Memory from the bottom up, as much as can be had; all of it is free again when nothing is in use. */
const allocBody = body(2, [
  ...[getGlobal, used, 0x45, op.if, noResult, i32Const, bottom, setGlobal, top, op.end],
  ...[getGlobal, top, op.setLocal, 1],
  // Pages that are missing: (pointer + size + 65535 >>> 16) - memory.size.
  ...[op.getLocal, 1, op.getLocal, 0, 0x6a, i32Const, 0xff, 0xff, 0x03, 0x6a, i32Const, 16, 0x76],
  ...[0x3f, 0, 0x6b, op.teeLocal, 2, i32Const, 0, 0x4a, op.if, noResult],
  ...[op.getLocal, 2, 0x40, 0, i32Const, 0x7f, 0x46, op.if, noResult, i32Const, 0, op.return, op.end, op.end],
  ...[op.getLocal, 1, op.getLocal, 0, 0x6a, setGlobal, top],
  ...[getGlobal, used, i32Const, 1, 0x6a, setGlobal, used, op.getLocal, 1],
]);

const freeBody = body(0, [
  ...[op.getLocal, 0, op.if, noResult, getGlobal, used, i32Const, 1, 0x6b, setGlobal, used, op.end],
]);

/** Calls the import with the parameters, then frees those that are in memory; the results stay on the stack. */
function forwarderBody(signature: FunctionSignature, importIndex: number, free: number): number[] {
  const code: number[] = [];
  const release: number[] = [];
  let local = 0;
  for (const type of signature.params) {
    const first = unsigned(local++);
    code.push(op.getLocal, ...first);
    if (!isReference(type)) continue;
    const second = unsigned(local++);
    code.push(op.getLocal, ...second);
    release.push(op.getLocal, ...first, op.getLocal, ...second, op.call, ...unsigned(free));
  }
  // An import that may fail gets no place for the error: it ends the call.
  if (signature.throws) code.push(i32Const, 0);
  return body(0, [...code, op.call, ...unsigned(importIndex), ...release]);
}

/** The module's bytes. */
export function forwardingModule(forwarders: readonly Forwarder[]): Uint8Array {
  const count = forwarders.length;
  const free = count + 1;
  const imported = forwarders.map(({ signature }) => coreSignature(signature));
  const exported = forwarders.map(({ signature }) => coreSignature({ ...signature, throws: false }));
  const types = [...imported, allocType, freeType, ...exported];
  const imports = forwarders.map((forwarder, i) => [
    ...text(forwarder.module),
    ...text(forwarder.import),
    functionKind,
    ...unsigned(i),
  ]);
  const functions = [...forwarders.keys(), count, count + 1].map((_, i) => unsigned(count + i));
  const globals = [bottom, 0].map((value) => [valueTypes.i32, 1, i32Const, value, op.end]);
  const exports = [
    [...text("memory"), memoryKind, 0],
    [...text("backplane_alloc"), functionKind, ...unsigned(count)],
    [...text("backplane_free"), functionKind, ...unsigned(free)],
    ...forwarders.map((forwarder, i) => [
      ...text(forwarder.export),
      functionKind,
      ...unsigned(count + 2 + i),
    ]),
  ];
  const bodies = forwarders.map(({ signature }, i) => forwarderBody(signature, i, free));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types.map(functionType)),
    ...section(2, imports),
    ...section(3, functions),
    ...section(5, [[0, 1]]),
    ...section(6, globals),
    ...section(7, exports),
    ...section(10, [allocBody, freeBody, ...bodies]),
  ]);
}
