/**
 * Encodes stubs: loads and stores with plain displacements, branches, and what leads from Wasm code to the host and back.
 * What that means is told in trampoline.ts.
 */
import { Context, type ExitStatus } from "../../runtime/layout.js";
import { Encoder, inMemory } from "./encode.js";
import { putWord32 } from "./encode-layout.js";
import type { HostConvention } from "./host-convention.js";
import { Amd64 } from "./instructions.js";
import { contextRegister, rax, rbp, rsp } from "./registers.js";

export class StubEncoder extends Encoder {
  raw(...bytes: number[]): void {
    for (const b of bytes) this.byte(b);
  }
  load(row: number, to: number, base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.emit(row, to, inMemory);
  }
  store(row: number, from: number, base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.emit(row, from, inMemory);
  }
  storeImmediate(row: number, value: number, base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.emit(row, 0, inMemory, value);
  }
  callThrough(base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.indirect(2);
  }
  jumpThrough(base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.indirect(4);
  }

  /**
   * Takes one entry off the processor's return predictor: that of the call which led to this stub. The host's frames
   * are returned to next, and a predictor off by one would be wrong about every one of them: 33 ns instead of 42 for
   * a host call out and back. Destroys rax.
   */
  forgetCall(): void {
    this.setRipRelative();
    this.emit(Amd64.lea64, rax, inMemory);
    const displacement = this.ripPosition;
    this.push(rax);
    this.return();
    putWord32(this.bytes, displacement, this.size - (displacement + 4));
  }

  /** Returns to Wasm without the predictor, whose top now belongs to the host. Destroys rbp. */
  returnUnpredicted(): void {
    this.pop(rbp);
    this.indirectRegister(4, rbp);
  }

  /** A branch (null: always) over less than 128 bytes. What it returns is called where it leads to. */
  branch(condition: number | null): () => void {
    this.raw(condition === null ? 0xeb : 0x70 | condition, 0);
    const end = this.size;
    return () => {
      this.bytes[end - 1] = this.size - end;
    };
  }
  /** The same over any distance. */
  farBranch(condition: number): () => void {
    this.raw(0x0f, 0x80 | condition, 0, 0, 0, 0);
    const end = this.size;
    return () => putWord32(this.bytes, end - 4, this.size - end);
  }
  jumpBack(target: number): void {
    this.raw(0xe9, 0, 0, 0, 0);
    putWord32(this.bytes, this.size - 4, target - this.size);
  }

  finished(): Uint8Array {
    return this.bytes.slice(0, this.size);
  }
}

/** Encodes stubs that enter, leave, or call C code: those depend on the host's convention. */
export class HostEncoder extends StubEncoder {
  constructor(readonly host: HostConvention) {
    super();
  }

  /** An instruction with the word at gs + offset: `prefix` is what stands before the displacement, without the gs prefix. */
  private inThreadBlock(offset: number, ...prefix: number[]): void {
    this.raw(0x65, ...prefix);
    this.word32(offset);
  }

  /** Onto the host's stack with what the host wants back. Goes on with the fiber's bounds. Destroys rax. */
  saveHost(): void {
    const { savedIntegers, savedFloats, stackBounds } = this.host;
    for (const r of savedIntegers) this.push(r);
    for (const { threadBlock } of stackBounds) this.inThreadBlock(threadBlock, 0xff, 0x34, 0x25); // push gs:[...]
    if (savedFloats.length === 0) return;
    this.emit(Amd64.sub64_ri, 0, rsp, 16 * savedFloats.length);
    savedFloats.forEach((r, k) => void this.store(Amd64.movups_mr, r, rsp, 16 * k));
  }

  /** The thread is on the fiber's stack from here on. Destroys rax. */
  enterBounds(): void {
    for (const { threadBlock, context } of this.host.stackBounds) {
      this.load(Amd64.mov64_rm, rax, contextRegister, context);
      this.inThreadBlock(threadBlock, 0x48, 0x89, 0x04, 0x25); // mov gs:[...], rax
    }
  }

  /** Undoes `saveHost`. */
  restoreHost(): void {
    const { savedIntegers, savedFloats, stackBounds } = this.host;
    savedFloats.forEach((r, k) => void this.load(Amd64.movups_rm, r, rsp, 16 * k));
    if (savedFloats.length !== 0) this.emit(Amd64.add64_ri, 0, rsp, 16 * savedFloats.length);
    for (const { threadBlock } of [...stackBounds].reverse())
      this.inThreadBlock(threadBlock, 0x8f, 0x04, 0x25); // pop gs:[...]
    for (const r of [...savedIntegers].reverse()) this.pop(r);
  }

  /** Back to the host, for good: the stack pointer is kept for whoever looks at the fiber. */
  leave(status: ExitStatus): void {
    this.storeImmediate(Amd64.mov32_mi, status, contextRegister, Context.status);
    this.store(Amd64.mov64_mr, rsp, contextRegister, Context.wasmSp);
    this.load(Amd64.mov64_rm, rsp, contextRegister, Context.hostSp);
    this.restoreHost();
    this.return();
  }

  /** Back to the host, to go on with what is emitted next, all registers but rsp and r15 lost. */
  leaveAndResume(status: ExitStatus): void {
    this.setRipRelative();
    this.emit(Amd64.lea64, rax, inMemory);
    const displacement = this.ripPosition;
    this.store(Amd64.mov64_mr, rax, contextRegister, Context.resumePc);
    this.leave(status);
    putWord32(this.bytes, displacement, this.size - (displacement + 4));
  }
}
