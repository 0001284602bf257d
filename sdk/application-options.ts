/**
 * What an application says, checked before it is used: the options of a host and of its plugins, their sources, and what its
 * policy grants. A misspelled limit, pin or grant would otherwise be none. What TypeScript tells is told here to JavaScript too.
 */
import { CodeCache } from "../engine/index.js";
import {
  anyFunction,
  anyObject,
  anyText,
  anything,
  boolean,
  type Check,
  count,
  either,
  fields,
  integer,
  isRecord,
  like,
  listOf,
  number,
  oneOf,
  recordOf,
  requireValid,
  shown,
  texts,
} from "./checks.js";
import { BackplaneError } from "./errors.js";
import type { PluginHostOptions } from "./host.js";
import type { PluginGrant } from "./manifest/grant.js";
import type { PluginLimits } from "./manifest/manifest.js";
import type { PluginOptions } from "./plugin/options.js";
import type { PluginSource, PluginSourceDetails } from "./plugin/source.js";
import type { WasiGrant } from "./wasi/wasi-grant.js";

/** A check for each field of T: none can be forgotten. */
type Checks<T> = Readonly<Record<keyof T & string, Check>>;

const milliseconds = number(0, "a number of milliseconds from 0 on");
const isText = (value: unknown): boolean => typeof value === "string";

function methods(...names: readonly string[]): Check {
  const has = (value: unknown): boolean =>
    isRecord(value) && names.every((name) => typeof value[name] === "function");
  return like(`an object with ${names.join(", ")}`, has);
}

const limits = fields({
  memory: number(0),
  tableEntries: count(0),
  stackBytes: number(0),
  instances: count(1),
  outputBytes: number(0),
  hostCallsPerSecond: number(0),
  fuel: count(0),
  parkedCalls: count(0),
  timeout: milliseconds,
} satisfies Checks<PluginLimits>);

const pluginOptions = fields({
  instances: integer(1),
  run: oneOf("main", "thread"),
  limits,
  maxWaiting: number(0),
  reentrant: boolean,
  timeout: milliseconds,
  startTimeout: milliseconds,
  slice: milliseconds,
  reset: oneOf("keep", "call"),
  afterError: oneOf("keep", "replace"),
  abi: either(isText, anything, anyObject),
  activation: oneOf("startup", "call"),
  config: anyObject,
  secrets: anyObject,
  logRate: fields({ lines: number(0), burst: number(0) }),
  circuit: fields({ traps: number(1), backoff: milliseconds, maxBackoff: milliseconds }),
  handOver: boolean,
  transfer: anyFunction,
  drainTimeout: milliseconds,
  onDrainTimeout: oneOf("abort", "abandon"),
} satisfies Checks<PluginOptions>);

const isFolder = (value: unknown): boolean => isText(value) || value instanceof URL;
const isPlain = (value: unknown): boolean =>
  isRecord(value) && !(value instanceof CodeCache || value instanceof URL);

const hostOptions = fields({
  plugins: like("a folder or a list of sources", (value) => isFolder(value) || Array.isArray(value)),
  modules: listOf(
    like(
      "a class, an object of one, or what defineHostModule gave",
      (value) => typeof value === "function" || isRecord(value),
    ),
  ),
  provide: listOf(like("[token, value]", (value) => Array.isArray(value) && value.length === 2)),
  resolve: anyFunction,
  grant: anyFunction,
  abis: listOf(anything), // whether they are ABIs, `requireAbis` sees
  limits,
  options: anything, // those of each plugin are checked when it is there
  watch: either(
    isRecord,
    fields({ debounce: milliseconds }),
    like("true, false or its options", (value) => typeof value === "boolean"),
  ),
  cache: either(isPlain, fields({ folder: anything, maxBytes: anything, warn: anything }), anything),
  clock: methods("now", "setTimeout", "clearTimeout"),
  logger: methods("debug", "info", "warn", "error"),
} satisfies Checks<PluginHostOptions>);

const sourceDetails = fields({
  file: like("a path or a URL", isFolder),
  bytes: like("a Uint8Array", (value) => value instanceof Uint8Array),
  manifest: anyObject,
  name: anyText,
  sha256: anyText,
  version: anyText,
  required: boolean,
} satisfies Checks<PluginSourceDetails>);

const access = oneOf("read", "write");
const wasi = fields({
  args: anything,
  env: anything,
  stdin: anything,
  stdout: anything,
  stderr: anything,
  clocks: anything,
  random: anything,
  sockets: anything,
  maxDescriptors: anything,
} satisfies Checks<WasiGrant>);

const grant = fields({
  modules: texts,
  plugins: texts,
  hosts: texts,
  paths: recordOf(either(isRecord, fields({ path: anything, fs: anything, access }), access)),
  wasi: either((value) => value === false, anything, wasi),
  limits,
} satisfies Checks<PluginGrant>);

/** Errors: BackplaneError OPTIONS. */
export function requireHostOptions(options: PluginHostOptions): void {
  requireValid(hostOptions, options, "PluginHost.start");
}

/** Errors: BackplaneError OPTIONS. */
export function requirePluginOptions(plugin: string, options: PluginOptions): void {
  requireValid(pluginOptions, options, plugin);
}

/** What a policy gave. Errors: BackplaneError OPTIONS. */
export function requireGrant(plugin: string, given: PluginGrant): void {
  requireValid(grant, given, `${plugin}: grant`);
}

/** Errors: BackplaneError OPTIONS. */
export function requireSource(source: PluginSource): PluginSourceDetails {
  if (typeof source === "string" || source instanceof URL) return { file: source };
  const place = "a plugin's source";
  if (!isRecord(source)) {
    throw new BackplaneError(
      "OPTIONS",
      `${place}: expected a path, a URL or an object, got ${shown(source)}`,
    );
  }
  requireValid(sourceDetails, source, place);
  return source;
}
