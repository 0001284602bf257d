/**
 * A plugin's export as a function of JavaScript values: arguments into memory that the plugin allocates, results
 * out of it and given back.
 *
 * Arguments belong to the plugin once it is called, so whatever the call does then, the host frees none of them.
 */
import type { ExportedFunction, Guest } from "../abi/abi.js";
import type { FunctionSignature } from "../declare/signature.js";
import { BackplaneError } from "../errors.js";
import { type Crossings, crossingsOf } from "./crossing.js";
import { withinAllocatorTime } from "./limits.js";
import type { PluginMemory } from "./memory.js";
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
  return crossings.params.length <= 1 ? shortCall(target) : generalCall(target);
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

function shortCall({ call, memory, crossings, parameterPaths, finish, enter }: ExportTarget): BoundExport {
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
