/**
 * A file system in memory: folders, files, hard and symbolic links, as POSIX has them. What it may hold is limited,
 * so a guest that writes without end gets ENOSPC.
 */
import { FileType } from "./definitions.js";
import { Errno, errnoOf, FileError, fail } from "./errno.js";
import type { Directory, DirectoryEntry, File, FileStatus, FileSystem, OpenRequest } from "./file-system.js";
import { PathWalk } from "./walk-path.js";

/** Bounds of a file system in memory. */
export interface MemoryFileSystemOptions {
  /** As many bytes as all files may have; each file, folder and link, and each name, counts as 256 more. Default: 64 MiB. */
  readonly limit?: number;
  /** The time that files get, nanoseconds since 1970. Default: the host's, in milliseconds. */
  readonly now?: () => bigint;
}

const nodeCost = 256;
const nameCost = 256;
const defaultLimit = 64 * 1024 * 1024;
const maxName = 255;
/** As many entries of a folder as are given at once. */
const maxEntries = 256;
const device = 1n;

/** What all nodes of one file system share. */
class Volume {
  used = 0;
  private lastInode = 0n;

  constructor(
    private readonly limit: number,
    readonly now: () => bigint,
  ) {}

  /** Accounts for more bytes, or fewer. */
  use(bytes: number): void {
    if (this.used + bytes > this.limit) fail("ENOSPC");
    this.used += bytes;
  }

  nextInode(): bigint {
    return ++this.lastInode;
  }

  get free(): number {
    return this.limit - this.used;
  }
}

abstract class Node {
  abstract readonly type: FileType;
  readonly inode: bigint;
  /** Names that lead here. */
  links = 1;
  accessed: bigint;
  modified: bigint;
  changed: bigint;
  /** Open handles: a file without names lives as long as it is open. */
  private handles = 0;

  constructor(
    readonly volume: Volume,
    public size: number,
  ) {
    volume.use(nodeCost + size);
    this.inode = volume.nextInode();
    this.accessed = this.modified = this.changed = volume.now();
  }

  status(): FileStatus {
    const { type, size, inode, links, accessed, modified, changed } = this;
    return { type, size: BigInt(size), device, inode, links: BigInt(links), accessed, modified, changed };
  }

  setTimes(accessed: bigint | undefined, modified: bigint | undefined): void {
    this.accessed = accessed ?? this.accessed;
    this.modified = modified ?? this.modified;
    this.changed = this.volume.now();
  }

  touch(): void {
    this.modified = this.changed = this.volume.now();
  }

  hold(): void {
    this.handles++;
  }

  release(): void {
    this.handles--;
    this.freeIfUnused();
  }

  /** One name fewer. */
  unlink(): void {
    this.links--;
    this.changed = this.volume.now();
    this.freeIfUnused();
  }

  private freeIfUnused(): void {
    if (this.links > 0 || this.handles > 0) return;
    this.volume.use(-nodeCost - this.size);
    this.discard();
  }

  /** Nothing leads to the node any more. */
  protected discard(): void {}
}

class LinkNode extends Node {
  readonly type = FileType.symbolicLink;

  constructor(
    volume: Volume,
    readonly target: string,
  ) {
    super(volume, Buffer.byteLength(target));
  }
}

class FileNode extends Node {
  readonly type = FileType.regularFile;
  private content = new Uint8Array(0);

  constructor(volume: Volume) {
    super(volume, 0);
  }

  read(target: Uint8Array, position: number): number {
    if (position >= this.size) return 0;
    const part = this.content.subarray(position, Math.min(this.size, position + target.length));
    target.set(part);
    this.accessed = this.volume.now();
    return part.length;
  }

  write(source: Uint8Array, position: number): number {
    if (source.length === 0) return 0;
    // As much as fits, like a disk.
    const room = this.size + this.volume.free - position;
    if (room <= 0) fail("ENOSPC");
    const part = source.length > room ? source.subarray(0, room) : source;
    if (position + part.length > this.size) this.resize(position + part.length);
    this.content.set(part, position);
    this.touch();
    return part.length;
  }

