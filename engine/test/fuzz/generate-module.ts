/**
 * Random valid modules, the same for the same seed.
 *
 * In: a seed. Out: the binary of a WebAssembly 2.0 module that exports all its functions as
 * `f0`, `f1`, ..., its globals as `g0`, ..., its fuel as `fuel`, its memory as `memory`, its tables as `t0`, ...
 * Calls and loops end when the fuel does: set `fuel` before a call. Results are bitwise certain: a NaN whose
 * payload the specification leaves open never reaches a place where bits can be seen.
 *
 * Imports come from module `host`: functions (`host0`, `throw1`: may throw, `enter2`: may call an export),
 * globals (`g0`), sometimes the memory and a table.
 */

import { OP } from "../support/opcodes.js";
import { Random } from "../support/random.js";
import {
  ByteWriter,
  EXTERNREF,
  type ExportPart,
  encodeModule,
  FUNCREF,
  type ImportPart,
  KIND_FUNCTION,
  KIND_GLOBAL,
  KIND_MEMORY,
  KIND_TABLE,
  type ValueType,
} from "../support/wasm-bytes.js";
import { writeConstant } from "./generate-constants.js";
import { reshape, statement } from "./generate-control.js";
import { ModulePlan, type TablePlan } from "./generate-plan.js";
import { FunctionState } from "./generate-state.js";

export interface GenerateOptions {
  /** the largest number of instructions in a function, roughly; 350 by default */
  readonly size?: number;
}

/** Fuel in a fresh instance. */
export const INITIAL_FUEL = 200;

function constantExpression(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter();
  write(out);
  out.u8(OP.end);
  return out.toBytes();
}

class ModuleGenerator {
  private readonly random: Random;
  private readonly plan: ModulePlan;
  private readonly importsMemory: boolean;
  private readonly importsTable: boolean;

  constructor(
    seed: number,
    private readonly size: number,
  ) {
    this.random = new Random(seed);
    this.plan = new ModulePlan(this.random);
    this.importsMemory = this.random.chance(20);
    this.importsTable = this.random.chance(20);
  }

  generate(): Uint8Array {
    const plan = this.plan;
    const defined = plan.functions.slice(plan.importedFunctions);
    const bodies = defined.map((_, index) => this.functionBody(plan.importedFunctions + index));
    const start = this.random.chance(5) ? this.startFunction() : undefined;
    const globals = plan.globals.filter((global) => !global.imported).map((global) => this.global(global));
    const elements = this.elements();
    const data = plan.data.map((segment, index) =>
      this.dataSegment(segment.length, segment.passive, index === 0),
    );
    return encodeModule({
      types: plan.types,
      imports: this.imports(),
      functions: defined,
      tables: this.importsTable ? plan.tables.slice(1) : plan.tables,
      memories:
        this.importsMemory || !plan.features.memory
          ? []
          : [{ minimum: plan.memoryPages, maximum: plan.memoryMaximum }],
      globals,
      exports: this.exports(),
      start,
      elements,
      dataCount: data.length > 0 ? data.length : undefined,
      bodies,
      data,
    });
  }

  private functionBody(index: number): Uint8Array {
    const random = this.random;
    const budget = Math.round(20 * (this.size / 20) ** (random.below(1000) / 1000));
    const s = new FunctionState(this.plan, index, this.plan.typeOf(index), budget);
    s.burnFuel();
    const depth = random.between(2, 9);
    let guard = random.between(1, 40);
    while (s.left > 0 && guard-- > 0) statement(s, depth);
    s.left = Math.max(s.left, 20);
    if (random.chance(60)) s.digest(random.pick([6, 12, 40]));
    reshape(s, [], s.type.results, depth);
    if (random.chance(10)) s.op(OP.return);
    s.op(OP.end);
    return s.finish();
  }

  /** A function without parameters and results, if there happens to be one. */
  private startFunction(): number | undefined {
    const index = this.plan.functions.findIndex((typeIndex) => {
      const type = this.plan.types[typeIndex];
      return type?.params.length === 0 && type.results.length === 0;
    });
    return index < 0 ? undefined : index;
  }

  private global(global: ModulePlan["globals"][number]) {
    const plan = this.plan;
    const isFuel = plan.globals[plan.fuelGlobal] === global;
    const imported = plan.globals.findIndex(
      (other) => other.imported && !other.mutable && other.type === global.type,
    );
    const init = constantExpression((out) => {
      if (isFuel) {
        out.u8(OP.i32Const);
        out.s32(INITIAL_FUEL);
      } else if (imported >= 0 && this.random.chance(50)) {
        out.u8(OP.globalGet);
        out.u32(imported);
      } else if (global.type === FUNCREF && this.random.chance(60)) {
        out.u8(OP.refFunc);
        out.u32(this.random.below(plan.functions.length));
      } else writeConstant(out, this.random, global.type);
    });
    return { type: global.type, mutable: global.mutable, init };
  }

