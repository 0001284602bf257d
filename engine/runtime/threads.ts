/**
 * The threads on which calls run off the JavaScript thread that made them: `pthread`s in machine code of ours
 * (isa/NAME/thread.ts), made on demand, as many as there are processors, never given back but with the JavaScript thread.
 *
 * A job is a fiber that is to run until it leaves. Jobs wait in a queue for a thread, and for their monitor if its code
 * runs just now; each time one comes back the queue goes on. What it came back for is served by whoever sent it, on the
 * JavaScript thread. When jobs wait, those that run are made to leave now and then, and go to the end of the queue.
 *
 * Invariants:
 *  - Jobs are sent and fetched only where no Wasm code is on the JavaScript thread's own stack: in microtasks and in the
 *    callbacks of the event loop. So a group whose synchronous call is half-way through is never sent.
 *  - What a thread uses is reachable from here: the job, by its fiber its link group, by that the instances with all that
 *    native code knows by address, modules' code included.
 *  - When the JavaScript thread ends, a hook of Node's ends the threads first, wherever they are. On the main thread
 *    `process.exit` needs none: nothing is freed before the process is gone.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { availableParallelism } from "node:os";
import { isMainThread } from "node:worker_threads";
import { Mailbox, MailboxState, ThreadTable } from "../machine/native-tables.js";
import type { ThreadCode } from "../machine/target.js";
import type { Platform, SignalSystem } from "../platform/index.js";
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import type { Monitor } from "./monitor.js";
import { setWord64 } from "./words.js";

/** A fiber on its way. */
export interface Job {
  readonly fiber: Fiber;
  /** Held by the job's call. */
  readonly monitor: Monitor;
  /** Called when the fiber has left, in a callback of the event loop. */
  back(): void;
}

interface Thread {
  /** Its mailbox in the table, from the table's beginning. */
  readonly mailbox: number;
  job: Job | undefined;
  /** When the job was sent, in milliseconds. */
  since: number;
  /** Set while the job is to leave, and hasn't. */
  interrupting: NodeJS.Timeout | undefined;
}

/** Milliseconds that a job may run while others wait. */
const turn = 10;
/** Milliseconds after which an interrupt is repeated that struck code which can't leave. */
const retry = 2;
/** Real-time signals that nobody is known to use, in the order of trying. */
const stopSignals = [58, 57, 56, 55, 54, 53, 52, 51, 50];

export class Threads {
  private readonly signals: SignalSystem;
  private readonly table: number;
  private readonly words: Int32Array;
  private readonly routine: number;
  private readonly endRoutine: number;
  private readonly post: () => void;
  private readonly socket: Socket;
  private readonly threads: Thread[] = [];
  private readonly idle: Thread[] = [];
  private readonly queue: Job[] = [];
  private turns: NodeJS.Timeout | undefined = undefined;
  private refused = false;
  private busy = false;

  /** Errors: Error when the system or this build of Node lacks something that threads need. */
  constructor(private readonly engine: Engine) {
    const { platform, arena, target } = engine;
    const { signals } = platform;
    if (signals === undefined)
      throw new Error("calls can't run on threads: that needs signals, which aren't used on this system");
    this.signals = signals;
    const code = target.threads;
    this.table = platform.allocate(ThreadTable.size);
    this.words = new Int32Array(platform.view(this.table, ThreadTable.size));
    const routines = code.routines(BigInt(this.table), stopSignal(code, platform, signals));
    const base = arena.addPermanent(routines.bytes);
    this.routine = base + routines.thread;
    this.endRoutine = base + routines.end;
    this.post = platform.routine(base + routines.post);
    if (!signals.threads.atEnd(base + routines.stop, this.table) && !isMainThread) {
      throw new Error(
        "this build of Node doesn't tell native code when a worker ends: calls can't run on threads in it",
      );
    }
    arena.synchronize = () => signals.threads.synchronizeCode();
    const pipe = signals.threads.pipe();
    this.words[ThreadTable.pipe >> 2] = pipe.write;
    this.socket = this.listen(pipe.read);
  }

  /** Sends a fiber off; `back` is called once. Errors: Error when the system refuses the first thread. */
  run(job: Job): void {
    this.queue.push(job);
    this.pump();
    if (this.threads.length === 0) {
      this.withdraw(job);
      throw new Error("the system refused a thread to run a call on");
    }
  }

  /** Takes a job back that hasn't got a thread yet. Returns false if it has. */
  withdraw(job: Job): boolean {
    const at = this.queue.indexOf(job);
    if (at < 0) return false;
    this.queue.splice(at, 1);
    this.updateReference();
    return true;
  }

  /** Makes a job leave that has a thread: its exit is an interrupt, unless it leaves for another reason just then. */
  interrupt(job: Job): void {
    const thread = this.threads.find((other) => other.job === job);
    if (thread !== undefined && thread.interrupting === undefined) this.interruptThread(thread, job);
  }

