/**
 * WASI preview 1: system interfaces for WebAssembly programs. See docs/wasi.md.
 *
 * @module
 */
export {
  type Clocks,
  type FixedClocksOptions,
  fixedClocks,
  type HostClocksOptions,
  hostClocks,
} from "./clocks.js";
export type { WasiFunction } from "./context.js";
export { FileType } from "./definitions.js";
export { Errno, type ErrorName, FileError } from "./errno.js";
export { ExitError, WasiError, type WasiErrorReason } from "./errors.js";
export type {
  Directory,
  DirectoryEntry,
  File,
  FileStatus,
  FileSystem,
  HostStream,
  OpenRequest,
} from "./file-system.js";
export type { LinearMemory } from "./guest-memory.js";
export { HostFileSystem } from "./host-file-system.js";
export { MemoryFileSystem, type MemoryFileSystemOptions } from "./memory-file-system.js";
export { hostRandom, type RandomSource, seededRandom } from "./random.js";
export { OutputBuffer, type StdinSource, type StdoutTarget } from "./stdio.js";
export {
  type Preopen,
  Wasi,
  type WasiImports,
  type WasiInstance,
  type WasiModule,
  type WasiOptions,
} from "./wasi.js";
