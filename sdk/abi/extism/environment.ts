/**
 * The half of `extism:host/env` that TypeScript serves: the log, HTTP, and settings and variables where they aren't
 * native. The other half is the kernel's own functions. What the plugin gets are new blocks; 0 stands for nothing.
 */
import type { Suspending } from "../../../engine/index.js";
import type { HostCallLimits } from "../../binding/host-call-limits.js";
import { currentFrame } from "../../call-frame.js";
import { bytesAt, textAt } from "./handles.js";
import { HttpClient, type HttpGrant } from "./http.js";
import type { Kernel } from "./kernel.js";
import { type LineLevel, levelNumbers } from "./log-levels.js";
import type { BoundValues, Values } from "./values.js";
import { waitingImport } from "./waiting.js";

/** What a plugin is given, whoever says it. */
export interface ExtismGrant {
  /** Settings and variables; they stay when its instance is replaced. */
  readonly values: Values;
  readonly http: HttpGrant;
  /** Lines below it aren't logged: a number of `levelNumbers`. */
  readonly logLevel: number;
  log(level: LineLevel, text: string): void;
}

/** The state of an instance that the functions work on. */
export interface EnvironmentState {
  readonly kernel: Kernel;
  readonly values: BoundValues;
  readonly logLevel: number;
}

// biome-ignore lint/suspicious/noExplicitAny: the engine passes what the import's type says
type CoreFunction = (...core: any[]) => unknown;
type Functions = Readonly<Record<string, CoreFunction>>;
export type EnvironmentImports = Readonly<Record<string, CoreFunction | Suspending>>;

/**
 * The functions of one instance, without the kernel's.
 *
 * @param limits hold for those that are served here
 */
export function environmentImports(
  state: EnvironmentState,
  grant: ExtismGrant,
  limits: HostCallLimits,
): EnvironmentImports {
  const client = new HttpClient(grant.http);
  const functions: Functions = {
    ...(state.values.native ? {} : state.values.functions),
    ...httpFunctions(state.kernel, client),
    get_log_level: () => state.logLevel,
    log_trace: logFunction(state, grant, "trace"),
    log_debug: logFunction(state, grant, "debug"),
    log_info: logFunction(state, grant, "info"),
    log_warn: logFunction(state, grant, "warn"),
    log_error: logFunction(state, grant, "error"),
  };
  const counted = limits.isRated ? eachCounted(functions, limits) : functions;
  const native = state.values.native ? state.values.functions : {};
  const served = { ...counted, ...native };
  return client.isClosed ? served : { ...served, http_request: waitingImport(counted.http_request, limits) };
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
