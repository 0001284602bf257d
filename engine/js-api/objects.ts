/**
 * The JS API's Memory, Table and Global over the runtime's: argument checks and conversions here, state there.
 *
 * Each runtime object has at most one JavaScript object, so exports keep their identity.
 * Source: WebAssembly JavaScript Interface, "Memories", "Tables", "Globals".
 */
import { nodeWebAssembly } from "../platform/index.js";
import { threadEngine } from "../runtime/engine.js";
import { Global as RuntimeGlobal } from "../runtime/global.js";
import { largestPages, Memory as RuntimeMemory } from "../runtime/memory.js";
import { largestTable, Table as RuntimeTable } from "../runtime/table.js";
import { type RefType, ValType } from "../wasm/index.js";
import { asInterface, enforceRange, isObject, member } from "./webidl.js";

const wrappers = new WeakMap<object, object>();

/** The JavaScript object that stands for a runtime object, made when first asked for. */
function wrapperOf<T extends object>(
  runtime: object,
  interfaceClass: { prototype: T },
  attach: (o: T) => void,
): T {
  let object = wrappers.get(runtime) as T | undefined;
  if (object === undefined) {
    object = Object.create(interfaceClass.prototype) as T;
    attach(object);
    wrappers.set(runtime, object);
  }
  return object;
}

const memories = new WeakMap<object, RuntimeMemory>();
const tables = new WeakMap<object, RuntimeTable>();
const globals = new WeakMap<object, RuntimeGlobal>();

/** The runtime object behind a value, or undefined if it is none of ours. */
export const memoryOf = (value: unknown): RuntimeMemory | undefined =>
  isObject(value) ? memories.get(value) : undefined;
export const tableOf = (value: unknown): RuntimeTable | undefined =>
  isObject(value) ? tables.get(value) : undefined;
export const globalOf = (value: unknown): RuntimeGlobal | undefined =>
  isObject(value) ? globals.get(value) : undefined;

export const memoryObject = (memory: RuntimeMemory): Memory =>
  wrapperOf(memory, Memory, (o) => memories.set(o, memory));
export const tableObject = (table: RuntimeTable): Table =>
  wrapperOf(table, Table, (o) => tables.set(o, table));
export const globalObject = (global: RuntimeGlobal): Global =>
  wrapperOf(global, Global, (o) => globals.set(o, global));

function receiver<T>(runtime: T | undefined, what: string): T {
  if (runtime === undefined)
    throw new TypeError(`${what}: Receiver is not a ${what.split(".").slice(0, 2).join(".")}`);
  return runtime;
}

function limit(descriptor: object, name: string, what: string, largest: number): number | undefined {
  const value = member(descriptor, name);
  if (value === undefined) return undefined;
  const property = `${what}: Property '${name}'`;
  const size = enforceRange(value, property);
  if (size > largest) throw new RangeError(`${property}: value ${size} is above the upper bound ${largest}`);
  return size;
}

function requireLimits(
  descriptor: object,
  what: string,
  largestInitial: number,
  largestMaximum: number,
): { initial: number; maximum: number | undefined } {
  const initial = limit(descriptor, "initial", what, largestInitial);
  if (initial === undefined) throw new TypeError(`${what}: Property 'initial' is required`);
  const maximum = limit(descriptor, "maximum", what, largestMaximum);
  if (maximum !== undefined && maximum < initial) {
    throw new RangeError(`${what}: Property 'maximum': value ${maximum} is below the lower bound ${initial}`);
  }
  return { initial, maximum };
}

