/**
 * A folder of the host's as a WASI file system, over calls that work on open folders and single names (see
 * platform/files.ts). What a guest opens is inside by the way it was reached; see walk-path.ts.
 *
 * Descriptors are the process's own, so they are closed when the guest closes them, with the `Wasi`, or at last when
 * the garbage collector finds the object.
 *
 * Sources: statx(2), getdents64(2) for the layouts of their records.
 */
import { constants } from "node:fs";
import { type FileCalls, fileCalls, type OpenFlags } from "../platform/files.js";
import { FileType } from "./definitions.js";
import { checked, fail } from "./errno.js";
import type {
  Directory,
  DirectoryEntry,
  File,
  FileStatus,
  FileSystem,
  HostStream,
  OpenRequest,
} from "./file-system.js";

const statusSize = 256;
const maxTarget = 4096;
const entriesSize = 32_768;
const maxPlace = 2n ** 63n - 1n;
const nanoseconds = 1_000_000_000n;
const { S_IFMT, S_IFBLK, S_IFCHR, S_IFDIR, S_IFREG, S_IFLNK, S_IFSOCK } = constants;

const typeByMode: Readonly<Record<number, FileType>> = {
  [S_IFBLK]: FileType.blockDevice,
  [S_IFCHR]: FileType.characterDevice,
  [S_IFDIR]: FileType.directory,
  [S_IFREG]: FileType.regularFile,
  [S_IFLNK]: FileType.symbolicLink,
  [S_IFSOCK]: FileType.socketStream,
};

/** Closes what nobody closed. */
const leaked = new FinalizationRegistry<number>((descriptor) => fileCalls().close(descriptor));

/** What files and folders have in common: a descriptor, closed once. */
class HostNode {
  protected readonly calls: FileCalls = fileCalls();
  private isOpen = true;

  /** @param lasting whether it may be forgotten unclosed: not where a walk passes through */
  constructor(
    readonly descriptor: number,
    private readonly lasting = true,
  ) {
    if (lasting) leaked.register(this, descriptor, this);
  }

  status(): FileStatus {
    return readStatus(this.calls, this.descriptor, undefined);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    if (this.lasting) leaked.unregister(this);
    this.calls.close(this.descriptor);
  }
}

function readStatus(calls: FileCalls, descriptor: number, name: string | undefined): FileStatus {
  const record = new Uint8Array(statusSize);
  checked(calls.status(descriptor, name, record));
  const words = new DataView(record.buffer);
  const time = (at: number): bigint =>
    words.getBigInt64(at, true) * nanoseconds + BigInt(words.getUint32(at + 8, true));
  return {
    links: BigInt(words.getUint32(16, true)),
    type: typeByMode[words.getUint16(28, true) & S_IFMT] ?? FileType.unknown,
    inode: words.getBigUint64(32, true),
    size: words.getBigUint64(40, true),
    accessed: time(64),
    changed: time(96),
    modified: time(112),
    device: (BigInt(words.getUint32(136, true)) << 32n) | BigInt(words.getUint32(140, true)),
  };
}

class HostFile extends HostNode implements File {
  readonly kind = "file";
  private appends = false;

  read(target: Uint8Array, position: number): number {
    return checked(this.calls.readAt(this.descriptor, target, position));
  }

  write(source: Uint8Array, position: number | "end"): number {
    const append = position === "end";
    // With the system's own flag the end is found and written to in one step. It must be off for other writes, since
    // Linux lets it override their position.
    if (append !== this.appends) checked(this.calls.setAppend(this.descriptor, append));
    this.appends = append;
    return checked(
      append
        ? this.calls.write(this.descriptor, source)
        : this.calls.writeAt(this.descriptor, source, position),
    );
  }

  resize(size: number): void {
    checked(this.calls.resize(this.descriptor, size));
  }

  allocate(position: number, length: number): void {
    checked(this.calls.allocate(this.descriptor, position, length));
  }

  advise(position: number, length: number, advice: number): void {
    checked(this.calls.advise(this.descriptor, position, length, advice));
  }

  setTimes(accessed: bigint | undefined, modified: bigint | undefined): void {
    checked(this.calls.setTimes(this.descriptor, undefined, accessed, modified));
  }

  sync(dataOnly: boolean): void {
    checked(this.calls.sync(this.descriptor, dataOnly));
  }
}

