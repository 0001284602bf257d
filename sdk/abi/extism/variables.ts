/** A plugin's variables: bytes by name, which stay from call to call. How many bytes is bounded, names included. */
import { HostError } from "../../errors.js";

/** What the native runtime counts for each variable besides its name and its bytes. */
const overhead = 48;
const defaultMaxBytes = 1024 * 1024;

export class Variables {
  private readonly values = new Map<string, Uint8Array>();
  private size = 0;

  /** @param maxBytes 0: there can be none */
  constructor(readonly maxBytes: number = defaultMaxBytes) {}

  get(name: string): Uint8Array | undefined {
    return this.values.get(name);
  }

  /** @param value not to be changed any more. Errors: HostError if there is no room, and nothing changes. */
  set(name: string, value: Uint8Array): void {
    if (this.maxBytes === 0) throw new HostError("extism:host/env: Vars are disabled by this host");
    const size = this.size - this.sizeOf(name) + overhead + Buffer.byteLength(name) + value.length;
    if (size > this.maxBytes) {
      const text = `Variable store is full: "${name.slice(0, 40)}" would make it ${size} bytes, ${this.maxBytes} are allowed`;
      throw new HostError(`extism:host/env: ${text}`);
    }
    this.size = size;
    this.values.set(name, value);
  }

  delete(name: string): void {
    this.size -= this.sizeOf(name);
    this.values.delete(name);
  }

  /** Bytes that a variable counts for. */
  private sizeOf(name: string): number {
    const value = this.values.get(name);
    return value === undefined ? 0 : overhead + Buffer.byteLength(name) + value.length;
  }
}
