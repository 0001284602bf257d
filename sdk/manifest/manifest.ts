/**
 * Reads `NAME.plugin.json`. Text enters; a manifest leaves, or a ManifestError with every fault in it, each with its
 * path. What is accepted is what `plugin.schema.json` says; a test holds the two together.
 */
import { validRange } from "semver";
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

/** Reports a fault of the value, or nothing. */
type Check = (value: unknown, path: string, problems: string[]) => void;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function matching(pattern: RegExp, expected: string): Check {
  return (value, path, problems) => {
    if (typeof value !== "string" || !pattern.test(value)) {
      problems.push(`${path}: expected ${expected}, got ${shown(value)}`);
    }
  };
}

function oneOf(...values: readonly string[]): Check {
  return (value, path, problems) => {
    if (values.includes(value as string)) return;
    problems.push(`${path}: expected ${values.map((v) => `"${v}"`).join(" or ")}, got ${shown(value)}`);
  };
}

function integer(minimum: number): Check {
  return (value, path, problems) => {
    if (!Number.isSafeInteger(value) || (value as number) < minimum) {
      problems.push(`${path}: expected an integer of at least ${minimum}, got ${shown(value)}`);
    }
  };
}

const anyText = matching(/^/, "text");
const versionRange: Check = (value, path, problems) => {
  if (typeof value === "string" && validRange(value) !== null) return;
  problems.push(`${path}: expected a range of versions as ^1.2.0, got ${shown(value)}`);
};
const anyObject: Check = (value, path, problems) => {
  if (!isRecord(value)) problems.push(`${path}: expected an object, got ${shown(value)}`);
};
const boolean: Check = (value, path, problems) => {
  if (typeof value !== "boolean") problems.push(`${path}: expected true or false, got ${shown(value)}`);
};
const texts: Check = (value, path, problems) => {
  if (!Array.isArray(value)) problems.push(`${path}: expected a list of texts, got ${shown(value)}`);
  else for (const [i, item] of value.entries()) anyText(item, `${path}[${i}]`, problems);
};

function recordOf(check: Check): Check {
  return (value, path, problems) => {
    anyObject(value, path, problems);
    if (!isRecord(value)) return;
    for (const [key, item] of Object.entries(value)) check(item, `${path}[${JSON.stringify(key)}]`, problems);
  };
}

function fields(known: Readonly<Record<string, Check>>): Check {
  return (value, path, problems) => {
    anyObject(value, path === "" ? "the manifest" : path, problems);
    if (!isRecord(value)) return;
    const prefix = path === "" ? "" : `${path}.`;
    for (const [key, item] of Object.entries(value)) {
      if (Object.hasOwn(known, key)) known[key](item, prefix + key, problems);
      else problems.push(`${prefix}${key}: unknown field (known: ${Object.keys(known).join(", ")})`);
    }
  };
}

const checkManifest = fields({
  $schema: anyText,
  name: matching(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "a name of letters, digits, '.', '_' and '-'"),
  version: matching(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/, "a version as 1.2.3"),
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
  const problems: string[] = [];
  checkManifest(value, "", problems);
  if (isRecord(value) && value.name === undefined) problems.push("name: missing");
  if (problems.length > 0) throw new ManifestError(file, problems);
  return value as unknown as PluginManifest;
}
