/** A loaded plugin: its exports, callable. */
import type { Instance } from "../engine/index.js";
import { BackplaneError } from "./errors.js";

/** Reads a plugin's strings: UTF-8 at a pointer and length in its memory. */
export class PluginMemory {
  private readonly decoder = new TextDecoder("utf-8", { fatal: true });
  private instance: Instance | undefined;

  constructor(private readonly plugin: string) {}

  attach(instance: Instance): void {
    this.instance = instance;
  }

  /** Errors: BackplaneError MARSHAL out of bounds, for text that isn't UTF-8, and without an exported `memory`. */
  text(pointer: number, length: number): string {
    const memory = this.instance?.exports.memory as { buffer: ArrayBuffer } | undefined;
    if (memory === undefined) {
      throw new BackplaneError(
        "MARSHAL",
        `${this.plugin}: a string was passed, but the plugin exports no "memory"`,
      );
    }
    const start = pointer >>> 0;
    const size = length >>> 0;
    if (start + size > memory.buffer.byteLength) {
      const has = memory.buffer.byteLength;
      throw new BackplaneError(
        "MARSHAL",
        `${this.plugin}: string at ${start}, ${size} bytes, ends outside of ${has} bytes of memory`,
      );
    }
    try {
      return this.decoder.decode(new Uint8Array(memory.buffer, start, size));
    } catch (cause) {
      throw new BackplaneError("MARSHAL", `${this.plugin}: string at ${start} is not valid UTF-8`, { cause });
    }
  }
}

export class Plugin {
  constructor(
    readonly name: string,
    private readonly instance: Instance,
  ) {}

  /** Functions, memories, tables and globals by export name. */
  get exports(): Readonly<Record<string, unknown>> {
    return this.instance.exports;
  }

  /**
   * Calls an exported function with core values.
   * Errors: BackplaneError PLUGIN_NOT_FOUND for an unknown name; traps and the host's exceptions as they are.
   */
  call(name: string, ...args: unknown[]): unknown {
    const exported = this.exports[name];
    if (typeof exported !== "function") {
      const offered = Object.keys(this.exports).join(", ") || "nothing";
      throw new BackplaneError(
        "PLUGIN_NOT_FOUND",
        `${this.name}: no exported function "${name}" (exports: ${offered})`,
      );
    }
    return (exported as (...values: unknown[]) => unknown)(...args);
  }
}
