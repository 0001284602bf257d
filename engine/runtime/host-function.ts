/**
 * A function of the host's as native code sees it: a HostRecord that its signature's stub gets in place of an
 * instance, and the way from the slots to JavaScript values and back.
 */
import { type FuncType, ValType } from "../wasm/types.js";
import type { Engine } from "./engine.js";
import { SuspendError } from "./errors.js";
import type { Fiber } from "./fiber.js";
import { FunctionReference } from "./function.js";
import { HostRecord } from "./layout.js";
import { LinkGroup } from "./link-group.js";
import { passesVectors, readSlot, readSlots } from "./values.js";

/** Any callable, exotic ones included; called with `undefined` as receiver. */
export type Callable = (...args: unknown[]) => unknown;

export class HostFunction extends FunctionReference {
  private readonly record: Int32Array;
  readonly results: readonly ValType[];
  private readonly onlyI32: boolean;
  private readonly hasVectorParams: boolean;
  /** Whether completing a call makes handles of external references. */
  readonly returnsReferences: boolean;

  /**
   * @param index in the importing module, the name of the function's object
   * @param suspending the host wants a returned promise to park the caller (JavaScript Promise Integration)
   */
  constructor(
    engine: Engine,
    readonly callee: Callable,
    type: FuncType,
    private readonly index: number,
    readonly suspending = false,
  ) {
    const signature = engine.signatures.of(type);
    const record = new Int32Array(HostRecord.size >> 2);
    super(engine, signature, new Int32Array(8), 0, new LinkGroup());
    this.record = record;
    this.results = type.results;
    this.returnsReferences = type.results.includes(ValType.externref);
    this.onlyI32 =
      type.params.length > 0 &&
      type.params.length <= 4 &&
      type.params.every((param) => param === ValType.i32);
    this.hasVectorParams = passesVectors(type.params);
    this.fillRecord(signature.hostStubAddress, engine.platform.addressOf(record.buffer));
    this.linkGroup.addEnvironment(this);
  }

  override get objectName(): string {
    return String(this.index);
  }

  setEnvironmentIndex(index: number): void {
    this.record[HostRecord.index >> 2] = index;
  }

  /**
   * Calls the host with the arguments in the fiber's slots. Returns what it returned, not yet converted.
   * Whatever it throws passes through unchanged. Few arguments are passed without an array: this is the hot path.
   */
  invoke(fiber: Fiber, group: LinkGroup): unknown {
    const { callee, params: types } = this;
    if (this.onlyI32) return this.invokeI32(fiber.i32);
    switch (types.length) {
      case 0:
        return callee();
      case 1:
        return callee(readSlot(fiber, group, types[0], 0));
      case 2:
        if (this.hasVectorParams) break;
        return callee(readSlot(fiber, group, types[0], 0), readSlot(fiber, group, types[1], 1));
      case 3:
        if (this.hasVectorParams) break;
        return callee(
          readSlot(fiber, group, types[0], 0),
          readSlot(fiber, group, types[1], 1),
          readSlot(fiber, group, types[2], 2),
        );
    }
    return callee(...readSlots(fiber, group, types));
  }

  /** The commonest signatures: a few i32. */
  private invokeI32(slots: Int32Array): unknown {
    const { callee } = this;
    switch (this.params.length) {
      case 1:
        return callee(slots[0]);
      case 2:
        return callee(slots[0], slots[2]);
      case 3:
        return callee(slots[0], slots[2], slots[4]);
      default:
        return callee(slots[0], slots[2], slots[4], slots[6]);
    }
  }

  /** Errors: SuspendError unless the fiber was entered by a promising call. */
  requireParkable(fiber: Fiber): void {
    if (fiber.promising) return;
    const outer = [...fiber.group!.fibers].some((other) => other.promising);
    throw new SuspendError(
      outer ? "trying to suspend JS frames" : "trying to suspend without WebAssembly.promising",
    );
  }
}
