/**
 * Reads `NAME.plugin.json`. Text enters; a manifest leaves, or a ManifestError with every fault in it, each with its
 * path. What is accepted is what `plugin.schema.json` says; a test holds the two together.
 */
import { validRange } from "semver";
import {
  anyObject,
  anyText,
  boolean,
  fields,
  integer,
  isRecord,
  like,
  matching,
  oneOf,
  recordOf,
  shown,
  texts,
  versionText,
} from "../checks.js";
import { ManifestError, messageOf } from "../errors.js";

/**
 * Bounds on what a plugin may use. What goes beyond one of them fails with a LimitError that names it, or has it as
 * `cause`.
 */
export interface PluginLimits {
  /** Bytes of memory, in whole pages of 64 KiB; growing beyond them fails in the plugin. */
  readonly memory?: number;
  /** Entries of each of its own tables; growing beyond them fails in the plugin. */
  readonly tableEntries?: number;
  /** Bytes of the stack that a call computes on; an overflow is a trap. Not more than 4 MiB in any case. */
  readonly stackBytes?: number;
  /** Instances that the application may make of it. */
  readonly instances?: number;
  /** Bytes of each text, list of bytes and JSON that it hands to the host, as a result or an argument. */
  readonly outputBytes?: number;
  /** Calls of host functions a second on the average; a second's calls may come at once. */
  readonly hostCallsPerSecond?: number;
  /**
   * WebAssembly instructions that a call may execute: the same count on every machine. With it the plugin is compiled to count
   * them, which makes it up to a third slower. Infinity, for the application only: counted, without a bound.
   */
  readonly fuel?: number;
  /** Calls that may wait in host functions at a time. Default: 10,000. */
  readonly parkedCalls?: number;
  /** Milliseconds that a call may take, waiting included. */
  readonly timeout?: number;
}

/** What may be done with the files below a path; writing includes reading. */
export type PathAccess = "read" | "write";

/** What a manifest asks for of WASI, beside folders (those are `paths`). */
export interface WasiRequests {
  /** Arguments. */
  readonly args?: boolean;
  /** Names of environment variables. */
  readonly env?: readonly string[];
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Connections and listening servers. */
  readonly sockets?: boolean;
  /** A clock with less than milliseconds. */
  readonly clocks?: "fine";
}

/** What a manifest asks for. */
export interface PluginRequests {
  readonly modules?: readonly string[];
  readonly hosts?: readonly string[];
  /** Paths in the plugin's view; with WASI they are its preopened folders. */
  readonly paths?: Readonly<Record<string, PathAccess>>;
  readonly wasi?: WasiRequests;
  readonly limits?: PluginLimits;
}

/** Names with the versions that will do, as semver ranges. */
export interface PluginDependencies {
  /** Plugins whose exports it imports; the module name of such an import is the plugin's name. */
  readonly plugins?: Readonly<Record<string, string>>;
  /** Host modules. */
  readonly modules?: Readonly<Record<string, string>>;
}

/** What a plugin's author says about it. A claim: nothing in it gives the plugin anything. */
export interface PluginManifest {
  readonly name: string;
  readonly version?: string;
  /** Lower-case hexadecimal. */
  readonly sha256?: string;
  /** The convention between it and the host, by name. Default: told by what the module imports and exports. */
  readonly abi?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly activation?: "startup" | "call";
  readonly reentrant?: boolean;
  readonly dependencies?: PluginDependencies;
  readonly requests?: PluginRequests;
}

const versionRange = like(
  "a range of versions as ^1.2.0",
  (value) => typeof value === "string" && validRange(value) !== null,
);

const checkManifest = fields({
  $schema: anyText,
  name: matching(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "a name of letters, digits, '.', '_' and '-'"),
  version: versionText,
  sha256: matching(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits"),
  abi: matching(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'the name of an ABI, as "backplane-1"'),
  config: anyObject,
  activation: oneOf("startup", "call"),
  reentrant: boolean,
  dependencies: fields({ plugins: recordOf(versionRange), modules: recordOf(versionRange) }),
  requests: fields({
    modules: texts,
    hosts: texts,
    paths: recordOf(oneOf("read", "write")),
    wasi: fields({
      args: boolean,
      env: texts,
      stdin: boolean,
      stdout: boolean,
      stderr: boolean,
      sockets: boolean,
      clocks: oneOf("fine"),
    }),
    limits: fields({
      memory: integer(0),
      tableEntries: integer(0),
      stackBytes: integer(4096),
      instances: integer(1),
      outputBytes: integer(0),
      hostCallsPerSecond: integer(1),
      fuel: integer(0),
      parkedCalls: integer(0),
      timeout: integer(1),
    }),
  }),
});

/**
 * @param file its name, for errors
 * Errors: ManifestError.
 * @example
 * parseManifest('{ "name": "greeter", "requests": { "modules": ["kv"] } }', "greeter.plugin.json").name
 */
export function parseManifest(text: string, file: string): PluginManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ManifestError(file, [`not JSON: ${messageOf(error)}`]);
  }
  if (!isRecord(value)) {
    throw new ManifestError(file, [`the manifest: expected an object, got ${shown(value)}`]);
  }
  const problems: string[] = [];
  checkManifest(value, "", problems);
  if (value.name === undefined) problems.push("name: missing");
  if (problems.length > 0) throw new ManifestError(file, problems);
  return value as unknown as PluginManifest;
}
