/** Handlers of signals on Linux. Source: sigaction(2). */
import type { IKoffi } from "./koffi.js";

export const SA_SIGINFO = 4;
export const SA_ONSTACK = 0x08000000;
export const SA_RESTART = 0x10000000;

/** glibc's and musl's struct sigaction on 64-bit Linux: handler, 128 bytes of mask, flags, restorer. */
const size = 152;
const flagsOffset = 136;

export interface SignalAction {
  /** The handler's address: 0 the default, 1 ignored. */
  readonly address: number;
  readonly flags: number;
}

export interface SignalActions {
  of(signal: number): SignalAction;
  /** Returns what was there before. Errors: Error. */
  install(signal: number, action: SignalAction): SignalAction;
}

export function signalActions(koffi: IKoffi): SignalActions {
  const sigaction = koffi.load(null).func("int sigaction(int, const void *, void *)");

  function change(signal: number, action: Uint8Array | null): SignalAction {
    const old = new ArrayBuffer(size);
    if (sigaction(signal, action, new Uint8Array(old)) !== 0) throw new Error(`sigaction(${signal}) failed`);
    const words = new DataView(old);
    return { address: Number(words.getBigUint64(0, true)), flags: words.getInt32(flagsOffset, true) };
  }

  return {
    of: (signal) => change(signal, null),
    install(signal, { address, flags }) {
      const action = new ArrayBuffer(size);
      const words = new DataView(action);
      words.setBigUint64(0, BigInt(address), true);
      words.setInt32(flagsOffset, flags, true);
      return change(signal, new Uint8Array(action));
    },
  };
}
