/**
 * What a guest's descriptor stands for: the base class of files, folders, streams and sockets, and the table of them.
 *
 * Reading and writing never wait here. A stream that has nothing yet answers `again`, and whoever called decides how
 * to wait (waiting.ts): by blocking the thread, or with a promise.
 */
import { FdFlag, type FileType } from "./definitions.js";
import { fail } from "./errno.js";
import type { FileStatus } from "./file-system.js";

/** In place of a number of bytes: not now. */
export const again = -1;

/** How the guest's caller can wait. */
export type WaitMode = "block" | "park";

/** What is waited for. */
export type Direction = "read" | "write";

export interface Readiness {
  /** How many bytes there are to read at least, where known. */
  readonly bytes: number;
  /** The other end is closed. */
  readonly hangup: boolean;
}

export abstract class Descriptor {
  abstract readonly type: FileType;
  /** Bits of FdFlag. */
  flags = 0;

  constructor(
    /** What may be done with it, and with what is opened through it: bits of Right. */
    public rights: number,
    public inheriting: number,
  ) {}

  get nonblocking(): boolean {
    return (this.flags & FdFlag.nonblock) !== 0;
  }

  /** Reads what there is; 0 at the end. */
  read(_vectors: readonly Uint8Array[], _mode: WaitMode): number {
    return fail("EBADF");
  }

  /** Writes what there is room for. */
  write(_vectors: readonly Uint8Array[], _mode: WaitMode): number {
    return fail("EBADF");
  }

  /** Undefined while a read, or a write, would have to wait. */
  readiness(_direction: Direction): Readiness | undefined {
    return { bytes: 0, hangup: false };
  }

  /** Resolves when `readiness` may have changed, or upon the signal. */
  whenReady(_direction: Direction, _signal: AbortSignal): Promise<void> {
    return Promise.resolve();
  }

  /** The process's own descriptor, if the thread can block on that. */
  get hostDescriptor(): number | undefined {
    return undefined;
  }

  abstract status(): FileStatus;

  /** Called once, when the descriptor is closed. */
  close(): void {}
}

/** The status of what has nothing but a type. */
export function bareStatus(type: FileType): FileStatus {
  return { type, size: 0n, device: 0n, inode: 0n, links: 1n, accessed: 0n, modified: 0n, changed: 0n };
}

/** Goes over vectors while each is done in full. The first failure counts only if nothing was done before it. */
export function eachVector(vectors: readonly Uint8Array[], step: (vector: Uint8Array) => number): number {
  let total = 0;
  for (const vector of vectors) {
    let done: number;
    try {
      done = step(vector);
    } catch (error) {
      if (total > 0) return total;
      throw error;
    }
    if (done === again) return total > 0 ? total : again;
    total += done;
    if (done < vector.length) break;
  }
  return total;
}

export class DescriptorTable {
  private readonly slots: (Descriptor | undefined)[] = [];

  /** @param limit as many descriptors as there may be */
  constructor(private readonly limit: number) {}

  /** The descriptor of a number; with rights, that it has all of them. */
  get(fd: number, rights = 0): Descriptor {
    const found = this.slots[fd >>> 0];
    if (found === undefined) return fail("EBADF");
    if ((found.rights & rights) !== rights) fail("ENOTCAPABLE");
    return found;
  }

  /** That there is room for one more. */
  requireRoom(): void {
    if (this.lowestFree() >= this.limit) fail("EMFILE");
  }

  /** Gives a descriptor the lowest free number. */
  add(descriptor: Descriptor): number {
    const fd = this.lowestFree();
    if (fd >= this.limit) {
      descriptor.close();
      fail("EMFILE");
    }
    this.slots[fd] = descriptor;
    return fd;
  }

  private lowestFree(): number {
    const free = this.slots.indexOf(undefined);
    return free < 0 ? this.slots.length : free;
  }

  close(fd: number): void {
    const found = this.get(fd);
    this.slots[fd >>> 0] = undefined;
    found.close();
  }

  /** Moves a descriptor to another one's number, which is closed. */
  renumber(from: number, to: number): void {
    const moved = this.get(from);
    const replaced = this.get(to);
    if (moved === replaced) return;
    this.slots[to >>> 0] = moved;
    this.slots[from >>> 0] = undefined;
    replaced.close();
  }

  closeAll(): void {
    const open = this.slots.splice(0);
    for (const descriptor of open) descriptor?.close();
  }
}
