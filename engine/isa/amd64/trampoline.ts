/**
 * The routines between the host and Wasm: how a fiber is entered and left, and the stubs that Wasm code calls.
 *
 * All are position-independent but for the address of the context word in `enter`. While any of them runs on a
 * fiber, r15 holds its context. Leaving means: `Context.wasmSp` and `Context.resumePc` are written, rsp becomes
 * `Context.hostSp`, the host's callee-saved registers are popped, `ret`. Entering undoes that. Nothing but the
 * callee-saved registers, the bounds of the host's stack where it keeps such (host-convention.ts) and a return address
 * lies on the host's stack meanwhile.
 *
 * What an unwinder needs: where the return address into Wasm code lies once a fiber has left.
 *
 *   status                 return address            and it is
 *   hostCall, builtin      [wasmSp]                  the site of a call
 *   compile                [wasmSp + compileSaved]   the site of a call; or of the entry adapter
 *   interrupt              [wasmSp + interruptSaved] the site of an interrupt check, or of a prologue's check: then
 *                                                    the frame isn't there yet either (see below)
 *   signal                 [wasmSp + signalSaved]    any instruction of a function
 *   trap                   none: trapPc is the site  wasmSp is the trapping function's rsp: its caller's return
 *                                                    address lies at wasmSp + frameSize (at wasmSp itself if the
 *                                                    site's source is prologueSource: the frame isn't there yet)
 *
 * A return address that isn't in a module's code is the entry adapter's: the end of the stack.
 *
 * The host's convention is a parameter of whatever enters, leaves, or calls the C library: see host-convention.ts.
 */

import { isFloatPlace, isStackPlace, type Place, stackOffset } from "../../machine/abi.js";
import type { FixedStubs, Signature } from "../../machine/target.js";
import { builtins, Context, ExitStatus } from "../../runtime/layout.js";
import { Type } from "../../ssa/ops.js";
import { signatureLayout } from "./abi.js";
import { putWord32 } from "./encode-layout.js";
import type { HostConvention } from "./host-convention.js";
import { Amd64 } from "./instructions.js";
import {
  calleeRegister,
  contextRegister,
  floatArguments,
  instanceRegister,
  intArguments,
  r12,
  r13,
  rax,
  rbp,
  rbx,
  rcx,
  rdx,
  rsp,
  scratchFloat,
} from "./registers.js";
import { HostEncoder, StubEncoder } from "./stub-encoder.js";

/** Conditions, as opcodes number them. */
const below = 2;
const aboveOrEqual = 3;
const equal = 4;
const above = 7;

/** Integer registers that may hold something when a function without code is called, in the order of saving. */
const compileInts = [...intArguments, instanceRegister, calleeRegister];
/** Bytes between wasmSp and the return address after ExitStatus.compile. */
export const compileSaved = 8 * compileInts.length + 16 * floatArguments.length;

/** Bytes between wasmSp and the return address after ExitStatus.interrupt. */
export const interruptSaved = 8 * 16 + 16 * 16;
/** Bytes between wasmSp and the address of the next instruction after ExitStatus.signal: the flags too. */
export const signalSaved = interruptSaved + 8;
/** Where a register (0..15 integer, 32..47 float) lies then, from wasmSp: for stack maps that name registers. */
export const interruptSlot = (register: number): number =>
  register < 16 ? 8 * register : 128 + 16 * (register - 32);

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

const loadRow = (type: Type): number =>
  type === Type.v128 ? Amd64.movups_rm : type === Type.f32 ? Amd64.movss_rm : Amd64.movsd_rm;
const storeRow = (type: Type): number =>
  type === Type.v128 ? Amd64.movups_mr : type === Type.f32 ? Amd64.movss_mr : Amd64.movsd_mr;

