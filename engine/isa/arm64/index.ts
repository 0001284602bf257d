/** arm64 as a Target: the only file of this folder that the rest of the engine imports. */

import { withListings } from "../../machine/listing.js";
import type { Target } from "../../machine/target.js";
import { callSequence } from "./call-sequence.js";
import { clockRoutines } from "./clock.js";
import { cpuFeatures } from "./cpu-features.js";
import { encodeFunction } from "./emit.js";
import { faultHandler, handlerSignature, handlerTableOffset } from "./fault-handler.js";
import { publishRoutine } from "./instruction-cache.js";
import { lower } from "./lower/lower.js";
import { printListing, printMachineCode, printVCode } from "./print.js";
import { registerFile } from "./registers.js";
import { stopHandler, stopSignature, threadRoutines } from "./thread.js";
import {
  callReach,
  compileSaved,
  entryAdapter,
  fixedStubs,
  hostStub,
  interruptSaved,
  interruptSlot,
  lazyStub,
  linkCall,
  linkSignature,
  savedReturnSize,
  signalSaved,
  slotCount,
  slotThunk,
} from "./trampoline.js";

export const arm64: Target = {
  name: "arm64",
  registers: registerFile,
  lower,
  ...withListings({ encode: encodeFunction, printListing, printMachineCode }),
  printVCode,
  fixedStubs,
  entryAdapter,
  hostStub,
  lazyStub,
  slotThunk,
  callReach,
  linkCall,
  linkSignature,
  stubFrames: {
    compileSaved,
    interruptSaved,
    signalSaved,
    interruptSlot,
    savedReturnSize,
    callPushes: 0,
    // ldr x16, [x28, #stub]; adr x17, site; br x16. Then: b back.
    limitCallSize: 12,
    limitJumpSize: 4,
    // ret: d65f03c0, lowest byte first.
    isReturn: ([a, b, c, d]) => a === 0xc0 && b === 0x03 && c === 0x5f && d === 0xd6,
  },
  faults: { handler: faultHandler, signature: handlerSignature, tableOffset: handlerTableOffset },
  clock: { routines: clockRoutines },
  threads: { routines: threadRoutines, handler: stopHandler, signature: stopSignature },
  featureProbe: { routine: undefined, read: cpuFeatures, required: new Map() },
  publishRoutine,
  callSequence,
  slotCount,
};
