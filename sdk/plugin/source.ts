/**
 * Where a plugin comes from: a file, a URL or bytes; with a manifest or without. What leaves is its code, checked
 * against the hash and the version that the application and the manifest name, but not compiled yet.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireSource } from "../application-options.js";
import { BackplaneError, messageOf } from "../errors.js";
import { type PluginDependencies, type PluginManifest, parseManifest } from "../manifest/manifest.js";

/** A plugin with what the application knows of it. One of `file` and `bytes` is there. */
export interface PluginSourceDetails {
  /** A `.wasm` or a `.plugin.json`, by path or URL; `http:`, `https:` and `data:` are fetched. */
  readonly file?: string | URL;
  readonly bytes?: Uint8Array;
  /** Of bytes, instead of a file beside the module. */
  readonly manifest?: PluginManifest;
  /** Default: the manifest's, or the file's without `.wasm`. Bytes need one. */
  readonly name?: string;
  /** The hash of the module's bytes that the application trusts, in hexadecimal. */
  readonly sha256?: string;
  /** The version that the manifest has to name. */
  readonly version?: string;
  /** If it can't be loaded the host doesn't start. Default: false. */
  readonly required?: boolean;
}

/** Where a plugin comes from: a path, a URL, or either or bytes with details. */
export type PluginSource = string | URL | PluginSourceDetails;

export interface PluginCode {
  readonly bytes: Uint8Array;
  readonly manifest: PluginManifest | undefined;
  readonly sha256: string;
}

const manifestEnding = ".plugin.json";

export class SourceReader {
  readonly name: string;
  readonly details: PluginSourceDetails;
  private readonly url: URL | undefined;
  private readonly path: string | undefined;

  /** Errors: BackplaneError OPTIONS. */
  constructor(source: PluginSource) {
    this.details = requireSource(source);
    const { file, bytes, manifest } = this.details;
    const name = this.details.name ?? manifest?.name;
    if ((file === undefined) === (bytes === undefined)) {
      throw new BackplaneError("OPTIONS", "a plugin's source is either a file or bytes");
    }
    if (file !== undefined && manifest !== undefined) {
      throw new BackplaneError("OPTIONS", "only a plugin of bytes takes a manifest; a file's is beside it");
    }
    if (file !== undefined) {
      const url = file instanceof URL ? file : /^(https?|data|file):/.test(file) ? new URL(file) : undefined;
      if (url === undefined) this.path = file as string;
      else if (url.protocol === "file:") this.path = fileURLToPath(url);
      else this.url = url;
    }
    const from = this.path ?? (this.url?.protocol === "data:" ? undefined : this.url?.pathname);
    const derived = from === undefined ? undefined : basename(from).replace(/(\.plugin\.json|\.wasm)$/, "");
    const chosen = name ?? derived;
    if (chosen === undefined || chosen === "")
      throw new BackplaneError("OPTIONS", "a plugin of bytes needs a name");
    this.name = chosen;
  }

  /** The folder that changes when the plugin does, or undefined if it isn't in files. */
  get folder(): string | undefined {
    return this.path === undefined ? undefined : dirname(this.path);
  }

  /** Errors: BackplaneError PLUGIN_LOAD, INTEGRITY, VERSION_MISMATCH; ManifestError. */
  async read(): Promise<PluginCode> {
    const manifest = await this.manifest();
    const bytes = await this.module();
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    this.check("the application", this.details.sha256?.toLowerCase(), sha256);
    this.check("the manifest", manifest?.sha256, sha256);
    const { version } = this.details;
    if (version !== undefined && manifest?.version !== version) {
      const found = manifest?.version === undefined ? "no version" : `version ${manifest.version}`;
      throw new BackplaneError(
        "VERSION_MISMATCH",
        `${this.name}: the application wants version ${version}, the manifest names ${found}`,
      );
    }
    return { bytes, manifest, sha256 };
  }

  /** When its manifest wants it loaded. Errors: as for read. */
  async activation(): Promise<"startup" | "call"> {
    return (await this.manifest())?.activation ?? "startup";
  }

  /** What its manifest says that it depends on. Errors: as for read. */
  async dependencies(): Promise<PluginDependencies> {
    return (await this.manifest())?.dependencies ?? {};
  }

  private check(who: string, expected: string | undefined, found: string): void {
    if (expected === undefined || expected === found) return;
    throw new BackplaneError("INTEGRITY", `${this.name}: sha256 is ${found}, ${who} says ${expected}`);
  }

  private async manifest(): Promise<PluginManifest | undefined> {
    const given = this.details.manifest;
    if (given !== undefined) return this.own(parseManifest(JSON.stringify(given), `${this.name}: manifest`));
    if (this.path === undefined) return undefined;
    const named = this.path.endsWith(manifestEnding);
    const file = named ? this.path : this.path.replace(/\.wasm$/, "") + manifestEnding;
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (cause) {
      if (!named && (cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw this.missing(file, cause);
    }
    return this.own(parseManifest(text, basename(file)));
  }

  private own(manifest: PluginManifest): PluginManifest {
    if (manifest.name === this.name) return manifest;
    throw new BackplaneError(
      "PLUGIN_LOAD",
      `${this.name}: its manifest is of a plugin named "${manifest.name}"`,
    );
  }

  private async module(): Promise<Uint8Array> {
    if (this.details.bytes !== undefined) return this.details.bytes;
    if (this.url !== undefined) {
      try {
        const response = await fetch(this.url);
        if (!response.ok) throw new Error(`status ${response.status}`);
        return new Uint8Array(await response.arrayBuffer());
      } catch (cause) {
        throw this.missing(this.url.protocol === "data:" ? "its data: URL" : this.url.href, cause);
      }
    }
    const path = this.path as string;
    const file = path.endsWith(manifestEnding) ? `${path.slice(0, -manifestEnding.length)}.wasm` : path;
    try {
      return await readFile(file);
    } catch (cause) {
      throw this.missing(file, cause);
    }
  }

  private missing(file: string, cause: unknown): BackplaneError {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing ? "there is no such file" : messageOf(cause);
    return new BackplaneError("PLUGIN_LOAD", `${this.name}: can't read ${file}: ${why}`, { cause });
  }
}

/** The plugins of a folder: its `.plugin.json` files, and its `.wasm` files that have none. In order of their names. */
export async function sourcesInFolder(folder: string): Promise<PluginSource[]> {
  const files = new Set(await readdir(folder));
  const names = new Map<string, string>();
  for (const file of files) {
    if (file.endsWith(manifestEnding)) names.set(file.slice(0, -manifestEnding.length), file);
  }
  for (const file of files) {
    const name = file.slice(0, -".wasm".length);
    if (file.endsWith(".wasm") && !names.has(name)) names.set(name, file);
  }
  return [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => join(folder, file));
}
