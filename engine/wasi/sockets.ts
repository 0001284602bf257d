/**
 * Sockets that the host hands in: connections (`net.Socket`) and listening servers (`net.Server`). A guest can't make
 * or connect any. Their events come through Node's event loop, so only a guest that is called asynchronously can wait
 * for them; another one gets what is there, and EAGAIN.
 */
import type { Server, Socket } from "node:net";
import { FileType, listenerRights, socketRights } from "./definitions.js";
import { bareStatus, Descriptor, type Readiness } from "./descriptor.js";
import { fail } from "./errno.js";
import type { FileStatus } from "./file-system.js";
import { StreamDescriptor, StreamInput, StreamOutput, Waiters } from "./stdio.js";

/** Connections that wait to be accepted; more are closed. */
const backlog = 128;

export class SocketDescriptor extends StreamDescriptor {
  constructor(private readonly socket: Socket) {
    super(FileType.socketStream, socketRights, new StreamInput(socket), new StreamOutput(socket));
  }

  /** Reads into the first vector, and leaves the bytes to be read again. */
  peek(vectors: readonly Uint8Array[]): number {
    return this.input!.read(vectors.slice(0, 1), true);
  }

  /** Ends one direction or both. */
  shutdown(reading: boolean, writing: boolean): void {
    if (this.socket.destroyed) fail("ENOTCONN");
    if (reading) this.input!.end();
    if (writing) this.socket.end();
  }

  override close(): void {
    super.close();
    // What was written is still sent.
    this.socket.destroySoon();
  }
}

export class ListenerDescriptor extends Descriptor {
  readonly type = FileType.socketStream;
  private readonly accepted: Socket[] = [];
  private readonly waiters = new Waiters();

  constructor(private readonly server: Server) {
    super(listenerRights, socketRights);
    server.on("connection", this.arrived).on("close", this.waiters.wake);
  }

  private readonly arrived = (socket: Socket): void => {
    if (this.accepted.length >= backlog) {
      socket.destroy();
      return;
    }
    // Until the guest accepts it, an error of the connection's must not be the process's.
    socket.on("error", () => {});
    this.accepted.push(socket);
    this.waiters.wake();
  };

  /** The next connection that is there. */
  accept(): Socket | undefined {
    return this.accepted.shift();
  }

  override readiness(): Readiness | undefined {
    if (this.accepted.length > 0) return { bytes: 0, hangup: false };
    return this.server.listening ? undefined : { bytes: 0, hangup: true };
  }

  override whenReady(_direction: unknown, signal: AbortSignal): Promise<void> {
    return this.readiness() === undefined ? this.waiters.wait(signal) : Promise.resolve();
  }

  get closed(): boolean {
    return !this.server.listening;
  }

  override status(): FileStatus {
    return bareStatus(this.type);
  }

  /** The server stays the host's. */
  override close(): void {
    this.server.off("connection", this.arrived).off("close", this.waiters.wake);
    for (const socket of this.accepted.splice(0)) socket.destroy();
    this.waiters.wake();
  }
}
