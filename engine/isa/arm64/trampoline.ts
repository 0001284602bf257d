/**
 * The routines between the host and Wasm: how a fiber is entered and left, and the stubs that Wasm code calls.
 *
 * All are position-independent but for the address of the context word in `enter`. While any of them runs on a
 * fiber, x28 holds its context. Leaving means: `Context.wasmSp` and `Context.resumePc` are written, sp becomes
 * `Context.hostSp`, the host's callee-saved registers are loaded, `ret`. Entering undoes that. Nothing but these
 * registers (x19 to x30, d8 to d15) lies on the host's stack meanwhile.
 *
 * Stubs are entered in one of two ways:
 *  - called, like functions: x30 is where to return to. Host stubs, lazy stubs, builtins. They may destroy x16 and x17.
 *  - as exits, by `ldr x16, [x28, #stub]; adr x17, site; br x16`: x17 is where to go on, and the site; x30 stays what it
 *    was, for a function that calls nothing keeps its return address there. Traps, interrupts, the stack's limit.
 *
 * x17 belongs to interrupts: an instruction can only be jumped to by a register, and the interrupt signal may strike
 * anywhere (fault-handler.ts). So function code has nothing in x17 between two instructions, but right before `br x16`.
 *
 * What an unwinder needs: where the return address into Wasm code lies once a fiber has left.
 *
 *   status                 return address            and it is
 *   hostCall, builtin      [wasmSp]                  the site of a call
 *   compile                [wasmSp + compileSaved]   the site of a call; or of the entry adapter
 *   interrupt              [wasmSp + interruptSaved] the site of an interrupt check, or of a prologue's check: then
 *                                                    the frame isn't there yet either
 *   signal                 [wasmSp + signalSaved]    any instruction of a function
 *   trap                   none: trapPc is the site  wasmSp is the trapping function's sp
 *
 * The slot of the return address takes 16 bytes, the caller's sp lies right above. After interrupt, signal and trap
 * Context.link has what x30 held: the return address of a function that has no frame.
 *
 * A return address that isn't in a module's code is the entry adapter's: the end of the stack.
 *
 * Source of the host's convention: Procedure Call Standard for the Arm 64-bit Architecture (AAPCS64), 6.1.
 */
import { isFloatPlace, isStackPlace, type Place, stackOffset } from "../../machine/abi.js";
import type { FixedStubs, Signature } from "../../machine/target.js";
import { floatFile } from "../../machine/vcode.js";
import { builtins, Context, ExitStatus } from "../../runtime/layout.js";
import { EngineBug } from "../../ssa/engine-bug.js";
import { Type } from "../../ssa/ops.js";
import { signatureLayout } from "./abi.js";
import {
  calleeRegister,
  contextRegister,
  floatArguments,
  instanceRegister,
  intArguments,
} from "./registers.js";
import { cc, lr, RoutineEncoder, sp, zr } from "./routine-encoder.js";

/** Free in every stub; no argument is passed in them. */
const scratch = 16;
const site = 17;
/** Holds the slots' address in stubs that are called. */
const slotsRegister = 10;
/** A float register that is no argument. */
const scratchVector = 31;

/** The host's registers on its stack while Wasm runs: x19 to x30, then d8 to d15. */
const hostFrame = 8 * 12 + 8 * 8;

/** Integer registers that may hold something when a function without code is called, in the order of saving. */
const compileInts = [...intArguments, instanceRegister, calleeRegister];
/** Bytes between wasmSp and the return address after ExitStatus.compile. */
export const compileSaved = 8 * compileInts.length + 16 * floatArguments.length;

const savedFlags = 8 * 31;
const savedVectors = 8 * 32;
/** Bytes between wasmSp and the return address after ExitStatus.interrupt: x0 to x30, the flags, v0 to v31. */
export const interruptSaved = savedVectors + 16 * 32;
/** The same after ExitStatus.signal. */
export const signalSaved = interruptSaved;
/** Where a register (0..30 integer, 32..63 float) lies then, from wasmSp: for stack maps that name registers. */
export const interruptSlot = (register: number): number =>
  register < floatFile ? 8 * register : savedVectors + 16 * (register - floatFile);

/** What a return address takes on a fiber's stack: sp is always a multiple of 16. */
export const savedReturnSize = 16;

class StubEncoder extends RoutineEncoder {
  private resumes = 0;

  storeWord(value: number, displacement: number): void {
    this.immediate(scratch, value);
    this.store32(scratch, contextRegister, displacement);
  }
  jumpThrough(displacement: number): void {
    this.load(scratch, contextRegister, displacement);
    this.jumpRegister(scratch);
  }
  callThrough(displacement: number): void {
    this.load(scratch, contextRegister, displacement);
    this.callRegister(scratch);
  }

