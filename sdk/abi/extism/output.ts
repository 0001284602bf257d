/** What a plugin's call gives: a DataView of a copy of the plugin's output, which reads as text and JSON too. */

const decoder = new TextDecoder();
const getter = (name: "buffer" | "byteOffset"): (() => unknown) =>
  Object.getOwnPropertyDescriptor(DataView.prototype, name)?.get as () => unknown;
const viewedBuffer = getter("buffer");
const viewedOffset = getter("byteOffset");

/**
 * @example
 * const output = await plugin.call("count_vowels", "Hello");
 * output.json(); // { count: 2, ... }
 */
export class PluginOutput extends DataView<ArrayBuffer> {
  /** What `buffer` gave, if the view is a part of another buffer. */
  private own: ArrayBuffer | undefined;

  /** @internal A view of the bytes, which may be a part of a buffer. */
  static of({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): PluginOutput {
    return new PluginOutput(buffer, byteOffset, length);
  }

  /** @internal */
  get ownBuffer(): ArrayBuffer {
    const viewed = viewedBuffer.call(this) as ArrayBuffer;
    if (viewed.byteLength === this.byteLength) return viewed;
    const start = viewedOffset.call(this) as number;
    this.own ??= viewed.slice(start, start + this.byteLength);
    return this.own;
  }

  /** JSON. Errors: SyntaxError. */
  // biome-ignore lint/suspicious/noExplicitAny: as JSON.parse, and as Extism's SDK has it
  json(): any {
    return JSON.parse(this.string());
  }

  /** The output's own buffer: nothing else is in it. */
  arrayBuffer(): ArrayBuffer {
    return this.buffer;
  }

  /** UTF-8; what isn't reads as U+FFFD. */
  text(): string {
    return decoder.decode(this);
  }

  /** The same as `text()`. */
  string(): string {
    return decoder.decode(this);
  }

  /** The output's own bytes, not a copy of them. */
  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer);
  }
}

/**
 * Few bytes are a part of a buffer that others use too. That is nobody's business: `buffer` makes one of the output's own
 * when it is asked for, which is seldom and costs more than the output itself.
 */
Object.defineProperties(PluginOutput.prototype, {
  buffer: {
    get(this: PluginOutput) {
      return this.ownBuffer;
    },
    configurable: true,
  },
  byteOffset: { get: () => 0, configurable: true },
});

/** It is a view to read: as in Extism's SDK, writing to it is a mistake that throws. */
const setters = [
  "Int8",
  "Int16",
  "Int32",
  "Uint8",
  "Uint16",
  "Uint32",
  "Float32",
  "Float64",
  "BigInt64",
  "BigUint64",
];
for (const type of setters) {
  Object.defineProperty(PluginOutput.prototype, `set${type}`, {
    value: () => {
      throw new Error("Cannot set values on output");
    },
    configurable: true,
    writable: true,
  });
}
