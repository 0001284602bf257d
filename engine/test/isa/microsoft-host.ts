/**
 * A host of Microsoft's convention on a system that follows System V's. Code in between calls routines as Windows would:
 * with a thread's block at gs, values in every register that a callee keeps, and space above the return address; afterwards
 * all of that must be as it was. Functions of the C library are called as Windows has them: they overwrite that space and
 * every register that a callee may.
 *
 * Source: arch_prctl(2) (ARCH_SET_GS); nothing else of the process uses gs on Linux for amd64.
 */
import { inMemory } from "../../isa/amd64/encode.js";
import { microsoft } from "../../isa/amd64/host-convention.js";
import { Amd64 } from "../../isa/amd64/instructions.js";
import {
  r8,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  xmm,
} from "../../isa/amd64/registers.js";
import { StubEncoder } from "../../isa/amd64/stub-encoder.js";
import type { Platform } from "../../platform/index.js";

const sysArchPrctl = 158;
const archSetGs = 0x1001;
const systemVSaved = [rbx, rbp, r12, r13, r14, r15];
const { savedIntegers, savedFloats, shadowSpace } = microsoft;

/** Bytes of the record: integers, floats, rsp before and after. */
const floatsAt = 8 * savedIntegers.length;
const spAt = floatsAt + 16 * savedFloats.length;
const recordSize = spAt + 16;
/** What the thread's block says of the host's stack. */
export const hostBounds = [
  { offset: 0x08, value: 0x7777_0000_1000n },
  { offset: 0x10, value: 0x7777_0000_2000n },
  { offset: 0x1478, value: 0x7777_0000_3000n },
];

const integerValue = (k: number): bigint => 0x1111_2222_3333_0000n + BigInt(k);
const floatValue = (k: number): bigint => 0x4444_5555_6666_0000n + BigInt(k);
const halves = (value: bigint): [number, number] => [
  Number(BigInt.asIntN(32, value)),
  Number(BigInt.asIntN(32, value >> 32n)),
];

/** A routine `void f()` of Microsoft's convention, called so that what it must keep is checked. */
export class MicrosoftHost {
  private readonly kept = new DataView(new ArrayBuffer(recordSize));
  private readonly threadBlock = new DataView(new ArrayBuffer(0x2000));

  /** @param add puts code into executable memory and returns its address */
  constructor(
    private readonly platform: Platform,
    private readonly add: (bytes: Uint8Array) => number,
  ) {
    for (const { offset, value } of hostBounds) this.threadBlock.setBigUint64(offset, value, true);
  }

  /** Throws an Error when something that the routine must keep comes back changed. */
  routine(address: number): () => void {
    const record = BigInt(this.platform.addressOf(this.kept.buffer));
    const block = BigInt(this.platform.addressOf(this.threadBlock.buffer));
    const call = this.platform.routine(this.add(callerOf(BigInt(address), record, block)));
    return () => {
      call();
      this.check();
    };
  }

  /** A function of this system's C library as one of Windows's. */
  libraryFunction(address: number): number {
    return this.add(asMicrosoft(BigInt(address)));
  }

  private check(): void {
    const { kept, threadBlock } = this;
    savedIntegers.forEach((r, k) => void expect(`r${r}`, kept.getBigUint64(8 * k, true), integerValue(k)));
    savedFloats.forEach((r, k) => {
      const at = floatsAt + 16 * k;
      expect(`xmm${r - xmm(0)}`, kept.getBigUint64(at, true), floatValue(k));
      expect(`xmm${r - xmm(0)}, upper half`, kept.getBigUint64(at + 8, true), floatValue(k));
    });
    expect("rsp", kept.getBigUint64(spAt + 8, true), kept.getBigUint64(spAt, true));
    for (const { offset, value } of hostBounds)
      expect(`gs:[${offset.toString(16)}]`, threadBlock.getBigUint64(offset, true), value);
  }
}

