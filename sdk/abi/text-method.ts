/**
 * Typed handles under ABIs that know calls by name with one input and one output: a method of one parameter at most
 * that is a string, bytes or JSON, and of such a result or none, is such a call. An optional parameter's null is no
 * input.
 */
import { jsonText, validated } from "../binding/references.js";
import { mismatch } from "../binding/scalars.js";
import {
  type FunctionSignature,
  isReference,
  resultTypes,
  type Signatures,
  type ValueType,
} from "../declare/signature.js";
import { BackplaneError, MarshalError } from "../errors.js";
import type { AbiCall, AbiInstance, AbiModule } from "./abi.js";
import { isOptional, kindOf } from "./payload.js";
import { settle } from "./settle.js";

type Method = (...args: unknown[]) => unknown;

/** Whether handles can be made of a plugin's exports. Errors: BackplaneError EXPORT_MISMATCH. */
export function checkHandle(plugin: string, abi: AbiModule, signatures: Signatures): void {
  if (abi.checkHandle !== undefined) {
    abi.checkHandle(signatures);
    return;
  }
  for (const [name, signature] of Object.entries(signatures)) {
    const { params, throws } = signature;
    const types = [...params, ...resultTypes(signature)];
    if (!throws && params.length <= 1 && types.length - params.length <= 1 && types.every(isReference))
      continue;
    const text = "its ABI has calls of one input and one output, each a string, bytes or JSON";
    throw new BackplaneError("EXPORT_MISMATCH", `${plugin}: export ${name}: ${text}`);
  }
}

/** Errors: BackplaneError EXPORT_NOT_FOUND. */
export function methodOf(
  plugin: string,
  side: AbiInstance,
  name: string,
  signature: FunctionSignature,
): Method {
  if (side.method !== undefined) return side.method(name, signature);
  const where = `${plugin}: export ${name}`;
  const call = side.call(name);
  if (call === undefined) {
    throw new BackplaneError("EXPORT_NOT_FOUND", `${where}: there is no such function`);
  }
  return textMethod(call, signature, where);
}

function textMethod(call: AbiCall, signature: FunctionSignature, where: string): Method {
  const [param] = signature.params;
  const [result] = resultTypes(signature);
  const options = result === undefined ? {} : { result: kindOf(result) };
  const finish = (value: unknown): unknown =>
    result === undefined ? undefined : resultOf(value, result, `${where}: result`);
  return (value) => {
    const input = param === undefined ? undefined : inputOf(value, param, `${where}: argument 1`);
    return settle(call.run(input, options), finish);
  };
}

/** Errors: MarshalError. */
function inputOf(value: unknown, type: ValueType, where: string): string | Uint8Array | undefined {
  if (value === null && isOptional(type)) return undefined;
  const kind = kindOf(type);
  if (kind === "json") return jsonText(value, where);
  if (kind === "string" ? typeof value === "string" : value instanceof Uint8Array) {
    return value as string | Uint8Array;
  }
  throw mismatch(where, kind === "string" ? "a string" : "a Uint8Array", value);
}

/** Errors: MarshalError. */
function resultOf(value: unknown, type: ValueType, where: string): unknown {
  if (value === null || value === undefined) {
    if (isOptional(type)) return null;
    throw new MarshalError(`${where}: the plugin gave none`);
  }
  return typeof type === "object" ? validated(type.schema, value, where) : value;
}