  private interruptThread(thread: Thread, job: Job): void {
    job.fiber.raiseInterrupt();
    const number = this.words[(thread.mailbox + Mailbox.thread) >> 2]!;
    if (number !== 0) this.signals.threads.interrupt(number);
    thread.interrupting = setTimeout(() => this.interruptThread(thread, job), retry).unref();
  }

  /** Gives jobs to threads, as long as there are both. */
  private pump(): void {
    for (;;) {
      const at = this.queue.findIndex((job) => !job.monitor.root().running);
      if (at < 0) break;
      const thread = this.idle.pop() ?? this.start();
      if (thread === undefined) {
        this.turns ??= setTimeout(() => this.endTurns(), turn);
        break;
      }
      const [job] = this.queue.splice(at, 1) as [Job];
      this.send(thread, job);
    }
    this.updateReference();
  }

  private send(thread: Thread, job: Job): void {
    const { words } = this;
    const { fiber, monitor } = job;
    fiber.ensureSlots(this.engine.signatures.slotCount);
    monitor.root().running = true;
    fiber.isOnThread = true;
    thread.job = job;
    thread.since = performance.now();
    const { mailbox } = thread;
    const context = (mailbox + Mailbox.context) >> 2;
    words[context] = fiber.contextLo;
    words[context + 1] = fiber.contextHi;
    setWord64(words, ThreadTable.target, this.table + mailbox);
    Atomics.store(words, (mailbox + Mailbox.state) >> 2, MailboxState.ready);
    this.post();
  }

  /** Fetches what has come back. */
  private fetch(): void {
    const { words } = this;
    Atomics.store(words, ThreadTable.signalled >> 2, 0);
    for (const thread of this.threads) {
      const { job } = thread;
      if (job === undefined) continue;
      if (Atomics.load(words, (thread.mailbox + Mailbox.state) >> 2) !== MailboxState.back) continue;
      thread.job = undefined;
      clearTimeout(thread.interrupting);
      thread.interrupting = undefined;
      this.idle.push(thread);
      job.fiber.isOnThread = false;
      job.monitor.root().running = false;
      job.back();
    }
    this.pump();
  }

  /** Makes room for those that wait. */
  private endTurns(): void {
    this.turns = undefined;
    if (this.queue.length === 0) return;
    const now = performance.now();
    for (const { job, since } of this.threads) {
      if (job !== undefined && now - since >= turn) this.interrupt(job);
    }
    this.turns = setTimeout(() => this.endTurns(), turn);
  }

  /** Another thread, or undefined if there are enough, or the system refuses. */
  private start(): Thread | undefined {
    const { threads, words, table } = this;
    const count = threads.length;
    if (this.refused || count >= Math.min(availableParallelism(), ThreadTable.mostThreads)) return undefined;
    const mailbox = ThreadTable.mailboxes + count * Mailbox.size;
    setWord64(words, mailbox + Mailbox.end, this.endRoutine);
    if (!this.signals.startThread(this.routine, table + mailbox)) {
      this.refused = true;
      return undefined;
    }
    words[ThreadTable.count >> 2] = count + 1;
    const thread: Thread = { mailbox, job: undefined, since: 0, interrupting: undefined };
    threads.push(thread);
    return thread;
  }

  private listen(descriptor: number): Socket {
    const callback = (): boolean => {
      this.fetch();
      return true;
    };
    // What `connect` takes the constructor takes too.
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd: descriptor,
      readable: true,
      writable: false,
      onread: { buffer: Buffer.alloc(64), callback },
    };
    return new Socket(options).unref();
  }

  /** The process stays alive for jobs, and for nothing else here. */
  private updateReference(): void {
    const busy = this.queue.length > 0 || this.idle.length < this.threads.length;
    if (busy === this.busy) return;
    this.busy = busy;
    if (busy) this.socket.ref();
    else this.socket.unref();
  }
}

/** The signal that ends threads, its handler installed: another copy of the engine may have done that. */
function stopSignal(code: ThreadCode, platform: Platform, { threads }: SignalSystem): number {
  const { signature } = code;
  for (const signal of stopSignals) {
    const address = threads.handlerOf(signal);
    if (address === 0) {
      const { bytes, entry } = code.handler();
      const mapping = platform.mapCode(platform.pageSize, platform.pageSize);
      // Away from the page's first bytes, so that looking for a signature never touches the page before.
      const lead = 64;
      mapping.write(lead, bytes);
      threads.installHandler(signal, mapping.address + lead + entry);
      permanent.push(mapping);
      return signal;
    }
    if (address <= 1 || address % platform.pageSize < signature.length) continue;
    const before = new Uint8Array(platform.view(address - signature.length, signature.length));
    if (signature.every((byte, i) => before[i] === byte)) return signal;
  }
  throw new Error("no real-time signal is free, which threads need to be ended by");
}

/** Keeps what must never be unmapped. */
const permanent: unknown[] = [];
