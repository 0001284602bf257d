/**
 * Runs a specification script on interpreted SSA: modules, actions, results and traps. What only concerns the
 * decoder, the validator or the linker's errors is left out and counted.
 */
import type { BuildOptions } from "../../ssa/build/build-function.js";
import { typeOfValType } from "../../ssa/build/builder.js";
import { TrapKind, Type } from "../../ssa/ops.js";
import { decodeModule } from "../../wasm/index.js";
import type { FuncType, GlobalType, ValType } from "../../wasm/types.js";
import { isList, readScript, type SList, type SNode } from "../spec/read-script.js";
import { argumentCell, type Cell, expectation } from "../spec/values.js";
import { InterpretedTrap, type Word } from "./arithmetic.js";
import { type External, InterpretedInstance } from "./interpret-module.js";
import { World } from "./world.js";

export interface Outcome {
  passed: number;
  leftOut: number;
  readonly failures: string[];
}

const trapTexts: readonly (readonly [text: string, kinds: readonly number[]])[] = [
  ["integer divide by zero", [TrapKind.integerDivideByZero]],
  ["integer overflow", [TrapKind.integerOverflow, TrapKind.conversionOverflow]],
  ["invalid conversion to integer", [TrapKind.invalidConversion]],
  ["out of bounds memory access", [TrapKind.memoryOutOfBounds]],
  ["out of bounds table access", [TrapKind.tableOutOfBounds]],
  ["indirect call type mismatch", [TrapKind.signatureMismatch]],
  ["undefined element", [TrapKind.undefinedElement]],
  // The runtime tells a null entry from a wrong one when the trap is reported.
  ["uninitialized element", [TrapKind.signatureMismatch]],
  ["unreachable", [TrapKind.unreachable]],
];

/** Commands about decoding, validation and linking. */
const leftOut = new Set(["assert_invalid", "assert_malformed", "assert_unlinkable"]);

function text(node: SNode | undefined): string {
  if (!(node instanceof Uint8Array)) throw new SyntaxError("a string is missing");
  return Buffer.from(node).toString();
}

function isVariable(node: SNode | undefined): node is string {
  return typeof node === "string" && node.startsWith("$");
}

class Runner {
  readonly outcome: Outcome = { passed: 0, leftOut: 0, failures: [] };
  private readonly world = new World();
  private readonly registry = new Map<string, ReadonlyMap<string, External>>();
  private readonly definitions = new Map<string, Uint8Array>();
  private readonly instances = new Map<string, InterpretedInstance>();
  private lastDefinition: Uint8Array | undefined;
  private last: InterpretedInstance | undefined;

  constructor(private readonly options: BuildOptions) {
    this.registry.set("spectest", this.spectest());
  }

  run(commands: readonly SList[], file: string): void {
    for (const command of commands) {
      const name = String(command.items[0]);
      try {
        if (leftOut.has(name)) this.outcome.leftOut++;
        else {
          this.command(name, command);
          if (name.startsWith("assert_")) this.outcome.passed++;
        }
      } catch (error) {
        this.outcome.failures.push(
          `${file}:${command.line} ${name}: ${error instanceof Error ? error.stack : error}`,
        );
      }
    }
  }

