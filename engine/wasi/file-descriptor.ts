/** Open files and folders as descriptors. */
import { allRights, directoryRights, FdFlag, FileType, fileRights } from "./definitions.js";
import { Descriptor, eachVector } from "./descriptor.js";
import { fail } from "./errno.js";
import type { Directory, File, FileStatus } from "./file-system.js";

/** Checks a 64-bit position or size from a guest. */
export function safePosition(value: bigint): number {
  const position = BigInt.asUintN(64, value);
  return position <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(position) : fail("EFBIG");
}

export class FileDescriptor extends Descriptor {
  readonly type = FileType.regularFile;
  position = 0;

  constructor(
    readonly file: File,
    /** Whether it was opened through a folder that may be written. */
    readonly writable: boolean,
    rights: number,
    inheriting: number,
    override flags: number,
  ) {
    super(rights & fileRights, inheriting);
  }

  override read(vectors: readonly Uint8Array[]): number {
    const done = this.readAt(vectors, this.position);
    this.position += done;
    return done;
  }

  override write(vectors: readonly Uint8Array[]): number {
    if ((this.flags & FdFlag.append) === 0) {
      const done = this.writeAt(vectors, this.position);
      this.position += done;
      return done;
    }
    const done = eachVector(vectors, (vector) => this.file.write(vector, "end"));
    this.position = safePosition(this.file.status().size);
    return done;
  }

  readAt(vectors: readonly Uint8Array[], position: number): number {
    return eachVector(vectors, (vector) => {
      const done = this.file.read(vector, position);
      position += done;
      return done;
    });
  }

  writeAt(vectors: readonly Uint8Array[], position: number): number {
    return eachVector(vectors, (vector) => {
      if (!Number.isSafeInteger(position + vector.length)) fail("EFBIG");
      const done = this.file.write(vector, position);
      position += done;
      return done;
    });
  }

  override status(): FileStatus {
    return this.file.status();
  }

  override close(): void {
    this.file.close();
  }
}

export class DirectoryDescriptor extends Descriptor {
  readonly type = FileType.directory;

  constructor(
    readonly directory: Directory,
    /** Whether anything in it may be changed. */
    readonly writable: boolean,
    /** Of a preopened folder: the name that the guest knows it by, in UTF-8. */
    readonly preopenName: Uint8Array | undefined,
    rights: number = allRights,
    inheriting: number = allRights,
  ) {
    super(rights & directoryRights, inheriting);
  }

  override status(): FileStatus {
    return this.directory.status();
  }

  override close(): void {
    this.directory.close();
  }
}