function expect(what: string, found: bigint, wanted: bigint): void {
  if (found !== wanted)
    throw new Error(`${what} came back as 0x${found.toString(16)}, not 0x${wanted.toString(16)}`);
}

function setGs(e: StubEncoder, address: bigint): void {
  e.moveImmediate32(rax, sysArchPrctl);
  e.moveImmediate32(rdi, archSetGs);
  e.moveImmediate64(rsi, ...halves(address));
  e.raw(0x0f, 0x05);
}

/** System V's `void f()` that calls `enter` by Microsoft's convention. */
function callerOf(enter: bigint, record: bigint, threadBlock: bigint): Uint8Array {
  const e = new StubEncoder();
  for (const r of systemVSaved) e.push(r);
  setGs(e, threadBlock);
  savedFloats.forEach((r, k) => {
    e.moveImmediate64(rax, ...halves(floatValue(k)));
    e.emit(Amd64.movq_xr, r, rax);
    e.emit(Amd64.punpcklqdq_rr, r, r);
  });
  savedIntegers.forEach((r, k) => void e.moveImmediate64(r, ...halves(integerValue(k))));
  e.moveImmediate64(rax, ...halves(record));
  // rsp is a multiple of 16 at the call.
  e.emit(Amd64.sub64_ri, 0, rsp, shadowSpace + 8);
  e.store(Amd64.mov64_mr, rsp, rax, spAt);
  e.moveImmediate64(rax, ...halves(enter));
  e.indirectRegister(2, rax);
  e.moveImmediate64(rax, ...halves(record));
  e.store(Amd64.mov64_mr, rsp, rax, spAt + 8);
  savedIntegers.forEach((r, k) => void e.store(Amd64.mov64_mr, r, rax, 8 * k));
  savedFloats.forEach((r, k) => void e.store(Amd64.movups_mr, r, rax, floatsAt + 16 * k));
  e.load(Amd64.mov64_rm, rsp, rax, spAt);
  e.emit(Amd64.add64_ri, 0, rsp, shadowSpace + 8);
  setGs(e, 0n);
  for (const r of [...systemVSaved].reverse()) e.pop(r);
  e.return();
  return e.finished();
}

/** A function of System V's as one of Microsoft's. Traps if rsp isn't aligned as it must be. */
function asMicrosoft(target: bigint): Uint8Array {
  const e = new StubEncoder();
  for (let at = 8; at <= shadowSpace; at += 8) {
    e.setAddress(rsp, at);
    e.emit(Amd64.mov64_mi, 0, inMemory, -1);
  }
  e.push(rdi);
  e.push(rsi);
  e.emit(Amd64.sub64_ri, 0, rsp, 16 * savedFloats.length + 8);
  // movaps traps on an address that is no multiple of 16.
  savedFloats.forEach((r, k) => {
    e.store(Amd64.movups_mr, r, rsp, 16 * k);
    if (k === 0) e.raw(0x0f, 0x29, 0x34, 0x24); // movaps [rsp], xmm6
  });
  e.emit(Amd64.mov64_rr, rdi, rcx);
  e.emit(Amd64.mov64_rr, rsi, rdx);
  e.emit(Amd64.mov64_rr, rdx, r8);
  e.moveImmediate64(rax, ...halves(target));
  e.indirectRegister(2, rax);
  savedFloats.forEach((r, k) => void e.load(Amd64.movups_rm, r, rsp, 16 * k));
  e.emit(Amd64.add64_ri, 0, rsp, 16 * savedFloats.length + 8);
  e.pop(rsi);
  e.pop(rdi);
  for (const r of [rcx, rdx, r8, 9, 10, 11]) e.moveImmediate32(r, 0x5a5a5a5a);
  for (let k = 0; k < 6; k++) e.emit(Amd64.movq_xr, xmm(k), rcx);
  e.return();
  return e.finished();
}