  /** Back to the host, for good: the stack pointer is kept for whoever looks at the fiber. */
  leave(status: ExitStatus): void {
    this.storeWord(status, Context.status);
    this.moveSp(scratch, sp);
    this.store(scratch, contextRegister, Context.wasmSp);
    this.load(scratch, contextRegister, Context.hostSp);
    this.moveSp(sp, scratch);
    restoreHostRegisters(this);
    this.return();
  }

  /** Back to the host, to go on with what is emitted next, all registers but sp and x28 lost. */
  leaveAndResume(status: ExitStatus): void {
    const place = `resume${this.resumes++}`;
    this.addressOf(scratch, place);
    this.store(scratch, contextRegister, Context.resumePc);
    this.leave(status);
    this.place(place);
  }

  /**
   * Takes one entry off the processor's return predictor: that of the call which led to this stub. The host's frames
   * are returned to next, and a predictor off by one would be wrong about every one of them.
   */
  forgetCall(): void {
    const place = `forgotten${this.resumes}`;
    this.addressOf(scratch, place);
    this.return(scratch);
    this.place(place);
  }

  /** Returns to Wasm without the predictor, whose top now belongs to the host. */
  returnUnpredicted(): void {
    this.pop(lr);
    this.jumpRegister(lr);
  }
}

/** What C's convention has callees keep. */
export function saveHostRegisters(e: RoutineEncoder): void {
  e.addImmediate(sp, sp, -hostFrame);
  for (let r = 19; r < 30; r += 2) e.storePair(r, r + 1, sp, 8 * (r - 19));
  for (let d = 8; d < 16; d += 2) e.storeDoublePair(d, d + 1, sp, 96 + 8 * (d - 8));
}

export function restoreHostRegisters(e: RoutineEncoder): void {
  for (let r = 19; r < 30; r += 2) e.loadPair(r, r + 1, sp, 8 * (r - 19));
  for (let d = 8; d < 16; d += 2) e.loadDoublePair(d, d + 1, sp, 96 + 8 * (d - 8));
  e.addImmediate(sp, sp, hostFrame);
}

/**
 * C's convention on one side, a fiber on the other: keeps the host's registers and continues the fiber whose context
 * x28 holds once they are saved. It returns when the fiber leaves. `loadContext` loads x28 and may destroy x16.
 */
export function continueFiber(e: RoutineEncoder, loadContext: () => void): void {
  saveHostRegisters(e);
  loadContext();
  e.immediate(scratch, ExitStatus.running);
  e.store32(scratch, contextRegister, Context.status);
  e.moveSp(scratch, sp);
  e.store(scratch, contextRegister, Context.hostSp);
  e.load(scratch, contextRegister, Context.wasmSp);
  e.moveSp(sp, scratch);
  e.load(scratch, contextRegister, Context.resumePc);
  e.jumpRegister(scratch);
}

// ---------------------------------------------------------------- values between slots and places

/** Slots that the types take. */
function slotsOf(types: readonly Type[]): number {
  let n = 0;
  for (const type of types) n += type === Type.v128 ? 2 : 1;
  return n;
}

/** 8-byte slots that a signature needs: its arguments' or its results', whichever are more. */
export function slotCount(signature: Signature): number {
  return Math.max(slotsOf(signature.params), slotsOf(signature.results));
}

function loadFloat(e: StubEncoder, type: Type, to: number, base: number, displacement: number): void {
  if (type === Type.v128) e.loadVector(to, base, displacement);
  else if (type === Type.f32) e.loadSingle(to, base, displacement);
  else e.loadDouble(to, base, displacement);
}

function storeFloat(e: StubEncoder, type: Type, from: number, base: number, displacement: number): void {
  if (type === Type.v128) e.storeVector(from, base, displacement);
  else if (type === Type.f32) e.storeSingle(from, base, displacement);
  else e.storeDouble(from, base, displacement);
}

/** Slots (at `slotsRegister`) -> places; stack places are relative to sp + `area`. */
function slotsToPlaces(e: StubEncoder, types: readonly Type[], places: readonly Place[], area: number): void {
  let slot = 0;
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    const place = places[i]!;
    const offset = 8 * slot;
    slot += type === Type.v128 ? 2 : 1;
    if (isStackPlace(place)) {
      const wide = type === Type.v128 ? type : Type.f64;
      loadFloat(e, wide, scratchVector, slotsRegister, offset);
      storeFloat(e, wide, scratchVector, sp, area + stackOffset(place));
    } else if (isFloatPlace(place)) loadFloat(e, type, place - floatFile, slotsRegister, offset);
    else if (type === Type.i32) e.load32(place, slotsRegister, offset);
    else e.load(place, slotsRegister, offset);
  }
}

