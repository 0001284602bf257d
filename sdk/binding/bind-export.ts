/**
 * A plugin's export as a function of JavaScript values: arguments into memory that the plugin allocates, results
 * out of it and given back.
 *
 * Arguments belong to the plugin once it is called, so whatever the call does then, the host frees none of them.
 */
import type { ExportedFunction, Guest } from "../abi/abi.js";
import type { FunctionSignature } from "../declare/signature.js";
import { BackplaneError } from "../errors.js";
import { type Crossing, type Crossings, crossingsOf } from "./crossing.js";
import { withinAllocatorTime } from "./limits.js";
import type { PluginMemory } from "./memory.js";
import type { Reference } from "./references.js";
import { ShortCalls } from "./short-call.js";
import { putArguments, takeResults } from "./together.js";

/** Takes and gives what the signature says; a promise of it if the plugin's host functions may wait. */
export type BoundExport = (...args: unknown[]) => unknown;

/** An instance with its memory. */
export interface BindableInstance {
  readonly guest: Guest;
  readonly memory: PluginMemory;
}

/**
 * Errors: BackplaneError EXPORT_NOT_FOUND, or EXPORT_MISMATCH for a signature that `throws`. Its calls: MarshalError for a value that
 * can't cross; what the plugin's functions throw, unchanged.
 *
 * @example
 * bindExport(instance, "greet", fn(["string"], "string"))("Ada") // "Hello, Ada!"
 */
export function bindExport(
  { guest, memory }: BindableInstance,
  name: string,
  signature: FunctionSignature,
): BoundExport {
  const path = `${memory.plugin}: export ${name}`;
  if (signature.throws) {
    throw new BackplaneError("EXPORT_MISMATCH", `${path}: \`throws\` is for host functions`);
  }
  const call = guest.function(name);
  if (call === undefined) throw new BackplaneError("EXPORT_NOT_FOUND", `${path}: there is no such function`);
  const crossings = crossingsOf(signature);
  const target: ExportTarget = {
    call,
    memory,
    crossings,
    path,
    parameterPaths: crossings.params.map((_, i) => `${path}: argument ${i + 1}`),
    finish: resultReader(memory, crossings, path),
    enter: () => guest.enter(),
  };
  const { params, results } = crossings;
  if (params.length > 1) return generalCall(target);
  const [first] = params;
  const isExchange = first?.reference !== undefined && results.length === 1;
  if (!isExchange || results[0].reference === undefined) return callOfOne(target);
  return exchange(target, first, results[0], new ShortCalls(guest, memory, name, path));
}

interface ExportTarget {
  readonly call: ExportedFunction;
  readonly memory: PluginMemory;
  readonly crossings: Crossings;
  readonly path: string;
  readonly parameterPaths: readonly string[];
  readonly finish: (raw: unknown) => unknown;
  /** The guest runs from now on, if only its allocator. */
  readonly enter: () => void;
}

function resultReader(memory: PluginMemory, { results }: Crossings, path: string): (raw: unknown) => unknown {
  const [only] = results;
  const where = `${path}: result`;
  const read = (raw: unknown): unknown => only.fromResult(memory, raw, where);
  const paths = results.map((_, i) => `${where} ${i + 1}`);
  const readAll = (raw: unknown): unknown => takeResults(memory, results, raw as unknown[], paths);
  const convert = results.length === 0 ? () => undefined : results.length === 1 ? read : readAll;
  return (raw) => {
    if (!(raw instanceof Promise)) return convert(raw);
    return raw.then((value) => withinAllocatorTime(memory, () => convert(value)));
  };
}

/** Text or bytes in and out. */
function exchange(
  { call, memory, parameterPaths, finish, enter, path }: ExportTarget,
  param: Crossing,
  result: Crossing,
  short: ShortCalls,
): BoundExport {
  const [where] = parameterPaths;
  const from = param.reference as Reference;
  const to = result.reference as Reference;
  const resultPath = `${path}: result`;
  return (value) => {
    enter();
    if (value === null && from.optional) return finish(call(0, 0));
    const data = from.encode(value, where);
    const given = short.run(data, to.binary);
    if (typeof given === "bigint") return finish(given);
    if (given !== undefined) return to.decode(given, resultPath);
    const pointer = memory.putData(data, where);
    return finish(call(pointer, memory.putSize));
  };
}

function callOfOne({ call, memory, crossings, parameterPaths, finish, enter }: ExportTarget): BoundExport {
  const [first] = crossings.params;
  const [where] = parameterPaths;
  if (first === undefined) return () => finish(call());
  if (first.width === 1) return (value) => finish(call(first.toParameter(memory, value, where)));
  return (value) => {
    enter();
    const pointer = first.toParameter(memory, value, where);
    return finish(call(pointer, memory.putSize));
  };
}

function generalCall(target: ExportTarget): BoundExport {
  const { call, memory, crossings, parameterPaths, finish, enter } = target;
  return (...args) => {
    enter();
    return finish(call(...putArguments(memory, crossings.params, args, parameterPaths)));
  };
}
