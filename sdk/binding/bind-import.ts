/**
 * A host method as an import: core values in, the method's arguments made of them, its result as core values again.
 *
 * Signatures of up to three parameters have functions written out, since a call through a list of arguments costs
 * more than most methods do; all others, and methods that wait, throw into the guest or take a context, go the
 * general way. A method that waits is a `Suspending` import: its caller is parked until the promise settles, or until
 * the call that reached it is aborted.
 *
 * What the method throws is the cause of a HostError, or with `throws` the guest's to handle; values that can't cross
 * are MarshalErrors and end the call in any case.
 */
import { StopCall, Suspending } from "../../engine/index.js";
import { currentFrame } from "../call-frame.js";
import type { FunctionSignature } from "../declare/signature.js";
import { HostError, MarshalError, messageOf } from "../errors.js";
import { type CallingPlugin, HostCallContext } from "./context.js";
import { type Crossings, crossingsOf } from "./crossing.js";
import { withinAllocatorTime } from "./limits.js";
import type { PluginMemory } from "./memory.js";
import { isThenable } from "./references.js";
import { mismatch } from "./scalars.js";
import { wellFormed } from "./text.js";
import { putResults } from "./together.js";

export type HostMethod = (...args: unknown[]) => unknown;
/** As the engine calls it: with core values. */
// biome-ignore lint/suspicious/noExplicitAny: the engine passes what the import's type says
export type ImportFunction = (...core: any[]) => unknown;

/** A host method that a plugin imports. Made once for all instances of the plugin. */
export interface ImportTarget {
  readonly method: HostMethod;
  readonly object: object;
  readonly signature: FunctionSignature;
  readonly crossings: Crossings;
  readonly caller: CallingPlugin;
  /** The beginning of its errors: "greeter: import kv.get (KvHost.get)". */
  readonly path: string;
  /** The same by parameter, and for the results. */
  readonly parameterPaths: readonly string[];
  readonly resultPaths: readonly string[];
  readonly waits: boolean;
  readonly takesContext: boolean;
}

export function importTarget(
  method: HostMethod,
  object: object,
  signature: FunctionSignature,
  caller: CallingPlugin,
  path: string,
): ImportTarget {
  const crossings = crossingsOf(signature);
  const several = crossings.results.length > 1;
  return {
    method,
    object,
    signature,
    crossings,
    caller,
    path,
    parameterPaths: crossings.params.map((_, i) => `${path}: argument ${i + 1}`),
    resultPaths: crossings.results.map((_, i) => (several ? `${path}: result ${i + 1}` : `${path}: result`)),
    waits: bindsAsync(method, signature),
    takesContext: method.length > crossings.params.length,
  };
}

/** Whether a method makes its caller wait. */
export function bindsAsync(method: HostMethod, signature: FunctionSignature): boolean {
  return signature.async || Object.prototype.toString.call(method) === "[object AsyncFunction]";
}

/** The import for one instance, whose memory is attached before the plugin is called. */
export function bindImport(target: ImportTarget, memory: PluginMemory): ImportFunction | Suspending {
  const { signature, crossings, waits, takesContext } = target;
  if (waits) return new Suspending(rated(target, waitingImport(target, memory)));
  const general = signature.throws || takesContext || crossings.params.length > 3;
  return rated(target, general ? generalImport(target, memory) : fastImport(target, memory));
}

/** The same function, counted where the plugin's host calls have a rate. */
function rated({ caller: { hostCalls } }: ImportTarget, call: ImportFunction): ImportFunction {
  if (hostCalls === undefined || !hostCalls.isRated) return call;
  return (...core: unknown[]) => {
    hostCalls.called();
    return call(...core);
  };
}

/** What the call fails with when the method threw `cause`: a trap of the plugin's own passes as it is. */
function thrown({ path }: ImportTarget, memory: PluginMemory, cause: unknown): unknown {
  return memory.isFailure(cause) ? cause : new HostError(`${path}: ${messageOf(cause)}`, { cause });
}

function undeclaredPromise({ path }: ImportTarget, promise: PromiseLike<unknown>): HostError {
  // Nobody will ever look at it.
  promise.then(undefined, () => {});
  const remedy = "write the method as `async`, or declare it with { async: true }";
  return new HostError(`${path}: it returned a promise, which the plugin can't wait for: ${remedy}`);
}

/** From what the method returned to what the guest gets. */
function resultWriter(target: ImportTarget, memory: PluginMemory): (value: unknown) => unknown {
  const { results } = target.crossings;
  if (results.length > 1) return severalResultsWriter(target, memory);
  const [result] = results;
  const [where] = target.resultPaths;
  return (value) => {
    if (typeof value === "object" && value !== null && isThenable(value)) {
      throw undeclaredPromise(target, value);
    }
    return result?.toResult(memory, value, where);
  };
}

function severalResultsWriter(target: ImportTarget, memory: PluginMemory): (value: unknown) => unknown {
  const { results } = target.crossings;
  return (value) => {
    if (isThenable(value)) throw undeclaredPromise(target, value);
    if (!Array.isArray(value)) {
      throw mismatch(`${target.path}: results`, `a list of ${results.length} values`, value);
    }
    if (value.length !== results.length) {
      const text = `expected a list of ${results.length} values, got ${value.length}`;
      throw new MarshalError(`${target.path}: results: ${text}`);
    }
    return putResults(memory, results, value, target.resultPaths);
  };
}

/**
 * Imports without a list of arguments. The method is called in functions of their own for each number of them, since it
 * can tell how many it got.
 */
