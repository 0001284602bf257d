/**
 * Runs single SSA functions natively: lowers, allocates (and checks the allocation), encodes and enters them on the
 * toy runtime of `native-bench.ts`. The instance that a function gets is the address of a page of plain bytes,
 * `memory`, so that tests can use it as the base of loads and stores.
 */
import { nativeTarget } from "../../isa/index.js";
import { type MachineCode, RelocationKind, SiteKind } from "../../machine/machine-code.js";
import { allocate, checkAllocation } from "../../machine/regalloc/index.js";
import type { LowerOptions, Signature } from "../../machine/target.js";
import { Context, ExitStatus } from "../../runtime/layout.js";
import type { SsaFunction } from "../../ssa/function.js";
import { layoutBlocks } from "../../ssa/layout.js";
import { Type, trapNames } from "../../ssa/ops.js";
import { verifyFunction } from "../../ssa/verify.js";
import { NativeBench } from "../isa/native-bench.js";

export type Level = "quick" | "full";

export interface RunOptions {
  readonly features: ReadonlySet<string>;
  readonly level: Level;
  readonly guardPages?: boolean;
  readonly signatureOf?: (typeIndex: number) => Signature;
}

const target = nativeTarget();
const optional: Record<typeof target.name, readonly string[]> = {
  amd64: ["avx", "bmi1", "bmi2", "lzcnt", "popcnt"],
  arm64: ["atomics"],
};
export const leastFeatures: ReadonlySet<string> = new Set(target.featureProbe.required.keys());
export const allFeatures: ReadonlySet<string> = new Set([...leastFeatures, ...optional[target.name]]);

/** What a call came to: its results' bits, or the name of a trap. */
export type Outcome = bigint[] | string;

export interface Compiled {
  readonly address: number;
  readonly signature: Signature;
  readonly machine: MachineCode;
}

interface Callee {
  readonly slot: number;
  readonly thunk: number;
}

/** Numbers that `signature` relocations get: the type index and something on top. */
export const canonicalNumber = (typeIndex: number): number => 0x1000 + typeIndex;

export class Executor {
  private bench = new NativeBench();
  private codeBytes = 0;
  private readonly adapters = new Map<string, number>();
  readonly memory = new DataView(new ArrayBuffer(65536));
  /** Function index -> code address, for direct calls. */
  readonly functions = new Map<number, number>();

  /** Compiles `func`, whose parameters after the instance are its signature's. */
  compile(func: SsaFunction, options: RunOptions): Compiled {
    verifyFunction(func, "test");
    const params = func.params[0]!.slice(1).map((v) => func.type[v] as Type);
    const signature: Signature = { params, results: func.results };
    const lowering: LowerOptions = {
      features: options.features,
      guardPages: options.guardPages ?? false,
      keepConstants: options.level === "full",
      signature,
      signatureOf: options.signatureOf ?? (() => signature),
    };
    const code = target.lower(func, layoutBlocks(func).order, lowering);
    const allocation = allocate(code, target.registers, options.level);
    checkAllocation(code, allocation, target.registers);
    const machine = target.encode(code, allocation, lowering);
    return { address: this.place(machine), signature, machine };
  }

  private place(machine: MachineCode): number {
    this.codeBytes += machine.bytes.length + 16;
    if (this.codeBytes > 3_000_000) {
      this.bench = new NativeBench();
      this.adapters.clear();
      this.functions.clear();
      this.codeBytes = 0;
    }
    const bytes = machine.bytes.slice();
    // Calls first: their slots and thunks are put in place before the code, and the code's address must be known then.
    const callees = new Map<number, Callee>();
    machine.relocationOffset.forEach((_, k) => {
      const symbol = machine.relocationSymbol[k]!;
      if (machine.relocationKind[k] === RelocationKind.callSlot) callees.set(symbol, this.callee(symbol));
    });
    const address = this.bench.next;
    machine.relocationOffset.forEach((offset, k) => {
      const symbol = machine.relocationSymbol[k]!;
      if (machine.relocationKind[k] === RelocationKind.signature) {
        target.linkSignature(bytes, offset, canonicalNumber(symbol));
      } else {
        const { slot, thunk } = callees.get(symbol)!;
        target.linkCall(bytes, offset, address, slot, thunk);
      }
    });
    return this.bench.add(bytes);
  }

  /** A call slot with a function's address, and the jump through it. */
  private callee(index: number): Callee {
    const word = new DataView(new ArrayBuffer(8));
    word.setBigUint64(0, BigInt(this.functions.get(index)!), true);
    const slot = this.bench.add(new Uint8Array(word.buffer));
    const thunk = this.bench.add(target.slotThunk(this.bench.next, slot));
    return { slot, thunk };
  }

  private adapter(signature: Signature): number {
    const key = `${signature.params}:${signature.results}`;
    let address = this.adapters.get(key);
    if (address === undefined) {
      address = this.bench.add(target.entryAdapter(signature));
      this.adapters.set(key, address);
    }
    return address;
  }

  get memoryAddress(): number {
    return this.bench.platform.addressOf(this.memory.buffer as ArrayBuffer);
  }

  /** Makes the next interrupt check leave. */
  interrupt(): void {
    this.bench.raiseInterrupt();
  }

  /** Calls compiled code with arguments as bits; `onExit` serves builtins and interrupts. */
  call(compiled: Compiled, args: readonly bigint[], onExit?: (bench: NativeBench) => void): Outcome {
    const { bench } = this;
    for (let k = 0; k < args.length; k++) bench.setSlot(k, args[k]!);
    let status = bench.start(this.adapter(compiled.signature), compiled.address, this.memoryAddress);
    while (onExit !== undefined && status !== ExitStatus.done && status !== ExitStatus.trap) {
      onExit(bench);
      status = bench.resume();
    }
    if (status === ExitStatus.trap) return this.trapName(compiled);
    if (status !== ExitStatus.done) return `exit ${status}`;
    return compiled.signature.results.map((type, k) => {
      const bits = bench.slot(k);
      return type === Type.f32 ? bits & 0xffffffffn : bits;
    });
  }

  private trapName(compiled: Compiled): string {
    const offset = this.bench.get(Context.trapPc) - compiled.address;
    const { siteOffset, siteKind, siteTrap } = compiled.machine;
    for (let k = 0; k < siteOffset.length; k++) {
      if (siteOffset[k] === offset && siteKind[k] === SiteKind.trap) return trapNames[siteTrap[k]!]!;
    }
    return `trap at an unknown place, offset ${offset}`;
  }
}
