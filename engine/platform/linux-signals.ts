/**
 * What the engine asks of Linux where it uses signals: handlers, threads of its own, and the map of addresses that proves
 * guard pages.
 *
 * Sources: sigaction(2), tgkill(2), pthread_create(3), proc_pid_maps(5).
 */
import { readFileSync } from "node:fs";
import type { IKoffi } from "./koffi.js";
import { type LinuxMemory, PROT_READ, PROT_WRITE } from "./linux-memory.js";
import { SA_ONSTACK, SA_RESTART, SA_SIGINFO, signalActions } from "./linux-sigaction.js";
import { linuxThreads } from "./linux-threads.js";
import type { HandledSignal, SignalSystem, ThreadSystem } from "./platform.js";

/** SIGSEGV and SIGURG. A system call that the latter strikes goes on as if nothing had happened. */
const handled: Record<HandledSignal, { number: number; flags: number }> = {
  fault: { number: 11, flags: SA_SIGINFO | SA_ONSTACK },
  interrupt: { number: 23, flags: SA_SIGINFO | SA_ONSTACK | SA_RESTART },
};
/** Numbers of system calls; asm-generic/unistd.h has arm64's. */
const [SYS_gettid, SYS_tgkill] = process.arch === "arm64" ? [178, 131] : [186, 234];
const PTHREAD_CREATE_DETACHED = 1;

export function linuxSignals(koffi: IKoffi, memory: LinuxMemory): SignalSystem {
  const c = koffi.load(null);
  const systemCall = c.func("long syscall(long, long, long, long)");
  const actions = signalActions(koffi);
  let threads: ThreadSystem | undefined;

  function startThread(address: number, argument = 0): boolean {
    const pthread = {
      attrInit: c.func("int pthread_attr_init(void *)"),
      attrDetach: c.func("int pthread_attr_setdetachstate(void *, int)"),
      attrStack: c.func("int pthread_attr_setstacksize(void *, size_t)"),
      create: c.func("int pthread_create(void *, const void *, uintptr_t, uintptr_t)"),
    };
    const attributes = new Uint8Array(64);
    pthread.attrInit(attributes);
    pthread.attrDetach(attributes, PTHREAD_CREATE_DETACHED);
    // Refused where the thread-local storage of the process needs more; then it is the default.
    pthread.attrStack(attributes, 1 << 16);
    return Number(pthread.create(new Uint8Array(8), attributes, address, argument)) === 0;
  }

  return {
    threadNumber: () => Number(systemCall(SYS_gettid, 0, 0, 0)),
    hasThread: (number) => Number(systemCall(SYS_tgkill, process.pid, number, 0)) === 0,
    startThread,
    get threads() {
      threads ??= linuxThreads(koffi);
      return threads;
    },
    addressMap,
    open: (address, size) => memory.protect(address, size, PROT_READ | PROT_WRITE),
    installHandler(signal, address) {
      const { number, flags } = handled[signal];
      return actions.install(number, { address, flags }).address;
    },
    currentHandler: (signal) => actions.of(handled[signal].number),
  };
}

function addressMap(): ReturnType<SignalSystem["addressMap"]> {
  let text: string;
  try {
    text = readFileSync("/proc/self/maps", "latin1");
  } catch {
    return null;
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [range, protection] = line.split(" ", 2) as [string, string];
      const [start, end] = range.split("-") as [string, string];
      return { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), protection };
    });
}