/** Slots (at `slots`) -> places; stack places are relative to rsp + `area`. Stack ones first: they need a scratch. */
function slotsToPlaces(
  e: StubEncoder,
  types: readonly Type[],
  places: readonly Place[],
  slots: number,
  area: number,
): void {
  for (const onStack of [true, false]) {
    let slot = 0;
    for (let i = 0; i < types.length; i++) {
      const type = types[i]!;
      const place = places[i]!;
      const offset = 8 * slot;
      slot += type === Type.v128 ? 2 : 1;
      if (isStackPlace(place) !== onStack) continue;
      if (onStack) {
        const vector = type === Type.v128;
        e.load(vector ? Amd64.movups_rm : Amd64.movsd_rm, scratchFloat, slots, offset);
        e.store(vector ? Amd64.movups_mr : Amd64.movsd_mr, scratchFloat, rsp, area + stackOffset(place));
      } else if (isFloatPlace(place)) e.load(loadRow(type), place, slots, offset);
      else e.load(type === Type.i32 ? Amd64.mov32_rm : Amd64.mov64_rm, place, slots, offset);
    }
  }
}

/** Places -> slots. An i32 fills its slot with zeros above; so does an f32 from the stack, not one from a register. */
function placesToSlots(
  e: StubEncoder,
  types: readonly Type[],
  places: readonly Place[],
  slots: number,
  area: number,
): void {
  let slot = 0;
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    const place = places[i]!;
    const offset = 8 * slot;
    slot += type === Type.v128 ? 2 : 1;
    if (isStackPlace(place)) {
      e.load(loadRow(type === Type.i32 ? Type.f32 : type), scratchFloat, rsp, area + stackOffset(place));
      e.store(type === Type.v128 ? Amd64.movups_mr : Amd64.movsd_mr, scratchFloat, slots, offset);
    } else if (isFloatPlace(place)) e.store(storeRow(type), place, slots, offset);
    else e.store(Amd64.mov64_mr, place, slots, offset);
  }
}

// ---------------------------------------------------------------- stubs per signature or function

/**
 * Where `resumePc` points when a fiber is first entered, with wasmSp the 16-byte aligned top of its stack: calls
 * [Context.entryCode] with the instance Context.entryEnv and arguments from the slots; leaves results in the slots,
 * status `done` and wasmSp as it was.
 */
export function entryAdapter(signature: Signature, host: HostConvention): Uint8Array {
  const e = new HostEncoder(host);
  const layout = signatureLayout(signature);
  const area = layout.stackBytes;
  if (area !== 0) e.emit(Amd64.sub64_ri, 0, rsp, area);
  e.load(Amd64.mov64_rm, rbp, contextRegister, Context.slots);
  slotsToPlaces(e, signature.params, layout.params, rbp, 0);
  e.load(Amd64.mov64_rm, instanceRegister, contextRegister, Context.entryEnv);
  e.callThrough(contextRegister, Context.entryCode);
  e.load(Amd64.mov64_rm, rbp, contextRegister, Context.slots);
  placesToSlots(e, signature.results, layout.results, rbp, 0);
  if (area !== 0) e.emit(Amd64.add64_ri, 0, rsp, area);
  e.leave(ExitStatus.done);
  return e.finished();
}

/** What the instance register points at, and its first word, by which TypeScript finds the object. */
function storeEnvironment(e: StubEncoder): void {
  e.store(Amd64.mov64_mr, instanceRegister, contextRegister, Context.env);
  e.load(Amd64.mov32_rm, rbp, instanceRegister, 0);
  e.store(Amd64.mov32_mr, rbp, contextRegister, Context.envIndex);
}

/** Arguments to slots, out with `status`, results from slots, back to the caller. */
function exitForCall(e: HostEncoder, signature: Signature, status: ExitStatus): void {
  const layout = signatureLayout(signature);
  const returnAddress = 8;
  storeEnvironment(e);
  if (signature.params.length !== 0) e.load(Amd64.mov64_rm, rbp, contextRegister, Context.slots);
  placesToSlots(e, signature.params, layout.params, rbp, returnAddress);
  e.forgetCall();
  e.leaveAndResume(status);
  if (signature.results.length !== 0) e.load(Amd64.mov64_rm, rbp, contextRegister, Context.slots);
  slotsToPlaces(e, signature.results, layout.results, rbp, returnAddress);
  e.returnUnpredicted();
}

