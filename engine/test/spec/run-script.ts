/**
 * Runs one specification test script on one engine.
 *
 * In: a script's bytes (modules in binary form, assertions as text) and a WebAssembly namespace. Out: how many
 * assertions passed, failed and were skipped, and a line for each failure. Each `assert_...` command counts
 * once; a command that isn't an assertion counts only when it fails.
 */

import { functionTypeOf, inspectModule, type ModuleShape } from "../support/inspect-module.js";
import type { Namespace, WasmGlobal, WasmInstance } from "../support/namespace.js";
import { F32, F64, I32, I64, KIND_FUNCTION, KIND_GLOBAL } from "../support/wasm-bytes.js";
import { ExactCaller } from "./exact-call.js";
import { isList, readScript, type SList, type SNode } from "./read-script.js";
import { createSpectest } from "./spectest.js";
import { argumentCell, type Cell, expectation } from "./values.js";

export interface ScriptFailure {
  readonly line: number;
  readonly message: string;
}

export interface ScriptOutcome {
  passed: number;
  failed: number;
  skipped: number;
  readonly failures: ScriptFailure[];
}

/** What engines say for each of the specification's trap texts; the first words decide. */
const trapMessages: readonly (readonly [specified: string, accepted: RegExp])[] = [
  ["integer divide by zero", /(divide|division|remainder) by zero/],
  ["integer overflow", /integer overflow|divide result unrepresentable|float unrepresentable/],
  ["invalid conversion to integer", /invalid conversion|float unrepresentable/],
  [
    "out of bounds memory access",
    /out of bounds memory|memory access out of bounds|data segment.*out of bounds/,
  ],
  ["out of bounds table access", /out of bounds table|(table|element segment).*out of bounds/],
  ["indirect call type mismatch", /signature mismatch|indirect call type mismatch/],
  ["undefined element", /undefined element|table index is out of bounds/],
  ["uninitialized element", /uninitialized element|null function/],
  ["unreachable", /unreachable/],
];

interface Definition {
  readonly module: object;
  readonly shape: ModuleShape;
}

interface Linked {
  readonly instance: WasmInstance;
  readonly shape: ModuleShape;
}

/** A command that is not as it must be; its message is the failure's line. */
class Wrong extends Error {}

/** An assertion this runner can't check, as those on text. */
class Skip extends Error {}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
}

function name(node: SNode | undefined): string {
  if (!(node instanceof Uint8Array)) throw new SyntaxError("a name is missing");
  return Buffer.from(node).toString();
}

function moduleBytes(items: readonly SNode[], from: number): Uint8Array {
  return Buffer.concat(
    items.slice(from).map((item) => (item instanceof Uint8Array ? item : Buffer.alloc(0))),
  );
}

function isVariable(node: SNode | undefined): node is string {
  return typeof node === "string" && node.startsWith("$");
}

class ScriptRunner {
  private readonly caller: ExactCaller;
  private readonly registry: Record<string, unknown> = Object.create(null);
  private readonly definitions = new Map<string, Definition>();
  private readonly instances = new Map<string, Linked>();
  private lastDefinition: Definition | undefined;
  private lastInstance: Linked | undefined;
  readonly outcome: ScriptOutcome = { passed: 0, failed: 0, skipped: 0, failures: [] };

  constructor(private readonly namespace: Namespace) {
    this.caller = new ExactCaller(namespace);
    this.registry.spectest = createSpectest(namespace);
  }

  run(commands: readonly SList[]): void {
    for (const command of commands) {
      const asserts = String(command.items[0]).startsWith("assert_");
      try {
        this.command(command);
        if (asserts) this.outcome.passed++;
      } catch (error) {
        if (error instanceof Skip) {
          this.outcome.skipped++;
          continue;
        }
        this.outcome.failed++;
        const message = error instanceof Wrong ? error.message : describe(error);
        this.outcome.failures.push({
          line: command.line,
          message: `${String(command.items[0])}: ${message}`,
        });
      }
    }
  }

