/** An instance under Backplane's own ABI: its memory, its hooks, and its exports as calls and typed methods. */
import { bindExport } from "../../binding/bind-export.js";
import { InputCall } from "../../binding/call.js";
import { withinAllocatorTime } from "../../binding/limits.js";
import type { Linkage } from "../../binding/link.js";
import type { PluginMemory } from "../../binding/memory.js";
import type { FunctionSignature } from "../../declare/signature.js";
import type { CallOptions } from "../../plugin/options.js";
import type { AbiCall, AbiInstance, Guest } from "../abi.js";

export const saveHook = "backplane_save";
export const restoreHook = "backplane_restore";

/** A command's `_start`: its program has ended when it returns or exits, so the next call gets a new instance. */
class CommandCall implements AbiCall {
  constructor(
    private readonly guest: Guest,
    private readonly main: AbiCall,
  ) {}

  run(input: unknown, options: CallOptions): unknown {
    this.guest.retire();
    try {
      const result = this.main.run(input, options);
      return result instanceof Promise ? result.catch((error: unknown) => this.exited(error)) : result;
    } catch (error) {
      return this.exited(error);
    }
  }

  /** An exit with code 0 is as good as a return. */
  private exited(error: unknown): undefined {
    if (this.guest.exitCode(error) !== 0) throw error;
  }
}

export class BackplaneInstance implements AbiInstance {
  readonly imports: Linkage["imports"];
  readonly memory: PluginMemory;
  private started: Guest | undefined;

  constructor({ imports, memory }: Linkage) {
    this.imports = imports;
    this.memory = memory;
  }

  get guest(): Guest {
    return this.started as Guest;
  }

  start(guest: Guest): void {
    this.started = guest;
    const { exports } = guest;
    this.memory.attach({ exports });
    // Reactors, as toolchains for C and Rust make them, expect this before any other call.
    if (typeof exports._initialize === "function") exports._initialize();
    if (typeof exports.backplane_start === "function") exports.backplane_start();
  }

  call(name: string): AbiCall | undefined {
    const call = InputCall.of(this.guest, this.memory, name);
    return call !== undefined && name === "_start" ? new CommandCall(this.guest, call) : call;
  }

  method(name: string, signature: FunctionSignature): (...args: unknown[]) => unknown {
    return bindExport(this, name, signature);
  }

  stop(): unknown {
    return this.guest.function("backplane_stop")?.();
  }

  save(): Uint8Array | null | Promise<Uint8Array | null> {
    const packed = this.guest.function(saveHook)?.();
    if (!(packed instanceof Promise)) return this.memory.take(packed);
    return packed.then((value) => withinAllocatorTime(this.memory, () => this.memory.take(value)));
  }

  restore(state: Uint8Array | null): unknown {
    const range = state === null ? [0, 0] : this.memory.put(state);
    return this.guest.function(restoreHook)?.(...range);
  }
}
