/**
 * From what `createPlugin` is given to modules: bytes read and fetched, hashes compared, names told apart.
 *
 * The module named "main", or else the last one, is the plugin; the others can be imported by their names.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Module, moduleBytes } from "../../../engine/index.js";
import { BackplaneError, ManifestError, messageOf } from "../../errors.js";
import { asManifest, type Manifest, type ManifestWasm } from "./manifest.js";

/**
 * What a plugin can be made of: a manifest, its JSON, the path or URL of a manifest or a module, a response with one of
 * them, a module's bytes.
 */
export type ManifestLike = Manifest | Response | Uint8Array | ArrayBuffer | object | string | URL;

/** A module's bytes with its name. */
export interface ModuleSource {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface LoadedManifest {
  readonly manifest: Manifest;
  readonly main: ModuleSource;
  readonly companions: readonly ModuleSource[];
}

type Fetch = typeof fetch;

const mainName = "main";

/** Errors: ManifestError; BackplaneError PLUGIN_LOAD, INTEGRITY. */
export async function loadManifest(source: ManifestLike, fetch: Fetch): Promise<LoadedManifest> {
  const manifest = await manifestOf(source, fetch);
  const read = await Promise.all(
    manifest.wasm.map(async (item, index) => {
      const bytes = await bytesOf(item, index, fetch);
      const hash = createHash("sha256").update(bytes).digest("hex");
      if (item.hash !== undefined && item.hash.toLowerCase() !== hash) {
        const text = `hash mismatch: wasm[${index}] has sha256 ${hash}, the manifest says ${item.hash}`;
        throw new BackplaneError("INTEGRITY", `Extism manifest: ${text}`);
      }
      const isLast = index === manifest.wasm.length - 1;
      return { name: item.name ?? (isLast ? mainName : hash), bytes };
    }),
  );
  const names = read.map((module) => module.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new ManifestError("Extism manifest", [`wasm: two modules are named "${twice}"`]);
  const main = read.find((module) => module.name === mainName) ?? (read.at(-1) as ModuleSource);
  return { manifest, main, companions: read.filter((module) => module !== main) };
}

function isResponse(source: object): source is Response {
  return source instanceof Response || source.constructor?.name === "Response";
}

/** A manifest of one module. */
const ofModule = (wasm: ManifestWasm): Manifest => ({ wasm: [wasm] });

async function manifestOf(source: ManifestLike, fetch: Fetch): Promise<Manifest> {
  if (typeof source === "string") {
    if (/^\s*\{/.test(source)) return parsed(source, "Extism manifest");
    return /^(https?|file|data):/.test(source)
      ? manifestOf(new URL(source), fetch)
      : ofModuleOrManifest(await fileAt(source), source);
  }
  if (source instanceof URL) {
    if (source.protocol === "file:") return ofModuleOrManifest(await fileAt(source), source.href);
    return manifestOf(await fetched(fetch, source, {}), fetch);
  }
  if (typeof source !== "object" || source === null) return asManifest(source);
  if (isResponse(source)) return ofModuleOrManifest(await bodyOf(source), source.url || "a response");
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) return ofModule({ data: source });
  if (isModule(source)) return ofModule({ module: source });
  return asManifest(source);
}

/** A file or a response may be either: a module begins with a NUL. */
function ofModuleOrManifest(bytes: Uint8Array, from: string): Manifest {
  const text = bytes[0] === 0 ? "" : Buffer.from(bytes.subarray(0, 64)).toString("latin1");
  return /^\s*\{/.test(text) ? parsed(Buffer.from(bytes).toString("utf8"), from) : ofModule({ data: bytes });
}

function parsed(json: string, from: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new ManifestError(from, [`not JSON: ${messageOf(error)}`]);
  }
  return asManifest(value);
}

function isModule(source: object): boolean {
  return source instanceof Module || Object.prototype.toString.call(source) === "[object WebAssembly.Module]";
}

async function bytesOf(item: ManifestWasm, index: number, fetch: Fetch): Promise<Uint8Array> {
  if ("data" in item && item.data !== undefined) return dataOf(item.data);
  if ("path" in item && item.path !== undefined) return fileAt(item.path);
  if ("url" in item && item.url !== undefined) {
    const url = new URL(item.url);
    if (url.protocol === "file:") return fileAt(url);
    const { headers, method } = item;
    return bodyOf(await fetched(fetch, url, { ...(headers && { headers }), ...(method && { method }) }));
  }
  if ("response" in item && item.response !== undefined) return bodyOf(item.response);
  if ("module" in item && item.module instanceof Module) return moduleBytes(item.module);
  const text =
    "expected a module of backplane/engine: one of Node's own doesn't give its bytes back, so give them as data";
  throw new ManifestError("Extism manifest", [`wasm[${index}].module: ${text}`]);
}

function dataOf(data: Uint8Array | ArrayBuffer | string): Uint8Array {
  if (typeof data === "string") return Buffer.from(data, "base64");
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

async function fileAt(path: string | URL): Promise<Uint8Array> {
  const name = path instanceof URL ? fileURLToPath(path) : path;
  try {
    return await readFile(name);
  } catch (cause) {
    throw new BackplaneError("PLUGIN_LOAD", `can't read ${name}: ${messageOf(cause)}`, { cause });
  }
}

async function fetched(fetch: Fetch, url: URL, options: RequestInit): Promise<Response> {
  try {
    return await fetch(url, options);
  } catch (cause) {
    throw new BackplaneError("PLUGIN_LOAD", `can't fetch ${url.href}: ${messageOf(cause)}`, { cause });
  }
}

async function bodyOf(response: Response): Promise<Uint8Array> {
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new BackplaneError("PLUGIN_LOAD", `can't fetch ${response.url}: status ${response.status}`);
}
