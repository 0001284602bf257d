/**
 * The interface of file systems: what a preopened folder needs. `HostDirectory` and `MemoryFileSystem` implement it,
 * and an application can.
 *
 * All names are single names, never paths: no `/`, never empty, `.` or `..` (but see `open`), and no method follows a
 * symbolic link that a name stands for. Paths and links are resolved above this interface (walk-path.ts), so an
 * implementation can't let a guest out by mistake.
 *
 * Failures are thrown: a FileError, or any error whose `code` is a POSIX name, reaches the guest as its number.
 * Anything else ends the guest's call with the error itself.
 */
import type { FileType } from "./definitions.js";

/** What is known of a file, a folder or a link. */
export interface FileStatus {
  readonly type: FileType;
  /** In bytes. */
  readonly size: bigint;
  /** Numbers that are the same for two names of one file. */
  readonly device: bigint;
  readonly inode: bigint;
  readonly links: bigint;
  /** Nanoseconds since 1970. */
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
}

interface OpenNode {
  /** What is known of it. */
  status(): FileStatus;
  /** Nanoseconds since 1970; undefined leaves a time as it is. */
  setTimes(accessed: bigint | undefined, modified: bigint | undefined): void;
  /** Has what was written stored for good: the data only, or all that is known of it as well. */
  sync(dataOnly: boolean): void;
  /** Called once; nothing is called after it. */
  close(): void;
}

/** An open file. Positions and sizes are in bytes, safe integers. */
export interface File extends OpenNode {
  readonly kind: "file";
  /** Fills `target` from a position; returns how many bytes there were, 0 at the end. Don't keep `target`. */
  read(target: Uint8Array, position: number): number;
  /** Writes at a position, or at the file's end; returns how many bytes were written. Don't keep `source`. */
  write(source: Uint8Array, position: number | "end"): number;
  /** Cuts it off, or fills it up with zeros. */
  resize(size: number): void;
  /** Makes sure that there is space, and that the file is at least so long. */
  allocate(position: number, length: number): void;
  /** How the file will be read: 0 normal, 1 in order, 2 at random, 3 soon, 4 not again soon, 5 once. */
  advise?(position: number, length: number, advice: number): void;
}

/** How a name is to be opened. */
export interface OpenRequest {
  readonly read: boolean;
  readonly write: boolean;
  /** Make an empty file if there is none; with `exclusive`, EEXIST if there is one (a symbolic link counts). */
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
  /** ENOTDIR for anything but a folder. */
  readonly directory: boolean;
  /** What each write waits for: nothing, the data, or all that is known of the file as well. */
  readonly synchronous: "none" | "data" | "all";
}

/** A name in a folder. */
export interface DirectoryEntry {
  readonly name: string;
  readonly type: FileType;
  readonly inode: bigint;
  /** Where reading goes on after this entry; never 0. */
  readonly next: bigint;
}

/** An open folder. */
export interface Directory extends OpenNode {
  readonly kind: "directory";
  /**
   * Opens a name; `.` is the folder itself. A symbolic link is ELOOP, or ENOTDIR where a folder is asked for. A folder
   * opened for writing or truncating is EISDIR.
   */
  open(name: string, request: OpenRequest): File | Directory | HostStream;
  /** Opens a folder only to go on from there. Anything else is ENOTDIR, also a symbolic link. */
  enter(name: string): Directory;
  /** A symbolic link's own status. */
  statusOf(name: string): FileStatus;
  /** A symbolic link's own times. */
  setTimesOf(name: string, accessed: bigint | undefined, modified: bigint | undefined): void;
  /** A symbolic link's target; EINVAL if the name isn't a link. */
  readLink(name: string): string;
  /** EEXIST if there is something of that name. */
  makeDirectory(name: string): void;
  /** ENOTEMPTY for a folder that isn't empty. */
  removeDirectory(name: string): void;
  /** EISDIR for a folder. */
  removeFile(name: string): void;
  /** Moves to a name, replacing what is there as POSIX says. EXDEV if `to` is another file system's. */
  rename(name: string, to: Directory, toName: string): void;
  /** Makes a second name for a file. EXDEV if `to` is another file system's. */
  link(name: string, to: Directory, toName: string): void;
  /** Makes a symbolic link, whose target need not exist. */
  makeLink(target: string, name: string): void;
  /**
   * Some of the entries after a place that an entry's `next` named (0: from the first), in a stable order; none at the
   * end. Without `.` and `..`.
   */
  entries(place: bigint): readonly DirectoryEntry[];
}

/** A pipe or device of the host's; see stdio.ts. User-supplied file systems have none. */
export interface HostStream {
  readonly kind: "stream";
  readonly descriptor: number;
  readonly type: FileType;
  /** Called once; nothing is called after it. */
  close(): void;
}

/** A file system that can be given as a preopen. */
export interface FileSystem {
  /** Opens its top folder. Called once per preopen; closed with it. */
  openRoot(): Directory;
}
