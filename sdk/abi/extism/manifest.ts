/**
 * Extism's manifests: what a plugin is made of and what it may use. JSON or an object enters, in the spelling of
 * Extism's manifests (`allowed_hosts`) or of its JavaScript SDK (`allowedHosts`); one form leaves, checked.
 *
 * Source: Extism's manifest schema; the types of Extism's JavaScript SDK.
 */
import { shown } from "../../checks.js";
import { ManifestError } from "../../errors.js";

/** Bytes of a module: base64 in JSON. */
export interface ManifestWasmData {
  data: Uint8Array | ArrayBuffer | string;
}

/** A module that is fetched. */
export interface ManifestWasmUrl {
  url: URL | string;
  headers?: Record<string, string>;
  method?: string;
}

/** A module in a file. */
export interface ManifestWasmPath {
  path: string;
}

/** A response that a module is read from. */
export interface ManifestWasmResponse {
  response: Response;
}

/** A compiled module of `backplane/engine`. One of Node's own is refused, as it doesn't give its bytes back. */
export interface ManifestWasmModule {
  module: object;
}

/** One module: `name` is what others import from it as, `hash` the SHA-256 of its bytes in hexadecimal. */
export type ManifestWasm = (
  | ManifestWasmUrl
  | ManifestWasmData
  | ManifestWasmPath
  | ManifestWasmResponse
  | ManifestWasmModule
) & { name?: string; hash?: string };

/** Bounds on what a plugin keeps and gets. */
export interface MemoryOptions {
  /** Pages of 64 KiB. */
  maxPages?: number | undefined;
  /** Default: 50 MiB. */
  maxHttpResponseBytes?: number | undefined;
  /** Default: 1 MiB. 0: there are no variables. */
  maxVarBytes?: number | undefined;
}

/** The same in the spelling of manifests. */
export interface NativeMemory {
  max_pages?: number | null;
  max_http_response_bytes?: number | null;
  max_var_bytes?: number | null;
}

/** A manifest as applications write it. */
export interface Manifest {
  wasm: ManifestWasm[];
  config?: Record<string, string | null>;
  memory?: MemoryOptions | NativeMemory | null;
  allowedHosts?: string[] | undefined;
  allowed_hosts?: string[] | null;
  /** Folders by the plugin's name for them; a folder that begins with "ro:" can only be read. */
  allowedPaths?: Record<string, string> | undefined;
  /** The plugin's names for folders, by folder; one that begins with "ro:" can only be read. */
  allowed_paths?: Record<string, string> | null;
  timeoutMs?: number | null | undefined;
  timeout_ms?: number | null;
}

/** A folder that a plugin may use. */
export interface AllowedPath {
  /** The host's. */
  readonly path: string;
  readonly write: boolean;
}

/** What a manifest says, in one form. Undefined: it says nothing of it. */
export interface ManifestGrants {
  readonly config: Readonly<Record<string, string>> | undefined;
  readonly memory: MemoryOptions | undefined;
  readonly allowedHosts: readonly string[] | undefined;
  /** By the plugin's name. */
  readonly allowedPaths: Readonly<Record<string, AllowedPath>> | undefined;
  readonly timeoutMs: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
type Report = (path: string, expected: string, value: unknown) => undefined;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function given(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A folder as it is written: "ro:" is Extism's mark for one that can only be read. */
function allowedPath(folder: string): AllowedPath {
  const readOnly = folder.startsWith("ro:");
  return { path: readOnly ? folder.slice(3) : folder, write: !readOnly };
}

function texts(value: unknown, path: string, report: Report): Record<string, string> | undefined {
  if (!given(value)) return undefined;
  if (!isObject(value)) return report(path, "texts by name", value);
  const kept = Object.entries(value).filter(([, text]) => given(text));
  for (const [name, text] of kept) {
    if (typeof text !== "string") report(`${path}.${name}`, "a text", text);
  }
  return Object.fromEntries(kept) as Record<string, string>;
}

function hosts(value: unknown, path: string, report: Report): string[] | undefined {
  if (!given(value)) return undefined;
  if (Array.isArray(value) && value.every((host) => typeof host === "string")) return value;
  return report(path, "a list of hosts", value);
}

function amount(value: unknown, path: string, report: Report): number | undefined {
  if (!given(value)) return undefined;
  if (typeof value === "number" && value >= 0) return value;
  return report(path, "a number from 0 on", value);
}

function memoryOf(value: unknown, report: Report): MemoryOptions | undefined {
  if (!given(value)) return undefined;
  if (!isObject(value)) return report("memory", "an object", value);
  const read = (camel: string, snake: string): number | undefined =>
    amount(value[camel] ?? value[snake], `memory.${snake}`, report);
  return {
    maxPages: read("maxPages", "max_pages"),
    maxHttpResponseBytes: read("maxHttpResponseBytes", "max_http_response_bytes"),
    maxVarBytes: read("maxVarBytes", "max_var_bytes"),
  };
}

/** By the plugin's name: `allowedPaths` has it as key, `allowed_paths` as value. */
function pathsOf(manifest: Fields, report: Report): Record<string, AllowedPath> | undefined {
  const byGuest = texts(manifest.allowedPaths, "allowedPaths", report);
  const byHost = texts(manifest.allowed_paths, "allowed_paths", report);
  if (byGuest === undefined && byHost === undefined) return undefined;
  const native = Object.entries(byHost ?? {}).map(([folder, name]) => [name, allowedPath(folder)] as const);
  const sdk = Object.entries(byGuest ?? {}).map(([name, folder]) => [name, allowedPath(folder)] as const);
  return Object.fromEntries([...native, ...sdk]);
}

/** What a manifest, or `createPlugin`'s options, grant. Errors: ManifestError with every fault. */
export function grantsOf(manifest: object): ManifestGrants {
  const problems: string[] = [];
  const report: Report = (path, expected, value) => {
    problems.push(`${path}: expected ${expected}, got ${JSON.stringify(value)?.slice(0, 40)}`);
    return undefined;
  };
  const fields = manifest as Fields;
  const grants = {
    config: texts(fields.config, "config", report),
    memory: memoryOf(fields.memory, report),
    allowedHosts: hosts(fields.allowedHosts ?? fields.allowed_hosts, "allowed_hosts", report),
    allowedPaths: pathsOf(fields, report),
    timeoutMs: amount(fields.timeoutMs ?? fields.timeout_ms, "timeout_ms", report),
  };
  if (problems.length > 0) throw new ManifestError("Extism manifest", problems);
  return grants;
}

const sourceKinds = ["data", "path", "url", "response", "module"];

/** Checks that a value is a manifest, without its grants. Errors: ManifestError. */
export function asManifest(value: unknown): Manifest {
  const fail = (problem: string): never => {
    throw new ManifestError("Extism manifest", [problem]);
  };
  if (!isObject(value)) return fail(`expected an object, got ${shown(value)}`);
  const { wasm } = value;
  if (!Array.isArray(wasm) || wasm.length === 0) return fail("wasm: expected a list of modules");
  for (const [index, item] of wasm.entries()) {
    if (!isObject(item) || !sourceKinds.some((kind) => given(item[kind]))) {
      fail(`wasm[${index}]: expected one of ${sourceKinds.join(", ")}`);
    }
    for (const key of ["name", "hash", "path"]) {
      if (given(item[key]) && typeof item[key] !== "string") fail(`wasm[${index}].${key}: expected a text`);
    }
  }
  return value as unknown as Manifest;
}
