// The part of WASI preview 1 that the benchmark programs use, the same code under either engine, so that a difference
// between engines is theirs. Enters: arguments and a folder, preopened as ".". Leaves: an import object and what the
// program wrote. Also serves `wasi_unstable`, whose `fd_seek` numbers its origins differently.
// Source: https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

const success = 0;
const badDescriptor = 8;
const noEntry = 44;

/** Thrown by `proc_exit`, to leave the program. */
export class ProgramExit {
  constructor(readonly code: number) {}
}

interface OpenFile {
  readonly descriptor: number;
  position: number;
}

/** A function of WASI: numbers in, an error number out. */
type WasiFunction = (...args: never[]) => number;

/** The state of one run. `memory` must be set before the program starts. */
export class WasiShim {
  memory: { readonly buffer: ArrayBuffer } | undefined;
  readonly output: Buffer[] = [];
  readonly errors: Buffer[] = [];
  private readonly files = new Map<number, OpenFile>();
  private nextFile = 4;
  private randomState = 1;

  constructor(
    private readonly args: readonly string[],
    private readonly folder: string,
  ) {}

  private view(): DataView {
    if (this.memory === undefined) throw new Error("the memory is not set");
    return new DataView(this.memory.buffer);
  }

  private bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.view().buffer as ArrayBuffer, at >>> 0, length);
  }

  private writeStrings(texts: readonly string[], pointers: number, data: number): number {
    const view = this.view();
    let at = data;
    texts.forEach((text, i) => {
      const encoded = Buffer.from(`${text}\0`);
      view.setUint32(pointers + 4 * i, at, true);
      this.bytes(at, encoded.length).set(encoded);
      at += encoded.length;
    });
    return success;
  }

  private writeSizes(texts: readonly string[], count: number, size: number): number {
    const view = this.view();
    view.setUint32(count, texts.length, true);
    view.setUint32(
      size,
      texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0),
      true,
    );
    return success;
  }

  private write(descriptor: number, vectors: number, count: number, written: number): number {
    const sink = descriptor === 1 ? this.output : descriptor === 2 ? this.errors : undefined;
    if (sink === undefined && !this.files.has(descriptor)) return badDescriptor;
    const view = this.view();
    let total = 0;
    for (let i = 0; i < count; i++) {
      const length = view.getUint32(vectors + 8 * i + 4, true);
      sink?.push(Buffer.from(this.bytes(view.getUint32(vectors + 8 * i, true), length)));
      total += length;
    }
    view.setUint32(written, total, true);
    return success;
  }

  private read(descriptor: number, vectors: number, count: number, taken: number): number {
    const file = this.files.get(descriptor);
    if (file === undefined && descriptor !== 0) return badDescriptor;
    const view = this.view();
    let total = 0;
    for (let i = 0; file !== undefined && i < count; i++) {
      const target = this.bytes(
        view.getUint32(vectors + 8 * i, true),
        view.getUint32(vectors + 8 * i + 4, true),
      );
      const length = readSync(file.descriptor, target, 0, target.length, file.position);
      file.position += length;
      total += length;
      if (length < target.length) break;
    }
    view.setUint32(taken, total, true);
    return success;
  }

  private seek(descriptor: number, offset: bigint, origin: number, result: number): number {
    const file = this.files.get(descriptor);
    if (file === undefined) return badDescriptor;
    const base = origin === 0 ? 0 : origin === 1 ? file.position : fstatSync(file.descriptor).size;
    file.position = base + Number(offset);
    this.view().setBigUint64(result, BigInt(file.position), true);
    return success;
  }

  private open(pathAt: number, pathLength: number, result: number): number {
    const path = Buffer.from(this.bytes(pathAt, pathLength)).toString("utf8");
    try {
      const descriptor = openSync(path === "/dev/null" ? path : join(this.folder, path), "r");
      this.files.set(this.nextFile, { descriptor, position: 0 });
    } catch {
      return noEntry;
    }
    this.view().setUint32(result, this.nextFile++, true);
    return success;
  }

  private fileStatus(descriptor: number, result: number): number {
    const file = this.files.get(descriptor);
    this.bytes(result, 64).fill(0);
    this.view().setUint8(result + 16, file === undefined ? 2 : 4);
    this.view().setBigUint64(
      result + 32,
      BigInt(file === undefined ? 0 : fstatSync(file.descriptor).size),
      true,
    );
    return success;
  }

  private descriptorStatus(descriptor: number, result: number): number {
    if (descriptor > 3 && !this.files.has(descriptor)) return badDescriptor;
    this.bytes(result, 24).fill(0);
    const view = this.view();
    view.setUint8(result, descriptor < 3 ? 2 : descriptor === 3 ? 3 : 4);
    view.setBigUint64(result + 8, 0x1fffffffn, true);
    view.setBigUint64(result + 16, 0x1fffffffn, true);
    return success;
  }

  private preopened(descriptor: number, result: number): number {
    if (descriptor !== 3) return badDescriptor;
    this.view().setUint32(result, 0, true);
    this.view().setUint32(result + 4, 1, true);
    return success;
  }

  private close(descriptor: number): number {
    const file = this.files.get(descriptor);
    if (file !== undefined) closeSync(file.descriptor);
    return this.files.delete(descriptor) || descriptor <= 3 ? success : badDescriptor;
  }

  private random(at: number, length: number): number {
    const target = this.bytes(at, length);
    for (let i = 0; i < length; i++) {
      this.randomState = (Math.imul(this.randomState, 1664525) + 1013904223) | 0;
      target[i] = this.randomState >>> 24;
    }
    return success;
  }

  private clock(result: number): number {
    this.view().setBigUint64(result, process.hrtime.bigint(), true);
    return success;
  }

  private namePreopened(at: number): number {
    this.bytes(at, 1)[0] = 0x2e;
    return success;
  }

  private pathStatus(pathAt: number, pathLength: number, result: number): number {
    const slot = this.nextFile;
    const error = this.open(pathAt, pathLength, result);
    if (error !== success) return error;
    const status = this.fileStatus(slot, result);
    this.close(slot);
    return status;
  }

  /** The functions, for the module name `wasi_snapshot_preview1` or `wasi_unstable`. */
  functions(module: string): Record<string, WasiFunction> {
    const origins = module === "wasi_unstable" ? [1, 2, 0] : [0, 1, 2];
    return {
      args_get: (pointers: number, data: number) => this.writeStrings(this.args, pointers, data),
      args_sizes_get: (count: number, size: number) => this.writeSizes(this.args, count, size),
      environ_get: () => success,
      environ_sizes_get: (count: number, size: number) => this.writeSizes([], count, size),
      clock_time_get: (_clock: number, _precision: bigint, result: number) => this.clock(result),
      fd_close: (descriptor: number) => this.close(descriptor),
      fd_fdstat_get: (descriptor: number, result: number) => this.descriptorStatus(descriptor, result),
      fd_fdstat_set_flags: () => success,
      fd_filestat_get: (descriptor: number, result: number) => this.fileStatus(descriptor, result),
      fd_prestat_get: (descriptor: number, result: number) => this.preopened(descriptor, result),
      fd_prestat_dir_name: (_descriptor: number, at: number) => this.namePreopened(at),
      fd_read: (descriptor: number, vectors: number, count: number, taken: number) =>
        this.read(descriptor, vectors, count, taken),
      fd_seek: (descriptor: number, offset: bigint, origin: number, result: number) =>
        this.seek(descriptor, offset, origins[origin] as number, result),
      fd_sync: () => success,
      fd_write: (descriptor: number, vectors: number, count: number, written: number) =>
        this.write(descriptor, vectors, count, written),
      path_filestat_get: (_folder: number, _flags: number, at: number, length: number, result: number) =>
        this.pathStatus(at, length, result),
      path_open: (...args: number[]) => this.open(args[2] as number, args[3] as number, args[8] as number),
      proc_exit: (code: number) => {
        throw new ProgramExit(code);
      },
      random_get: (at: number, length: number) => this.random(at, length),
    } as unknown as Record<string, WasiFunction>;
  }
}
