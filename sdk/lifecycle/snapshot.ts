/**
 * A plugin's snapshot as bytes: which plugin it is of, then the engine's snapshot of its instance.
 *
 * All integers u32 little endian: "BPPS", version 1, generation, length of the name, the name as UTF-8, the module's
 * SHA-256 (32 bytes), the engine's snapshot up to the end.
 */
import { shown } from "../checks.js";
import { BackplaneError } from "../errors.js";

const magic = 0x53505042;
const version = 1;
const headSize = 16;
const hashSize = 32;

export interface PluginSnapshot {
  readonly name: string;
  /** The generation it was taken of. */
  readonly generation: number;
  /** In hexadecimal. */
  readonly sha256: string;
  /** The engine's. */
  readonly state: Uint8Array;
}

export function snapshotError(text: string, cause?: unknown): BackplaneError {
  return new BackplaneError("SNAPSHOT", text, cause === undefined ? undefined : { cause });
}

export function encodeSnapshot({ name, generation, sha256, state }: PluginSnapshot): Uint8Array {
  const text = Buffer.from(name);
  const head = new Uint8Array(Uint32Array.of(magic, version, generation, text.length).buffer);
  return new Uint8Array(Buffer.concat([head, text, Buffer.from(sha256, "hex"), state]));
}

/** Errors: BackplaneError SNAPSHOT for bytes that `encodeSnapshot` can't have made. The state isn't looked at. */
export function decodeSnapshot(bytes: Uint8Array): PluginSnapshot {
  if (!(bytes instanceof Uint8Array)) {
    throw snapshotError(`a plugin's snapshot: expected a Uint8Array, got ${shown(bytes)}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headSize || view.getUint32(0, true) !== magic) {
    throw snapshotError("these bytes are not a plugin's snapshot");
  }
  const found = view.getUint32(4, true);
  if (found !== version) throw snapshotError(`the snapshot has version ${found}, expected ${version}`);
  const nameEnd = headSize + view.getUint32(12, true);
  if (nameEnd + hashSize > bytes.length) throw snapshotError("the snapshot is cut off");
  return {
    name: Buffer.from(bytes.subarray(headSize, nameEnd)).toString(),
    generation: view.getUint32(8, true),
    sha256: Buffer.from(bytes.subarray(nameEnd, nameEnd + hashSize)).toString("hex"),
    state: bytes.subarray(nameEnd + hashSize),
  };
}
