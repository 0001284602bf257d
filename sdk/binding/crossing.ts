/**
 * How a signature's values cross, worked out once for each signature: a `Crossing` for each parameter and result.
 *
 * A parameter of the guest's memory is two core values, pointer and length; a result is one i64 of both.
 */
import { type FunctionSignature, isReference, resultTypes, type ValueType } from "../declare/signature.js";
import { BackplaneError } from "../errors.js";
import { type PluginMemory, pack } from "./memory.js";
import { type Reference, referenceOf } from "./references.js";
import { mismatch, type ScalarType, scalars } from "./scalars.js";

export interface Crossing {
  /** Core values that it takes as a parameter. */
  readonly width: 1 | 2;
  /** Undefined for what crosses as one core value. */
  readonly reference: Reference | undefined;
  /** What a parameter from the guest is in the host. */
  fromParameter(memory: PluginMemory, core: number, length: number, where: string): unknown;
  /** The core value of a result to the guest. */
  toResult(memory: PluginMemory, value: unknown, where: string): unknown;
  /** The first core value of a parameter to the guest; the second is in `memory.putSize`. */
  toParameter(memory: PluginMemory, value: unknown, where: string): unknown;
  /** What a result from the guest is in the host; its memory is given back. */
  fromResult(memory: PluginMemory, core: unknown, where: string): unknown;
  /** The result that the guest gets where a call failed. */
  readonly zero: unknown;
}

function scalarCrossing(type: ScalarType): Crossing {
  const { fromGuest, toGuest, zero } = scalars[type];
  return {
    width: 1,
    reference: undefined,
    fromParameter: (_memory, core) => fromGuest(core),
    toResult: (_memory, value, where) => toGuest(value, where),
    toParameter: (_memory, value, where) => toGuest(value, where),
    fromResult: (_memory, core) => fromGuest(core),
    zero,
  };
}

function referenceCrossing(reference: Reference): Crossing {
  const { optional, expected } = reference;
  function put(memory: PluginMemory, value: unknown, where: string): number {
    if (value === null && optional) {
      memory.putSize = 0;
      return 0;
    }
    return memory.putData(reference.encode(value, where), where);
  }
  function nothing(where: string): null {
    if (optional) return null;
    throw mismatch(where, expected, null, ' (pointer 0); types that may be null end with "?"');
  }
  return {
    width: 2,
    reference,
    fromParameter(memory, pointer, length, where) {
      if (pointer === 0) return nothing(where);
      memory.requireOutput(length, where);
      return reference.read(memory, pointer, length, where);
    },
    toParameter: put,
    toResult(memory, value, where) {
      const pointer = put(memory, value, where);
      return pack(pointer, memory.putSize);
    },
    fromResult: (memory, core, where) => memory.takeWith(core, where, reference.read, nothing),
    zero: 0n,
  };
}

const named = new Map<string, Crossing>();

function crossingOf(type: ValueType, views: boolean): Crossing {
  if (typeof type === "object") return referenceCrossing(referenceOf(type, views));
  const key = views ? `${type} view` : type;
  let crossing = named.get(key);
  if (crossing === undefined) {
    const refers = isReference(type);
    if (!refers && !Object.hasOwn(scalars, type)) {
      throw new BackplaneError("OPTIONS", `a signature names "${String(type)}", which is no type`);
    }
    crossing = refers ? referenceCrossing(referenceOf(type, views)) : scalarCrossing(type as ScalarType);
    named.set(key, crossing);
  }
  return crossing;
}

/** A signature, worked out. */
export interface Crossings {
  readonly params: readonly Crossing[];
  readonly results: readonly Crossing[];
  /** Core values that the parameters take, without that of `throws`. */
  readonly width: number;
  /** What the guest gets as result where a call failed. */
  readonly zero: unknown;
}

const known = new WeakMap<FunctionSignature, Crossings>();

/** Errors: BackplaneError OPTIONS for a type that doesn't exist. */
export function crossingsOf(signature: FunctionSignature): Crossings {
  let crossings = known.get(signature);
  if (crossings === undefined) {
    const params = signature.params.map((type) => crossingOf(type, signature.views));
    const results = resultTypes(signature).map((type) => crossingOf(type, false));
    const width = params.reduce((sum, param) => sum + param.width, 0);
    const zeros = results.map((result) => result.zero);
    crossings = { params, results, width, zero: zeros.length > 1 ? zeros : zeros[0] };
    known.set(signature, crossings);
  }
  return crossings;
}
