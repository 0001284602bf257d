/** Handles that a plugin gives, looked up in its kernel: what is none ends the call, as does text that isn't UTF-8. */
import { HostError } from "../../errors.js";
import type { Kernel } from "./kernel.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @param what it is given for */
export function noHandle(handle: bigint, what: string): HostError {
  return new HostError(`extism:host/env: invalid handle offset for ${what}: ${BigInt.asUintN(64, handle)}`);
}

/** Errors: HostError. */
function read(kernel: Kernel, handle: bigint, what: string): Buffer<ArrayBuffer> {
  const bytes = kernel.read(handle);
  if (bytes !== undefined) return bytes;
  throw noHandle(handle, what);
}

/** The bytes with nothing else in their buffer, for those who may hand that on, or keep it. */
export function ownBytes(bytes: Buffer<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const { buffer, length } = bytes;
  return buffer.byteLength === length ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

/** A copy of a block's bytes; none for the null handle. Errors: HostError. */
export function bytesAt(kernel: Kernel, handle: bigint, what: string): Uint8Array<ArrayBuffer> {
  return ownBytes(read(kernel, handle, what));
}

/** Errors: HostError. */
export function textAt(kernel: Kernel, handle: bigint, what: string): string {
  const bytes = read(kernel, handle, what);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new HostError(`extism:host/env: the ${what} isn't UTF-8`);
  }
}