/** An import's code: called as a Wasm function, with the HostRecord as instance. */
export function hostStub(signature: Signature, host: HostConvention): Uint8Array {
  const e = new HostEncoder(host);
  exitForCall(e, signature, ExitStatus.hostCall);
  return e.finished();
}

/** What a call slot leads to while function `index` has no code. */
export function lazyStub(index: number): Uint8Array {
  const e = new StubEncoder();
  e.storeImmediate(Amd64.mov32_mi, index, contextRegister, Context.callIndex);
  e.jumpThrough(contextRegister, Context.compileStub);
  return e.finished();
}

/** jmp [rip + displacement]; the displacement counts from the end of these bytes to the slot. */
export function slotThunk(address: number, slot: number): Uint8Array {
  const e = new StubEncoder();
  e.setRipRelative();
  e.indirect(4);
  putWord32(e.bytes, e.ripPosition, slot - (address + e.size));
  return e.finished();
}

/** call [rip + displacement]: the relocation is at the displacement, which counts from its end. */
export function linkCall(bytes: Uint8Array, offset: number, address: number, slot: number): void {
  putWord32(bytes, offset, slot - (address + offset + 4));
}

/** A 32-bit immediate. */
export function linkSignature(bytes: Uint8Array, offset: number, signature: number): void {
  putWord32(bytes, offset, signature);
}

// ---------------------------------------------------------------- fixed stubs

const builtinTypes = { i32: Type.i32, i64: Type.i64, ptr: Type.ptr } as const;

function builtinStub(e: HostEncoder, number: number): void {
  const b = builtins[number]!;
  if (b.native) {
    nativeBuiltin(e, b.name === "memoryMove" ? Context.memmove : Context.memset);
    return;
  }
  const params = b.params.map((name) => builtinTypes[name]);
  const results = b.result === null ? [] : [builtinTypes[b.result]];
  e.storeImmediate(Amd64.mov32_mi, number, contextRegister, Context.callIndex);
  exitForCall(e, { params, results }, ExitStatus.builtin);
}

/** Bytes that a native routine moves at a stretch: a fraction of a millisecond, also where each page is touched first. */
const piece = 1 << 20;

/**
 * memmove or memset of the C library, on the fiber's stack. rsp is 8 below a multiple of 16 here, and C conventions
 * want it aligned at a call. They keep rbx, rbp and r12 to r15. Its frames are small: the limit's reserve holds them.
 *
 * The interrupt signal is without effect in there. So the interrupt word is looked at afterwards, and what is long is
 * done piece by piece.
 */
function nativeBuiltin(e: HostEncoder, pointer: number): void {
  e.emit(Amd64.cmp64_ri, 0, rcx, piece);
  const long = e.branch(above);
  moveAll(e, e.host.arguments, [rax, rdx, rcx]);
  callNative(e, pointer);
  const interrupted = e.branch(below);
  e.return();
  interrupted();
  e.jumpThrough(contextRegister, Context.interruptStub);
  long();
  inPieces(e, pointer);
}

/** Moves registers where none of `to` is needed by a later move, given one order or its reverse. */
function moveAll(e: HostEncoder, to: readonly number[], from: readonly number[]): void {
  const pending = to.map((_, k) => k).filter((k) => to[k] !== from[k]);
  while (pending.length > 0) {
    const next = pending.findIndex((k) => !pending.some((other) => other !== k && from[other] === to[k]));
    const [k] = pending.splice(next, 1) as [number];
    e.emit(Amd64.mov64_rr, to[k]!, from[k]!);
  }
}

/** Calls it, then compares as an interrupt check does: `below` if there is an interrupt. */
function callNative(e: HostEncoder, pointer: number): void {
  const space = 8 + e.host.shadowSpace;
  e.emit(Amd64.sub64_ri, 0, rsp, space);
  e.callThrough(contextRegister, pointer);
  e.emit(Amd64.add64_ri, 0, rsp, space);
  e.load(Amd64.cmp64_rm, rsp, contextRegister, Context.interrupt);
}

