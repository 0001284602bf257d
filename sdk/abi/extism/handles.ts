/** Handles that a plugin gives, looked up in its kernel: what is none ends the call, as does text that isn't UTF-8. */
import { HostError } from "../../errors.js";
import type { Kernel } from "./kernel.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @param what it is given for */
export function noHandle(handle: bigint, what: string): HostError {
  return new HostError(`extism:host/env: invalid handle offset for ${what}: ${BigInt.asUintN(64, handle)}`);
}

/** A copy of a block's bytes; none for the null handle. Errors: HostError. */
export function bytesAt(kernel: Kernel, handle: bigint, what: string): Uint8Array<ArrayBuffer> {
  const bytes = kernel.read(handle);
  if (bytes !== undefined) return new Uint8Array(bytes);
  throw noHandle(handle, what);
}

/** Errors: HostError. */
export function textAt(kernel: Kernel, handle: bigint, what: string): string {
  const bytes = bytesAt(kernel, handle, what);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new HostError(`extism:host/env: the ${what} isn't UTF-8`);
  }
}
