/**
 * A function of the host's as native code sees it: a HostRecord that its signature's stub gets in place of an
 * instance, and the way from the slots to JavaScript values and back.
 */
import type { FuncType } from "../wasm/types.js";
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import { SuspendError } from "./errors.js";
import { FunctionReference } from "./function.js";
import { HostRecord } from "./layout.js";
import { LinkGroup } from "./link-group.js";
import { readSlots, readSlot, writeResults } from "./values.js";

// biome-ignore lint/complexity/noBannedTypes: any callable, exotic ones included
export type Callable = Function;

export class HostFunction extends FunctionReference {
  private readonly record: Int32Array;
  private readonly arity: number;

  /**
   * @param suspending the host wants a returned promise to park the caller (JavaScript Promise Integration)
   */
  constructor(
    engine: Engine,
    readonly callee: Callable,
    type: FuncType,
    readonly suspending = false,
  ) {
    const signature = engine.signatures.of(type);
    const record = new Int32Array(HostRecord.size >> 2);
    super(engine, signature, new Int32Array(8), 0, new LinkGroup());
    this.record = record;
    this.arity = type.params.length;
    this.fillRecord(signature.hostStubAddress, engine.platform.addressOf(record.buffer));
    this.linkGroup.addEnvironment(this);
  }

  setEnvironmentIndex(index: number): void {
    this.record[HostRecord.index >> 2] = index;
  }

  /**
   * Calls the host with the arguments in the fiber's slots. Returns what it returned, not yet converted.
   * Whatever it throws passes through unchanged.
   */
  invoke(fiber: Fiber, group: LinkGroup): unknown {
    const { callee, arity } = this;
    const types = this.type.params;
    if (arity === 0) return Reflect.apply(callee, undefined, []);
    if (arity === 1) return Reflect.apply(callee, undefined, [readSlot(fiber, group, types[0]!, 0)]);
    return Reflect.apply(callee, undefined, readSlots(fiber, group, types));
  }

  /** Errors: SuspendError unless the fiber was entered by a promising call. */
  requireParkable(fiber: Fiber): void {
    if (fiber.promising) return;
    const outer = [...fiber.group!.fibers].some((other) => other.promising);
    throw new SuspendError(
      outer ? "trying to suspend JS frames" : "trying to suspend without WebAssembly.promising",
    );
  }

  /** Puts a result of the host's into the slots. Errors: TypeError where it can't be converted. */
  complete(fiber: Fiber, group: LinkGroup, result: unknown): void {
    writeResults(this.engine, fiber, group, this.type.results, result);
  }
}
