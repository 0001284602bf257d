/**
 * Reads an import object as the JS API says: in order, each value checked against what the module declares.
 *
 * Errors name module, field, what the module expects and what was given: TypeError where the import object itself
 * is wrong, LinkError where a value is.
 * Source: WebAssembly JavaScript Interface, "read the imports".
 */
import { LinkError } from "../runtime/errors.js";
import { FunctionReference } from "../runtime/function.js";
import { Global } from "../runtime/global.js";
import { type Callable, HostFunction } from "../runtime/host-function.js";
import type { ResolvedImports } from "../runtime/instance.js";
import type { Memory } from "../runtime/memory.js";
import type { Module } from "../runtime/module.js";
import type { Table } from "../runtime/table.js";
import { describe } from "../runtime/values.js";
import { formatFuncType, type Import, type Limits, ValType, valTypeName } from "../wasm/index.js";
import { globalOf, memoryOf, tableOf } from "./objects.js";
import { suspendingCallee } from "./suspending.js";
import { isObject, member } from "./webidl.js";

const what = "WebAssembly.Instance()";

type Lists = {
  functions: FunctionReference[];
  tables: Table[];
  memories: Memory[];
  globals: Global[];
};

export function readImports(module: Module, importObject: unknown): ResolvedImports {
  const { imports } = module.module;
  if (importObject !== undefined && !isObject(importObject)) {
    throw new TypeError(`${what}: Argument 1 must be an object`);
  }
  if (imports.length > 0 && importObject === undefined) {
    throw new TypeError(`${what}: Imports argument must be present and must be an object`);
  }
  const lists: Lists = { functions: [], tables: [], memories: [], globals: [] };
  // All values are read, in order, before any is checked: getters may run the host's code.
  const readers = imports.map((wanted, i) => {
    const fields = member(importObject as object, wanted.module);
    if (!isObject(fields)) {
      throw new TypeError(
        `${what}: Import #${i} "${wanted.module}": module is not an object or function, got ${describe(fields)}`,
      );
    }
    return new ImportReader(module, wanted, i, member(fields, wanted.name));
  });
  for (const reader of readers) reader.read(lists);
  return lists;
}

class ImportReader {
  constructor(
    private readonly module: Module,
    private readonly wanted: Import,
    private readonly position: number,
    private readonly value: unknown,
  ) {}

  read(lists: Lists): void {
    const { wanted } = this;
    switch (wanted.kind) {
      case "function":
        lists.functions.push(this.function(wanted.typeIndex, wanted.index));
        return;
      case "table":
        lists.tables.push(this.table(wanted.table.element, wanted.table));
        return;
      case "memory":
        lists.memories.push(this.memory(wanted.memory));
        return;
      case "global":
        lists.globals.push(this.global(wanted.global.type, wanted.global.mutable));
    }
  }

  private refuse(expected: string, given = describe(this.value)): Error {
    const { module, name } = this.wanted;
    return new LinkError(
      `${what}: Import #${this.position} "${module}" "${name}": expected ${expected}, got ${given}`,
    );
  }

  private function(typeIndex: number, index: number): FunctionReference {
    const { value, module } = this;
    const type = module.module.types[typeIndex];
    const suspending = suspendingCallee(value);
    if (suspending !== undefined) return new HostFunction(module.engine, suspending, type, index, true);
    if (typeof value !== "function") throw this.refuse(`a function ${formatFuncType(type)}`);
    const reference = FunctionReference.of(value);
    if (reference === undefined) return new HostFunction(module.engine, value as Callable, type, index);
    if (reference.signature !== module.signatures[typeIndex]) {
      throw this.refuse(
        `a function ${formatFuncType(type)}`,
        `imported function does not match the expected type: ${formatFuncType(reference.type)}`,
      );
    }
    return reference;
  }

  private table(element: number, limits: Limits): Table {
    const table = tableOf(this.value);
    if (table === undefined) throw this.refuse(`a WebAssembly.Table of ${valTypeName(element)}`);
    if (table.element !== element) {
      throw this.refuse(`a table of ${valTypeName(element)}`, `a table of ${valTypeName(table.element)}`);
    }
    this.requireLimits("table", "elements", limits, table.length, table.maximum);
    return table;
  }

  private memory(limits: Limits): Memory {
    const memory = memoryOf(this.value);
    if (memory === undefined) throw this.refuse("a WebAssembly.Memory");
    if (memory.isShared) throw this.refuse("an unshared memory", "a shared one");
    this.requireLimits("memory", "pages", limits, memory.pages, memory.maximum);
    return memory;
  }

  private requireLimits(
    kind: string,
    unit: string,
    limits: Limits,
    size: number,
    maximum: number | undefined,
  ): void {
    if (size < limits.minimum) {
      throw this.refuse(`a ${kind} of at least ${limits.minimum} ${unit}`, `one of ${size}`);
    }
    if (limits.maximum === undefined) return;
    if (maximum === undefined) {
      throw this.refuse(
        `a ${kind} with a maximum of at most ${limits.maximum} ${unit}`,
        "one without a maximum",
      );
    }
    if (maximum > limits.maximum) {
      throw this.refuse(
        `a ${kind} with a maximum of at most ${limits.maximum} ${unit}`,
        `one with a maximum of ${maximum}`,
      );
    }
  }

  private global(type: ValType, mutable: boolean): Global {
    const { value } = this;
    const wanted = `${mutable ? "a mutable" : "an immutable"} global of type ${valTypeName(type)}`;
    const global = globalOf(value);
    if (global !== undefined) {
      if (global.type.mutable !== mutable || global.type.type !== type) {
        const given = `${global.type.mutable ? "a mutable" : "an immutable"} one of type ${valTypeName(global.type.type)}`;
        throw this.refuse(wanted, given);
      }
      return global;
    }
    if (mutable) throw this.refuse(`${wanted} (a WebAssembly.Global)`);
    this.requireGlobalValue(type, wanted);
    const created = new Global(this.module.engine, { type, mutable: false });
    created.value = value;
    return created;
  }

  private requireGlobalValue(type: ValType, wanted: string): void {
    const { value } = this;
    switch (type) {
      case ValType.i64:
        if (typeof value !== "bigint") throw this.refuse(`${wanted}: a bigint`);
        return;
      case ValType.externref:
        return;
      case ValType.funcref:
        if (value !== null && FunctionReference.of(value) === undefined) {
          throw this.refuse(`${wanted}: null or an exported WebAssembly function`);
        }
        return;
      case ValType.v128:
        throw this.refuse(wanted);
      default:
        if (typeof value !== "number") throw this.refuse(`${wanted}: a number`);
    }
  }
}
