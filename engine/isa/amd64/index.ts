/** amd64 as a Target: the only file of this folder that the rest of the engine imports. */
import { debugOptions } from "../../debug.js";
import type { MachineCode } from "../../machine/machine-code.js";
import type { Target } from "../../machine/target.js";
import type { Allocation, VCode } from "../../machine/vcode.js";
import { ClockEntry, ClockTable, clockRoutines, tick } from "./clock.js";
import { cpuFeatures, cpuidRoutine, cpuidWords } from "./cpu-features.js";
import { encodeFunction } from "./emit.js";
import {
  FaultRange,
  FaultTable,
  faultHandler,
  handlerSignature,
  handlerTableOffset,
} from "./fault-handler.js";
import { lower } from "./lower/lower.js";
import { printListing, printMachineCode, printVCode } from "./print.js";
import { registerFile } from "./registers.js";
import { Mailbox, MailboxState, stopHandler, stopSignature, ThreadTable, threadRoutines } from "./thread.js";
import {
  compileSaved,
  entryAdapter,
  fixedStubs,
  hostStub,
  interruptSaved,
  interruptSlot,
  lazyStub,
  linkCall,
  linkSignature,
  signalSaved,
  slotCount,
  slotThunk,
} from "./trampoline.js";

/** What machine code was made from, kept only when dumps of it are wanted: they show the instructions too. */
const origins = new WeakMap<MachineCode, { code: VCode; allocation: Allocation }>();
const keepsOrigins = debugOptions.dumps.has("asm") || debugOptions.dumps.has("all");

function encode(code: VCode, allocation: Allocation): MachineCode {
  const machine = encodeFunction(code, allocation);
  if (keepsOrigins) origins.set(machine, { code, allocation });
  return machine;
}

function printMachine(machine: MachineCode, base = 0): string {
  const origin = origins.get(machine);
  const listing = origin === undefined ? "" : printListing(origin.code, origin.allocation, base);
  return listing + printMachineCode(machine, base);
}

export const amd64: Target = {
  name: "amd64",
  registers: registerFile,
  lower,
  encode,
  printVCode,
  printMachineCode: printMachine,
  fixedStubs,
  entryAdapter,
  hostStub,
  lazyStub,
  slotThunk,
  linkCall,
  linkSignature,
  stubFrames: {
    compileSaved,
    interruptSaved,
    signalSaved,
    interruptSlot,
    savedReturnSize: 8,
    callPushes: 8,
    // call [r15 + displacement]; jmp back.
    limitCallSize: 7,
    limitJumpSize: 5,
    isReturn: (bytes) => bytes[0] === 0xc3,
  },
  faults: {
    handler: faultHandler,
    signature: handlerSignature,
    tableOffset: handlerTableOffset,
    table: FaultTable,
    range: FaultRange,
  },
  clock: { routines: clockRoutines, table: ClockTable, entry: ClockEntry, tick },
  threads: {
    routines: threadRoutines,
    handler: stopHandler,
    signature: stopSignature,
    table: ThreadTable,
    mailbox: Mailbox,
    state: MailboxState,
  },
  featureProbe: { words: cpuidWords, code: cpuidRoutine, read: cpuFeatures },
  slotCount,
};
