/**
 * `fd_*`: what is done with an open descriptor. A right that it lacks is ENOTCAPABLE; what makes no sense for its kind
 * is the error that POSIX has for that.
 */
import type { Context, Operations } from "./context.js";
import { FdFlag, Right } from "./definitions.js";
import type { Descriptor } from "./descriptor.js";
import { fail } from "./errno.js";
import { DirectoryDescriptor, FileDescriptor, safePosition } from "./file-descriptor.js";
import type { FileStatus } from "./file-system.js";
import { newTimes } from "./times.js";
import { untilDone } from "./waiting.js";

const preopenIsDirectory = 0;
const direntSize = 24;
const lastAdvice = 5;
/** The places in a folder that `.` and `..` take, before those of the file system. */
const dotPlaces = 2n;
/** As many bytes of folder entries as one call writes, for a guest that offers more. */
const maxEntries = 1 << 20;

/** Writes a `filestat` record. */
export function writeStatus(context: Context, at: number, status: FileStatus): void {
  const { memory } = context;
  const { size, wideLinks, links, rest } = context.snapshot.filestat;
  const record = memory.range(at, size).fill(0);
  const words = new DataView(record.buffer, record.byteOffset, size);
  words.setBigUint64(0, status.device, true);
  words.setBigUint64(8, status.inode, true);
  words.setUint8(16, status.type);
  if (wideLinks) words.setBigUint64(links, status.links, true);
  else words.setUint32(links, Number(status.links), true);
  words.setBigUint64(rest, status.size, true);
  words.setBigUint64(rest + 8, status.accessed, true);
  words.setBigUint64(rest + 16, status.modified, true);
  words.setBigUint64(rest + 24, status.changed, true);
}

function requireWritable(descriptor: FileDescriptor | DirectoryDescriptor): void {
  if (!descriptor.writable) fail("EROFS");
}

function descriptorFunctions(context: Context): Operations {
  const { memory, descriptors } = context;
  return {
    fd_close: (fd: number) => descriptors.close(fd),
    fd_renumber: (from: number, to: number) => descriptors.renumber(from, to),
    fd_fdstat_get(fd: number, result: number) {
      const { type, flags, rights, inheriting } = descriptors.get(fd);
      memory.range(result, 24).fill(0);
      memory.setU8(result, type);
      memory.setU16(result + 2, flags);
      memory.setU64(result + 8, BigInt(rights));
      memory.setU64(result + 16, BigInt(inheriting));
    },
    fd_fdstat_set_flags(fd: number, flags: number) {
      const descriptor = descriptors.get(fd, Right.fdFdstatSetFlags);
      // Linux can't change what writes wait for once a file is open, nor can POSIX.
      if ((flags & ~(FdFlag.append | FdFlag.nonblock)) !== 0) fail("EINVAL");
      descriptor.flags = flags;
    },
    fd_fdstat_set_rights(fd: number, rights: bigint, inheriting: bigint) {
      const descriptor = descriptors.get(fd);
      const requested = [rights, inheriting].map((bits) => BigInt.asUintN(64, bits));
      const held = [descriptor.rights, descriptor.inheriting].map(BigInt);
      if (requested.some((bits, i) => (bits & ~held[i]!) !== 0n)) fail("ENOTCAPABLE");
      [descriptor.rights, descriptor.inheriting] = requested.map(Number) as [number, number];
    },
    fd_prestat_get(fd: number, result: number) {
      const name = preopenName(descriptors.get(fd));
      memory.setU32(result, preopenIsDirectory);
      memory.setU32(result + 4, name.length);
    },
    fd_prestat_dir_name(fd: number, target: number, length: number) {
      const name = preopenName(descriptors.get(fd));
      if (length >>> 0 < name.length) fail("ENAMETOOLONG");
      memory.range(target, name.length).set(name);
    },
  };
}

function preopenName(descriptor: Descriptor): Uint8Array {
  const name = descriptor instanceof DirectoryDescriptor ? descriptor.preopenName : undefined;
  return name ?? fail("EBADF");
}

function streamFunctions(context: Context): Operations {
  const { memory, descriptors, mode } = context;
  /** The file of a call that names a position. */
  const positioned = (fd: number, right: number): FileDescriptor => {
    const descriptor = descriptors.get(fd);
    if (descriptor instanceof DirectoryDescriptor) fail("EISDIR");
    if (!(descriptor instanceof FileDescriptor)) fail("ESPIPE");
    return descriptors.get(fd, right) as FileDescriptor;
  };
  const readable = (fd: number): Descriptor => {
    if (descriptors.get(fd) instanceof DirectoryDescriptor) fail("EISDIR");
    return descriptors.get(fd, Right.fdRead);
  };
  const writable = (fd: number): Descriptor => {
    if (descriptors.get(fd) instanceof DirectoryDescriptor) fail("EISDIR");
    return descriptors.get(fd, Right.fdWrite);
  };
  return {
    fd_read: (fd: number, at: number, count: number, result: number) =>
      untilDone(
        context,
        () => ({ descriptor: readable(fd), direction: "read" }),
        () => readable(fd).read(memory.vectors(at, count), mode),
        (done) => memory.setU32(result, done),
      ),
    fd_write: (fd: number, at: number, count: number, result: number) =>
      untilDone(
        context,
        () => ({ descriptor: writable(fd), direction: "write" }),
        () => writable(fd).write(memory.vectors(at, count), mode),
        (done) => memory.setU32(result, done),
      ),
    fd_pread(fd: number, at: number, count: number, position: bigint, result: number) {
      const file = positioned(fd, Right.fdRead | Right.fdSeek);
      memory.setU32(result, file.readAt(memory.vectors(at, count), safePosition(position)));
    },
    fd_pwrite(fd: number, at: number, count: number, position: bigint, result: number) {
      const file = positioned(fd, Right.fdWrite | Right.fdSeek);
      memory.setU32(result, file.writeAt(memory.vectors(at, count), safePosition(position)));
    },
    fd_seek(fd: number, offset: bigint, origin: number, result: number) {
      const from = context.snapshot.origins[origin];
      // Asking for the position needs less than moving it.
      const file = positioned(fd, from === "current" && offset === 0n ? Right.fdTell : Right.fdSeek);
      if (from === undefined) return fail("EINVAL");
      const base = {
        start: 0n,
        current: BigInt(file.position),
        end: from === "end" ? file.status().size : 0n,
      };
      const target = base[from] + offset;
      if (target < 0n || target > BigInt(Number.MAX_SAFE_INTEGER)) fail("EINVAL");
      memory.setU64(result, target);
      file.position = Number(target);
    },
    fd_tell(fd: number, result: number) {
      memory.setU64(result, BigInt(positioned(fd, Right.fdTell).position));
    },
  };
}

