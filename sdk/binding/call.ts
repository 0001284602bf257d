/**
 * What `plugin.call(name, input)` means: how the input becomes core values, and the result a value again.
 */
import { MarshalError, messageOf } from "../errors.js";
import type { PluginInstance } from "../plugin/generation.js";
import type { CallResult } from "../plugin/options.js";
import { jsonText, type PluginMemory } from "./memory.js";

type CoreValue = number | bigint;

function isCore(value: unknown): value is CoreValue {
  return typeof value === "number" || typeof value === "bigint";
}

function formOf(input: unknown): CallResult {
  if (input === undefined || isCore(input)) return "core";
  if (Array.isArray(input) && input.every(isCore)) return "core";
  if (typeof input === "string") return "string";
  return input instanceof Uint8Array ? "bytes" : "json";
}

function coreArguments(input: unknown, form: CallResult, memory: PluginMemory): CoreValue[] {
  if (form === "core") return input === undefined ? [] : Array.isArray(input) ? input : [input as CoreValue];
  if (form === "json") return memory.put(jsonText(input));
  return memory.put(input as string | Uint8Array);
}

function resultOf(raw: unknown, form: CallResult, memory: PluginMemory, demanded: boolean): unknown {
  if (form === "core") return raw;
  if (typeof raw !== "bigint") {
    if (!demanded) return raw;
    throw new MarshalError(
      `a result as ${form} is an i64, the export gave ${raw === undefined ? "none" : String(raw)}`,
    );
  }
  const bytes = memory.take(raw);
  if (bytes === null || form === "bytes") return bytes;
  const text = memory.decode(bytes);
  if (form === "string") return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MarshalError(`the result is not JSON: ${messageOf(cause)}`, { cause });
  }
}

/** The result, or a promise of it if the plugin's host functions may wait; undefined without such an export. */
export function callByInput(
  instance: PluginInstance,
  name: string,
  input: unknown,
  result: CallResult | undefined,
): { readonly value: unknown } | undefined {
  const target = instance.core(name);
  if (target === undefined) return undefined;
  const { memory } = instance;
  const form = formOf(input);
  const wanted = result ?? form;
  const raw = target(...coreArguments(input, form, memory));
  const demanded = result !== undefined;
  if (!(raw instanceof Promise)) return { value: resultOf(raw, wanted, memory, demanded) };
  return { value: raw.then((value) => resultOf(value, wanted, memory, demanded)) };
}
