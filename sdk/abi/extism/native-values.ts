/**
 * Settings and variables in a memory that a small module (`kernel/values.wat`) works on, one instance of it for each
 * instance of the plugin: plugins are linked with its functions natively, and TypeScript uses the same ones.
 *
 * Instances of a plugin that come one after the other have the memory in common, and nothing else: so what is replaced
 * can be collected.
 */
import { Memory, WebAssembly } from "../../../engine/index.js";
import { noHandle, textAt } from "./handles.js";
import { valuesBytes } from "./kernel/bytes.js";
import { type Kernel, noMemory } from "./kernel.js";
import { type BoundValues, defaultMaxVariableBytes, noRoom, type Values, type Variables } from "./values.js";

/** Where things are (`kernel/values.wat`). */
const maxBytesAt = 16;
const firstEntry = 4160;
const valueLengthAt = 16;

const setting = 1;
const variable = 2;
/** What a handle is given for, by kind; 0 is a value's. */
const purposes = ["var value", "config key", "var key"];

interface ValuesExports {
  /** The address of an entry, 0 without one. */
  find(kind: number, name: bigint): number;
  value_of(entry: number): number;
  /** Where to write a value of so many bytes, 0 without room. */
  reserve(kind: number, name: bigint, length: number): number;
  remove(name: bigint): void;
  clear(): void;
  config_get(name: bigint): bigint;
  var_get(name: bigint): bigint;
  var_set(name: bigint, value: bigint): void;
}

let compiled: WebAssembly.Module | undefined;

export class NativeValues implements Values {
  private readonly memory = new Memory({ initial: 1, maximum: 65_535 });
  private hasConfig = false;

  /** @param maxBytes that variables may count for; 0: there can be none */
  constructor(
    private readonly config: ReadonlyMap<string, string>,
    private readonly maxBytes = defaultMaxVariableBytes,
  ) {
    const state = new DataView(this.memory.buffer);
    state.setUint32(0, firstEntry, true);
    state.setBigUint64(maxBytesAt, BigInt(Math.min(Math.floor(maxBytes), Number.MAX_SAFE_INTEGER)), true);
  }

  fresh(): Values {
    return new NativeValues(this.config, this.maxBytes);
  }

  bind(kernel: Kernel): BoundValues {
    const exports = this.instance(kernel);
    const table = new NativeTable(this.memory, kernel, exports, this.maxBytes);
    if (!this.hasConfig) {
      const encoder = new TextEncoder();
      for (const [name, value] of this.config) table.write(setting, name, encoder.encode(value));
      this.hasConfig = true;
    }
    const { config_get, var_get, var_set } = exports;
    return { variables: table, functions: { config_get, var_get, var_set }, native: true };
  }

  private instance(kernel: Kernel): ValuesExports {
    compiled ??= new WebAssembly.Module(Buffer.from(valuesBytes, "base64"));
    const host = {
      require_text: (kind: number, name: bigint) => void textAt(kernel, name, purposes[kind]),
      no_handle(kind: number, handle: bigint): never {
        throw noHandle(handle, purposes[kind]);
      },
      no_memory(bytes: bigint): never {
        throw noMemory(Number(bytes));
      },
      no_room: (name: bigint, bytes: bigint): never => {
        throw noRoom(textAt(kernel, name, "var key"), Number(bytes), this.maxBytes);
      },
    };
    const values = { memory: this.memory };
    const { exports } = new WebAssembly.Instance(compiled, { kernel: kernel.functions, host, values });
    return exports as unknown as ValuesExports;
  }
}

/** The table as TypeScript uses it: names go through blocks of the kernel, values are written and read in place. */
class NativeTable implements Variables {
  constructor(
    private readonly memory: Memory,
    private readonly kernel: Kernel,
    private readonly exports: ValuesExports,
    private readonly maxBytes: number,
  ) {}

  get(name: string): Uint8Array | undefined {
    return this.named(name, (handle) => {
      const entry = this.exports.find(variable, handle) >>> 0;
      if (entry === 0) return undefined;
      const { buffer } = this.memory;
      const length = new DataView(buffer).getUint32(entry + valueLengthAt, true);
      return new Uint8Array(buffer, this.exports.value_of(entry) >>> 0, length).slice();
    });
  }

  set(name: string, value: Uint8Array): void {
    this.write(variable, name, value);
  }

  delete(name: string): void {
    this.named(name, (handle) => this.exports.remove(handle));
  }

  clear(): void {
    this.exports.clear();
  }

  /** Errors: HostError. */
  write(kind: number, name: string, value: Uint8Array): void {
    this.named(name, (handle) => {
      const address = this.exports.reserve(kind, handle, value.length) >>> 0;
      if (address === 0) throw noRoom(name, value.length, this.maxBytes);
      new Uint8Array(this.memory.buffer).set(value, address);
    });
  }

  /** Errors: HostError for want of memory. */
  private named<T>(name: string, action: (handle: bigint) => T): T {
    const handle = this.kernel.store(name);
    try {
      return action(handle);
    } finally {
      this.kernel.free(handle);
    }
  }
}
