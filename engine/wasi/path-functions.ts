/**
 * `path_*`: what is done with a path from an open folder. Each resolves the path to a folder and one name in it
 * (walk-path.ts) and works on that name without following links; where it is to follow one, it goes on from there.
 *
 * In a folder that was given read-only, all that changes anything is EROFS.
 */
import type { Context, Operations } from "./context.js";
import { FdFlag, FileType, followLinks, OpenFlag, Right } from "./definitions.js";
import type { Descriptor } from "./descriptor.js";
import { Errno, errnoOf, fail } from "./errno.js";
import { writeStatus } from "./fd-functions.js";
import { DirectoryDescriptor, FileDescriptor } from "./file-descriptor.js";
import type { Directory, File, FileStatus, HostStream, OpenRequest } from "./file-system.js";
import { HostDescriptor } from "./stdio.js";
import { newTimes } from "./times.js";
import { PathWalk } from "./walk-path.js";

const writingRights = Right.fdWrite | Right.fdAllocate | Right.fdFilestatSetSize;

/** Walks a path, does something with where it ends, and closes the walk. */
function at<Result>(folder: DirectoryDescriptor, path: string, action: (walk: PathWalk) => Result): Result {
  const walk = new PathWalk(folder.directory);
  try {
    return action(walk.walk(path));
  } finally {
    walk.close();
  }
}

/** The status of where a path ends, once links have been followed as wanted. */
function statusAt(walk: PathWalk, follow: boolean): FileStatus {
  for (;;) {
    const status = walk.name === "." ? walk.directory.status() : walk.directory.statusOf(walk.name);
    if (status.type !== FileType.symbolicLink || !(follow || walk.mustBeDirectory)) {
      if (walk.mustBeDirectory && status.type !== FileType.directory) fail("ENOTDIR");
      return status;
    }
    walk.follow();
  }
}

/** Checks a path that ends with a slash, whose name must be a folder, and not a link to one. */
function requireDirectory(walk: PathWalk): void {
  if (!walk.mustBeDirectory || walk.name === ".") return;
  if (walk.directory.statusOf(walk.name).type !== FileType.directory) fail("ENOTDIR");
}

