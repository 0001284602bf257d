/**
 * What a random module consists of before its code is written: features, types, functions, globals, memory,
 * tables, segments.
 *
 * In: a seeded random source. Out: a `ModulePlan` that function bodies refer to by index. Every module gets its
 * own subset of features ("swarm testing", Groce et al. 2012): leaving some out makes the others meet more often.
 */

import type { Random } from "../support/random.js";
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FunctionType,
  I32,
  I64,
  V128,
  type ValueType,
} from "../support/wasm-bytes.js";

export interface Features {
  readonly wide: boolean;
  readonly floats: boolean;
  readonly memory: boolean;
  readonly bulk: boolean;
  readonly calls: boolean;
  readonly indirect: boolean;
  readonly loops: boolean;
  readonly references: boolean;
  readonly multi: boolean;
  readonly pressure: boolean;
  readonly deep: boolean;
  readonly dead: boolean;
  readonly vectors: boolean;
  /** how many of 1,000 risky operations are left free to trap */
  readonly risk: number;
}

/** A table whose slots below `freeStart` never change: groups of four functions of one type, then nulls. */
export interface TablePlan {
  readonly element: ValueType;
  readonly minimum: number;
  readonly maximum: number;
  /** first slot of the four that hold functions of a type */
  readonly groups: ReadonlyMap<number, number>;
  readonly slots: readonly number[];
  readonly freeStart: number;
}

/** Slots of a table that code may write. */
export const FREE_SLOTS = 8;

export interface GlobalPlan {
  readonly type: ValueType;
  readonly mutable: boolean;
  readonly imported: boolean;
}

export interface DataPlan {
  readonly length: number;
  readonly passive: boolean;
}

export interface ElementPlan {
  readonly count: number;
  readonly element: ValueType;
}

function drawFeatures(random: Random): Features {
  const on = (percent: number) => random.chance(percent);
  return {
    wide: on(80),
    floats: on(70),
    memory: on(80),
    bulk: on(40),
    calls: on(75),
    indirect: on(45),
    loops: on(75),
    references: on(40),
    multi: on(60),
    pressure: on(50),
    deep: on(40),
    dead: on(40),
    vectors: on(35),
    risk: random.pick([0, 0, 0, 2, 5, 15]),
  };
}

export class ModulePlan {
  readonly features: Features;
  readonly types: FunctionType[] = [];
  private readonly typeIndices = new Map<string, number>();
  /** types of the value types in use, repeated by weight */
  readonly numbers: readonly ValueType[];
  readonly values: readonly ValueType[];
  /** those that pass between Wasm and the host: no vectors */
  readonly scalars: readonly ValueType[];
  /** type index of every function, imported ones first */
  readonly functions: number[] = [];
  readonly importNames: string[] = [];
  readonly globals: GlobalPlan[] = [];
  /** the global that bounds calls and loops */
  fuelGlobal = 0;
  /** the global into which functions mix what their locals held */
  digestGlobal = 0;
  readonly memoryPages: number;
  readonly memoryMaximum: number;
  readonly tables: TablePlan[] = [];
  readonly data: DataPlan[] = [];
  /** passive element segments, the first ones of the module */
  readonly elements: ElementPlan[] = [];

  constructor(readonly random: Random) {
    this.features = drawFeatures(random);
    this.numbers = [
      ...[I32, I32, I32],
      ...(this.features.wide ? [I64, I64] : []),
      ...(this.features.floats ? [F32, F64] : []),
    ];
    const references = this.features.references ? [FUNCREF, EXTERNREF] : [];
    this.scalars = [...this.numbers, ...this.numbers, ...references];
    this.values = [...this.scalars, ...(this.features.vectors ? [V128, V128, V128] : [])];
    this.memoryPages = random.between(1, 2);
    this.memoryMaximum = this.memoryPages + random.below(4);
    this.planFunctions();
    this.planGlobals();
    this.planSegments();
    this.planTables();
  }