  private command(command: SList): void {
    const items = command.items;
    switch (items[0]) {
      case "module":
        this.module(items);
        return;
      case "register":
        this.registry[name(items[1])] = this.linked(items[2]).instance.exports;
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
        this.assertTrap(items);
        return;
      case "assert_exhaustion":
        this.assertExhaustion(items);
        return;
      case "assert_invalid":
      case "assert_malformed":
        this.assertRefused(items);
        return;
      case "assert_unlinkable":
        this.assertUnlinkable(items);
        return;
    }
    throw new Wrong(`unknown command ${String(items[0])}`);
  }

  private linked(node: SNode | undefined): Linked {
    const linked = isVariable(node) ? this.instances.get(node) : this.lastInstance;
    if (linked === undefined) throw new Wrong(`no instance ${isVariable(node) ? node : "so far"}`);
    return linked;
  }

  private define(bytes: Uint8Array): Definition {
    if (!this.namespace.validate(bytes)) {
      // The module's own error says more than `validate` does.
      new this.namespace.Module(bytes);
      throw new Wrong("validate refuses the module, Module takes it");
    }
    return { module: new this.namespace.Module(bytes), shape: inspectModule(bytes) };
  }

  private instantiate(definition: Definition | undefined): Linked {
    if (definition === undefined) throw new Wrong("no module definition");
    return {
      instance: new this.namespace.Instance(definition.module, this.registry),
      shape: definition.shape,
    };
  }

  /** `(module definition $d? binary "...")`, `(module instance $i? $d?)`, `(module $i? binary "...")` */
  private module(items: readonly SNode[]): void {
    if (items[1] === "instance") {
      this.lastInstance = undefined;
      const linked = this.instantiate(this.definitionOf(items[3]));
      this.keepInstance(linked, items[2]);
      return;
    }
    const at = items[1] === "definition" ? 2 : 1;
    const variable = items[at];
    const form = at + (isVariable(variable) ? 1 : 0);
    if (items[form] !== "binary") throw new Wrong("only binary modules are run");
    this.lastDefinition = undefined;
    this.lastInstance = undefined;
    const definition = this.define(moduleBytes(items, form + 1));
    this.lastDefinition = definition;
    if (isVariable(variable)) this.definitions.set(variable, definition);
    if (at === 1) this.keepInstance(this.instantiate(definition), variable);
  }

  private definitionOf(node: SNode | undefined): Definition | undefined {
    return isVariable(node) ? this.definitions.get(node) : this.lastDefinition;
  }

  private keepInstance(linked: Linked, variable: SNode | undefined): void {
    this.lastInstance = linked;
    if (isVariable(variable)) this.instances.set(variable, linked);
  }

  /** `(invoke $i? "name" args...)` or `(get $i? "name")` */
  private action(node: SNode | undefined): Cell[] {
    if (!isList(node)) throw new Wrong("no action");
    const items = node.items;
    const at = isVariable(items[1]) ? 2 : 1;
    const linked = this.linked(items[1]);
    const field = name(items[at]);
    const kind = items[0] === "get" ? KIND_GLOBAL : KIND_FUNCTION;
    const part = linked.shape.exports.find(
      (candidate) => candidate.name === field && candidate.kind === kind,
    );
    if (part === undefined) throw new Wrong(`no export ${field}`);
    const exported = linked.instance.exports[field];
    if (kind === KIND_GLOBAL) {
      return [globalCell(linked.shape.globals[part.index]?.type, (exported as WasmGlobal).value)];
    }
    const type = functionTypeOf(linked.shape, part.index);
    return this.caller.call(exported as () => unknown, type, items.slice(at + 1).map(argumentCell));
  }

  private assertReturn(items: readonly SNode[]): void {
    const cells = this.action(items[1]);
    const expected = items.slice(2).map(expectation);
    if (cells.length !== expected.length)
      throw new Wrong(`${cells.length} results, expected ${expected.length}`);
    for (let index = 0; index < cells.length; index++) {
      const wrong = expected[index]?.(cells[index] as Cell);
      if (wrong !== undefined) throw new Wrong(expected.length > 1 ? `result ${index}: ${wrong}` : wrong);
    }
  }