/** A linear memory: `new Memory({ initial, maximum? })`, sizes in pages of 64 KiB. */
export class Memory {
  constructor(descriptor: { initial: number; maximum?: number; shared?: boolean }) {
    const what = "WebAssembly.Memory()";
    if (!isObject(descriptor)) throw new TypeError(`${what}: Argument 0 must be a memory descriptor`);
    const { initial, maximum } = requireLimits(descriptor, what, largestPages, largestPages);
    const shared = Boolean(member(descriptor, "shared"));
    if (shared && maximum === undefined) {
      throw new TypeError(`${what}: If shared is true, maximum property should be specified.`);
    }
    const { Memory: Native } = nodeWebAssembly();
    const native = new Native({
      initial,
      ...(maximum === undefined ? {} : { maximum }),
      ...(shared ? { shared } : {}),
    });
    const runtime = new RuntimeMemory(threadEngine(), native, maximum);
    memories.set(this, runtime);
    wrappers.set(runtime, this);
  }

  /** The bytes. Growing detaches the buffer that was there before. */
  get buffer(): ArrayBuffer {
    return receiver(memoryOf(this), "WebAssembly.Memory.buffer").buffer;
  }

  /** Adds `delta` pages; returns the number before. Errors: RangeError beyond the maximum. */
  grow(delta: number): number {
    const what = "WebAssembly.Memory.grow()";
    const memory = receiver(memoryOf(this), what);
    const pages = enforceRange(delta, `${what}: Argument 0`);
    memory.monitor.requireStopped();
    const limitPages = memory.maximum ?? largestPages;
    if (memory.pages + pages > limitPages) {
      throw new RangeError(
        `${what}: Maximum memory size exceeded: ${memory.pages} + ${pages} of ${limitPages} pages`,
      );
    }
    return memory.grow(pages);
  }
}
asInterface(Memory, "WebAssembly.Memory");

/** A table of references: `new Table({ element: "anyfunc" | "externref", initial, maximum? }, init?)`. */
export class Table {
  constructor(
    descriptor: { element: "anyfunc" | "externref"; initial: number; maximum?: number },
    ...init: unknown[]
  ) {
    const what = "WebAssembly.Table()";
    if (!isObject(descriptor)) throw new TypeError(`${what}: Argument 0 must be a table descriptor`);
    const element = elementType(member(descriptor, "element"), what);
    const { initial, maximum } = requireLimits(descriptor, what, largestTable, 0xffffffff);
    const runtime = new RuntimeTable(threadEngine(), element, initial, maximum);
    if (init.length > 0 && init[0] !== undefined) {
      runtime.fillWords(0, initial, runtime.wordOf(init[0]));
    } else if (element === ValType.externref && initial > 0) {
      runtime.fillWords(0, initial, runtime.wordOf(undefined));
    }
    tables.set(this, runtime);
    wrappers.set(runtime, this);
  }

  /** Number of elements. */
  get length(): number {
    return receiver(tableOf(this), "WebAssembly.Table.length").length;
  }

  /** Adds `delta` elements; returns the number before. Errors: RangeError beyond the maximum. */
  grow(delta: number, ...init: unknown[]): number {
    const what = "WebAssembly.Table.grow()";
    const table = receiver(tableOf(this), what);
    const count = enforceRange(delta, `${what}: Argument 0`);
    table.linkGroup.monitor.requireStopped();
    const word = init.length > 0 && init[0] !== undefined ? table.wordOf(init[0]) : defaultWord(table);
    const before = table.grow(count, word);
    if (before < 0) throw new RangeError(`${what}: failed to grow table by ${count}`);
    return before;
  }

  /** The element at `index`. Errors: RangeError out of bounds. */
  get(index: number): unknown {
    const what = "WebAssembly.Table.get()";
    const table = receiver(tableOf(this), what);
    const at = indexInto(table, index, what);
    table.linkGroup.monitor.requireStopped();
    return table.get(at);
  }

  /** Sets the element at `index`, to null (funcref) or undefined (externref) by default. */
  set(index: number, ...value: unknown[]): void {
    const what = "WebAssembly.Table.set()";
    const table = receiver(tableOf(this), what);
    const at = indexInto(table, index, what);
    table.linkGroup.monitor.requireStopped();
    table.setWord(at, value.length > 0 ? table.wordOf(value[0]) : defaultWord(table));
  }
}
asInterface(Table, "WebAssembly.Table", { constructor_: 1, grow: 1, set: 1 });