/**
 * rbx = destination, r12 = source or byte, r13 = bytes left. Where a copy's destination begins within its source, which
 * rbp then says, the last piece comes first: so none overwrites what a later one reads. Between two pieces the fiber can
 * leave as by the interrupt stub, whose frame this is, with the caller's site above it.
 */
function inPieces(e: HostEncoder, pointer: number): void {
  const copies = pointer === Context.memmove;
  const [first, second, length] = e.host.arguments;
  e.emit(Amd64.mov64_rr, rbx, rax);
  e.emit(Amd64.mov64_rr, r12, rdx);
  e.emit(Amd64.mov64_rr, r13, rcx);
  if (copies) {
    e.emit(Amd64.sub64_rr, rax, rdx);
    e.emit(Amd64.xor32_rr, rbp, rbp);
    e.emit(Amd64.cmp64_rr, rax, rcx);
    e.raw(0x40, 0x0f, 0x92, 0xc5); // setb bpl
  }
  const loop = e.size;
  e.moveImmediate32(length, piece);
  e.emit(Amd64.cmp64_rr, r13, length);
  const whole = e.branch(aboveOrEqual);
  e.emit(Amd64.mov64_rr, length, r13);
  whole();
  e.emit(Amd64.sub64_rr, r13, length);
  e.emit(Amd64.mov64_rr, first, rbx);
  e.emit(Amd64.mov64_rr, second, r12);
  if (copies) nextOfCopy(e);
  else e.emit(Amd64.add64_rr, rbx, length);
  callNative(e, pointer);
  const undisturbed = e.farBranch(aboveOrEqual);
  leaveKeepingAll(e, ExitStatus.interrupt);
  undisturbed();
  e.emit(Amd64.test64_rr, r13, r13);
  const done = e.branch(equal);
  e.jumpBack(loop);
  done();
  e.return();
}

/** Backwards the piece lies behind what is left then, and the beginnings stay. */
function nextOfCopy(e: HostEncoder): void {
  const [first, second, length] = e.host.arguments;
  e.emit(Amd64.test32_rr, rbp, rbp);
  const forwards = e.branch(equal);
  e.emit(Amd64.add64_rr, first, r13);
  e.emit(Amd64.add64_rr, second, r13);
  const go = e.branch(null);
  forwards();
  e.emit(Amd64.add64_rr, rbx, length);
  e.emit(Amd64.add64_rr, r12, length);
  go();
}

function enterRoutine(e: HostEncoder, contextWord: bigint): void {
  e.saveHost();
  e.moveImmediate64(
    rax,
    Number(BigInt.asIntN(32, contextWord)),
    Number(BigInt.asIntN(32, contextWord >> 32n)),
  );
  e.load(Amd64.mov64_rm, contextRegister, rax, 0);
  e.storeImmediate(Amd64.mov32_mi, ExitStatus.running, contextRegister, Context.status);
  e.store(Amd64.mov64_mr, rsp, contextRegister, Context.hostSp);
  e.enterBounds();
  e.load(Amd64.mov64_rm, rsp, contextRegister, Context.wasmSp);
  e.jumpThrough(contextRegister, Context.resumePc);
}

/** Called by a trap exit: the return address is the site. Never resumed. */
function trapRoutine(e: HostEncoder): void {
  e.pop(rax);
  e.store(Amd64.mov64_mr, rax, contextRegister, Context.trapPc);
  e.storeImmediate(Amd64.mov64_mi, 0, contextRegister, Context.faultAddress);
  e.leave(ExitStatus.trap);
}

/**
 * Called by a prologue whose compare with the stack limit failed, `bound` being what it compared (rsp, or rbx for a
 * large frame). Either the stack is really at its end, which is a trap, or the clock has raised the limit, which is an
 * interrupt, after which the prologue goes on. A return address lies on the stack by now, so with rsp up to 8 bytes
 * more than the limit are taken for an overflow, and only if the clock struck just then. Destroys the flags; all
 * registers may hold arguments.
 */
