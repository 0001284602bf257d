/**
 * Linux's calls on names in open folders, through koffi. The `...at` calls with O_NOFOLLOW are what keeps a guest in
 * its folder: the kernel looks up one name in a folder that is already open, in one step, so there is no moment
 * between a check and a use in which somebody could swap a name for a link.
 *
 * Sources: openat(2), readlinkat(2), utimensat(2), statx(2), getdents64(2), poll(2).
 */
import { constants } from "node:fs";
import type { FileCalls, OpenFlags } from "./files.js";
import type { IKoffi } from "./koffi.js";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;
const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_SYNC, O_DSYNC } = constants;
// The same on all of Linux's platforms that Node runs on; Node doesn't name them.
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const F_GETFL = 3;
const F_SETFL = 4;
const UTIME_OMIT = (1n << 30n) - 2n;
const fileMode = 0o666;
const folderMode = 0o777;
const pollRecordSize = 8;
/** The number of the system call. */
const getdents64 = process.arch === "arm64" ? 61 : 217;

type Call = (...args: (number | string | bigint | Uint8Array | null)[]) => number | bigint;

const synchronousFlags = { none: 0, data: O_DSYNC, all: O_SYNC };

function openBits(flags: OpenFlags): number {
  const access = flags.write ? (flags.read ? O_RDWR : O_WRONLY) : O_RDONLY;
  return (
    access |
    (flags.create ? O_CREAT : 0) |
    (flags.exclusive ? O_EXCL : 0) |
    (flags.truncate ? O_TRUNC : 0) |
    (flags.directory ? O_DIRECTORY : 0) |
    synchronousFlags[flags.synchronous]
  );
}

/** A `struct timespec` pair. */
function timePair(accessed: bigint | undefined, modified: bigint | undefined): Uint8Array {
  const words = new DataView(new ArrayBuffer(32));
  [accessed, modified].forEach((time, i) => {
    const nanoseconds = time === undefined ? UTIME_OMIT : time % 1_000_000_000n;
    words.setBigInt64(16 * i, time === undefined ? 0n : time / 1_000_000_000n, true);
    words.setBigInt64(16 * i + 8, nanoseconds, true);
  });
  return new Uint8Array(words.buffer);
}

export function linuxFileCalls(koffi: IKoffi): FileCalls {
  const c = koffi.load(null);
  /** A function whose failures are negative error numbers, as the kernel itself has them. */
  function call(declaration: string): (...args: Parameters<Call>) => number {
    const native = c.func(declaration) as Call;
    return (...args) => {
      const result = Number(native(...args));
      return result < 0 ? -koffi.errno() : result;
    };
  }
  const openat = call("int openat(int, const char *, int, int)");
  const close = call("int close(int)");
  const read = call("int64_t read(int, void *, size_t)");
  const write = call("int64_t write(int, const void *, size_t)");
  const pread = call("int64_t pread(int, void *, size_t, int64_t)");
  const pwrite = call("int64_t pwrite(int, const void *, size_t, int64_t)");
  const fcntl = call("int fcntl(int, int, int)");
  const lseek = call("int64_t lseek(int, int64_t, int)");
  const ftruncate = call("int ftruncate(int, int64_t)");
  const fsync = call("int fsync(int)");
  const fdatasync = call("int fdatasync(int)");
  // By number: the C library has a name for it only since glibc 2.30.
  const syscall = call("long syscall(long, int, void *, size_t)");
  const statx = call("int statx(int, const char *, int, unsigned int, void *)");
  const readlinkat = call("int64_t readlinkat(int, const char *, void *, size_t)");
  const utimensat = call("int utimensat(int, const char *, const void *, int)");
  const futimens = call("int futimens(int, const void *)");
  const mkdirat = call("int mkdirat(int, const char *, int)");
  const unlinkat = call("int unlinkat(int, const char *, int)");
  const renameat = call("int renameat(int, const char *, int, const char *)");
  const linkat = call("int linkat(int, const char *, int, const char *, int)");
  const symlinkat = call("int symlinkat(const char *, int, const char *)");
  const poll = call("int poll(void *, unsigned long, int)");
  // These two give the error number itself.
  const fallocate = call("int posix_fallocate(int, int64_t, int64_t)");
  const fadvise = call("int posix_fadvise(int, int64_t, int64_t, int)");

  const always = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  return {
    openRoot: (path) => openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | always, 0),
    open: (folder, name, flags) => openat(folder, name, openBits(flags) | O_NOFOLLOW | always, fileMode),
    enter: (folder, name) => openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0),
    close: (descriptor) => close(descriptor),
    read: (descriptor, target) => read(descriptor, target, target.length),
    write: (descriptor, source) => write(descriptor, source, source.length),
    readAt: (descriptor, target, position) => pread(descriptor, target, target.length, position),
    writeAt: (descriptor, source, position) => pwrite(descriptor, source, source.length, position),
    setAppend(descriptor, append) {
      const flags = fcntl(descriptor, F_GETFL, 0);
      if (flags < 0) return flags;
      return fcntl(descriptor, F_SETFL, append ? flags | O_APPEND : flags & ~O_APPEND);
    },
    allocate: (descriptor, position, length) => -fallocate(descriptor, position, length),
    advise: (descriptor, position, length, advice) => -fadvise(descriptor, position, length, advice),
    resize: (descriptor, size) => ftruncate(descriptor, size),
    sync: (descriptor, dataOnly) => (dataOnly ? fdatasync : fsync)(descriptor),
    entries(descriptor, place, target) {
      const moved = lseek(descriptor, place, 0);
      return moved < 0 ? moved : syscall(getdents64, descriptor, target, target.length);
    },
    status: (descriptor, name, target) =>
      statx(
        descriptor,
        name ?? "",
        name === undefined ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW,
        STATX_BASIC_STATS,
        target,
      ),
    readLink: (folder, name, target) => readlinkat(folder, name, target, target.length),
    setTimes(descriptor, name, accessed, modified) {
      const times = timePair(accessed, modified);
      return name === undefined
        ? futimens(descriptor, times)
        : utimensat(descriptor, name, times, AT_SYMLINK_NOFOLLOW);
    },
    makeDirectory: (folder, name) => mkdirat(folder, name, folderMode),
    removeDirectory: (folder, name) => unlinkat(folder, name, AT_REMOVEDIR),
    removeFile: (folder, name) => unlinkat(folder, name, 0),
    rename: (folder, name, toFolder, toName) => renameat(folder, name, toFolder, toName),
    link: (folder, name, toFolder, toName) => linkat(folder, name, toFolder, toName, 0),
    makeLink: (target, folder, name) => symlinkat(target, folder, name),
    poll(descriptors, events, timeout) {
      const records = new DataView(new ArrayBuffer(pollRecordSize * descriptors.length));
      descriptors.forEach((descriptor, i) => {
        records.setInt32(pollRecordSize * i, descriptor, true);
        records.setInt16(pollRecordSize * i + 4, events[i]!, true);
      });
      const count = poll(new Uint8Array(records.buffer), descriptors.length, timeout);
      for (let i = 0; i < events.length; i++) events[i] = records.getInt16(pollRecordSize * i + 6, true);
      return count;
    },
  };
}