/** Places -> slots. An i32 fills its slot with zeros above; so does an f32 from the stack, not one from a register. */
function placesToSlots(e: StubEncoder, types: readonly Type[], places: readonly Place[], area: number): void {
  let slot = 0;
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    const place = places[i]!;
    const offset = 8 * slot;
    slot += type === Type.v128 ? 2 : 1;
    if (isStackPlace(place)) {
      loadFloat(e, type === Type.i32 ? Type.f32 : type, scratchVector, sp, area + stackOffset(place));
      storeFloat(e, type === Type.v128 ? type : Type.f64, scratchVector, slotsRegister, offset);
    } else if (isFloatPlace(place)) storeFloat(e, type, place - floatFile, slotsRegister, offset);
    else e.store(place, slotsRegister, offset);
  }
}

// ---------------------------------------------------------------- stubs per signature or function

/**
 * Where `resumePc` points when a fiber is first entered, with wasmSp the 16-byte aligned top of its stack: calls
 * [Context.entryCode] with the instance Context.entryEnv and arguments from the slots; leaves results in the slots,
 * status `done` and wasmSp as it was.
 */
export function entryAdapter(signature: Signature): Uint8Array {
  const e = new StubEncoder("entry adapter");
  const layout = signatureLayout(signature);
  const area = layout.stackBytes;
  if (area !== 0) e.addImmediate(sp, sp, -area);
  e.load(slotsRegister, contextRegister, Context.slots);
  slotsToPlaces(e, signature.params, layout.params, 0);
  e.load(instanceRegister, contextRegister, Context.entryEnv);
  e.callThrough(Context.entryCode);
  e.load(slotsRegister, contextRegister, Context.slots);
  placesToSlots(e, signature.results, layout.results, 0);
  if (area !== 0) e.addImmediate(sp, sp, area);
  e.leave(ExitStatus.done);
  return e.finished();
}

/** What the instance register points at, and its first word, by which TypeScript finds the object. */
function storeEnvironment(e: StubEncoder): void {
  e.store(instanceRegister, contextRegister, Context.env);
  e.load32(scratch, instanceRegister, 0);
  e.store32(scratch, contextRegister, Context.envIndex);
}

/** Arguments to slots, out with `status`, results from slots, back to the caller. */
function exitForCall(e: StubEncoder, signature: Signature, status: ExitStatus): void {
  const layout = signatureLayout(signature);
  e.push(lr);
  storeEnvironment(e);
  if (signature.params.length !== 0) e.load(slotsRegister, contextRegister, Context.slots);
  placesToSlots(e, signature.params, layout.params, savedReturnSize);
  e.forgetCall();
  e.leaveAndResume(status);
  if (signature.results.length !== 0) e.load(slotsRegister, contextRegister, Context.slots);
  slotsToPlaces(e, signature.results, layout.results, savedReturnSize);
  e.returnUnpredicted();
}

/** An import's code: called as a Wasm function, with the HostRecord as instance. */
export function hostStub(signature: Signature): Uint8Array {
  const e = new StubEncoder("host stub");
  exitForCall(e, signature, ExitStatus.hostCall);
  return e.finished();
}

/** What a call slot leads to while function `index` has no code. */
export function lazyStub(index: number): Uint8Array {
  const e = new StubEncoder("lazy stub");
  e.storeWord(index, Context.callIndex);
  e.jumpThrough(Context.compileStub);
  return e.finished();
}

// ---------------------------------------------------------------- fixed stubs

const builtinTypes = { i32: Type.i32, i64: Type.i64, ptr: Type.ptr } as const;

function builtinStub(e: StubEncoder, number: number): void {
  const b = builtins[number]!;
  if (b.native) {
    nativeBuiltin(e, number, b.name === "memoryMove" ? Context.memmove : Context.memset);
    return;
  }
  const params = b.params.map((name) => builtinTypes[name]);
  const results = b.result === null ? [] : [builtinTypes[b.result]];
  e.storeWord(number, Context.callIndex);
  exitForCall(e, { params, results }, ExitStatus.builtin);
}

/** Bytes that a native routine moves at a stretch: a fraction of a millisecond, also where each page is touched first. */
const piece = 1 << 20;

/**
 * memmove or memset of the C library, on the fiber's stack; the arguments are where C wants them. It keeps x19 to x28.
 * Its frames are small: the limit's reserve holds them.
 *
 * The interrupt signal is without effect in there. So the interrupt word is looked at afterwards, and what is long is
 * done piece by piece.
 */