function fileFunctions(context: Context): Operations {
  const { memory, descriptors, clocks } = context;
  const openFile = (fd: number, right: number): FileDescriptor => {
    const descriptor = descriptors.get(fd);
    if (!(descriptor instanceof FileDescriptor)) {
      return fail(descriptor instanceof DirectoryDescriptor ? "EBADF" : "EINVAL");
    }
    return descriptors.get(fd, right) as FileDescriptor;
  };
  /** A file or a folder, which have more than a stream. */
  const openNode = (fd: number, right: number): FileDescriptor | DirectoryDescriptor => {
    const descriptor = descriptors.get(fd, right);
    return descriptor instanceof FileDescriptor || descriptor instanceof DirectoryDescriptor
      ? descriptor
      : fail("EINVAL");
  };
  const node = (descriptor: FileDescriptor | DirectoryDescriptor) =>
    descriptor instanceof FileDescriptor ? descriptor.file : descriptor.directory;
  return {
    fd_advise(fd: number, position: bigint, length: bigint, advice: number) {
      const { file } = openFile(fd, Right.fdAdvise);
      if (advice >>> 0 > lastAdvice) fail("EINVAL");
      if (BigInt.asUintN(64, position) + BigInt.asUintN(64, length) >= 2n ** 63n) fail("EINVAL");
      file.advise?.(safePosition(position), safePosition(length), advice);
    },
    fd_allocate(fd: number, position: bigint, length: bigint) {
      const { file } = openFile(fd, Right.fdAllocate | Right.fdWrite);
      if (length === 0n) fail("EINVAL");
      const [start, size] = [safePosition(position), safePosition(length)];
      if (!Number.isSafeInteger(start + size)) fail("EFBIG");
      file.allocate(start, size);
    },
    fd_datasync: (fd: number) => node(openNode(fd, Right.fdDatasync)).sync(true),
    fd_sync: (fd: number) => node(openNode(fd, Right.fdSync)).sync(false),
    fd_filestat_get: (fd: number, result: number) =>
      writeStatus(context, result, descriptors.get(fd, Right.fdFilestatGet).status()),
    fd_filestat_set_size(fd: number, size: bigint) {
      const { file } = openFile(fd, Right.fdFilestatSetSize);
      file.resize(safePosition(size));
    },
    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number) {
      const descriptor = openNode(fd, Right.fdFilestatSetTimes);
      const times = newTimes(clocks, accessed, modified, flags);
      requireWritable(descriptor);
      node(descriptor).setTimes(...times);
    },
    fd_readdir(fd: number, target: number, length: number, place: bigint, result: number) {
      const descriptor = descriptors.get(fd);
      if (!(descriptor instanceof DirectoryDescriptor)) return fail("ENOTDIR");
      descriptors.get(fd, Right.fdReaddir);
      const buffer = memory.range(target, Math.min(length >>> 0, maxEntries));
      memory.setU32(result, writeEntries(descriptor, buffer, BigInt.asUintN(64, place)));
    },
  };
}

/** Fills a buffer with `dirent` records from a place on; returns how much of it. The last record may be cut. */
function writeEntries({ directory }: DirectoryDescriptor, buffer: Uint8Array, place: bigint): number {
  let at = 0;
  const write = (name: string, type: number, inode: bigint, next: bigint): void => {
    const bytes = Buffer.from(name);
    const record = new Uint8Array(direntSize + bytes.length);
    const words = new DataView(record.buffer);
    words.setBigUint64(0, next, true);
    words.setBigUint64(8, inode, true);
    words.setUint32(16, bytes.length, true);
    words.setUint8(20, type);
    record.set(bytes, direntSize);
    const part = record.subarray(0, Math.max(buffer.length - at, 0));
    buffer.set(part, at);
    at += part.length;
  };
  // Both dots are the folder itself: what is above a preopened folder isn't the guest's business.
  const dots = [".", ".."].slice(Number(place < dotPlaces ? place : dotPlaces));
  if (dots.length > 0) {
    const { type, inode } = directory.status();
    for (const [i, name] of dots.entries()) write(name, type, inode, dotPlaces - BigInt(dots.length - 1 - i));
    place = dotPlaces;
  }
  while (at < buffer.length) {
    const entries = directory.entries(place - dotPlaces);
    if (entries.length === 0) break;
    for (const { name, type, inode, next } of entries) {
      place = next + dotPlaces;
      if (at < buffer.length) write(name, type, inode, place);
    }
  }
  return at;
}

export function fdFunctions(context: Context): Operations {
  return { ...descriptorFunctions(context), ...streamFunctions(context), ...fileFunctions(context) };
}
