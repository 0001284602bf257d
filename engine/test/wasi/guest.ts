/**
 * A guest to test WASI with: a module that exports each WASI function as it is, so that tests call them through the
 * engine with any arguments, synchronously or not; and words for what tests do most.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import wabtModule from "wabt";
import { Instance, type Memory, Module, parkable } from "../../index.js";
import { Errno, Wasi, type WasiOptions } from "../../wasi/index.js";

/** Parameters by function; `I` is an i64. All return an error number, but for `proc_exit`. */
export const signatures: Readonly<Record<string, string>> = {
  args_get: "ii",
  args_sizes_get: "ii",
  environ_get: "ii",
  environ_sizes_get: "ii",
  clock_res_get: "ii",
  clock_time_get: "iIi",
  fd_advise: "iIIi",
  fd_allocate: "iII",
  fd_close: "i",
  fd_datasync: "i",
  fd_fdstat_get: "ii",
  fd_fdstat_set_flags: "ii",
  fd_fdstat_set_rights: "iII",
  fd_filestat_get: "ii",
  fd_filestat_set_size: "iI",
  fd_filestat_set_times: "iIIi",
  fd_pread: "iiiIi",
  fd_prestat_get: "ii",
  fd_prestat_dir_name: "iii",
  fd_pwrite: "iiiIi",
  fd_read: "iiii",
  fd_readdir: "iiiIi",
  fd_renumber: "ii",
  fd_seek: "iIii",
  fd_sync: "i",
  fd_tell: "ii",
  fd_write: "iiii",
  path_create_directory: "iii",
  path_filestat_get: "iiiii",
  path_filestat_set_times: "iiiiIIi",
  path_link: "iiiiiii",
  path_open: "iiiiiIIii",
  path_readlink: "iiiiii",
  path_remove_directory: "iii",
  path_rename: "iiiiii",
  path_symlink: "iiiii",
  path_unlink_file: "iii",
  poll_oneoff: "iiii",
  proc_exit: "i",
  proc_raise: "i",
  sched_yield: "",
  random_get: "ii",
  sock_accept: "iii",
  sock_recv: "iiiiii",
  sock_send: "iiiii",
  sock_shutdown: "ii",
};

const typeNames: Readonly<Record<string, string>> = { i: "i32", I: "i64" };

function moduleText(wasi: string, memory: string): string {
  const imports: string[] = [];
  const functions: string[] = [];
  for (const [name, letters] of Object.entries(signatures)) {
    const params = [...letters].map((letter) => `(param ${typeNames[letter]})`).join(" ");
    const result = name === "proc_exit" ? "" : "(result i32)";
    const args = [...letters].map((_, i) => `(local.get ${i})`).join(" ");
    imports.push(`(import "${wasi}" "${name}" (func $${name} ${params} ${result}))`);
    functions.push(`(func (export "${name}") ${params} ${result} (call $${name} ${args}))`);
  }
  return `(module ${imports.join("\n")} (memory (export "memory") ${memory}) ${functions.join("\n")})`;
}

/** The guest's module, for any engine. */
export async function guestBytes(wasi = "wasi_snapshot_preview1", memory = "2"): Promise<Uint8Array> {
  const wabt = await wabtModule();
  const parsed = wabt.parseWat("guest.wat", moduleText(wasi, memory));
  try {
    return parsed.toBinary({}).buffer;
  } finally {
    parsed.destroy();
  }
}

const compiled = new Map<string, Promise<Module>>();

function guestModule(wasi: string, memory: string): Promise<Module> {
  const key = `${wasi} ${memory}`;
  let made = compiled.get(key);
  if (made === undefined) {
    made = guestBytes(wasi, memory).then((bytes) => new Module(bytes));
    compiled.set(key, made);
  }
  return made;
}

/** Names of error numbers, since those read better in a failed test. */
const errorNames = Object.fromEntries(Object.entries(Errno).map(([name, number]) => [number, name]));