function nativeBuiltin(e: StubEncoder, number: number, pointer: number): void {
  const [long, quiet] = [`long${number}`, `quiet${number}`];
  e.push(lr);
  e.immediate(scratch, piece);
  e.compare(2, scratch);
  e.branch(cc.hi, long);
  e.callThrough(pointer);
  e.pop(lr);
  e.load(scratch, contextRegister, Context.interrupt);
  e.branchIfZero(scratch, quiet);
  e.move(site, lr);
  e.branch(null, "interrupt");
  e.place(quiet);
  e.return();
  e.place(long);
  inPieces(e, number, pointer);
}

/**
 * x19 = destination, x20 = source or byte, x21 = bytes left. Where a copy's destination begins within its source, which
 * x22 then says, the last piece comes first: so none overwrites what a later one reads. Between two pieces the fiber can
 * leave as by the interrupt stub, whose frame this is, with the caller's site above it.
 */
function inPieces(e: StubEncoder, number: number, pointer: number): void {
  const copies = pointer === Context.memmove;
  const [loop, whole, undisturbed] = [`loop${number}`, `whole${number}`, `undisturbed${number}`];
  e.move(19, 0);
  e.move(20, 1);
  e.move(21, 2);
  if (copies) {
    const forwards = `apart${number}`;
    e.move(22, zr);
    e.subtract(0, 0, 1);
    e.compare(0, 2);
    e.branch(cc.hs, forwards);
    e.immediate(22, 1);
    e.place(forwards);
  }
  e.place(loop);
  e.immediate(2, piece);
  e.compare(21, 2);
  e.branch(cc.hs, whole);
  e.move(2, 21);
  e.place(whole);
  e.subtract(21, 21, 2);
  e.move(0, 19);
  e.move(1, 20);
  if (copies) nextOfCopy(e, number);
  else e.add(19, 19, 2);
  e.callThrough(pointer);
  e.load(scratch, contextRegister, Context.interrupt);
  e.branchIfZero(scratch, undisturbed);
  leaveKeepingAll(e, ExitStatus.interrupt);
  e.place(undisturbed);
  e.branchIfNotZero(21, loop);
  e.pop(lr);
  e.return();
}

/** Backwards the piece lies behind what is left then, and the beginnings stay. */
function nextOfCopy(e: StubEncoder, number: number): void {
  const [forwards, go] = [`forwards${number}`, `go${number}`];
  e.branchIfZero(22, forwards);
  e.add(0, 0, 21);
  e.add(1, 1, 21);
  e.branch(null, go);
  e.place(forwards);
  e.add(19, 19, 2);
  e.add(20, 20, 2);
  e.place(go);
}

/** An exit that traps: x17 is the site. Never resumed. */
function trapRoutine(e: StubEncoder): void {
  e.place("trap");
  e.store(site, contextRegister, Context.trapPc);
  e.store(zr, contextRegister, Context.faultAddress);
  e.store(lr, contextRegister, Context.link);
  e.leave(ExitStatus.trap);
}

/**
 * The exit of a prologue whose compare with the stack limit failed; `bound`: what it compared, x9 for a large frame,
 * else sp. Either the stack is really at its end, which is a trap, or the clock has raised the limit, which is an
 * interrupt, after which the prologue goes on. Destroys the flags; all registers may hold arguments.
 */
function limitRoutine(e: StubEncoder, bound: "sp" | "frame"): void {
  e.load(scratch, contextRegister, Context.stackFloor);
  if (bound === "sp") e.compareSp(scratch);
  else e.compare(calleeRegister, scratch);
  e.branch(cc.lo, "trap");
  e.branch(null, "interrupt");
}

/**
 * Goes on at x17, having kept every other register and the flags, but x16 after an interrupt: where a signal struck x17 is
 * the address of the next instruction (fault-handler.ts).
 */
function interruptRoutine(e: StubEncoder, status: ExitStatus): void {
  e.push(site);
  leaveKeepingAll(e, status);
  e.pop(site);
  e.jumpRegister(site);
}

