/**
 * Standard input, output and error: nothing, bytes, functions, Node's streams, or descriptors of the process.
 *
 * A write takes a bounded part at a time (guests go on with the rest), so that how much the host holds is never the
 * guest's choice. What is written is copied: the guest's memory changes afterwards.
 */
import { fstatSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";
import { fileCalls, Ready } from "../platform/files.js";
import { FileType, Right, streamRights } from "./definitions.js";
import {
  again,
  bareStatus,
  Descriptor,
  type Direction,
  eachVector,
  type Readiness,
  type WaitMode,
} from "./descriptor.js";
import { checked, Errno, errnoOf, fail } from "./errno.js";
import type { FileStatus, HostStream } from "./file-system.js";

/** As many bytes as one write passes on. */
const maxWrite = 65_536;
/** Linux's PIPE_BUF. */
const pipeAtomic = 4096;
/** As many bytes as a stream may hold unwritten for a guest that can't wait. */
const maxBuffered = 16 * 1024 * 1024;

const inputRights = streamRights & ~Right.fdWrite;
const outputRights = streamRights & ~Right.fdRead;

/** Standard input: nothing if undefined; "inherit" or a number is a descriptor of the process. */
export type StdinSource = "inherit" | number | string | Uint8Array | Readable;

/** Standard output or error: thrown away if undefined; "inherit" or a number is a descriptor of the process. */
export type StdoutTarget = "inherit" | number | OutputBuffer | Writable | ((chunk: Uint8Array) => void);

/**
 * Collects what a guest writes.
 *
 * @example
 * const stdout = new OutputBuffer();
 * const wasi = new Wasi({ stdout });
 * // after the guest has run:
 * console.log(stdout.text());
 */
export class OutputBuffer {
  private chunks: Uint8Array[] = [];
  private held = 0;

  /** @param limit in bytes; a write beyond it fails with ENOSPC. Default: 16 MiB */
  constructor(private readonly limit: number = maxBuffered) {}

  /** Takes a copy of as much as there is room for; ENOSPC if there is none. */
  write(chunk: Uint8Array): number {
    const part = new Uint8Array(chunk.subarray(0, this.limit - this.held));
    if (part.length === 0 && chunk.length > 0) fail("ENOSPC");
    this.chunks.push(part);
    this.held += part.length;
    return part.length;
  }

  /** All that was written. */
  bytes(): Uint8Array {
    // Joined for good, so that asking often costs little.
    this.chunks = [Buffer.concat(this.chunks)];
    return new Uint8Array(this.chunks[0]!);
  }

  /** The same as UTF-8; what isn't valid is replaced. */
  text(): string {
    return new TextDecoder().decode(this.bytes());
  }
}

export function stdinDescriptor(source: StdinSource | undefined): Descriptor {
  if (source === undefined) return new BytesInput(new Uint8Array(0));
  if (source === "inherit") return new HostDescriptor(processStream(0), inputRights);
  if (typeof source === "number") return new HostDescriptor(processStream(source), inputRights);
  if (typeof source === "string") return new BytesInput(Buffer.from(source));
  if (source instanceof Uint8Array) return new BytesInput(source);
  return new StreamDescriptor(FileType.unknown, inputRights, new StreamInput(source), undefined);
}

/** @param inherited the process's descriptor that "inherit" stands for */
export function stdoutDescriptor(target: StdoutTarget | undefined, inherited: number): Descriptor {
  if (target === undefined) return new SinkOutput((chunk) => chunk.length);
  if (target === "inherit") return new HostDescriptor(processStream(inherited), outputRights);
  if (typeof target === "number") return new HostDescriptor(processStream(target), outputRights);
  if (target instanceof OutputBuffer) return new SinkOutput((chunk) => target.write(chunk));
  if (typeof target === "function") {
    return new SinkOutput((chunk) => {
      target(chunk.slice());
      return chunk.length;
    });
  }
  return new StreamDescriptor(FileType.unknown, outputRights, undefined, new StreamOutput(target));
}

class BytesInput extends Descriptor {
  readonly type = FileType.unknown;

  constructor(private rest: Uint8Array) {
    super(inputRights, 0);
  }

  override read(vectors: readonly Uint8Array[]): number {
    return eachVector(vectors, (vector) => {
      const part = this.rest.subarray(0, vector.length);
      vector.set(part);
      this.rest = this.rest.subarray(part.length);
      return part.length;
    });
  }

  override readiness(): Readiness {
    return { bytes: this.rest.length, hangup: false };
  }

  override status(): FileStatus {
    return bareStatus(this.type);
  }
}

class SinkOutput extends Descriptor {
  readonly type = FileType.unknown;

  /** @param take must copy what it keeps */
  constructor(private readonly take: (chunk: Uint8Array) => number) {
    super(outputRights, 0);
  }

  override write(vectors: readonly Uint8Array[]): number {
    return eachVector(vectors, (vector) => this.take(vector.subarray(0, maxWrite)));
  }

  override status(): FileStatus {
    return bareStatus(this.type);
  }
}

/** A descriptor of the process that isn't the guest's to close. */
function processStream(descriptor: number): HostStream {
  return { kind: "stream", descriptor, type: typeOf(descriptor), close() {} };
}

function typeOf(descriptor: number): FileType {
  // Guests take a character device for a terminal, so other devices aren't called that.
  if (isatty(descriptor)) return FileType.characterDevice;
  const status = fstatSync(descriptor);
  if (status.isFile()) return FileType.regularFile;
  return status.isSocket() ? FileType.socketStream : FileType.unknown;
}

/** Milliseconds between two looks at a descriptor that isn't ready, at first and at most. */
const firstPause = 1;
const longestPause = 16;

/**
 * A descriptor of the process: standard streams, pipes and devices.
 *
 * To wait with a promise it asks `poll(2)` time and again. Watching it through Node's streams would change its mode
 * for other processes that share it, and read ahead what isn't the guest's.
 */
export class HostDescriptor extends Descriptor {
  readonly type: FileType;

  constructor(
    private readonly stream: HostStream,
    rights: number,
    override flags = 0,
  ) {
    super(rights & streamRights, 0);
    this.type = stream.type;
  }

  override get hostDescriptor(): number {
    return this.stream.descriptor;
  }

  override read(vectors: readonly Uint8Array[], mode: WaitMode): number {
    return this.transfer(vectors, "read", mode);
  }

  override write(vectors: readonly Uint8Array[], mode: WaitMode): number {
    return this.transfer(vectors, "write", mode);
  }

  private transfer(vectors: readonly Uint8Array[], direction: Direction, mode: WaitMode): number {
    const { descriptor } = this.stream;
    const calls = fileCalls();
    // One vector at a time: after the first, a read could block although there was something to return.
    const [vector] = vectors;
    if (vector === undefined) return 0;
    if ((mode === "park" || this.nonblocking) && this.readiness(direction) === undefined) return again;
    // A pipe that is ready takes so much without blocking, and might block for more.
    const part = mode === "park" && direction === "write" ? vector.subarray(0, pipeAtomic) : vector;
    try {
      return checked(direction === "read" ? calls.read(descriptor, part) : calls.write(descriptor, part));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === Errno.EAGAIN || errno === Errno.EINTR) return again;
      throw error;
    }
  }

  override readiness(direction: Direction): Readiness | undefined {
    const events = Int32Array.of(direction === "read" ? Ready.input : Ready.output);
    const found = fileCalls().poll(Int32Array.of(this.stream.descriptor), events, 0);
    return found > 0 ? { bytes: 0, hangup: (events[0]! & Ready.hangup) !== 0 } : undefined;
  }

  override async whenReady(direction: Direction, signal: AbortSignal): Promise<void> {
    for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
      if (signal.aborted || this.readiness(direction) !== undefined) return;
      await new Promise<void>((resolve) => setTimeout(resolve, pause));
    }
  }

  override status(): FileStatus {
    return bareStatus(this.type);
  }

  override close(): void {
    this.stream.close();
  }
}