  private spectest(): Map<string, External> {
    const { world } = this;
    const map = new Map<string, External>();
    const types = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c } as const;
    const host = (name: string, params: readonly ValType[]): void => {
      const type: FuncType = { params, results: [] };
      map.set(name, { kind: "function", address: world.hostFunction(type, () => []), type });
    };
    host("print", []);
    host("print_i32_f32", [types.i32, types.f32]);
    host("print_f64_f64", [types.f64, types.f64]);
    const values = { i32: 666, i64: 666n, f32: 0x4426a666, f64: 0x4084d4cccccccccdn } as const;
    for (const key of ["i32", "i64", "f32", "f64"] as const) {
      host(`print_${key}`, [types[key]]);
      const address = world.allocate(16);
      world.write(typeOfValType[types[key]]!, address, values[key]);
      map.set(`global_${key}`, { kind: "global", address, type: { type: types[key], mutable: false } });
    }
    map.set("table", { kind: "table", address: world.addTable(Type.ptr, 10, 20).record, type: null });
    map.set("memory", { kind: "memory", address: world.addMemory(1, 2).record, type: null });
    return map;
  }

  private command(name: string, command: SList): void {
    const { items } = command;
    switch (name) {
      case "module":
        this.module(items);
        return;
      case "register":
        this.registry.set(text(items[1]), this.instance(items[2]).exports);
        return;
      case "invoke":
      case "get":
        this.action(command);
        return;
      case "assert_return":
        this.assertReturn(items);
        return;
      case "assert_trap":
      case "assert_uninstantiable":
        this.assertTrap(items, text(items[2]));
        return;
      case "assert_exhaustion":
        this.assertTrap(items, "call stack exhausted");
        return;
    }
    throw new SyntaxError(`unknown command ${name}`);
  }

  private instance(node: SNode | undefined): InterpretedInstance {
    const found = isVariable(node) ? this.instances.get(node) : this.last;
    if (found === undefined) throw new Error("no instance");
    return found;
  }

  private instantiate(bytes: Uint8Array | undefined): InterpretedInstance {
    if (bytes === undefined) throw new Error("no definition");
    return new InterpretedInstance(this.world, decodeModule(bytes), this.options, (module, name) => {
      const external = this.registry.get(module)?.get(name);
      if (external === undefined) throw new Error(`no import ${module}.${name}`);
      return external;
    });
  }

  private module(items: readonly SNode[]): void {
    if (items[1] === "instance") {
      this.keep(this.instantiate(this.definition(items[3])), items[2]);
      return;
    }
    const at = items[1] === "definition" ? 2 : 1;
    const variable = items[at];
    const bytes = this.bytes(items, at);
    this.lastDefinition = bytes;
    if (isVariable(variable)) this.definitions.set(variable, bytes);
    if (at === 1) this.keep(this.instantiate(bytes), variable);
  }

  private bytes(items: readonly SNode[], from: number): Uint8Array {
    return Buffer.concat(items.slice(from).filter((item): item is Uint8Array => item instanceof Uint8Array));
  }

  private definition(node: SNode | undefined): Uint8Array | undefined {
    return isVariable(node) ? this.definitions.get(node) : this.lastDefinition;
  }

  private keep(instance: InterpretedInstance, variable: SNode | undefined): void {
    this.last = instance;
    if (isVariable(variable)) this.instances.set(variable, instance);
  }

  private action(node: SNode | undefined): Cell[] {
    if (!isList(node)) throw new SyntaxError("no action");
    const { items } = node;
    const at = isVariable(items[1]) ? 2 : 1;
    const instance = this.instance(items[1]);
    const external = instance.exports.get(text(items[at]));
    if (external === undefined) throw new Error(`no export ${text(items[at])}`);
    if (items[0] === "get") {
      const { type } = external.type as GlobalType;
      return [this.cell(type, this.world.read(typeOfValType[type]!, external.address))];
    }
    const type = external.type as FuncType;
    const args = items.slice(at + 1).map((item, i) => this.word(type.params[i]!, argumentCell(item)));
    const results = instance.callRecord(external.address, args);
    return type.results.map((result, i) => this.cell(result, results[i]!));
  }

  private word(type: number, cell: Cell): Word {
    switch (typeOfValType[type]) {
      case Type.i32:
      case Type.f32:
        return Number(BigInt.asIntN(32, cell as bigint));
      case Type.i64:
      case Type.f64:
        return BigInt.asIntN(64, cell as bigint);
      case Type.ptr:
        return this.world.nullFuncref;
    }
    return cell === null ? 0 : this.world.extern(cell);
  }

  private cell(type: number, word: Word): Cell {
    switch (typeOfValType[type]) {
      case Type.i32:
      case Type.f32:
        return BigInt.asUintN(32, BigInt(word));
      case Type.i64:
      case Type.f64:
        return BigInt.asUintN(64, word as bigint);
      case Type.ptr:
        return word === this.world.nullFuncref ? null : () => word;
    }
    return this.world.externs[word as number] as Cell;
  }

  private assertReturn(items: readonly SNode[]): void {
    const cells = this.action(items[1]);
    const expected = items.slice(2).map(expectation);
    if (cells.length !== expected.length) throw new Error(`${cells.length} results`);
    cells.forEach((cell, i) => {
      const wrong = expected[i]!(cell);
      if (wrong !== undefined) throw new Error(wrong);
    });
  }

  private assertTrap(items: readonly SNode[], wanted: string): void {
    const node = items[1];
    if (!isList(node)) throw new SyntaxError("nothing to run");
    try {
      if (node.items[0] !== "module") this.action(node);
      else if (node.items[1] === "instance")
        this.instantiate(this.definition(node.items[3] ?? node.items[2]));
      else this.instantiate(this.bytes(node.items, 1));
    } catch (error) {
      if (!(error instanceof InterpretedTrap)) throw error;
      const kinds = trapTexts.find(([start]) => wanted.startsWith(start))?.[1] ?? [TrapKind.stackOverflow];
      if (!kinds.includes(error.kind)) throw new Error(`${error.message}, expected ${wanted}`);
      return;
    }
    throw new Error(`no trap, expected ${wanted}`);
  }
}

export function runSpecScript(source: Uint8Array, file: string, options: BuildOptions): Outcome {
  const runner = new Runner(options);
  runner.run(readScript(source, file), file);
  return runner.outcome;
}
