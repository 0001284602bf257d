/**
 * WASI preview 1's constants and record layouts, as far as several files need them.
 *
 * Source: WASI preview 1, typenames.witx and wasi_snapshot_preview1.witx.
 */

/** What a descriptor or a name stands for. */
export const FileType = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  socketDatagram: 5,
  socketStream: 6,
  symbolicLink: 7,
} as const;
export type FileType = (typeof FileType)[keyof typeof FileType];

/** Rights are bits; all 30 of them fit a number. */
export const Right = {
  fdDatasync: 1 << 0,
  fdRead: 1 << 1,
  fdSeek: 1 << 2,
  fdFdstatSetFlags: 1 << 3,
  fdSync: 1 << 4,
  fdTell: 1 << 5,
  fdWrite: 1 << 6,
  fdAdvise: 1 << 7,
  fdAllocate: 1 << 8,
  pathCreateDirectory: 1 << 9,
  pathCreateFile: 1 << 10,
  pathLinkSource: 1 << 11,
  pathLinkTarget: 1 << 12,
  pathOpen: 1 << 13,
  fdReaddir: 1 << 14,
  pathReadlink: 1 << 15,
  pathRenameSource: 1 << 16,
  pathRenameTarget: 1 << 17,
  pathFilestatGet: 1 << 18,
  pathFilestatSetSize: 1 << 19,
  pathFilestatSetTimes: 1 << 20,
  fdFilestatGet: 1 << 21,
  fdFilestatSetSize: 1 << 22,
  fdFilestatSetTimes: 1 << 23,
  pathSymlink: 1 << 24,
  pathRemoveDirectory: 1 << 25,
  pathUnlinkFile: 1 << 26,
  pollFdReadwrite: 1 << 27,
  sockShutdown: 1 << 28,
  sockAccept: 1 << 29,
} as const;

export const allRights = 2 ** 30 - 1;

/** Rights that mean something for a regular file, for a folder, for a stream and for a listening socket. */
export const fileRights =
  Right.fdDatasync |
  Right.fdRead |
  Right.fdSeek |
  Right.fdFdstatSetFlags |
  Right.fdSync |
  Right.fdTell |
  Right.fdWrite |
  Right.fdAdvise |
  Right.fdAllocate |
  Right.fdFilestatGet |
  Right.fdFilestatSetSize |
  Right.fdFilestatSetTimes |
  Right.pollFdReadwrite;
export const directoryRights =
  Right.fdFdstatSetFlags |
  Right.fdSync |
  Right.fdAdvise |
  Right.pathCreateDirectory |
  Right.pathCreateFile |
  Right.pathLinkSource |
  Right.pathLinkTarget |
  Right.pathOpen |
  Right.fdReaddir |
  Right.pathReadlink |
  Right.pathRenameSource |
  Right.pathRenameTarget |
  Right.pathFilestatGet |
  Right.pathFilestatSetSize |
  Right.pathFilestatSetTimes |
  Right.fdFilestatGet |
  Right.fdFilestatSetTimes |
  Right.pathSymlink |
  Right.pathRemoveDirectory |
  Right.pathUnlinkFile |
  Right.pollFdReadwrite;
export const streamRights =
  Right.fdRead | Right.fdWrite | Right.fdFdstatSetFlags | Right.fdFilestatGet | Right.pollFdReadwrite;
export const socketRights = streamRights | Right.sockShutdown;
export const listenerRights =
  Right.sockAccept | Right.fdFdstatSetFlags | Right.fdFilestatGet | Right.pollFdReadwrite;

/** Flags of a descriptor. */
export const FdFlag = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;

/** Flags of `path_open`. */
export const OpenFlag = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;

/** The flag of path functions that says to follow a link which the last name is. */
export const followLinks = 1;

export const ClockId = { realtime: 0, monotonic: 1, processCpuTime: 2, threadCpuTime: 3 } as const;

/**
 * Where `wasi_unstable`, the snapshot before preview 1, differs: `fd_seek` numbers its origins otherwise, and two
 * records have other layouts.
 */
export interface Snapshot {
  /** Origins of `fd_seek` by number. */
  readonly origins: readonly ("start" | "current" | "end")[];
  readonly filestat: {
    readonly size: number;
    readonly wideLinks: boolean;
    readonly links: number;
    readonly rest: number;
  };
  /** Offsets in a subscription of the union's clock id and of what follows it. */
  readonly subscription: { readonly size: number; readonly clock: number; readonly timeout: number };
}

export const preview1: Snapshot = {
  origins: ["start", "current", "end"],
  filestat: { size: 64, wideLinks: true, links: 24, rest: 32 },
  subscription: { size: 48, clock: 16, timeout: 24 },
};

export const unstable: Snapshot = {
  origins: ["current", "end", "start"],
  filestat: { size: 56, wideLinks: false, links: 20, rest: 24 },
  subscription: { size: 56, clock: 24, timeout: 32 },
};
