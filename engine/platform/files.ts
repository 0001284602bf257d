/**
 * What sandboxed folders need of the operating system: calls that take an open folder and one name in it, and never
 * follow a symbolic link that this name may be. Node's `fs` has no such calls.
 *
 * Results are the C library's, but a failure is the negative of the system's error number. Descriptors opened here are
 * closed here; they aren't inherited by child processes.
 */
import { UnsupportedPlatformError } from "./errors.js";
import { loadKoffi } from "./koffi.js";
import { linuxFileCalls } from "./linux-files.js";

/** How a name is opened. */
export interface OpenFlags {
  readonly read: boolean;
  readonly write: boolean;
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
  /** Only folders. */
  readonly directory: boolean;
  /** 0, "data" or "all": what a write waits for. */
  readonly synchronous: "none" | "data" | "all";
}

/** What happened to a descriptor: bits of `poll`. */
export const Ready = { input: 1, output: 4, error: 8, hangup: 16, invalid: 32 } as const;

export interface FileCalls {
  /** The folder at a path of the host's own, links followed; for reading its entries. */
  openRoot(path: string): number;
  /** Never blocks, not on a pipe without a writer either; never becomes the controlling terminal. */
  open(folder: number, name: string, flags: OpenFlags): number;
  /** A folder, only to walk through. */
  enter(folder: number, name: string): number;
  close(descriptor: number): number;
  read(descriptor: number, target: Uint8Array): number;
  write(descriptor: number, source: Uint8Array): number;
  readAt(descriptor: number, target: Uint8Array, position: number): number;
  writeAt(descriptor: number, source: Uint8Array, position: number): number;
  /** From now on each `write` goes to the end, or no longer does. */
  setAppend(descriptor: number, append: boolean): number;
  allocate(descriptor: number, position: number, length: number): number;
  advise(descriptor: number, position: number, length: number, advice: number): number;
  resize(descriptor: number, size: number): number;
  sync(descriptor: number, dataOnly: boolean): number;
  /** Fills the buffer with the system's `dirent64` records from a place that such a record named, 0 is the first. */
  entries(descriptor: number, place: bigint, target: Uint8Array): number;
  /** Fills the buffer with the system's `statx` record of the open file, or of the name in the folder. */
  status(descriptor: number, name: string | undefined, target: Uint8Array): number;
  /** Length of the link's target in bytes; -EINVAL if the name isn't a link. */
  readLink(folder: number, name: string, target: Uint8Array): number;
  /** Of the open file, or of the name in the folder. Nanoseconds since 1970; undefined leaves a time as it is. */
  setTimes(
    descriptor: number,
    name: string | undefined,
    accessed: bigint | undefined,
    modified: bigint | undefined,
  ): number;
  makeDirectory(folder: number, name: string): number;
  removeDirectory(folder: number, name: string): number;
  removeFile(folder: number, name: string): number;
  rename(folder: number, name: string, toFolder: number, toName: string): number;
  link(folder: number, name: string, toFolder: number, toName: string): number;
  makeLink(target: string, folder: number, name: string): number;
  /**
   * Waits until one of the descriptors is ready; `events` says for what (`Ready.input` or `.output`) and receives what
   * happened. Blocks the thread. Milliseconds; -1 waits for ever, and for at most 2^31 - 1.
   */
  poll(descriptors: Int32Array, events: Int32Array, timeout: number): number;
}

let calls: FileCalls | undefined;

/** The system's calls, loaded when first needed. @throws {UnsupportedPlatformError} */
export function fileCalls(): FileCalls {
  if (calls !== undefined) return calls;
  if (process.platform !== "linux") {
    throw new UnsupportedPlatformError(
      "platform",
      `Backplane opens host folders for WASI on Linux only; this is ${process.platform}. Use a MemoryFileSystem.`,
    );
  }
  calls = linuxFileCalls(loadKoffi());
  return calls;
}
