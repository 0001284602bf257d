/**
 * Resolves a guest's path to an open folder and one name in it. This is where guests are kept in:
 *
 * - the path is walked name by name. Each step opens one name in the folder that is open, never following a link;
 * - a link is read and its target walked in the same way, so an absolute target is refused like an absolute path;
 * - `..` goes back to the folder that the walk came through, which is still open, and never asks the file system. Past
 *   the folder that the walk began in, it is refused.
 *
 * So whatever others rename, replace or link meanwhile, each folder on the way was reached from the first one by names
 * in it. The caller works on the last name with calls that follow no links either; where it is to follow one, it lets
 * `follow` go on from there.
 *
 * Source: the same method as cap-std's manual resolver; openat(2), path_resolution(7).
 */
import { Errno, errnoOf, fail } from "./errno.js";
import type { Directory } from "./file-system.js";

/** As many links as Linux follows. */
const maxLinks = 40;

export class PathWalk {
  /** The folder that holds the last name. */
  directory: Directory;
  /** The last name; `.` if the path leads to the folder itself. */
  name = ".";
  /** Whether a final slash or dot says that the name must be a folder. */
  mustBeDirectory = false;
  private readonly folders: Directory[];
  /** Names to walk, the next one last. */
  private readonly pending: string[] = [];
  private links = 0;

  /** The caller closes the walk, whatever happens. `root` stays open. */
  constructor(root: Directory) {
    this.directory = root;
    this.folders = [root];
  }

  /** Walks to the path's last name. EPERM if it leads out; ENOENT for an empty path. */
  walk(path: string): this {
    this.push(path);
    this.advance();
    return this;
  }

  /** The last name is a link: goes on to where it leads. EINVAL if it isn't a link, ELOOP after too many. */
  follow(): void {
    const target = this.directory.readLink(this.name);
    if (++this.links > maxLinks) fail("ELOOP");
    this.push(target);
    this.advance();
  }

  close(): void {
    while (this.folders.length > 1) this.folders.pop()!.close();
  }

  private push(path: string): void {
    if (path === "") fail("ENOENT");
    if (path.startsWith("/")) fail("EPERM");
    const names = path.split("/").filter((name) => name !== "");
    if (path.endsWith("/") && this.pending.length === 0) this.mustBeDirectory = true;
    for (let i = names.length - 1; i >= 0; i--) this.pending.push(names[i]!);
  }

  private advance(): void {
    this.name = ".";
    for (;;) {
      const name = this.pending.pop()!;
      const last = this.pending.length === 0;
      if (name === "..") this.leave();
      else if (name !== ".") {
        if (last) {
          this.name = name;
          return;
        }
        this.enter(name);
      }
      if (last) {
        this.mustBeDirectory = true;
        return;
      }
    }
  }

  private leave(): void {
    if (this.folders.length === 1) fail("EPERM");
    this.folders.pop()!.close();
    this.directory = this.folders[this.folders.length - 1]!;
  }

  private enter(name: string): void {
    try {
      this.directory = this.directory.enter(name);
      this.folders.push(this.directory);
    } catch (error) {
      if (errnoOf(error) !== Errno.ENOTDIR) throw error;
      this.pushLink(name);
    }
  }

  private pushLink(name: string): void {
    let target: string;
    try {
      target = this.directory.readLink(name);
    } catch (error) {
      // Neither a folder nor a link.
      if (errnoOf(error) === Errno.EINVAL) fail("ENOTDIR");
      throw error;
    }
    if (++this.links > maxLinks) fail("ELOOP");
    this.push(target);
  }
}