  /** The index of a function type, added if it is new. */
  typeIndex(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()}>${results.join()}`;
    let index = this.typeIndices.get(key);
    if (index === undefined) {
      index = this.types.length;
      this.types.push({ params: [...params], results: [...results] });
      this.typeIndices.set(key, index);
    }
    return index;
  }

  typeOf(functionIndex: number): FunctionType {
    return this.types[this.functions[functionIndex] as number] as FunctionType;
  }

  get importedFunctions(): number {
    return this.importNames.length;
  }

  randomTypes(count: number, from: readonly ValueType[] = this.values): ValueType[] {
    return Array.from({ length: count }, () => this.random.pick(from));
  }

  /** The host can't call a function with vectors, so most have none. */
  private randomSignature(hosts: boolean): number {
    const random = this.random;
    const from = hosts || random.chance(65) ? this.scalars : this.values;
    const many = random.chance(15) ? random.between(9, 24) : random.below(6);
    const resultCount =
      this.features.multi && random.chance(30) ? random.between(2, random.chance(20) ? 12 : 4) : 1;
    const params = this.randomTypes(many, from);
    return this.typeIndex(params, random.chance(15) ? [] : this.randomTypes(resultCount, from));
  }

  private planFunctions(): void {
    const random = this.random;
    const imports = this.features.calls ? random.below(4) : 0;
    for (let index = 0; index < imports; index++) {
      const kind = random.chance(15) ? "throw" : random.chance(20) ? "enter" : "host";
      this.importNames.push(`${kind}${index}`);
      this.functions.push(this.randomSignature(true));
    }
    const defined = random.between(1, 6);
    for (let index = 0; index < defined; index++) {
      const reuse = this.functions.length > 0 && random.chance(35);
      this.functions.push(reuse ? random.pick(this.functions) : this.randomSignature(false));
    }
  }

  private planGlobals(): void {
    const random = this.random;
    const imported = random.below(3);
    for (let index = 0; index < imported; index++) {
      this.globals.push({ type: random.pick(this.scalars), mutable: random.chance(50), imported: true });
    }
    this.fuelGlobal = this.globals.length;
    this.digestGlobal = this.fuelGlobal + 1;
    this.globals.push(
      { type: I32, mutable: true, imported: false },
      { type: I32, mutable: true, imported: false },
    );
    const defined = random.below(6);
    for (let index = 0; index < defined; index++) {
      this.globals.push({ type: random.pick(this.values), mutable: random.chance(85), imported: false });
    }
  }

  private planSegments(): void {
    const random = this.random;
    if (this.features.memory) {
      // Low addresses are the likely ones: let them not be zero.
      this.data.push({ length: random.between(150, 500), passive: false });
      const count = random.below(4);
      for (let index = 0; index < count; index++) {
        this.data.push({ length: random.below(120), passive: this.features.bulk && random.chance(60) });
      }
    }
    if (this.features.bulk) {
      const count = random.below(3);
      for (let index = 0; index < count; index++) {
        const element = this.features.references && random.chance(30) ? EXTERNREF : FUNCREF;
        this.elements.push({ count: random.below(10), element });
      }
    }
  }

  private planTables(): void {
    if (this.features.indirect || this.features.bulk) this.tables.push(this.functionTable());
    if (this.features.references) this.tables.push(this.freeTable(this.random.pick([EXTERNREF, FUNCREF])));
  }

  private functionTable(): TablePlan {
    const groups = new Map<number, number>();
    const slots: number[] = [];
    for (const typeIndex of new Set(this.functions)) {
      groups.set(typeIndex, slots.length);
      const same = this.functions.flatMap((type, index) => (type === typeIndex ? [index] : []));
      for (let index = 0; index < 4; index++) slots.push(same[index % same.length] as number);
    }
    const freeStart = slots.length + 2;
    const minimum = freeStart + FREE_SLOTS;
    return { element: FUNCREF, minimum, maximum: minimum + this.random.below(6), groups, slots, freeStart };
  }

  private freeTable(element: ValueType): TablePlan {
    const minimum = FREE_SLOTS + this.random.below(4);
    return {
      element,
      minimum,
      maximum: minimum + this.random.below(10),
      groups: new Map(),
      slots: [],
      freeStart: 0,
    };
  }
}
