/** `sock_*`, on sockets that the host handed in and on connections accepted from those. */
import type { Context, Operations } from "./context.js";
import { FdFlag, Right } from "./definitions.js";
import { again } from "./descriptor.js";
import { fail } from "./errno.js";
import { ListenerDescriptor, SocketDescriptor } from "./sockets.js";
import { untilDone } from "./waiting.js";

const ReceiveFlag = { peek: 1, waitAll: 2 } as const;
const ShutdownFlag = { reading: 1, writing: 2 } as const;

export function socketFunctions(context: Context): Operations {
  const { memory, descriptors, mode } = context;
  const socket = (fd: number, right: number): SocketDescriptor => {
    const descriptor = descriptors.get(fd);
    if (!(descriptor instanceof SocketDescriptor)) return fail("ENOTSOCK");
    return descriptors.get(fd, right) as SocketDescriptor;
  };
  const listener = (fd: number): ListenerDescriptor => {
    const descriptor = descriptors.get(fd);
    if (descriptor instanceof ListenerDescriptor)
      return descriptors.get(fd, Right.sockAccept) as ListenerDescriptor;
    return fail(descriptor instanceof SocketDescriptor ? "EINVAL" : "ENOTSOCK");
  };

  return {
    sock_accept(fd: number, flags: number, result: number) {
      if ((flags & ~FdFlag.nonblock) !== 0) fail("EINVAL");
      return untilDone(
        context,
        () => ({ descriptor: listener(fd), direction: "read" }),
        () => {
          memory.setU32(result, 0);
          descriptors.requireRoom();
          const found = listener(fd);
          const accepted = found.accept();
          if (accepted === undefined) return found.closed ? fail("EINVAL") : again;
          const descriptor = new SocketDescriptor(accepted);
          descriptor.flags = flags;
          return descriptors.add(descriptor);
        },
        (accepted) => memory.setU32(result, accepted),
      );
    },
    sock_recv(fd: number, at: number, count: number, flags: number, result: number, resultFlags: number) {
      if ((flags & ~(ReceiveFlag.peek | ReceiveFlag.waitAll)) !== 0) fail("EINVAL");
      const peek = (flags & ReceiveFlag.peek) !== 0;
      let before = 0;
      return untilDone(
        context,
        () => ({ descriptor: socket(fd, Right.fdRead), direction: "read" }),
        () => {
          const vectors = memory.vectors(at, count);
          memory.setU16(resultFlags, 0);
          if (peek) return socket(fd, Right.fdRead).peek(vectors);
          const rest = skip(vectors, before);
          const done = socket(fd, Right.fdRead).read(rest);
          if (done === again) return again;
          before += done;
          const wanted = (flags & ReceiveFlag.waitAll) !== 0 && done > 0 && skip(vectors, before).length > 0;
          return wanted ? again : before;
        },
        (done) => memory.setU32(result, done),
      );
    },
    sock_send(fd: number, at: number, count: number, flags: number, result: number) {
      if (flags !== 0) fail("EINVAL");
      return untilDone(
        context,
        () => ({ descriptor: socket(fd, Right.fdWrite), direction: "write" }),
        () => socket(fd, Right.fdWrite).write(memory.vectors(at, count), mode),
        (done) => memory.setU32(result, done),
      );
    },
    sock_shutdown(fd: number, how: number) {
      const found = socket(fd, Right.sockShutdown);
      const both = ShutdownFlag.reading | ShutdownFlag.writing;
      if (how === 0 || (how & ~both) !== 0) fail("EINVAL");
      found.shutdown((how & ShutdownFlag.reading) !== 0, (how & ShutdownFlag.writing) !== 0);
    },
  };
}

/** The vectors without their first bytes. */
function skip(vectors: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  for (const vector of vectors) {
    if (bytes < vector.length) rest.push(vector.subarray(bytes));
    bytes = Math.max(0, bytes - vector.length);
  }
  return rest;
}
