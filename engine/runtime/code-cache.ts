/**
 * Compiled code kept on disk: a file for each module, with the functions that were compiled so far. What a process calls
 * is compiled when it is first called, as without a cache, and written a little later; the next process finds it there.
 *
 * The files are native code, which is run as it is. So they are taken only from a folder that nobody but this user (and
 * root) can write to (platform/owned-folder.ts); the digest in them finds damage, not attackers. Nothing that is wrong
 * with the folder or a file fails a load: it is told once, and the code compiled.
 *
 * A file, NAME.bpcode: "BPCC", the format's version (u32), the key, a SHA-256 of what follows, the functions as
 * compiled-module.ts packs them. NAME is the key in hexadecimal: the SHA-256 of all that code depends on, which is the
 * module's bytes, the options, the instruction set and the processor's optional instructions, and the engine's build.
 */
import { createHash } from "node:crypto";
import { isAbsolute, resolve } from "node:path";
import { debugOptions } from "../debug.js";
import type { MachineCode } from "../machine/machine-code.js";
import { writeMachineCode } from "../machine/machine-code-bytes.js";
import { NotOwnedError, OwnedFolder, userCacheFolder } from "../platform/owned-folder.js";
import { type CodeIdentity, CompiledCode, CompiledModuleError, packFunctions } from "./compiled-module.js";
import { engineBuild } from "./engine-build.js";

/** Where compiled code is kept, and how much of it. */
export interface CodeCacheOptions {
  /** Made with mode 0700 if it isn't there. Default: `backplane` in the user's cache folder (XDG_CACHE_HOME, ~/.cache). */
  readonly folder?: string;
  /** Bytes of all files together; beyond them those go that were used longest ago. Default: 256 MiB. */
  readonly maxBytes?: number;
  /** Told once of each kind of trouble; the code is compiled then. Default: a warning of the process's. */
  readonly warn?: (message: string, cause: unknown) => void;
}

/** Figures of a cache, in this process. */
export interface CodeCacheStats {
  /** Modules that there was a file for. */
  readonly hits: number;
  readonly misses: number;
  /** Files that couldn't be used: damaged, or not this user's alone. They are compiled anew. */
  readonly rejected: number;
  /** Functions that came from files. */
  readonly functionsRead: number;
  readonly functionsCompiled: number;
  /** Files written. */
  readonly stored: number;
  /** Files removed to make room. */
  readonly evicted: number;
  /** Milliseconds that reading and checking files took. */
  readonly readTime: number;
  readonly compileTime: number;
  readonly writeTime: number;
}

const ending = ".bpcode";
const magic = 0x43435042;
const formatVersion = 1;
const keySize = 32;
const headSize = 8 + 2 * keySize;
const defaultMaxBytes = 2 ** 28;
/** More is no file of ours. */
const largestFile = 2 ** 30;
/** Part of `maxBytes` that is left when there is no more room. */
const keptPart = 0.75;
/** Milliseconds after which a file that was never finished is removed. */
const abandonedAfter = 3_600_000;
/** Milliseconds from the first new function to writing it. */
const writeDelay = 1000;

const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

type Counts = { -readonly [K in keyof CodeCacheStats]: number };

/** Caches with functions that aren't written: at the process's end they are. */
const unwritten = new Set<CodeCache>();
let watchesExit = false;

function writeAtExit(cache: CodeCache): void {
  unwritten.add(cache);
  if (watchesExit) return;
  watchesExit = true;
  process.once("exit", () => {
    for (const one of unwritten) one.flush();
  });
}

/**
 * @example
 * const cache = new CodeCache({ folder: "/var/cache/my-app" });
 * const { Module } = createNamespace({ cache });
 */
export class CodeCache {
  /** Its path. */
  readonly folder: string;
  private readonly maxBytes: number;
  private readonly warn: (message: string, cause: unknown) => void;
  private readonly told = new Set<string>();
  private readonly dirty = new Set<StoredCode>();
  private timer: NodeJS.Timeout | undefined;
  private opened: OwnedFolder | undefined;
  private closed = false;
  /** @internal */
  readonly counts: Counts = {
    hits: 0,
    misses: 0,
    rejected: 0,
    functionsRead: 0,
    functionsCompiled: 0,
    stored: 0,
    evicted: 0,
    readTime: 0,
    compileTime: 0,
    writeTime: 0,
  };