/** [sp] is the site meanwhile. */
function leaveKeepingAll(e: StubEncoder, status: ExitStatus): void {
  e.addImmediate(sp, sp, -interruptSaved);
  for (let r = 0; r < 30; r += 2) e.storePair(r, r + 1, sp, 8 * r);
  e.readFlags(scratch);
  e.storePair(lr, scratch, sp, savedFlags - 8);
  for (let v = 0; v < 32; v += 2) e.storeVectorPair(v, v + 1, sp, interruptSlot(floatFile + v));
  e.store(lr, contextRegister, Context.link);
  e.leaveAndResume(status);
  for (let v = 0; v < 32; v += 2) e.loadVectorPair(v, v + 1, sp, interruptSlot(floatFile + v));
  e.loadPair(lr, scratch, sp, savedFlags - 8);
  e.writeFlags(scratch);
  for (let r = 0; r < 30; r += 2) if (r !== contextRegister) e.loadPair(r, r + 1, sp, 8 * r);
  e.load(contextRegister + 1, sp, 8 * (contextRegister + 1));
  e.addImmediate(sp, sp, interruptSaved);
}

/**
 * Jumped to by lazy stubs, callIndex set: keeps whatever may be an argument; goes on at Context.entryCode, which the
 * host sets to the new code. References among the kept registers are in no stack map: the host mustn't sweep
 * reference handles during this exit.
 */
function compileRoutine(e: StubEncoder): void {
  const floats = 8 * compileInts.length;
  const ints = compileInts.length;
  e.addImmediate(sp, sp, -(compileSaved + savedReturnSize));
  for (let k = 0; k < ints; k += 2) e.storePair(compileInts[k]!, compileInts[k + 1]!, sp, 8 * k);
  floatArguments.forEach((r, k) => {
    e.storeVector(r - floatFile, sp, floats + 16 * k);
  });
  e.store(lr, sp, compileSaved);
  storeEnvironment(e);
  e.leaveAndResume(ExitStatus.compile);
  for (let k = 0; k < ints; k += 2) e.loadPair(compileInts[k]!, compileInts[k + 1]!, sp, 8 * k);
  floatArguments.forEach((r, k) => {
    e.loadVector(r - floatFile, sp, floats + 16 * k);
  });
  e.load(lr, sp, compileSaved);
  e.addImmediate(sp, sp, compileSaved + savedReturnSize);
  e.jumpThrough(Context.entryCode);
}

/** The routines that all modules share. `contextWord`: address of the word that holds the context's address. */
export function fixedStubs(contextWord: bigint): FixedStubs {
  const e = new StubEncoder("fixed stubs");
  const enter = e.align();
  continueFiber(e, () => {
    e.immediate(scratch, contextWord);
    e.load(contextRegister, scratch, 0);
  });
  const trapStub = e.align();
  trapRoutine(e);
  const interruptStub = e.align();
  e.place("interrupt");
  interruptRoutine(e, ExitStatus.interrupt);
  const signalStub = e.align();
  interruptRoutine(e, ExitStatus.signal);
  const limitStub = e.align();
  limitRoutine(e, "sp");
  const frameLimitStub = e.align();
  limitRoutine(e, "frame");
  const compileStub = e.align();
  compileRoutine(e);
  const faultExit = e.align();
  // The handler has written trapPc and faultAddress.
  e.store(lr, contextRegister, Context.link);
  e.leave(ExitStatus.trap);
  const builtinOffsets = builtins.map((_, number) => {
    const offset = e.align();
    builtinStub(e, number);
    return offset;
  });
  return {
    bytes: e.finished(),
    enter,
    trapStub,
    interruptStub,
    signalStub,
    limitStub,
    frameLimitStub,
    compileStub,
    faultExit,
    builtins: builtinOffsets,
  };
}

/** A jump through the call slot at `slot`, within 4 GiB of `address`. */
export function slotThunk(address: number, slot: number): Uint8Array {
  const e = new RoutineEncoder("slot thunk");
  e.addressOfPage(scratch, address, slot);
  e.load(scratch, scratch, slot % 4096);
  e.jumpRegister(scratch);
  return e.finished();
}

/** `bl` has 26 bits for a distance in words. */
export const callReach = 2 ** 27 - 4;

/** bl to the code. Errors: EngineBug if that is out of reach. */
export function linkCall(
  bytes: Uint8Array,
  offset: number,
  address: number,
  _slot: number,
  code: number,
): void {
  const distance = code - (address + offset);
  if (Math.abs(distance) > callReach) throw new EngineBug("link", -1, "", `a call over ${distance} bytes`);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  words.setUint32(offset, 0x94000000 | ((distance / 4) & 0x3ffffff), true);
}

/** movz and movk of 16 bits each. */
export function linkSignature(bytes: Uint8Array, offset: number, signature: number): void {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let half = 0; half < 2; half++) {
    const at = offset + 4 * half;
    const immediate = (signature >>> (16 * half)) & 0xffff;
    words.setUint32(at, ((words.getUint32(at, true) & ~(0xffff << 5)) | (immediate << 5)) >>> 0, true);
  }
}