/** Those who wait for something to change. */
export class Waiters {
  private readonly waiting = new Set<() => void>();

  wake = (): void => {
    for (const resolve of [...this.waiting]) resolve();
  };

  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }
}

/** One of Node's readable streams, read when the guest reads. */
export class StreamInput {
  private readonly waiters = new Waiters();
  private rest: Uint8Array | undefined;
  private attached = false;
  private ended = false;

  constructor(private readonly stream: Readable) {}

  private readonly changed = (): void => {
    this.waiters.wake();
  };

  private readonly finished = (): void => {
    this.ended = true;
    this.waiters.wake();
  };

  private attach(): void {
    if (this.attached) return;
    this.attached = true;
    this.ended = this.stream.readableEnded || this.stream.destroyed;
    this.stream
      .on("readable", this.changed)
      .on("end", this.finished)
      .on("close", this.finished)
      .on("error", this.finished);
  }

  /** Makes bytes available in `rest`, if there are any. */
  private fill(): boolean {
    this.attach();
    if (this.rest !== undefined) return true;
    const chunk: unknown = this.stream.read();
    if (chunk === null) return false;
    this.rest = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Uint8Array);
    return true;
  }

  read(vectors: readonly Uint8Array[], keep = false): number {
    const total = eachVector(vectors, (vector) => {
      if (!this.fill()) return this.ended ? this.atEnd() : again;
      const part = this.rest!.subarray(0, vector.length);
      vector.set(part);
      if (!keep) this.take(part.length);
      return part.length;
    });
    return total;
  }

  private take(length: number): void {
    this.rest = this.rest!.length === length ? undefined : this.rest!.subarray(length);
  }

  private atEnd(): number {
    return this.stream.errored === null ? 0 : fail("EIO");
  }

  readiness(): Readiness | undefined {
    if (this.fill()) return { bytes: this.rest!.length, hangup: this.ended };
    return this.ended ? { bytes: 0, hangup: true } : undefined;
  }

  whenReady(signal: AbortSignal): Promise<void> {
    return this.readiness() === undefined ? this.waiters.wait(signal) : Promise.resolve();
  }

  /** Nothing more is read. */
  end(): void {
    this.attach();
    this.rest = undefined;
    this.finished();
  }

  /** Gives the stream back, with what the guest hasn't read. */
  detach(): void {
    if (!this.attached) return;
    this.stream
      .off("readable", this.changed)
      .off("end", this.finished)
      .off("close", this.finished)
      .off("error", this.finished);
    if (this.rest !== undefined && !this.ended) this.stream.unshift(this.rest);
    this.stream.pause();
    this.waiters.wake();
  }
}