  private imports(): ImportPart[] {
    const plan = this.plan;
    const parts: ImportPart[] = plan.importNames.map((name, index) => ({
      module: "host",
      name,
      kind: KIND_FUNCTION,
      typeIndex: plan.functions[index] as number,
    }));
    if (this.importsTable && plan.tables.length > 0) {
      const table = plan.tables[0] as TablePlan;
      parts.push({ module: "host", name: "table", kind: KIND_TABLE, table });
    }
    if (this.importsMemory && plan.features.memory) {
      const memory = { minimum: plan.memoryPages, maximum: plan.memoryMaximum };
      parts.push({ module: "host", name: "memory", kind: KIND_MEMORY, memory });
    }
    plan.globals.forEach((global, index) => {
      if (global.imported) parts.push({ module: "host", name: `g${index}`, kind: KIND_GLOBAL, global });
    });
    return parts;
  }

  private exports(): ExportPart[] {
    const plan = this.plan;
    const parts: ExportPart[] = plan.functions.map((_, index) => ({
      name: `f${index}`,
      kind: KIND_FUNCTION,
      index,
    }));
    plan.globals.forEach((_, index) => {
      const name = index === plan.fuelGlobal ? "fuel" : `g${index}`;
      parts.push({ name, kind: KIND_GLOBAL, index });
    });
    plan.tables.forEach((_, index) => {
      parts.push({ name: `t${index}`, kind: KIND_TABLE, index });
    });
    if (plan.features.memory) parts.push({ name: "memory", kind: KIND_MEMORY, index: 0 });
    return parts;
  }

  private dataSegment(length: number, passive: boolean, low: boolean): Uint8Array {
    const random = this.random;
    const out = new ByteWriter();
    if (passive) out.u8(1);
    else {
      const explicit = random.chance(20);
      out.u8(explicit ? 2 : 0);
      if (explicit) out.u8(0);
      out.bytes(
        constantExpression((offset) => {
          offset.u8(OP.i32Const);
          offset.s32(random.below(low ? 16 : 0x8000));
        }),
      );
    }
    out.u32(length);
    for (let index = 0; index < length; index++) out.u8(random.next() & 0xff);
    return out.toBytes();
  }

  /** The passive segments that code refers to, the function table's contents, and all functions as declared. */
  private elements(): Uint8Array[] {
    const plan = this.plan;
    const segments = plan.elements.map((segment) => this.passiveElements(segment.element, segment.count));
    const table = plan.tables[0];
    if (table !== undefined && table.slots.length > 0) segments.push(this.activeElements(table));
    segments.push(this.declaredElements());
    return segments;
  }

  private passiveElements(element: ValueType, count: number): Uint8Array {
    const out = new ByteWriter();
    if (element === FUNCREF && this.random.chance(50)) {
      out.bytes([1, 0]);
      out.u32(count);
      for (let index = 0; index < count; index++) out.u32(this.random.below(this.plan.functions.length));
      return out.toBytes();
    }
    out.bytes([5, element]);
    out.u32(count);
    for (let index = 0; index < count; index++) this.elementExpression(out, element);
    return out.toBytes();
  }

  private elementExpression(out: ByteWriter, element: ValueType): void {
    if (element === EXTERNREF || this.random.chance(30)) out.bytes([OP.refNull, element]);
    else {
      out.u8(OP.refFunc);
      out.u32(this.random.below(this.plan.functions.length));
    }
    out.u8(OP.end);
  }

  private activeElements(table: TablePlan): Uint8Array {
    const out = new ByteWriter();
    const flags = this.random.pick([0, 2, 4, 6]);
    const zero = [OP.i32Const, 0, OP.end];
    out.u8(flags);
    if (flags === 2 || flags === 6) out.u8(0);
    out.bytes(zero);
    if (flags === 2) out.u8(0);
    if (flags === 6) out.u8(FUNCREF);
    out.u32(table.slots.length);
    for (const slot of table.slots) {
      if (flags >= 4) out.u8(OP.refFunc);
      out.u32(slot);
      if (flags >= 4) out.u8(OP.end);
    }
    return out.toBytes();
  }

  private declaredElements(): Uint8Array {
    const out = new ByteWriter();
    out.bytes([3, 0]);
    out.u32(this.plan.functions.length);
    for (let index = 0; index < this.plan.functions.length; index++) out.u32(index);
    return out.toBytes();
  }
}

/**
 * The random module of a seed.
 *
 * @example
 * const bytes = generateModule(42); // always the same bytes
 */
export function generateModule(seed: number, options: GenerateOptions = {}): Uint8Array {
  return new ModuleGenerator(seed, options.size ?? 350).generate();
}
