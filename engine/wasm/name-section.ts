/**
 * The name section: names of the module, its functions and their locals, for messages and stack traces.
 *
 * Enters: a decoded module. As the specification wants, damage in this section never makes a module invalid:
 * what can be read before the damage counts, the rest is as if it were absent. Names are found when they are
 * asked for; a module with 50,000 of them costs one pass over the section, no strings.
 * Source: core specification 2.0, appendix "Custom Sections / Name Section".
 */
import { WasmFormatError } from "./errors.js";
import { ByteReader } from "./reader.js";
import type { WasmModule } from "./types.js";

const MODULE_NAME = 0;
const FUNCTION_NAMES = 1;
const LOCAL_NAMES = 2;

export class NameSection {
  /** The module's own name, if it has one. */
  moduleName: string | undefined = undefined;
  /** Where each function's name begins. */
  private readonly functions = new Map<number, number>();
  /** Where each function's map of local names begins. */
  private readonly locals = new Map<number, number>();

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    private readonly end: number,
  ) {
    ignoreDamage(() => this.readSubsections(new ByteReader(bytes, start, end)));
  }

  /** The name of a function, or undefined where it has none (or none in valid UTF-8). */
  functionName(index: number): string | undefined {
    const at = this.functions.get(index);
    return at === undefined ? undefined : ignoreDamage(() => this.readerAt(at).name());
  }

  /** How many functions have names. */
  get functionCount(): number {
    return this.functions.size;
  }

  /** The names of a function's parameters and locals by index; empty where there are none. */
  localNames(functionIndex: number): Map<number, string> {
    const names = new Map<number, string>();
    const at = this.locals.get(functionIndex);
    if (at === undefined) return names;
    ignoreDamage(() => {
      const reader = this.readerAt(at);
      const count = reader.u32();
      for (let i = 0; i < count; i++) {
        const index = reader.u32();
        names.set(index, reader.name());
      }
    });
    return names;
  }

  private readerAt(position: number): ByteReader {
    return new ByteReader(this.bytes, position, this.end);
  }

  private readSubsections(reader: ByteReader): void {
    while (reader.position < this.end) {
      const id = reader.u8();
      const size = reader.u32();
      const next = reader.position + size;
      const part = new ByteReader(this.bytes, reader.position, Math.min(next, this.end));
      if (id === MODULE_NAME) this.moduleName = part.name();
      else if (id === FUNCTION_NAMES) this.readFunctionNames(part);
      else if (id === LOCAL_NAMES) this.readLocalNames(part);
      reader.skip(size, "a subsection");
    }
  }

  private readFunctionNames(reader: ByteReader): void {
    const count = reader.u32();
    for (let i = 0; i < count; i++) {
      const index = reader.u32();
      const at = reader.position;
      reader.skip(reader.u32(), "a name");
      this.functions.set(index, at);
    }
  }

  private readLocalNames(reader: ByteReader): void {
    const count = reader.u32();
    for (let i = 0; i < count; i++) {
      const functionIndex = reader.u32();
      const at = reader.position;
      const names = reader.u32();
      for (let n = 0; n < names; n++) {
        reader.u32();
        reader.skip(reader.u32(), "a name");
      }
      this.locals.set(functionIndex, at);
    }
  }
}

/** Runs a reading step; undefined if the section turns out to be damaged there. */
function ignoreDamage<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof WasmFormatError) return undefined;
    throw error;
  }
}

/**
 * The names in a module's name section; the last one counts if there are several. A module without one has
 * no names.
 *
 * @example
 * const names = readNames(module);
 * const name = names.functionName(3) ?? "wasm-function[3]";
 */
export function readNames(module: WasmModule): NameSection {
  const section = module.customSections.findLast(({ name }) => name === "name");
  return new NameSection(module.bytes, section?.start ?? 0, section?.end ?? 0);
}
