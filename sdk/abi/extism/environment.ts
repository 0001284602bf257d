/**
 * The half of `extism:host/env` that TypeScript serves: settings, variables, the log, HTTP. The other half is the
 * kernel's own functions.
 *
 * Handles that a plugin gives are looked up in its kernel; what is no handle ends the call, as does text that isn't
 * UTF-8. What the plugin gets are new blocks; 0 stands for nothing.
 */
import type { Suspending } from "../../../engine/index.js";
import type { HostCallLimits } from "../../binding/host-call-limits.js";
import { currentFrame } from "../../call-frame.js";
import { HostError } from "../../errors.js";
import { HttpClient, type HttpGrant } from "./http.js";
import type { Kernel } from "./kernel.js";
import { type LineLevel, levelNumbers } from "./log-levels.js";
import type { Variables } from "./variables.js";
import { waitingImport } from "./waiting.js";

/** What a plugin is given, whoever says it. */
export interface ExtismGrant {
  /** Settings: texts by name. */
  readonly config: ReadonlyMap<string, string>;
  readonly http: HttpGrant;
  /** The plugin's variables; they stay when its instance is replaced. */
  readonly variables: Variables;
  /** Lines below it aren't logged: a number of `levelNumbers`. */
  readonly logLevel: number;
  log(level: LineLevel, text: string): void;
}

/** The state of an instance that the functions work on. */
export interface EnvironmentState {
  readonly kernel: Kernel;
  readonly variables: Variables;
  readonly logLevel: number;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Errors: HostError. */
export function bytesAt(kernel: Kernel, handle: bigint, what: string): Uint8Array<ArrayBuffer> {
  const bytes = kernel.read(handle);
  if (bytes !== undefined) return new Uint8Array(bytes);
  throw new HostError(`extism:host/env: invalid handle offset for ${what}: ${BigInt.asUintN(64, handle)}`);
}

/** Errors: HostError. */
function textAt(kernel: Kernel, handle: bigint, what: string): string {
  const bytes = bytesAt(kernel, handle, what);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new HostError(`extism:host/env: the ${what} isn't UTF-8`);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the engine passes what the import's type says
type CoreFunction = (...core: any[]) => unknown;
type Functions = Readonly<Record<string, CoreFunction>>;
export type EnvironmentImports = Readonly<Record<string, CoreFunction | Suspending>>;

/**
 * The functions of one instance.
 *
 * @param limits hold for all of them
 */
export function environmentImports(
  state: EnvironmentState,
  grant: ExtismGrant,
  limits: HostCallLimits,
): EnvironmentImports {
  const client = new HttpClient(grant.http);
  const functions: Functions = {
    ...settings(state, grant),
    ...httpFunctions(state.kernel, client),
    get_log_level: () => state.logLevel,
    log_trace: logFunction(state, grant, "trace"),
    log_debug: logFunction(state, grant, "debug"),
    log_info: logFunction(state, grant, "info"),
    log_warn: logFunction(state, grant, "warn"),
    log_error: logFunction(state, grant, "error"),
  };
  const counted = limits.isRated ? eachCounted(functions, limits) : functions;
  if (client.isClosed) return counted;
  return { ...counted, http_request: waitingImport(counted.http_request, limits) };
}

function eachCounted(functions: Functions, limits: HostCallLimits): Functions {
  const entries = Object.entries(functions).map(([name, run]) => {
    const counted: CoreFunction = (...core) => {
      limits.called();
      return run(...core);
    };
    return [name, counted] as const;
  });
  return Object.fromEntries(entries);
}

/** Whether `http_request` can make a plugin wait. */
export function httpWaits({ hosts }: HttpGrant): boolean {
  return hosts.length > 0;
}

function settings(state: EnvironmentState, { config }: ExtismGrant): Functions {
  const { kernel } = state;
  return {
    config_get(key: bigint): bigint {
      return kernel.store(config.get(textAt(kernel, key, "config key")) ?? "");
    },
    var_get(key: bigint): bigint {
      const value = state.variables.get(textAt(kernel, key, "var key"));
      return value === undefined ? 0n : kernel.store(value);
    },
    var_set(key: bigint, value: bigint): void {
      const name = textAt(kernel, key, "var key");
      if (value === 0n) state.variables.delete(name);
      else state.variables.set(name, bytesAt(kernel, value, "var value"));
    },
  };
}

function logFunction(state: EnvironmentState, grant: ExtismGrant, level: LineLevel): (text: bigint) => void {
  const number = levelNumbers[level];
  return (text) => {
    if (number >= state.logLevel) grant.log(level, textAt(state.kernel, text, "log message"));
  };
}

function httpFunctions(kernel: Kernel, client: HttpClient): Functions {
  return {
    http_request(handle: bigint, body: bigint): Promise<bigint> {
      const text = textAt(kernel, handle, "http request");
      const bytes = body === 0n ? undefined : bytesAt(kernel, body, "http request body");
      return client.request(text, bytes, currentFrame()?.signal).then((response) => kernel.store(response));
    },
    http_status_code: () => client.status,
    http_headers: () => (client.headers === undefined ? 0n : kernel.store(JSON.stringify(client.headers))),
  };
}