/** One of Node's writable streams. */
export class StreamOutput {
  private readonly waiters = new Waiters();
  private attached = false;
  /** An error ends the guest's writing, and not the process. */
  private readonly changed = (): void => {
    this.waiters.wake();
  };

  constructor(private readonly stream: Writable) {}

  private attach(): void {
    if (this.attached) return;
    this.attached = true;
    this.stream.on("drain", this.changed).on("close", this.changed).on("error", this.changed);
  }

  private get broken(): boolean {
    return this.stream.destroyed || this.stream.writableEnded || this.stream.errored !== null;
  }

  write(vectors: readonly Uint8Array[], mode: WaitMode): number {
    this.attach();
    return eachVector(vectors, (vector) => {
      if (this.broken) fail("EPIPE");
      const full = mode === "park" ? this.stream.writableNeedDrain : this.stream.writableLength > maxBuffered;
      if (full) return again;
      const part = vector.slice(0, maxWrite);
      this.stream.write(part);
      return part.length;
    });
  }

  readiness(): Readiness | undefined {
    this.attach();
    if (this.broken) return { bytes: 0, hangup: true };
    return this.stream.writableNeedDrain ? undefined : { bytes: maxWrite, hangup: false };
  }

  whenReady(signal: AbortSignal): Promise<void> {
    return this.readiness() === undefined ? this.waiters.wait(signal) : Promise.resolve();
  }

  detach(): void {
    this.waiters.wake();
    if (!this.attached) return;
    this.stream.off("drain", this.changed).off("close", this.changed);
    // The listener of errors stays: what was written last may still fail.
  }
}

/** Streams in either direction or both. */
export class StreamDescriptor extends Descriptor {
  constructor(
    readonly type: FileType,
    rights: number,
    protected readonly input: StreamInput | undefined,
    protected readonly output: StreamOutput | undefined,
  ) {
    super(rights, 0);
  }

  override read(vectors: readonly Uint8Array[]): number {
    return this.input === undefined ? fail("EBADF") : this.input.read(vectors);
  }

  override write(vectors: readonly Uint8Array[], mode: WaitMode): number {
    return this.output === undefined ? fail("EBADF") : this.output.write(vectors, mode);
  }

  override readiness(direction: Direction): Readiness | undefined {
    return (direction === "read" ? this.input : this.output)?.readiness();
  }

  override whenReady(direction: Direction, signal: AbortSignal): Promise<void> {
    return (direction === "read" ? this.input : this.output)?.whenReady(signal) ?? Promise.resolve();
  }

  override status(): FileStatus {
    return bareStatus(this.type);
  }

  override close(): void {
    this.input?.detach();
    this.output?.detach();
  }
}