function limitRoutine(e: StubEncoder, bound: number): void {
  e.load(Amd64.cmp64_rm, bound, contextRegister, Context.stackFloor);
  const interrupted = e.branch(aboveOrEqual);
  e.jumpThrough(contextRegister, Context.trapStub);
  interrupted();
  e.jumpThrough(contextRegister, Context.interruptStub);
}

/** Called by interrupt checks: keeps every register, the flags not. */
function interruptRoutine(e: HostEncoder): void {
  leaveKeepingAll(e, ExitStatus.interrupt);
  e.return();
}

/**
 * Where the interrupt signal's handler sends Wasm code, having pushed the address of the next instruction: keeps every
 * register and the flags. Wasm code has nothing below rsp, and no state beyond these registers (the upper halves of
 * the ymm registers are nobody's).
 */
function signalRoutine(e: HostEncoder): void {
  e.raw(0x9c); // pushfq
  leaveKeepingAll(e, ExitStatus.signal);
  e.raw(0x9d); // popfq
  e.return();
}

function leaveKeepingAll(e: HostEncoder, status: ExitStatus): void {
  e.emit(Amd64.sub64_ri, 0, rsp, interruptSaved);
  for (let r = 0; r < 16; r++) {
    if (r !== rsp) e.store(Amd64.mov64_mr, r, rsp, interruptSlot(r));
    e.store(Amd64.movups_mr, 32 + r, rsp, interruptSlot(32 + r));
  }
  e.leaveAndResume(status);
  for (let r = 0; r < 16; r++) {
    if (r !== rsp && r !== contextRegister) e.load(Amd64.mov64_rm, r, rsp, interruptSlot(r));
    e.load(Amd64.movups_rm, 32 + r, rsp, interruptSlot(32 + r));
  }
  e.emit(Amd64.add64_ri, 0, rsp, interruptSaved);
}

/**
 * Jumped to by lazy stubs, callIndex set: keeps whatever may be an argument; goes on at Context.entryCode, which the
 * host sets to the new code. References among the kept registers are in no stack map: the host mustn't sweep
 * reference handles during this exit.
 */
function compileRoutine(e: HostEncoder): void {
  e.emit(Amd64.sub64_ri, 0, rsp, compileSaved);
  const floats = 8 * compileInts.length;
  for (let k = 0; k < compileInts.length; k++) e.store(Amd64.mov64_mr, compileInts[k]!, rsp, 8 * k);
  for (let k = 0; k < floatArguments.length; k++) {
    e.store(Amd64.movups_mr, floatArguments[k]!, rsp, floats + 16 * k);
  }
  storeEnvironment(e);
  e.leaveAndResume(ExitStatus.compile);
  for (let k = 0; k < compileInts.length; k++) e.load(Amd64.mov64_rm, compileInts[k]!, rsp, 8 * k);
  for (let k = 0; k < floatArguments.length; k++) {
    e.load(Amd64.movups_rm, floatArguments[k]!, rsp, floats + 16 * k);
  }
  e.emit(Amd64.add64_ri, 0, rsp, compileSaved);
  e.jumpThrough(contextRegister, Context.entryCode);
}

/** The routines that all modules share. `contextWord`: address of the word that holds the context's address. */
export function fixedStubs(contextWord: bigint, host: HostConvention): FixedStubs {
  const e = new HostEncoder(host);
  const begin = (): number => {
    while (e.size & 15) e.byte(0xcc);
    return e.size;
  };
  const enter = begin();
  enterRoutine(e, contextWord);
  const trapStub = begin();
  trapRoutine(e);
  const interruptStub = begin();
  interruptRoutine(e);
  const signalStub = begin();
  signalRoutine(e);
  const limitStub = begin();
  limitRoutine(e, rsp);
  const frameLimitStub = begin();
  limitRoutine(e, rbx);
  const compileStub = begin();
  compileRoutine(e);
  const faultExit = begin();
  // The handler has written trapPc and faultAddress.
  e.leave(ExitStatus.trap);
  const builtinOffsets = builtins.map((_, number) => {
    const offset = begin();
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