  resize(size: number): void {
    this.volume.use(size - this.size);
    if (size > this.content.length) {
      // At least doubled, so that many small writes cost no more than one large one.
      const grown = new Uint8Array(
        Math.max(size, Math.min(2 * this.content.length, size + this.volume.free)),
      );
      grown.set(this.content.subarray(0, this.size));
      this.content = grown;
    } else if (size < this.content.length / 4) this.content = this.content.slice(0, size);
    else if (size < this.size) this.content.fill(0, size, this.size);
    this.size = size;
    this.touch();
  }

  protected override discard(): void {
    this.content = new Uint8Array(0);
  }
}

interface Entry {
  readonly node: Node;
  /** Grows with each entry made, so that reading a folder goes on at the right place while others change it. */
  readonly place: bigint;
}

class DirectoryNode extends Node {
  readonly type = FileType.directory;
  readonly names = new Map<string, Entry>();
  private lastPlace = 0n;

  constructor(
    volume: Volume,
    public parent: DirectoryNode | undefined,
  ) {
    super(volume, 0);
  }

  find(name: string): Node | undefined {
    return this.names.get(name)?.node;
  }

  get(name: string): Node {
    return this.find(name) ?? fail("ENOENT");
  }

  /** That a name can be made here. */
  requireNew(name: string): void {
    if (this.find(name) !== undefined) fail("EEXIST");
    this.requireAlive();
    if (Buffer.byteLength(name) > maxName) fail("ENAMETOOLONG");
  }

  /** That the folder hasn't been removed. */
  requireAlive(): void {
    if (this.links === 0) fail("ENOENT");
  }

  /** Gives a new node its name. */
  adopt(name: string, node: Node): void {
    try {
      this.add(name, node);
    } catch (error) {
      node.unlink();
      throw error;
    }
  }

  add(name: string, node: Node): void {
    this.volume.use(nameCost);
    this.names.set(name, { node, place: ++this.lastPlace });
    this.touch();
  }

  delete(name: string): void {
    this.names.delete(name);
    this.volume.use(-nameCost);
    this.touch();
  }

  isWithin(other: DirectoryNode): boolean {
    for (let folder: DirectoryNode | undefined = this; folder !== undefined; folder = folder.parent) {
      if (folder === other) return true;
    }
    return false;
  }
}

class Handle<N extends Node> {
  constructor(readonly node: N) {
    node.hold();
  }

  status(): FileStatus {
    return this.node.status();
  }

  setTimes(accessed: bigint | undefined, modified: bigint | undefined): void {
    this.node.setTimes(accessed, modified);
  }

  sync(): void {}

  close(): void {
    this.node.release();
  }
}

class MemoryFile extends Handle<FileNode> implements File {
  readonly kind = "file";

  read(target: Uint8Array, position: number): number {
    return this.node.read(target, position);
  }

  write(source: Uint8Array, position: number | "end"): number {
    return this.node.write(source, position === "end" ? this.node.size : position);
  }

  resize(size: number): void {
    this.node.resize(size);
  }

  allocate(position: number, length: number): void {
    if (position + length > this.node.size) this.node.resize(position + length);
  }
}

class MemoryDirectory extends Handle<DirectoryNode> implements Directory {
  readonly kind = "directory";

  open(name: string, request: OpenRequest): File | Directory {
    const found = name === "." ? this.node : this.node.find(name);
    if (found === undefined) return this.create(name, request);
    if (request.create && request.exclusive) fail("EEXIST");
    if (found instanceof LinkNode) fail(request.directory ? "ENOTDIR" : "ELOOP");
    if (found instanceof DirectoryNode) {
      if (request.write || request.truncate || request.create) fail("EISDIR");
      return new MemoryDirectory(found);
    }
    if (request.directory) fail("ENOTDIR");
    const file = new MemoryFile(found as FileNode);
    if (request.truncate) file.resize(0);
    return file;
  }

