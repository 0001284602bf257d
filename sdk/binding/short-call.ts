/**
 * `plugin.call` of short text and bytes: allocating the input, the export and giving the result back in one entry into
 * compiled code, by a small module that is linked with the plugin (`short/short-call.wat`).
 *
 * Made for an instance's export when it has been called often enough; until then, and for whatever is longer or out of
 * the ordinary, `call.ts` makes the three calls one by one. A plugin can't tell the difference.
 */
import {
  createNamespace,
  LinkError,
  type Module,
  type SlotIo,
  type Slots,
  slotCall,
  WebAssembly,
} from "../../engine/index.js";
import type { Guest } from "../abi/abi.js";
import type { PluginMemory } from "./memory.js";
import { shortCallBytes } from "./short/bytes.js";
import { decodeUtf8, type TextBuffer, textSize } from "./text.js";

/** Bytes of an input, and of an output. */
export const longestShort = 64;

/** Where the words are among the slots, in bytes: of the arguments after the size, of the results after two more. */
const inputWords = 8;
const outputWords = 16;
/** Results of the module's function. */
const inWords = 0;
const isPacked = 1;

/** The input of the call that is about to be made, which is copied before anything runs. */
const staged = new Int32Array(longestShort / 4);
const stagedBytes = Buffer.from(staged.buffer) as TextBuffer;

let module: Module | undefined;

function compiled(): Module {
  module ??= new (createNamespace({ compile: "ahead", hidden: true }).Module)(
    Buffer.from(shortCallBytes, "base64"),
  );
  return module;
}

/** Bytes of text, put in place; -1 if they are too many or it has a lone surrogate. */
function stageText(text: string): number {
  const { length } = text;
  if (length > longestShort) return -1;
  for (let i = 0; i < length; i += 4) {
    // Beyond the end NaN, which counts as 0.
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    if ((a | b | c | d) > 0x7f) return stageWideText(text);
    staged[i >> 2] = a | (b << 8) | (c << 16) | (d << 24);
  }
  return length;
}

function stageWideText(text: string): number {
  const size = textSize(text);
  if (size < 0 || size > longestShort) return -1;
  stagedBytes.utf8Write(text, 0, size);
  return size;
}

function stageBytes(bytes: Uint8Array): number {
  if (bytes.length > longestShort) return -1;
  stagedBytes.set(bytes);
  return bytes.length;
}

/** A result in words; one to be read and given back, packed; or, as a number, what the allocator gave in place of memory. */
type ShortResult<T> = T | bigint | number;

abstract class ShortIo<T> implements SlotIo<number, ShortResult<T>> {
  constructor(
    protected readonly memory: PluginMemory,
    protected readonly where: string,
  ) {}

  write(slots: Slots, size: number): void {
    const { i32 } = slots;
    i32[0] = size;
    const first = inputWords >> 2;
    for (let i = 0; i << 2 < size; i++) i32[first + i] = staged[i];
  }

  read(slots: Slots): ShortResult<T> {
    const { i32 } = slots;
    const pointer = i32[2] >>> 0;
    const length = i32[3];
    if (i32[0] === inWords) {
      this.memory.requireOutput(length, this.where);
      return this.value(slots, pointer, length);
    }
    return i32[0] === isPacked ? (BigInt(length >>> 0) << 32n) | BigInt(pointer) : pointer;
  }

  /** @param pointer where it was in the plugin's memory */
  protected abstract value(slots: Slots, pointer: number, length: number): T;
}

class TextIo extends ShortIo<string> {
  protected value({ bytes }: Slots, pointer: number, length: number): string {
    return decodeUtf8(bytes as TextBuffer, outputWords, length, this.where, pointer);
  }
}

class BytesIo extends ShortIo<Uint8Array> {
  protected value({ bytes }: Slots, _pointer: number, length: number): Uint8Array {
    return new Uint8Array(bytes.buffer.slice(outputWords, outputWords + length) as ArrayBuffer);
  }
}

/** Calls of an export after which it is linked with the module. */
const often = 16;

/** Calls with text or bytes of one export of an instance, as far as they are short. */
export class ShortCalls {
  private count = 0;
  private text: ((size: number) => ShortResult<string>) | undefined;
  private bytes: ((size: number) => ShortResult<Uint8Array>) | undefined;

  /** @param path of the export, for errors */
  constructor(
    private readonly guest: Guest,
    private readonly memory: PluginMemory,
    private readonly name: string,
    private readonly path: string,
  ) {}

  /**
   * The result, or as the export gave it, packed, if it is null, or long, or a lie. Undefined, nothing having been
   * called, where this isn't for: calls are few as yet, the input is long or can't cross, the plugin lacks what it needs
   * or may wait. Errors: the plugin's; MarshalError, LimitError.
   */
  run(input: string | Uint8Array, asBytes: boolean): string | Uint8Array | bigint | undefined {
    if (this.count < often && ++this.count === often) this.link();
    const call = asBytes ? this.bytes : this.text;
    if (call === undefined || !this.guest.computesHere) return undefined;
    const size = typeof input === "string" ? stageText(input) : stageBytes(input);
    if (size < 0) return undefined;
    const result = call(size);
    if (typeof result !== "number") return result;
    this.memory.allocated(result, size, `${this.path}: input`);
    return undefined; // Not reached: that has thrown.
  }

  /** Does nothing for a plugin without memory and allocator, or an export of another type. */
  private link(): void {
    const { memory, backplane_alloc: alloc, backplane_free: free, [this.name]: target } = this.guest.exports;
    const where = `${this.path}: result`;
    try {
      const instance = new WebAssembly.Instance(compiled(), {
        plugin: { memory, alloc, free, export: target },
      });
      const run = instance.exports.run as () => unknown;
      this.text = slotCall(run, new TextIo(this.memory, where));
      this.bytes = slotCall(run, new BytesIo(this.memory, where));
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
    }
  }
}