export function pathFunctions(context: Context): Operations {
  const { memory, descriptors, clocks } = context;
  const folder = (fd: number, rights: number): DirectoryDescriptor => {
    const descriptor = descriptors.get(fd);
    if (!(descriptor instanceof DirectoryDescriptor)) return fail("ENOTDIR");
    return descriptors.get(fd, rights) as DirectoryDescriptor;
  };
  const writableFolder = (fd: number, rights: number): DirectoryDescriptor => {
    const found = folder(fd, rights);
    return found.writable ? found : fail("EROFS");
  };
  return {
    ...openFunction(context, folder),
    path_filestat_get(fd: number, flags: number, path: number, length: number, result: number) {
      const status = at(folder(fd, Right.pathFilestatGet), memory.path(path, length), (walk) =>
        statusAt(walk, (flags & followLinks) !== 0),
      );
      writeStatus(context, result, status);
    },
    path_filestat_set_times(
      fd: number,
      flags: number,
      path: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      which: number,
    ) {
      const times = newTimes(clocks, accessed, modified, which);
      at(writableFolder(fd, Right.pathFilestatSetTimes), memory.path(path, length), (walk) => {
        statusAt(walk, (flags & followLinks) !== 0);
        if (walk.name === ".") walk.directory.setTimes(...times);
        else walk.directory.setTimesOf(walk.name, ...times);
      });
    },
    path_create_directory(fd: number, path: number, length: number) {
      at(writableFolder(fd, Right.pathCreateDirectory), memory.path(path, length), (walk) => {
        if (walk.name === ".") fail("EEXIST");
        walk.directory.makeDirectory(walk.name);
      });
    },
    path_remove_directory(fd: number, path: number, length: number) {
      at(writableFolder(fd, Right.pathRemoveDirectory), memory.path(path, length), (walk) => {
        if (walk.name === ".") fail("EINVAL");
        walk.directory.removeDirectory(walk.name);
      });
    },
    path_unlink_file(fd: number, path: number, length: number) {
      at(writableFolder(fd, Right.pathUnlinkFile), memory.path(path, length), (walk) => {
        requireDirectory(walk);
        if (walk.mustBeDirectory) fail("EISDIR");
        walk.directory.removeFile(walk.name);
      });
    },
    path_readlink(fd: number, path: number, length: number, target: number, size: number, result: number) {
      const link = at(folder(fd, Right.pathReadlink), memory.path(path, length), (walk) => {
        if (walk.mustBeDirectory) {
          statusAt(walk, true);
          fail("EINVAL");
        }
        return walk.directory.readLink(walk.name);
      });
      const part = Buffer.from(link).subarray(0, size >>> 0);
      memory.range(target, part.length).set(part);
      memory.setU32(result, part.length);
    },
    path_symlink(text: number, textLength: number, fd: number, path: number, length: number) {
      const target = memory.path(text, textLength);
      const name = memory.path(path, length);
      const parent = writableFolder(fd, Right.pathSymlink);
      // Such a link would lead the guest nowhere, but others who work in the folder out of it.
      if (target.startsWith("/")) fail("EPERM");
      if (target === "") fail("ENOENT");
      at(parent, name, (walk) => {
        if (walk.name === ".") fail("EEXIST");
        if (walk.mustBeDirectory) fail(exists(walk) ? "EEXIST" : "ENOENT");
        walk.directory.makeLink(target, walk.name);
      });
    },
    path_link(
      fd: number,
      flags: number,
      path: number,
      length: number,
      toFd: number,
      toPath: number,
      toLength: number,
    ) {
      const from = memory.path(path, length);
      const to = memory.path(toPath, toLength);
      // A second name for a file in a read-only folder would be a way to write it.
      const source = writableFolder(fd, Right.pathLinkSource);
      const target = writableFolder(toFd, Right.pathLinkTarget);
      at(source, from, (walk) => {
        if ((flags & followLinks) !== 0) statusAt(walk, true);
        requireDirectory(walk);
        if (walk.name === ".") fail("EPERM");
        at(target, to, (toWalk) => {
          if (toWalk.name === ".") fail("EEXIST");
          if (toWalk.mustBeDirectory) fail(exists(toWalk) ? "EEXIST" : "ENOENT");
          walk.directory.link(walk.name, toWalk.directory, toWalk.name);
        });
      });
    },
    path_rename(fd: number, path: number, length: number, toFd: number, toPath: number, toLength: number) {
      const from = memory.path(path, length);
      const to = memory.path(toPath, toLength);
      const source = writableFolder(fd, Right.pathRenameSource);
      const target = writableFolder(toFd, Right.pathRenameTarget);
      at(source, from, (walk) => {
        requireDirectory(walk);
        at(target, to, (toWalk) => {
          if (walk.name === "." || toWalk.name === ".") fail("EBUSY");
          if (toWalk.mustBeDirectory && walk.directory.statusOf(walk.name).type !== FileType.directory) {
            fail("ENOTDIR");
          }
          walk.directory.rename(walk.name, toWalk.directory, toWalk.name);
        });
      });
    },
  };
}

function exists(walk: PathWalk): boolean {
  try {
    walk.directory.statusOf(walk.name);
    return true;
  } catch (error) {
    if (errnoOf(error) === Errno.ENOENT) return false;
    throw error;
  }
}

/** What a guest asks of `path_open`. */
interface Opening {
  readonly follow: boolean;
  readonly request: OpenRequest;
  readonly rights: number;
  readonly inheriting: number;
  readonly flags: number;
}