export interface OpenOptions {
  readonly follow?: boolean;
  /** Bits: 1 create, 2 directory, 4 exclusive, 8 truncate. */
  readonly how?: number;
  readonly rights?: bigint;
  readonly flags?: number;
  /** The folder; 3 is the first preopened one. */
  readonly at?: number;
}

/** All but those of sockets, which Node refuses for files. */
const all = (1n << 28n) - 1n;

const folderRights = all & ~((1n << 6n) | (1n << 8n) | (1n << 22n) | 1n);

type Argument = number | bigint;
export const readRights = (1n << 1n) | (1n << 2n) | (1n << 5n) | (1n << 14n) | (1n << 21n) | (1n << 27n);
export const writeRights = (1n << 6n) | (1n << 2n) | (1n << 5n) | (1n << 22n) | (1n << 8n);
export const createFlag = 1;
export const directoryFlag = 2;
export const exclusiveFlag = 4;
export const truncateFlag = 8;

const scratch = 1024;
const resultAt = 16;
const vectorAt = 64;
const textAt = 256;

export class Guest {
  private constructor(
    readonly wasi: Wasi,
    private readonly instance: { readonly exports: object },
    private readonly asynchronous: boolean,
  ) {}

  /** An instance of the guest's module that was made elsewhere, with another WASI. */
  static around(instance: { readonly exports: object }): Guest {
    return new Guest(new Wasi(), instance, false);
  }

  private get exports(): Readonly<Record<string, unknown>> {
    return this.instance.exports as Readonly<Record<string, unknown>>;
  }

  static async make(
    options: WasiOptions = {},
    { asynchronous = false, module = "wasi_snapshot_preview1", memory = "2" } = {},
  ): Promise<Guest> {
    const wasi = new Wasi(options);
    const imports = asynchronous ? wasi.asyncImports : wasi.imports;
    const instance = new Instance(await guestModule(module, memory), imports);
    wasi.bind(instance.exports["memory"] as Memory);
    return new Guest(wasi, instance, asynchronous);
  }

  get bytes(): Uint8Array {
    return new Uint8Array((this.exports["memory"] as Memory).buffer);
  }

  get view(): DataView {
    return new DataView((this.exports["memory"] as Memory).buffer);
  }

  grow(pages: number): void {
    (this.exports["memory"] as Memory).grow(pages);
  }

  /** Calls a function as the guest does; gives the error number's name. */
  call(name: string, ...args: Argument[]): string {
    const run = this.exports[name] as (...args: Argument[]) => number;
    const errno = run(...args);
    return errorNames[errno] ?? `error ${errno}`;
  }

  /** The same asynchronously. */
  async wait(name: string, ...args: Argument[]): Promise<string> {
    const run = this.exports[name] as (...args: Argument[]) => number;
    const errno = (await (this.asynchronous ? parkable(run) : run)(...args)) as number;
    return errorNames[errno] ?? `error ${errno}`;
  }

  /** Puts a text into memory; its address and length. */
  text(text: string | Uint8Array, at = textAt): [number, number] {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    this.bytes.set(bytes, at);
    return [at, bytes.length];
  }

  /** Opens a path: the error's name, or the number of the descriptor. */
  open(path: string, options: OpenOptions = {}): string | number {
    const { follow = true, how = 0, flags = 0, at = 3 } = options;
    const { rights = (how & directoryFlag) === 0 ? readRights : folderRights } = options;
    const errno = this.call(
      "path_open",
      at,
      follow ? 1 : 0,
      ...this.text(path),
      how,
      rights,
      all,
      flags,
      resultAt,
    );
    return errno === "SUCCESS" ? this.view.getUint32(resultAt, true) : errno;
  }

  /** Reads up to 4096 bytes of text: the text, or the error's name in brackets. */
  read(fd: number): string {
    this.vector(scratch, 4096);
    const errno = this.call("fd_read", fd, vectorAt, 1, resultAt);
    return errno === "SUCCESS" ? this.textRead() : `[${errno}]`;
  }

