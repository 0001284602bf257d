/**
 * What `plugin.call(name, input)` means: how the input becomes core values, and the result a value again.
 */
import type { AbiCall, ExportedFunction, Guest } from "../abi/abi.js";
import { MarshalError } from "../errors.js";
import type { CallOptions, CallResult } from "../plugin/options.js";
import { withinAllocatorTime } from "./limits.js";
import type { PluginMemory } from "./memory.js";
import { jsonText, parseJson } from "./references.js";
import { describeValue } from "./scalars.js";
import { ShortCalls } from "./short-call.js";

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

/** `plugin.call` of one export of an instance. */
export class InputCall implements AbiCall {
  private readonly path: string;
  private readonly inputPath: string;
  private readonly resultPath: string;
  private readonly short: ShortCalls;

  private constructor(
    private readonly guest: Guest,
    private readonly memory: PluginMemory,
    private readonly target: ExportedFunction,
    name: string,
  ) {
    this.path = `${memory.plugin}: export ${name}`;
    this.inputPath = `${this.path}: input`;
    this.resultPath = `${this.path}: result`;
    this.short = new ShortCalls(guest, memory, name, this.path);
  }

  /** Undefined without such an export. */
  static of(guest: Guest, memory: PluginMemory, name: string): InputCall | undefined {
    const target = guest.function(name);
    return target && new InputCall(guest, memory, target, name);
  }

  /** The result, or a promise of it if the plugin's host functions make it wait. Errors: MarshalError. */
  run(input: unknown, { result }: CallOptions): unknown {
    const form = formOf(input);
    const wanted = result ?? form;
    const demanded = result !== undefined;
    const raw = form === "core" ? this.callCore(input) : this.callWith(this.crossing(input, form), wanted);
    if (raw instanceof Promise) {
      const { memory } = this;
      return raw.then((value) => withinAllocatorTime(memory, () => this.resultOf(value, wanted, demanded)));
    }
    return this.resultOf(raw, wanted, demanded);
  }

  private callCore(input: unknown): unknown {
    if (input === undefined) return this.target();
    return Array.isArray(input) ? this.target(...input) : this.target(input);
  }

  private crossing(input: unknown, form: CallResult): string | Uint8Array {
    return form === "json" ? jsonText(input, this.inputPath) : (input as string | Uint8Array);
  }

  /** What the export gives, or what a short call has made of that already: text, or bytes. */
  private callWith(input: string | Uint8Array, wanted: CallResult): unknown {
    const { memory, inputPath } = this;
    // The guest runs from now on, if only its allocator.
    this.guest.enter();
    const result = wanted === "core" ? undefined : this.short.run(input, wanted === "bytes");
    if (result !== undefined) return result;
    const pointer = memory.putData(input, inputPath);
    return this.target(pointer, memory.putSize);
  }

  private resultOf(raw: unknown, form: CallResult, demanded: boolean): unknown {
    if (form === "core") return raw;
    if (typeof raw === "string") return form === "json" ? parseJson(raw, this.resultPath) : raw;
    if (typeof raw !== "bigint") {
      if (!demanded || raw instanceof Uint8Array) return raw;
      const got = describeValue(raw);
      throw new MarshalError(`${this.path}: a result as ${form} is an i64, the export gave ${got}`);
    }
    if (form === "bytes") return this.memory.take(raw, this.resultPath);
    const text = this.memory.takeText(raw, this.resultPath);
    return text === null || form === "string" ? text : parseJson(text, this.resultPath);
  }
}