function defaultWord(table: RuntimeTable): number {
  return table.element === ValType.funcref ? table.nullWord : table.wordOf(undefined);
}

function indexInto(table: RuntimeTable, index: unknown, what: string): number {
  const at = enforceRange(index, `${what}: Argument 0`);
  if (at >= table.length) {
    throw new RangeError(
      `${what}: invalid address ${at} in ${table.element === ValType.funcref ? "funcref" : "externref"} table of size ${table.length}`,
    );
  }
  return at;
}

function elementType(value: unknown, what: string): RefType {
  const name = String(value);
  if (name === "anyfunc") return ValType.funcref;
  if (name === "externref") return ValType.externref;
  throw new TypeError(
    `${what}: Descriptor property 'element' must be a WebAssembly reference type, got "${name}"`,
  );
}

/** A global: `new Global({ value: "i32", mutable? }, init?)`. */
export class Global {
  constructor(descriptor: { value: string; mutable?: boolean }, ...init: unknown[]) {
    const what = "WebAssembly.Global()";
    if (!isObject(descriptor)) throw new TypeError(`${what}: Argument 0 must be a global descriptor`);
    const mutable = Boolean(member(descriptor, "mutable"));
    const type = valueType(member(descriptor, "value"), what);
    const runtime = new RuntimeGlobal(threadEngine(), { type, mutable });
    if (type === ValType.v128) throw new TypeError(`${what}: can't create a global of type v128`);
    // Undefined stands for the default, but not for a reference: null is one, undefined is none or itself.
    const isReference = type === ValType.externref || type === ValType.funcref;
    const given = init.length > 0 && (init[0] !== undefined || isReference);
    runtime.value = given ? init[0] : defaultValue(type);
    globals.set(this, runtime);
    wrappers.set(runtime, this);
  }

  /** The value now. */
  valueOf(): unknown {
    return readGlobal(receiver(globalOf(this), "WebAssembly.Global.valueOf()"));
  }

  /** The global's value. Setting it throws a TypeError for an immutable one. */
  get value(): unknown {
    return readGlobal(receiver(globalOf(this), "get WebAssembly.Global.value"));
  }

  /** Errors: TypeError if the global is immutable or the value can't be converted. */
  set value(value: unknown) {
    const global = receiver(globalOf(this), "set WebAssembly.Global.value");
    // biome-ignore lint/complexity/noArguments: a setter called without an argument is told apart from one with undefined
    if (arguments.length === 0) throw new TypeError("set WebAssembly.Global.value: Argument 0 is required");
    if (!global.type.mutable) {
      throw new TypeError("set WebAssembly.Global.value: Can't set the value of an immutable global.");
    }
    global.linkGroup.monitor.requireStopped();
    global.value = value;
  }
}
asInterface(Global, "WebAssembly.Global", { constructor_: 1 });

/** Numbers are read in one piece; references aren't, so they can't be while code runs on a thread. */
function readGlobal(global: RuntimeGlobal): unknown {
  const { type } = global.type;
  const isReference = type === ValType.externref || type === ValType.funcref;
  if (isReference) global.linkGroup.monitor.requireStopped();
  return global.value;
}

function valueType(value: unknown, what: string): ValType {
  const name = String(value);
  if (name === "anyfunc") return ValType.funcref;
  if (!Object.hasOwn(ValType, name) || name === "funcref") {
    throw new TypeError(`${what}: Descriptor property 'value' must be a WebAssembly type, got "${name}"`);
  }
  return ValType[name as keyof typeof ValType];
}

function defaultValue(type: ValType): unknown {
  switch (type) {
    case ValType.i64:
      return 0n;
    case ValType.funcref:
      return null;
    case ValType.externref:
      return undefined;
    default:
      return 0;
  }
}