/** A pipe, a terminal or another device: bytes without positions. */
class HostDevice extends HostNode implements HostStream {
  readonly kind = "stream";

  constructor(
    descriptor: number,
    readonly type: FileType,
  ) {
    super(descriptor);
  }
}

export class HostDirectory extends HostNode implements Directory {
  readonly kind = "directory";

  open(name: string, request: OpenRequest): File | Directory | HostStream {
    const descriptor = checked(this.calls.open(this.descriptor, name, request satisfies OpenFlags));
    let type: FileType;
    try {
      ({ type } = readStatus(this.calls, descriptor, undefined));
    } catch (error) {
      this.calls.close(descriptor);
      throw error;
    }
    if (type === FileType.directory) return new HostDirectory(descriptor);
    return type === FileType.regularFile ? new HostFile(descriptor) : new HostDevice(descriptor, type);
  }

  enter(name: string): Directory {
    return new HostDirectory(checked(this.calls.enter(this.descriptor, name)), false);
  }

  statusOf(name: string): FileStatus {
    return readStatus(this.calls, this.descriptor, name);
  }

  setTimes(accessed: bigint | undefined, modified: bigint | undefined): void {
    // By the folder's name for itself, since a folder opened to walk through has no times to set.
    this.setTimesOf(".", accessed, modified);
  }

  setTimesOf(name: string, accessed: bigint | undefined, modified: bigint | undefined): void {
    checked(this.calls.setTimes(this.descriptor, name, accessed, modified));
  }

  sync(dataOnly: boolean): void {
    checked(this.calls.sync(this.descriptor, dataOnly));
  }

  readLink(name: string): string {
    const target = Buffer.allocUnsafe(maxTarget);
    return target.toString("utf8", 0, checked(this.calls.readLink(this.descriptor, name, target)));
  }

  makeDirectory(name: string): void {
    checked(this.calls.makeDirectory(this.descriptor, name));
  }

  removeDirectory(name: string): void {
    checked(this.calls.removeDirectory(this.descriptor, name));
  }

  removeFile(name: string): void {
    checked(this.calls.removeFile(this.descriptor, name));
  }

  rename(name: string, to: Directory, toName: string): void {
    checked(this.calls.rename(this.descriptor, name, hostDescriptor(to), toName));
  }

  link(name: string, to: Directory, toName: string): void {
    checked(this.calls.link(this.descriptor, name, hostDescriptor(to), toName));
  }

  makeLink(target: string, name: string): void {
    checked(this.calls.makeLink(target, this.descriptor, name));
  }

  entries(place: bigint): readonly DirectoryEntry[] {
    if (place > maxPlace) fail("EINVAL");
    const records = Buffer.allocUnsafe(entriesSize);
    for (;;) {
      const length = checked(this.calls.entries(this.descriptor, place, records));
      const { entries, next } = parseEntries(records, length);
      // A buffer may have held nothing but the folder's dots.
      if (entries.length > 0 || length === 0) return entries;
      place = next;
    }
  }
}

function hostDescriptor(folder: Directory): number {
  return folder instanceof HostDirectory ? folder.descriptor : fail("EXDEV");
}

/** The types in `dirent64` are the mode's upper bits. */
const typeShift = 12;

function parseEntries(records: Buffer, length: number): { entries: DirectoryEntry[]; next: bigint } {
  const entries: DirectoryEntry[] = [];
  let next = 0n;
  for (let at = 0; at < length; ) {
    const size = records.readUInt16LE(at + 16);
    const end = records.indexOf(0, at + 19);
    const name = records.toString("utf8", at + 19, end);
    next = records.readBigInt64LE(at + 8);
    if (name !== "." && name !== "..") {
      const type = typeByMode[records[at + 18]! << typeShift] ?? FileType.unknown;
      entries.push({ name, type, inode: records.readBigUInt64LE(at), next });
    }
    at += size;
  }
  return { entries, next };
}

/**
 * A folder of the host's. Opened when it is made, so that what it is doesn't change when the path is renamed.
 *
 * @throws Error with a `code`, naming the path, if it can't be opened as a folder
 */
export class HostFileSystem implements FileSystem {
  constructor(readonly path: string) {}

  openRoot(): Directory {
    try {
      return new HostDirectory(checked(fileCalls().openRoot(this.path)));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined) throw error;
      throw Object.assign(new Error(`WASI folder ${this.path}: ${code}, it can't be opened as a folder`), {
        code,
      });
    }
  }
}