function fastImport(target: ImportTarget, memory: PluginMemory): ImportFunction {
  const [first, second, third] = target.crossings.params;
  const [where1, where2, where3] = target.parameterPaths;
  const finish = resultWriter(target, memory);
  switch (target.crossings.params.length) {
    case 0: {
      const call = guarded(target, memory, (method, object) => method.call(object));
      return () => finish(call());
    }
    case 1: {
      const call = guarded(target, memory, (method, object, value) => method.call(object, value));
      return (a: number, b: number) => finish(call(first.fromParameter(memory, a, b, where1)));
    }
    case 2: {
      const call = guarded(target, memory, (method, object, x, y) => method.call(object, x, y));
      const wide = first.width === 2;
      return (a: number, b: number, c: number, d: number) => {
        const x = first.fromParameter(memory, a, b, where1);
        const y = second.fromParameter(memory, wide ? c : b, wide ? d : c, where2);
        return finish(call(x, y));
      };
    }
    default: {
      const call = guarded(target, memory, (method, object, x, y, z) => method.call(object, x, y, z));
      const wide = first.width === 2;
      const at = first.width + second.width;
      return (a: number, b: number, c: number, d: number, e: number, f: number) => {
        const x = first.fromParameter(memory, a, b, where1);
        const y = second.fromParameter(memory, wide ? c : b, wide ? d : c, where2);
        const pointer = at === 2 ? c : at === 3 ? d : e;
        const length = at === 2 ? d : at === 3 ? e : f;
        return finish(call(x, y, third.fromParameter(memory, pointer, length, where3)));
      };
    }
  }
}

type MethodCall = (method: HostMethod, object: object, x?: unknown, y?: unknown, z?: unknown) => unknown;

function guarded(
  target: ImportTarget,
  memory: PluginMemory,
  call: MethodCall,
): (x?: unknown, y?: unknown, z?: unknown) => unknown {
  const { method, object } = target;
  return (x, y, z) => {
    try {
      return call(method, object, x, y, z);
    } catch (cause) {
      throw thrown(target, memory, cause);
    }
  };
}

/** The method's arguments, with the context if it takes one. */
function argumentReader(target: ImportTarget, memory: PluginMemory): (core: unknown[]) => unknown[] {
  const { crossings, parameterPaths, takesContext, caller } = target;
  const { params } = crossings;
  return (core) => {
    const args: unknown[] = [];
    let at = 0;
    for (let i = 0; i < params.length; i++) {
      const param = params[i];
      args.push(param.fromParameter(memory, core[at] as number, core[at + 1] as number, parameterPaths[i]));
      at += param.width;
    }
    if (takesContext) args.push(new HostCallContext(caller, memory));
    return args;
  };
}

/** Where a guest that handles errors wants them: the address of 8 bytes, or 0 if it doesn't. */
function errorPlace(target: ImportTarget, memory: PluginMemory, core: readonly unknown[]): number {
  if (!target.signature.throws) return 0;
  const pointer = core[target.crossings.width] as number;
  return pointer === 0 ? 0 : memory.requireRange(pointer, 8, `${target.path}: error pointer`);
}

/** The guest's error, or the call's. */
function fail(target: ImportTarget, memory: PluginMemory, place: number, cause: unknown): unknown {
  if (place === 0 || memory.isFailure(cause)) throw thrown(target, memory, cause);
  const pointer = memory.putText(wellFormed(messageOf(cause)), `${target.path}: error message`);
  memory.writeInt32(place, pointer);
  memory.writeInt32(place + 4, memory.putSize);
  return target.crossings.zero;
}

/** The guest's result, and that there is no error. */
function resultMaker(target: ImportTarget, memory: PluginMemory): ResultMaker {
  const write = resultWriter(target, memory);
  return (value, place) => {
    const result = write(value);
    if (place !== 0) memory.writeInt64(place, 0n);
    return result;
  };
}

function generalImport(target: ImportTarget, memory: PluginMemory): ImportFunction {
  return anyImport(target, memory, resultMaker(target, memory));
}

function waitingImport(target: ImportTarget, memory: PluginMemory): ImportFunction {
  const succeed = resultMaker(target, memory);
  return anyImport(target, memory, (returned, place) =>
    isThenable(returned) ? parked(target, memory, returned, place, succeed) : succeed(returned, place),
  );
}

type ResultMaker = (value: unknown, place: number) => unknown;

function anyImport(target: ImportTarget, memory: PluginMemory, finish: ResultMaker): ImportFunction {
  const read = argumentReader(target, memory);
  return (...core: unknown[]) => {
    const place = errorPlace(target, memory, core);
    const args = read(core);
    if (target.waits) target.caller.hostCalls?.requireRoom();
    let returned: unknown;
    try {
      returned = target.method.apply(target.object, args);
    } catch (cause) {
      return fail(target, memory, place, cause);
    }
    return finish(returned, place);
  };
}

/** What the guest gets when the method's promise settles. */
function parked(
  target: ImportTarget,
  memory: PluginMemory,
  returned: PromiseLike<unknown>,
  place: number,
  succeed: ResultMaker,
): Promise<unknown> {
  // Only a promise of the language's own parks the caller.
  const promise = Promise.resolve(returned);
  const frame = currentFrame();
  const settled = (frame?.untilAborted(promise) ?? promise).then(
    (value) => withinAllocatorTime(memory, () => succeed(value, place)),
    (cause: unknown) => {
      if (!frame?.aborted) {
        return withinAllocatorTime(memory, () => fail(target, memory, place, cause));
      }
      // The call is over: there is no guest to hand anything to.
      throw frame.isReason(cause) ? new StopCall("aborted", cause) : thrown(target, memory, cause);
    },
  );
  // A caller that can't be parked, as in a start function, fails at once and never looks at the promise.
  settled.catch(() => {});
  target.caller.hostCalls?.park(settled);
  return settled;
}
