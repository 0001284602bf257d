/**
 * What `plugin.call(name, input)` means: how the input becomes core values, and the result a value again.
 */
import { MarshalError } from "../errors.js";
import type { PluginInstance } from "../plugin/generation.js";
import type { CallResult } from "../plugin/options.js";
import type { PluginMemory } from "./memory.js";
import { jsonText, parseJson } from "./references.js";
import { describeValue } from "./scalars.js";

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

function coreArguments(input: unknown, form: CallResult, memory: PluginMemory, where: string): CoreValue[] {
  if (form === "core") return input === undefined ? [] : Array.isArray(input) ? input : [input as CoreValue];
  return memory.put(form === "json" ? jsonText(input, where) : (input as string | Uint8Array), where);
}

function resultOf(
  raw: unknown,
  form: CallResult,
  memory: PluginMemory,
  demanded: boolean,
  path: string,
): unknown {
  const where = `${path}: result`;
  if (form === "core") return raw;
  if (typeof raw !== "bigint") {
    if (!demanded) return raw;
    throw new MarshalError(`${path}: a result as ${form} is an i64, the export gave ${describeValue(raw)}`);
  }
  if (form === "bytes") return memory.take(raw, where);
  const text = memory.takeText(raw, where);
  return text === null || form === "string" ? text : parseJson(text, where);
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
  const path = `${memory.plugin}: export ${name}`;
  const form = formOf(input);
  const wanted = result ?? form;
  if (form !== "core") instance.entered = true;
  const raw = target(...coreArguments(input, form, memory, `${path}: input`));
  const demanded = result !== undefined;
  const finish = (value: unknown): unknown => resultOf(value, wanted, memory, demanded, path);
  return { value: raw instanceof Promise ? raw.then(finish) : finish(raw) };
}
