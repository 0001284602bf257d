/** `args_*` and `environ_*`: lists of byte strings, each ended by a NUL in the guest's memory. */
import type { Context, Operations } from "./context.js";
import type { GuestMemory } from "./guest-memory.js";

function writeSizes(memory: GuestMemory, list: readonly Uint8Array[], count: number, size: number): void {
  memory.setU32(count, list.length);
  memory.setU32(
    size,
    list.reduce((sum, text) => sum + text.length + 1, 0),
  );
}

function writeList(memory: GuestMemory, list: readonly Uint8Array[], pointers: number, data: number): void {
  const first = pointers >>> 0;
  let at = data >>> 0;
  for (const [i, text] of list.entries()) {
    const target = memory.range(at, text.length + 1);
    memory.setU32(first + 4 * i, at);
    target.set(text);
    target[text.length] = 0;
    at += target.length;
  }
}

export function argumentsFunctions({ memory, args, environ }: Context): Operations {
  return {
    args_get: (pointers: number, data: number) => writeList(memory, args, pointers, data),
    args_sizes_get: (count: number, size: number) => writeSizes(memory, args, count, size),
    environ_get: (pointers: number, data: number) => writeList(memory, environ, pointers, data),
    environ_sizes_get: (count: number, size: number) => writeSizes(memory, environ, count, size),
  };
}
