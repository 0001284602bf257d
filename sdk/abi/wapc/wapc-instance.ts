/** A waPC guest: the functions that it imports, and calls of its operations. */
import { currentFrame } from "../../call-frame.js";
import { resultTypes } from "../../declare/signature.js";
import { BackplaneError, HostError, messageOf } from "../../errors.js";
import type { CallOptions } from "../../plugin/options.js";
import type { AbiCall, AbiHostFunction, AbiImports, AbiInstance, AbiPlugin, Guest } from "../abi.js";
import { decodeValue, encodeValue, inputBytes, outputOf } from "../payload.js";
import { settle } from "../settle.js";

/** What guests may import from `wapc`. */
export const wapcImports = [
  "__guest_request",
  "__guest_response",
  "__guest_error",
  "__host_call",
  "__host_response",
  "__host_response_len",
  "__host_error",
  "__host_error_len",
  "__console_log",
] as const;

/** In the order in which hosts call them; `_start` is TinyGo's. */
const startFunctions = ["_initialize", "_start", "wapc_init"];

type Core = (...args: number[]) => unknown;
type FindFunction = (namespace: string, operation: string) => AbiHostFunction | undefined;

const nothing = new Uint8Array(0);

/** What is exchanged in one call. */
interface Exchange {
  readonly operation: Uint8Array;
  readonly payload: Uint8Array;
  response: Uint8Array;
  error: string | undefined;
  hostResponse: Uint8Array;
  hostError: Uint8Array;
}

function exchange(operation: string, payload: Uint8Array): Exchange {
  return {
    operation: Buffer.from(operation),
    payload,
    response: nothing,
    error: undefined,
    hostResponse: nothing,
    hostError: nothing,
  };
}

export class WapcInstance implements AbiInstance {
  readonly imports: AbiImports;
  private started: Guest | undefined;
  /** By the call's frame: calls of one instance may overlap while they wait. */
  private readonly exchanges = new WeakMap<object, Exchange>();
  /** Outside of calls, while the guest starts. */
  private readonly starting = exchange("", nothing);

  /** @param wrap makes the import of a function that may wait */
  constructor(
    private readonly plugin: AbiPlugin,
    private readonly find: FindFunction,
    wrap: (call: Core) => object,
  ) {
    const functions: Record<(typeof wapcImports)[number], object> = {
      __guest_request: (operationAt: number, payloadAt: number) => {
        const { operation, payload } = this.current;
        this.guest.memory.write(operationAt, operation);
        this.guest.memory.write(payloadAt, payload);
      },
      __guest_response: (at: number, length: number) => {
        this.current.response = this.guest.output(at, length);
      },
      __guest_error: (at: number, length: number) => {
        this.current.error = this.guest.memory.text(at, length);
      },
      __host_call: wrap((...ranges) => this.callHost(ranges)),
      __host_response: (at: number) => this.guest.memory.write(at, this.current.hostResponse),
      __host_response_len: () => this.current.hostResponse.length,
      __host_error: (at: number) => this.guest.memory.write(at, this.current.hostError),
      __host_error_len: () => this.current.hostError.length,
      __console_log: (at: number, length: number) => plugin.log("info", this.guest.memory.text(at, length)),
    };
    this.imports = { wapc: functions, env: { abort: () => this.abort() } };
  }

  private get guest(): Guest {
    if (this.started !== undefined) return this.started;
    const text = `${this.plugin.name}: waPC's functions can't be called while the start section runs`;
    throw new BackplaneError("PLUGIN_LOAD", text);
  }

  private get current(): Exchange {
    const frame = currentFrame();
    return (frame && this.exchanges.get(frame)) ?? this.starting;
  }

  start(guest: Guest): void {
    this.started = guest;
    for (const name of startFunctions) {
      const start = guest.exports[name];
      if (typeof start !== "function") continue;
      try {
        start();
      } catch (error) {
        // A guest of TinyGo's exits when its main function has registered its operations.
        if (guest.exitCode(error) !== 0) throw error;
      }
    }
  }

  /** Operations have no export of their own: the guest says whether it has one. */
  call(operation: string): AbiCall {
    return { run: (input, options) => this.invoke(operation, input, options) };
  }

  private invoke(operation: string, input: unknown, { result }: CallOptions): unknown {
    const where = `${this.plugin.name}: operation ${operation}`;
    const made = exchange(operation, inputBytes(input, `${where}: input`));
    const frame = currentFrame();
    if (frame !== undefined) this.exchanges.set(frame, made);
    const finish = (code: unknown): unknown => {
      if (code === 1) return outputOf(made.response, result, input, `${where}: result`);
      throw this.guest.failure(`${where}: ${made.error ?? "the guest failed without an error"}`);
    };
    const guestCall = this.guest.function("__guest_call") as Core;
    return settle(guestCall(made.operation.length, made.payload.length), finish);
  }

  /** Gives 1 upon success; upon an error 0, and the guest may ask for it. */
  private callHost(ranges: readonly number[]): number | Promise<number> {
    const { guest, current } = this;
    const { memory } = guest;
    const [, namespace, operation] = [0, 2, 4].map((i) => memory.text(ranges[i], ranges[i + 1]));
    const payload = guest.output(ranges[6], ranges[7]);
    const succeeded = (response: Uint8Array): number => {
      current.hostResponse = response;
      return 1;
    };
    const failed = (error: unknown): number => {
      if (!(error instanceof HostError)) throw error;
      current.hostError = Buffer.from(messageOf(error.cause ?? error));
      return 0;
    };
    try {
      const response = this.serve(guest, namespace, operation, payload);
      return response instanceof Promise ? response.then(succeeded, failed) : succeeded(response);
    } catch (error) {
      return failed(error);
    }
  }

  /** Errors: HostError for the guest. */
  private serve(
    guest: Guest,
    namespace: string,
    operation: string,
    payload: Uint8Array,
  ): Uint8Array | Promise<Uint8Array> {
    const host = this.find(namespace, operation);
    if (host === undefined) throw new HostError(`the host has no operation "${namespace}" "${operation}"`);
    const [param] = host.signature.params;
    const where = `${this.plugin.name}: host call ${namespace} ${operation}`;
    const args = param === undefined ? [] : [decodeValue(payload, param, `${where}: payload`)];
    const [result] = resultTypes(host.signature);
    const encoded = (value: unknown): Uint8Array => encodeValue(value, result, `${where}: result`);
    return settle(host.call(guest, ...args), encoded);
  }

  /** AssemblyScript's way of giving up. */
  private abort(): never {
    throw new BackplaneError("PLUGIN", `${this.plugin.name}: the guest called abort`);
  }
}
