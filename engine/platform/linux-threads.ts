/**
 * What threads that run Wasm need of Linux, glibc or musl, and Node. Made when first asked for: most processes run all
 * their calls on the JavaScript thread.
 *
 * Sources: pipe2(2), tgkill(2), membarrier(2); Node's documentation, "Addons", AddEnvironmentCleanupHook.
 */
import type { IKoffi } from "./koffi.js";
import { SA_RESTART, SA_SIGINFO, signalActions } from "./linux-sigaction.js";
import type { ThreadSystem } from "./platform.js";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const SIGURG = 23;
/** Numbers of system calls; asm-generic/unistd.h has arm64's. */
const [SYS_tgkill, SYS_membarrier] = process.arch === "arm64" ? [131, 283] : [234, 324];
const MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE = 1 << 5;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 1 << 6;

export function linuxThreads(koffi: IKoffi): ThreadSystem {
  const c = koffi.load(null);
  const pipe2 = c.func("int pipe2(void *, int)");
  const actions = signalActions(koffi);
  const systemCall = c.func("long syscall(long, long, long, long)");
  const membarrier = (command: number): number => Number(systemCall(SYS_membarrier, command, 0, 0));
  membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);

  return {
    pipe() {
      const ends = new Int32Array(2);
      if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) !== 0) throw new Error("the system refused a pipe");
      return { read: ends[0]!, write: ends[1]! };
    },
    interrupt(thread) {
      systemCall(SYS_tgkill, process.pid, thread, SIGURG);
    },
    handlerOf: (signal) => actions.of(signal).address,
    installHandler(signal, address) {
      actions.install(signal, { address, flags: SA_SIGINFO | SA_RESTART });
    },
    atEnd(routine, argument) {
      try {
        // v8::Isolate::GetCurrent() and node::AddEnvironmentCleanupHook(v8::Isolate*, void (*)(void*), void*).
        const isolate = c.func("uintptr_t _ZN2v87Isolate10GetCurrentEv()");
        const addHook = c.func(
          "void _ZN4node25AddEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_(uintptr_t, uintptr_t, uintptr_t)",
        );
        addHook(isolate(), routine, argument);
        return true;
      } catch {
        return false;
      }
    },
    synchronizeCode() {
      membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
    },
  };
}