  private create(name: string, request: OpenRequest): File {
    if (!request.create) fail("ENOENT");
    this.node.requireNew(name);
    const made = new FileNode(this.node.volume);
    this.node.adopt(name, made);
    return new MemoryFile(made);
  }

  enter(name: string): Directory {
    const found = this.node.get(name);
    return found instanceof DirectoryNode ? new MemoryDirectory(found) : fail("ENOTDIR");
  }

  statusOf(name: string): FileStatus {
    return this.node.get(name).status();
  }

  setTimesOf(name: string, accessed: bigint | undefined, modified: bigint | undefined): void {
    this.node.get(name).setTimes(accessed, modified);
  }

  readLink(name: string): string {
    const found = this.node.get(name);
    return found instanceof LinkNode ? found.target : fail("EINVAL");
  }

  makeDirectory(name: string): void {
    this.node.requireNew(name);
    this.node.adopt(name, new DirectoryNode(this.node.volume, this.node));
  }

  makeLink(target: string, name: string): void {
    this.node.requireNew(name);
    this.node.adopt(name, new LinkNode(this.node.volume, target));
  }

  removeDirectory(name: string): void {
    const found = this.node.get(name);
    if (!(found instanceof DirectoryNode)) fail("ENOTDIR");
    if ((found as DirectoryNode).names.size > 0) fail("ENOTEMPTY");
    this.node.delete(name);
    found.unlink();
  }

  removeFile(name: string): void {
    const found = this.node.get(name);
    if (found instanceof DirectoryNode) fail("EISDIR");
    this.node.delete(name);
    found.unlink();
  }

  rename(name: string, to: Directory, toName: string): void {
    const target = this.sameVolume(to);
    const moved = this.node.get(name);
    const replaced = target.find(toName);
    if (moved === replaced) return;
    if (moved instanceof DirectoryNode && target.isWithin(moved)) fail("EINVAL");
    if (replaced === undefined) target.requireNew(toName);
    else requireReplaceable(moved, replaced);
    this.node.delete(name);
    target.add(toName, moved);
    if (moved instanceof DirectoryNode) moved.parent = target;
    replaced?.unlink();
  }

  link(name: string, to: Directory, toName: string): void {
    const target = this.sameVolume(to);
    const found = this.node.get(name);
    target.requireNew(toName);
    if (found instanceof DirectoryNode) fail("EPERM");
    target.add(toName, found);
    found.links++;
  }

  private sameVolume(to: Directory): DirectoryNode {
    if (!(to instanceof MemoryDirectory) || to.node.volume !== this.node.volume) return fail("EXDEV");
    return to.node;
  }

  entries(place: bigint): readonly DirectoryEntry[] {
    const entries: DirectoryEntry[] = [];
    for (const [name, entry] of this.node.names) {
      const { type, inode } = entry.node;
      if (entry.place > place) entries.push({ name, type, inode, next: entry.place });
      if (entries.length === maxEntries) break;
    }
    return entries;
  }
}

function requireReplaceable(moved: Node, replaced: Node): void {
  if (!(replaced instanceof DirectoryNode)) {
    if (moved instanceof DirectoryNode) fail("ENOTDIR");
    return;
  }
  if (!(moved instanceof DirectoryNode)) fail("EISDIR");
  if (replaced.names.size > 0) fail("ENOTEMPTY");
}

/** Gives an error that the host will see the path, and a stack of its own. */
function forHost<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw error instanceof FileError ? new FileError(error.code, `${path}: ${error.code}`) : error;
  }
}

const toWrite: OpenRequest = {
  read: false,
  write: true,
  create: true,
  exclusive: false,
  truncate: true,
  directory: false,
  synchronous: "none",
};
const toRead: OpenRequest = { ...toWrite, read: true, write: false, create: false, truncate: false };

