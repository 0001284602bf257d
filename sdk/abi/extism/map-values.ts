/** Settings and variables in TypeScript's keeping: each access of a plugin is a call of its host. */
import { bytesAt, textAt } from "./handles.js";
import type { Kernel } from "./kernel.js";
import {
  type BoundValues,
  defaultMaxVariableBytes,
  noRoom,
  type Values,
  type Variables,
  variableOverhead,
} from "./values.js";

export class MapValues implements Values {
  private readonly variables: MapVariables;

  constructor(
    private readonly config: ReadonlyMap<string, string>,
    private readonly maxBytes = defaultMaxVariableBytes,
  ) {
    this.variables = new MapVariables(maxBytes);
  }

  fresh(): Values {
    return new MapValues(this.config, this.maxBytes);
  }

  bind(kernel: Kernel): BoundValues {
    const { config, variables } = this;
    const functions = {
      config_get(key: bigint): bigint {
        return kernel.store(config.get(textAt(kernel, key, "config key")) ?? "");
      },
      var_get(key: bigint): bigint {
        return kernel.store(variables.get(textAt(kernel, key, "var key")) ?? "");
      },
      var_set: (key: bigint, value: bigint): void => {
        const name = textAt(kernel, key, "var key");
        if (this.maxBytes === 0) throw noRoom(name, 0, 0);
        if (value === 0n) variables.delete(name);
        else variables.set(name, bytesAt(kernel, value, "var value"));
      },
    };
    return { variables, functions, native: false };
  }
}

class MapVariables implements Variables {
  private readonly values = new Map<string, Uint8Array>();
  private size = 0;

  constructor(private readonly maxBytes: number) {}

  get(name: string): Uint8Array | undefined {
    return this.values.get(name);
  }

  set(name: string, value: Uint8Array): void {
    const size = this.size - this.sizeOf(name) + variableOverhead + Buffer.byteLength(name) + value.length;
    if (size > this.maxBytes) throw noRoom(name, value.length, this.maxBytes);
    this.size = size;
    this.values.set(name, value);
  }

  delete(name: string): void {
    this.size -= this.sizeOf(name);
    this.values.delete(name);
  }

  clear(): void {
    this.values.clear();
    this.size = 0;
  }

  /** Bytes that a variable counts for. */
  private sizeOf(name: string): number {
    const value = this.values.get(name);
    return value === undefined ? 0 : variableOverhead + Buffer.byteLength(name) + value.length;
  }
}