function openFunction(
  context: Context,
  folder: (fd: number, rights: number) => DirectoryDescriptor,
): Operations {
  const { memory, descriptors } = context;
  return {
    path_open(
      fd: number,
      lookup: number,
      path: number,
      length: number,
      how: number,
      rights: bigint,
      inheriting: bigint,
      flags: number,
      result: number,
    ) {
      const needed =
        Right.pathOpen |
        (how & OpenFlag.create ? Right.pathCreateFile : 0) |
        (how & OpenFlag.truncate ? Right.pathFilestatSetSize : 0);
      const parent = folder(fd, needed);
      const opening = readOpening(parent, lookup, how, rights, inheriting, flags);
      const name = memory.path(path, length);
      // Before there is anything to undo.
      memory.setU32(result, 0);
      descriptors.requireRoom();
      const { request } = opening;
      if (!parent.writable && (request.write || request.create || request.truncate)) fail("EROFS");
      const opened = at(parent, name, (walk) => open(walk, opening));
      memory.setU32(result, descriptors.add(asDescriptor(opened, parent, opening)));
    },
  };
}

function readOpening(
  parent: DirectoryDescriptor,
  lookup: number,
  how: number,
  rights: bigint,
  inheriting: bigint,
  flags: number,
): Opening {
  const requested = Number(BigInt.asUintN(30, rights));
  // Guests ask for more than a folder passes on, and live with less; but not with other access than they asked for.
  const missing = requested & ~parent.inheriting;
  if ((missing & (Right.fdRead | Right.fdWrite)) !== 0) fail("ENOTCAPABLE");
  if ((how & OpenFlag.create) !== 0 && (how & OpenFlag.directory) !== 0) fail("EINVAL");
  const granted = requested & parent.inheriting;
  const write = (granted & writingRights) !== 0;
  return {
    follow: (lookup & followLinks) !== 0,
    request: {
      read: !write || (granted & (Right.fdRead | Right.fdReaddir)) !== 0,
      write: write || (how & OpenFlag.truncate) !== 0,
      create: (how & OpenFlag.create) !== 0,
      exclusive: (how & OpenFlag.exclusive) !== 0,
      truncate: (how & OpenFlag.truncate) !== 0,
      directory: (how & OpenFlag.directory) !== 0,
      synchronous: flags & (FdFlag.sync | FdFlag.rsync) ? "all" : flags & FdFlag.dsync ? "data" : "none",
    },
    rights: granted,
    inheriting: Number(BigInt.asUintN(30, inheriting)) & parent.inheriting,
    flags,
  };
}

function open(walk: PathWalk, { follow, request }: Opening): File | Directory | HostStream {
  for (;;) {
    const directory = request.directory || walk.mustBeDirectory;
    // A name that must be a folder can't be made as a file.
    if (walk.mustBeDirectory && request.create && walk.name !== "." && !exists(walk)) fail("EISDIR");
    try {
      const create = request.create && !directory;
      return walk.directory.open(walk.name, { ...request, directory, create });
    } catch (error) {
      // A link, which is ENOTDIR where only a folder will do.
      const errno = errnoOf(error);
      const link = errno === Errno.ELOOP || (directory && errno === Errno.ENOTDIR && isLink(walk));
      if (!link) throw error;
      if (!follow && !walk.mustBeDirectory) fail("ELOOP");
      walk.follow();
    }
  }
}

function isLink(walk: PathWalk): boolean {
  return walk.name !== "." && walk.directory.statusOf(walk.name).type === FileType.symbolicLink;
}

function asDescriptor(
  opened: File | Directory | HostStream,
  parent: DirectoryDescriptor,
  { rights, inheriting, flags }: Opening,
): Descriptor {
  switch (opened.kind) {
    case "file":
      return new FileDescriptor(opened, parent.writable, rights, inheriting, flags);
    case "directory":
      return new DirectoryDescriptor(opened, parent.writable, undefined, rights, inheriting);
    case "stream":
      return new HostDescriptor(opened, rights, flags);
  }
}