  /** Errors: TypeError for a folder that isn't an absolute path; RangeError for `maxBytes`. */
  constructor({
    folder = userCacheFolder(),
    maxBytes = defaultMaxBytes,
    warn = warnProcess,
  }: CodeCacheOptions = {}) {
    if (typeof folder !== "string" || !isAbsolute(folder)) {
      throw new TypeError(`cache: expected the absolute path of a folder, got ${JSON.stringify(folder)}`);
    }
    if (typeof maxBytes !== "number" || !(maxBytes >= 0)) {
      throw new RangeError(`cache: maxBytes: expected a number of bytes, got ${String(maxBytes)}`);
    }
    this.folder = resolve(folder);
    this.maxBytes = maxBytes;
    this.warn = warn;
  }

  /** Its figures, as of now. */
  stats(): CodeCacheStats {
    return { ...this.counts };
  }

  /** Writes now what would be written a little later. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    unwritten.delete(this);
    for (const stored of this.dirty) this.store(stored);
    this.dirty.clear();
  }

  /** @internal A module's code as far as it is there; undefined if nobody can say which engine this is. */
  open(identity: CodeIdentity, { vectors }: { readonly vectors: boolean }): StoredCode | undefined {
    const build = this.buildOf();
    if (build === undefined) return undefined;
    const off = [...debugOptions.off].sort();
    const key = sha256(JSON.stringify({ build, identity, vectors, off }));
    const code = this.read(key, identity);
    this.counts[code === undefined ? "misses" : "hits"]++;
    return new StoredCode(this, key, identity, code);
  }

  /** @internal A module has functions that aren't written. */
  touched(stored: StoredCode): void {
    if (this.closed) return;
    this.dirty.add(stored);
    writeAtExit(this);
    this.timer ??= setTimeout(() => this.flush(), writeDelay).unref();
  }

  /** @internal What is wrong with a file, which then goes. */
  reject(key: Buffer, cause: unknown): void {
    this.counts.rejected++;
    const name = nameOf(key);
    this.tell("file", `cache: ${name} is compiled anew`, cause);
    this.opened?.remove(name);
  }

  private buildOf(): string | undefined {
    try {
      return engineBuild();
    } catch (error) {
      this.tell("build", "cache: the engine's own files can't be looked at: nothing is kept", error);
      return undefined;
    }
  }

  private read(key: Buffer, identity: CodeIdentity): CompiledCode | undefined {
    const begin = performance.now();
    try {
      const bytes = this.folderOf()?.read(nameOf(key), largestFile);
      return bytes && checkedCode(bytes, key, identity);
    } catch (error) {
      if (error instanceof CompiledModuleError || error instanceof NotOwnedError) this.reject(key, error);
      else this.tell("read", `cache: ${this.folder} can't be read`, error);
      return undefined;
    } finally {
      this.counts.readTime += performance.now() - begin;
    }
  }

  /** Adds a module's new functions to those in its file, to which other processes may have added some meanwhile. */
  private store(stored: StoredCode): void {
    const { key, identity } = stored;
    const begin = performance.now();
    try {
      const folder = this.folderOf();
      if (folder === undefined) return;
      const packed = packFunctions(identity, stored.functionsWith(this.read(key, identity)));
      const head = Buffer.alloc(headSize);
      head.writeUInt32LE(magic, 0);
      head.writeUInt32LE(formatVersion, 4);
      head.set(key, 8);
      head.set(sha256(packed), 8 + keySize);
      folder.write(nameOf(key), [head, packed]);
      this.counts.stored++;
      this.makeRoom(folder);
    } catch (error) {
      this.closed = true;
      this.tell("write", `cache: ${this.folder} can't be written to: nothing more is kept`, error);
    } finally {
      this.counts.writeTime += performance.now() - begin;
    }
  }

