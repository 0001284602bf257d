/**
 * A folder that only this user can write to, for files that are believed: what is in them can do anything.
 *
 * Believed are this user and root. The folder and each one above it have to belong to one of them, and nobody else may be
 * able to write there (but to a folder with the sticky bit, as /tmp is, in which nobody can rename what belongs to
 * others). So nobody else can put anything between these checks and a use. Files are checked when they are read, by their
 * open descriptor: regular ones, owned and writable alike; links aren't followed.
 *
 * Windows has no such owners and modes: there the folder has to be in the user's own profile, which it isn't checked to be.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** It, or a file in it, isn't as it has to be. */
export class NotOwnedError extends Error {
  override readonly name = "NotOwnedError";
}

/** A file as it is listed. */
export interface OwnedFile {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

const sharedWrite = 0o022;
const sticky = 0o1000;

/** Where programs of this user keep what can be made again; for a user without a home, in the folder of temporary files. */
export function userCacheFolder(): string {
  try {
    return cacheFolderAtHome();
  } catch {
    return join(tmpdir(), `backplane-cache-${self() ?? "user"}`);
  }
}

/** Errors: the system's, for a user without a home. */
function cacheFolderAtHome(): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (process.platform === "win32")
    return join(local ?? join(homedir(), "AppData", "Local"), "backplane", "cache");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "backplane");
  // As the XDG Base Directory Specification has it, a relative path is to be ignored.
  return join(xdg?.startsWith("/") ? xdg : join(homedir(), ".cache"), "backplane");
}

export class OwnedFolder {
  private constructor(readonly path: string) {}

  /**
   * Opens a folder, made with mode 0700 if it isn't there. Errors: NotOwnedError; what the system says.
   *
   * @param path absolute
   */
  static open(path: string): OwnedFolder {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // The last name is not to be a link, though those above it may be links in folders that are checked all the same.
    if (lstatSync(path).isSymbolicLink()) throw new NotOwnedError(`${path} is a symbolic link`);
    const real = realpathSync(path);
    requireOwned(real, lstatSync(real));
    for (let at = dirname(path); ; at = dirname(at)) {
      requireSafeParent(at);
      if (at === dirname(at)) break;
    }
    for (let at = dirname(real); at !== dirname(at); at = dirname(at)) requireSafeParent(at);
    return new OwnedFolder(real);
  }

  /** A file's bytes; undefined if there is none. Its time becomes now. Errors: NotOwnedError; what the system says. */
  read(name: string, mostBytes: number): Uint8Array | undefined {
    const path = join(this.path, name);
    let file: number;
    try {
      // Not to wait for the other end, should it be a pipe.
      file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return undefined;
      if (code === "ELOOP" || code === "EMLINK") throw new NotOwnedError(`${path} is a symbolic link`);
      throw error;
    }
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw new NotOwnedError(`${path} is no regular file`);
      requireOwned(path, stats);
      if (stats.size > mostBytes)
        throw new NotOwnedError(`${path} has ${stats.size} bytes, more than ${mostBytes}`);
      const bytes = readFileSync(file);
      touch(file);
      return bytes;
    } finally {
      closeSync(file);
    }
  }

  /** Puts a file there in one step: whoever reads it meanwhile sees the old one or the new one. Errors: the system's. */
  write(name: string, parts: readonly Uint8Array[]): void {
    const temporary = join(this.path, `${name}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW = 0 } = constants;
    const file = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
    try {
      try {
        for (const part of parts) writeFileSync(file, part);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, join(this.path, name));
    } catch (error) {
      this.remove(temporary.slice(this.path.length + 1));
      throw error;
    }
  }

  /** Nothing happens if it can't be removed. */
  remove(name: string): void {
    try {
      unlinkSync(join(this.path, name));
    } catch {
      // Another process may have been faster.
    }
  }

  /** Files with an ending. */
  list(ending: string): OwnedFile[] {
    const found: OwnedFile[] = [];
    for (const name of readdirSync(this.path)) {
      if (!name.endsWith(ending)) continue;
      try {
        const { size, mtimeMs } = lstatSync(join(this.path, name));
        found.push({ name, size, modified: mtimeMs });
      } catch {
        // Gone since.
      }
    }
    return found;
  }
}

function touch(file: number): void {
  try {
    const now = new Date();
    futimesSync(file, now, now);
  } catch {
    // Root's, or on a disk that can't be written to: then nothing is ever removed from it.
  }
}

/** Undefined where the system has no users as POSIX has. */
const self = (): number | undefined => process.geteuid?.();

/** @param othersAdd others may put something of their own there: its owner must be believed all the same, who may rename anything */
function requireOwned(path: string, { uid, mode }: Stats, othersAdd = false): void {
  const user = self();
  if (user === undefined) return;
  if (uid !== user && uid !== 0)
    throw new NotOwnedError(`${path} belongs to user ${uid}, not to user ${user}`);
  if (!othersAdd && (mode & sharedWrite) !== 0) {
    throw new NotOwnedError(`${path} can be written by others (mode ${(mode & 0o7777).toString(8)})`);
  }
}

function requireSafeParent(path: string): void {
  const stats = lstatSync(path);
  // A link itself has no mode; who could change it is asked of the folder that it is in, and of what it leads to.
  if (stats.isSymbolicLink()) return;
  requireOwned(path, stats, (stats.mode & sticky) !== 0);
}