  textRead(): string {
    const length = this.view.getUint32(resultAt, true);
    return Buffer.from(this.bytes.slice(scratch, scratch + length)).toString();
  }

  write(fd: number, text: string): string {
    const [at, length] = this.text(text, scratch);
    this.vector(at, length);
    return this.call("fd_write", fd, vectorAt, 1, resultAt);
  }

  /** One vector, at `vectorAt`. */
  vector(at: number, length: number): void {
    this.view.setUint32(vectorAt, at, true);
    this.view.setUint32(vectorAt + 4, length, true);
  }

  result(): number {
    return this.view.getUint32(resultAt, true);
  }

  /** Opens and reads a file: its text, or the error's name in brackets. */
  cat(path: string, options?: OpenOptions): string {
    const fd = this.open(path, options);
    if (typeof fd === "string") return `[${fd}]`;
    try {
      return this.read(fd);
    } finally {
      this.call("fd_close", fd);
    }
  }

  /** Makes or replaces a file: the first error's name, or SUCCESS. */
  put(path: string, text: string, options: OpenOptions = {}): string {
    const fd = this.open(path, { how: createFlag | truncateFlag, rights: writeRights, ...options });
    if (typeof fd === "string") return fd;
    try {
      return this.write(fd, text);
    } finally {
      this.call("fd_close", fd);
    }
  }

  /** A function of one path. */
  path(name: string, path: string, at = 3): string {
    return this.call(name, at, ...this.text(path));
  }

  symlink(target: string, path: string, at = 3): string {
    return this.call("path_symlink", ...this.text(target, scratch), at, ...this.text(path));
  }

  rename(from: string, to: string, at = 3, toAt = 3): string {
    return this.call("path_rename", at, ...this.text(from), toAt, ...this.text(to, scratch));
  }

  link(from: string, to: string, { at = 3, toAt = 3, follow = false } = {}): string {
    return this.call("path_link", at, follow ? 1 : 0, ...this.text(from), toAt, ...this.text(to, scratch));
  }

  /** A path's type number and size, or the error's name. */
  stat(path: string, follow = true, at = 3): string | { type: number; size: number } {
    const errno = this.call("path_filestat_get", at, follow ? 1 : 0, ...this.text(path), scratch);
    if (errno !== "SUCCESS") return errno;
    return { type: this.bytes[scratch + 16]!, size: Number(this.view.getBigUint64(scratch + 32, true)) };
  }

  /** The names in a folder, sorted, without the dots; read with a small buffer, so in many calls. */
  names(fd: number): string[] {
    const size = 300;
    const names: string[] = [];
    for (let place = 0n; ; ) {
      if (this.call("fd_readdir", fd, scratch, size, place, resultAt) !== "SUCCESS")
        throw new Error("fd_readdir");
      const used = this.result();
      let at = scratch;
      while (at + 24 <= scratch + used) {
        const length = this.view.getUint32(at + 16, true);
        if (at + 24 + length > scratch + used) break;
        names.push(Buffer.from(this.bytes.slice(at + 24, at + 24 + length)).toString());
        place = this.view.getBigUint64(at, true);
        at += 24 + length;
      }
      if (used < size) return names.filter((name) => name !== "." && name !== "..").sort();
      if (at === scratch) throw new Error("an entry larger than the buffer");
    }
  }
}

/** A folder for tests, with a folder `inside` for the guest and things around it that it mustn't reach. */
export class Sandbox {
  readonly path = mkdtempSync(join(tmpdir(), `backplane-wasi-${randomUUID().slice(0, 4)}`));
  readonly inside = join(this.path, "inside");
  readonly outside = join(this.path, "outside");

  constructor() {
    mkdirSync(this.inside);
    mkdirSync(this.outside);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