/**
 * A file system in memory, for one guest or several.
 *
 * @example
 * const files = MemoryFileSystem.from({ "config/app.json": "{}" });
 * const wasi = new Wasi({ preopens: { "/": { fs: files, write: true } } });
 * // after the guest has run:
 * files.readText("out.txt");
 */
export class MemoryFileSystem implements FileSystem {
  private readonly volume: Volume;
  private readonly root: MemoryDirectory;

  constructor(options: MemoryFileSystemOptions = {}) {
    const now = options.now ?? ((): bigint => BigInt(Date.now()) * 1_000_000n);
    this.volume = new Volume(options.limit ?? defaultLimit, now);
    this.root = new MemoryDirectory(new DirectoryNode(this.volume, undefined));
  }

  /** One that holds some files; the folders of their paths are made. */
  static from(
    files: Readonly<Record<string, string | Uint8Array>>,
    options?: MemoryFileSystemOptions,
  ): MemoryFileSystem {
    const made = new MemoryFileSystem(options);
    for (const [path, content] of Object.entries(files)) made.write(path, content);
    return made;
  }

  openRoot(): Directory {
    return new MemoryDirectory(this.root.node);
  }

  /** Bytes in use, as the limit counts them. */
  get used(): number {
    return this.volume.used;
  }

  /**
   * Writes a file, with the folders on its way. Links are followed.
   * @param path relative to the top, `/` between names
   * @throws {FileError} ENOSPC over the limit, EISDIR, ENOTDIR, EPERM for a path that leads out
   */
  write(path: string, content: string | Uint8Array): void {
    forHost(path, () => {
      this.makeFolders(path);
      this.withFile(path, toWrite, (file) => {
        const bytes = typeof content === "string" ? Buffer.from(content) : content;
        if (bytes.length > 0 && file.write(bytes, 0) < bytes.length) fail("ENOSPC");
      });
    });
  }

  /** A file's bytes, as a copy. @throws {FileError} ENOENT, EISDIR, ENOTDIR */
  read(path: string): Uint8Array {
    return forHost(path, () =>
      this.withFile(path, toRead, (file) => {
        const bytes = new Uint8Array(Number(file.status().size));
        file.read(bytes, 0);
        return bytes;
      }),
    );
  }

  /** A file's text. @throws {FileError} as `read` */
  readText(path: string): string {
    return new TextDecoder().decode(this.read(path));
  }

  /** The names in a folder, sorted. @throws {FileError} ENOENT, ENOTDIR */
  list(path = "."): string[] {
    const folder = forHost(path, () => this.at(path, { ...toRead, directory: true }) as MemoryDirectory);
    try {
      return [...folder.node.names.keys()].sort();
    } finally {
      folder.close();
    }
  }

  private makeFolders(path: string): void {
    const names = path.split("/").slice(0, -1);
    names.forEach((_, i) => {
      const walk = new PathWalk(this.root);
      try {
        walk.walk(names.slice(0, i + 1).join("/"));
        if (walk.name !== ".") walk.directory.makeDirectory(walk.name);
      } catch (error) {
        if (errnoOf(error) !== Errno.EEXIST) throw error;
      } finally {
        walk.close();
      }
    });
  }

  private withFile<Result>(path: string, request: OpenRequest, action: (file: File) => Result): Result {
    const opened = this.at(path, request);
    try {
      return opened.kind === "file" ? action(opened) : fail("EISDIR");
    } finally {
      opened.close();
    }
  }

  private at(path: string, request: OpenRequest): File | Directory {
    const walk = new PathWalk(this.root);
    try {
      walk.walk(path);
      for (;;) {
        try {
          return (walk.directory as MemoryDirectory).open(walk.name, request);
        } catch (error) {
          if (errnoOf(error) !== Errno.ELOOP) throw error;
          walk.follow();
        }
      }
    } finally {
      walk.close();
    }
  }
}
