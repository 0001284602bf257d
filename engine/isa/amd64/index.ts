/** amd64 as a Target: the only file of this folder that the rest of the engine imports. */

import { withListings } from "../../machine/listing.js";
import type { Target } from "../../machine/target.js";
import { callSequence } from "./call-sequence.js";
import { clockRoutines } from "./clock.js";
import { cpuFeatures, cpuidRoutine, cpuidWords } from "./cpu-features.js";
import { encodeFunction } from "./emit.js";
import { faultHandler, handlerSignature, handlerTableOffset } from "./fault-handler.js";
import { type HostConvention, microsoft, systemV } from "./host-convention.js";
import { lower } from "./lower/lower.js";
import { printListing, printMachineCode, printVCode } from "./print.js";
import { registerFile } from "./registers.js";
import { stopHandler, stopSignature, threadRoutines } from "./thread.js";
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

/** For a host whose C code follows a convention. */
const amd64Target = (host: HostConvention): Target => ({
  name: "amd64",
  registers: registerFile,
  lower,
  ...withListings({ encode: encodeFunction, printListing, printMachineCode }),
  printVCode,
  fixedStubs: (contextWord) => fixedStubs(contextWord, host),
  entryAdapter: (signature) => entryAdapter(signature, host),
  hostStub: (signature) => hostStub(signature, host),
  lazyStub,
  slotThunk,
  callReach: Number.POSITIVE_INFINITY,
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
  faults: { handler: faultHandler, signature: handlerSignature, tableOffset: handlerTableOffset },
  clock: { routines: clockRoutines },
  threads: { routines: threadRoutines, handler: stopHandler, signature: stopSignature },
  featureProbe: {
    routine: { words: cpuidWords, code: cpuidRoutine },
    read: cpuFeatures,
    required: new Map([["sse4_1", "SSE4.1"]]),
  },
  // Instruction fetch is coherent with stores (Intel SDM volume 3, 12.6, "Self-modifying code").
  publishRoutine: undefined,
  callSequence: (calls, count) => callSequence(calls, count, host),
  slotCount,
});

export const amd64 = amd64Target(systemV);
export const amd64Windows = amd64Target(microsoft);