  /** Runs the action or instantiates the module of an assertion; answers what it threw. */
  private thrown(node: SNode | undefined): unknown {
    if (!isList(node)) throw new Wrong("nothing to run");
    let start: () => void;
    if (node.items[0] !== "module") {
      start = () => void this.action(node);
    } else if (node.items[1] === "instance") {
      const definition = this.definitionOf(node.items[3] ?? node.items[2]);
      if (definition === undefined) throw new Wrong("no module definition");
      start = () => void this.instantiate(definition);
    } else {
      const form = isVariable(node.items[1]) ? 2 : 1;
      if (node.items[form] !== "binary") throw new Skip();
      const definition = this.define(moduleBytes(node.items, form + 1));
      start = () => void this.instantiate(definition);
    }
    try {
      start();
    } catch (error) {
      if (error instanceof Wrong) throw error;
      return error;
    }
    throw new Wrong(`nothing was thrown, expected ${node.items[0] === "module" ? "a failure" : "a trap"}`);
  }

  private assertTrap(items: readonly SNode[]): void {
    const error = this.thrown(items[1]);
    const text = name(items[2]);
    if (!(error instanceof this.namespace.RuntimeError))
      throw new Wrong(`${describe(error)}, expected trap: ${text}`);
    const accepted = trapMessages.find(([specified]) => text.startsWith(specified))?.[1];
    if (accepted === undefined) throw new Wrong(`unknown trap text ${text}`);
    if (!accepted.test(error.message)) throw new Wrong(`trap ${error.message}, expected: ${text}`);
  }

  private assertExhaustion(items: readonly SNode[]): void {
    const error = this.thrown(items[1]);
    if (!(error instanceof RangeError) || !/call stack/.test(error.message)) {
      throw new Wrong(`${describe(error)}, expected RangeError: Maximum call stack size exceeded`);
    }
  }

  private assertUnlinkable(items: readonly SNode[]): void {
    const error = this.thrown(items[1]);
    // An import that is no object or is missing altogether is a TypeError or a LinkError, by the JS API.
    if (!(error instanceof this.namespace.LinkError) && !(error instanceof TypeError)) {
      throw new Wrong(`${describe(error)}, expected LinkError: ${name(items[2])}`);
    }
  }

  private assertRefused(items: readonly SNode[]): void {
    const module = items[1];
    if (!isList(module)) throw new Wrong("no module");
    let form = module.items[1] === "definition" ? 2 : 1;
    if (isVariable(module.items[form])) form++;
    if (module.items[form] !== "binary") throw new Skip();
    const bytes = moduleBytes(module.items, form + 1);
    if (this.namespace.validate(bytes)) throw new Wrong(`validate is true, expected: ${name(items[2])}`);
    try {
      new this.namespace.Module(bytes);
    } catch (error) {
      if (error instanceof this.namespace.CompileError) return;
      throw new Wrong(`${describe(error)}, expected CompileError: ${name(items[2])}`);
    }
    throw new Wrong(`the module compiles, expected: ${name(items[2])}`);
  }
}

function globalCell(type: number | undefined, value: unknown): Cell {
  if (type === I32) return BigInt((value as number) >>> 0);
  if (type === I64) return BigInt.asUintN(64, value as bigint);
  const view = new DataView(new ArrayBuffer(8));
  if (type === F32) {
    view.setFloat32(0, value as number);
    return BigInt(view.getUint32(0));
  }
  if (type === F64) {
    view.setFloat64(0, value as number);
    return view.getBigUint64(0);
  }
  return value as object | null;
}

/** Runs `source` on `namespace`. Throws `SyntaxError` if it isn't a script. */
export function runScript(namespace: Namespace, source: Uint8Array, file: string): ScriptOutcome {
  const runner = new ScriptRunner(namespace);
  runner.run(readScript(source, file));
  return runner.outcome;
}