  private makeRoom(folder: OwnedFolder): void {
    for (const { name, modified } of folder.list(".tmp")) {
      if (Date.now() - modified > abandonedAfter) folder.remove(name);
    }
    const files = folder.list(ending).sort((a, b) => b.modified - a.modified);
    const total = files.reduce((sum, { size }) => sum + size, 0);
    if (total <= this.maxBytes) return;
    let left = total;
    while (left > this.maxBytes * keptPart && files.length > 0) {
      const { name, size } = files.pop()!;
      folder.remove(name);
      left -= size;
      this.counts.evicted++;
    }
  }

  /** Undefined if it can't be used. */
  private folderOf(): OwnedFolder | undefined {
    if (this.opened !== undefined || this.told.has("folder")) return this.opened;
    try {
      this.opened = OwnedFolder.open(this.folder);
    } catch (error) {
      this.closed = true;
      this.tell("folder", `cache: ${this.folder} isn't used`, error);
    }
    return this.opened;
  }

  private tell(kind: string, message: string, cause: unknown): void {
    if (this.told.has(kind)) return;
    this.told.add(kind);
    this.warn(`${message}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function warnProcess(message: string): void {
  process.emitWarning(message);
}

const nameOf = (key: Buffer): string => key.toString("hex") + ending;

/** Errors: CompiledModuleError. */
function checkedCode(bytes: Uint8Array, key: Buffer, identity: CodeIdentity): CompiledCode {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headSize));
  if (head.length < headSize || head.readUInt32LE(0) !== magic || head.readUInt32LE(4) !== formatVersion) {
    throw new CompiledModuleError("it isn't a file of this cache");
  }
  if (!head.subarray(8, 8 + keySize).equals(key)) throw new CompiledModuleError("it is of another module");
  const packed = bytes.subarray(headSize);
  if (!head.subarray(8 + keySize).equals(sha256(packed))) throw new CompiledModuleError("it is damaged");
  const code = new CompiledCode(packed);
  code.require(identity, code.functionCount);
  return code;
}

/** The code of one module: what the cache has of it, and what was compiled since. */
export class StoredCode {
  /** By defined-function number: compiled here and not written. */
  private pending = new Map<number, Uint8Array>();
  private functionCount = 0;

  constructor(
    private readonly cache: CodeCache,
    readonly key: Buffer,
    readonly identity: CodeIdentity,
    private known: CompiledCode | undefined,
  ) {}

  /** The module was compiled before, so it is valid. */
  get isKnown(): boolean {
    return this.known !== undefined;
  }

  /** @param functionCount of the module */
  begin(functionCount: number): void {
    this.functionCount = functionCount;
    if (this.known !== undefined && this.known.functionCount !== functionCount) {
      this.forget(
        new CompiledModuleError(`it has ${this.known.functionCount} functions, not ${functionCount}`),
      );
    }
  }

  /** A function's code, compiled if it isn't there. Errors: those of `compile`. */
  code(defined: number, compile: () => MachineCode): MachineCode {
    const { counts } = this.cache;
    const known = this.knownCode(defined);
    if (known !== undefined) {
      counts.functionsRead++;
      return known;
    }
    const begin = performance.now();
    const code = compile();
    counts.compileTime += performance.now() - begin;
    counts.functionsCompiled++;
    // At once: linking changes the code.
    this.pending.set(defined, writeMachineCode(code));
    this.cache.touched(this);
    return code;
  }

  /** All functions, those of a file included; what is to be written is so no more. */
  functionsWith(file: CompiledCode | undefined): Uint8Array[] {
    const { pending } = this;
    this.pending = new Map();
    const same = file?.functionCount === this.functionCount ? file : undefined;
    return Array.from(
      { length: this.functionCount },
      (_, i) => pending.get(i) ?? same?.functionBytes(i) ?? new Uint8Array(0),
    );
  }

  private knownCode(defined: number): MachineCode | undefined {
    try {
      const code = this.known?.functionCode(defined);
      if (code !== undefined) return code;
    } catch (error) {
      this.forget(error);
    }
    return undefined;
  }

  private forget(cause: unknown): void {
    this.known = undefined;
    this.cache.reject(this.key, cause);
  }
}
