/**
 * A toy runtime for tests of machine code: a context, a stack, the fixed stubs, and a place for code, without
 * modules or instances.
 */
import { nativeTarget } from "../../isa/index.js";
import type { FixedStubs, Target } from "../../machine/target.js";
import { createPlatform, type ExecutableMapping, type Platform } from "../../platform/index.js";
import { Context } from "../../runtime/layout.js";

/** Whether code of an instruction set runs in this process, on a system that the engine has a platform for. */
export const isNativeHere = (name: Target["name"]): boolean =>
  process.platform === "linux" && nativeTarget().name === name;

const stackSize = 1 << 18;
const slotBytes = 1024;
/** Bytes of the context record after the context itself, for the code under test. */
export const spareOffset = (Context.size + 63) & ~63;
const spareBytes = 1024;
export const environmentIndex = 4321;

export class NativeBench {
  readonly context = new DataView(new ArrayBuffer(spareOffset + spareBytes));
  readonly slots = new DataView(new ArrayBuffer(slotBytes));
  readonly stubs: FixedStubs;
  readonly stackTop: number;
  readonly contextAddress: number;
  private readonly contextWord = new BigUint64Array(new ArrayBuffer(16));
  private readonly code: ExecutableMapping;
  private used = 0;
  private enterRoutine: (() => void) | undefined = undefined;
  readonly stubsAddress: number;
  /** Stands for an instance or HostRecord: its first word is `environmentIndex`. */
  private readonly record = new Uint32Array(new ArrayBuffer(64)).fill(environmentIndex, 0, 1);
  readonly environment: number;

  constructor(
    readonly target: Target = nativeTarget(),
    readonly platform: Platform = createPlatform(target),
  ) {
    const { context } = this;
    this.environment = platform.addressOf(this.record.buffer);
    this.code = platform.mapCode(1 << 22, 1 << 16);
    this.contextAddress = platform.addressOf(context.buffer);
    this.contextWord[0] = BigInt(this.contextAddress);
    this.stubs = this.target.fixedStubs(BigInt(platform.addressOf(this.contextWord.buffer)));
    this.stubsAddress = this.add(this.stubs.bytes);
    const stack = platform.allocate(stackSize);
    this.stackTop = stack + stackSize;
    this.set(Context.stackLimit, stack + 32768);
    this.set(Context.stackFloor, stack + 32768);
    this.set(Context.stackTop, this.stackTop);
    this.set(Context.stackBottom, stack);
    this.set(Context.slots, platform.addressOf(this.slots.buffer));
    this.set(Context.trapStub, this.stubsAddress + this.stubs.trapStub);
    this.set(Context.interruptStub, this.stubsAddress + this.stubs.interruptStub);
    this.set(Context.limitStub, this.stubsAddress + this.stubs.limitStub);
    this.set(Context.frameLimitStub, this.stubsAddress + this.stubs.frameLimitStub);
    this.set(Context.compileStub, this.stubsAddress + this.stubs.compileStub);
    this.set(Context.memmove, platform.symbol("memmove"));
    this.set(Context.memset, platform.symbol("memset"));
    for (const [i, offset] of this.stubs.builtins.entries()) {
      this.set(Context.builtins + 8 * i, this.stubsAddress + offset);
    }
  }

  /** Puts code into executable memory, 16-byte aligned; returns its address. */
  add(bytes: Uint8Array): number {
    const at = this.used;
    this.code.write(at, bytes);
    this.used = (at + bytes.length + 15) & ~15;
    return this.code.address + at;
  }

  /** Where the next code will lie. */
  get next(): number {
    return this.code.address + this.used;
  }

  set(offset: number, value: number | bigint): void {
    this.context.setBigUint64(offset, BigInt(value), true);
  }
  get(offset: number): number {
    return Number(this.context.getBigUint64(offset, true));
  }
  get status(): number {
    return this.context.getUint32(Context.status, true);
  }
  get callIndex(): number {
    return this.context.getUint32(Context.callIndex, true);
  }

  /** What the clock does to a context, and undoing it. */
  raiseInterrupt(): void {
    this.context.setBigInt64(Context.interrupt, -1n, true);
    this.context.setBigInt64(Context.stackLimit, -1n, true);
  }
  lowerInterrupt(): void {
    this.set(Context.interrupt, 0);
    this.set(Context.stackLimit, this.get(Context.stackFloor));
  }

  setSlot(n: number, value: bigint): void {
    this.slots.setBigUint64(8 * n, BigInt.asUintN(64, value), true);
  }
  slot(n: number): bigint {
    return this.slots.getBigUint64(8 * n, true);
  }
  setFloat(n: number, value: number): void {
    this.slots.setFloat64(8 * n, value, true);
  }
  float(n: number): number {
    return this.slots.getFloat64(8 * n, true);
  }

  /** Enters an adapter on a fresh stack; returns the exit's status. */
  start(adapter: number, entryCode: number, entryEnv = this.environment): number {
    this.set(Context.wasmSp, this.stackTop);
    this.set(Context.resumePc, adapter);
    this.set(Context.entryCode, entryCode);
    this.set(Context.entryEnv, entryEnv);
    return this.resume();
  }

  resume(): number {
    this.context.setUint32(Context.status, 99, true);
    this.enterRoutine ??= this.callable(this.stubsAddress + this.stubs.enter);
    this.enterRoutine();
    return this.status;
  }

  /** The routine `void f()` at an address as a function. */
  callable(routine: number): () => void {
    return this.platform.routine(routine);
  }

  /** The word on the fiber's stack at an address. */
  stackWord(address: number): number {
    return Number(new DataView(this.platform.view(address, 8)).getBigUint64(0, true));
  }
}
