/**
 * Whether a module fits what it is used with, told at load: its imports against the host modules, its exports
 * against a description, and the memory and allocator that text and bytes need.
 *
 * All that doesn't fit is told in one error: the first in its message's first line, each of the rest on a line of its
 * own.
 */
import {
  type ExportType,
  type FunctionType,
  type ImportType,
  type Module,
  type ModuleTypes,
  moduleTypes,
} from "../../engine/index.js";
import {
  coreSignature,
  type FunctionSignature,
  formatCoreSignature,
  isReference,
  resultTypes,
  type Signatures,
  type ValueType,
} from "../declare/signature.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError, type BackplaneErrorCode } from "../errors.js";
import { type Offers, offersOf } from "./link.js";
import { suggestion } from "./nearest-name.js";

/**
 * @param imports those of the module that host modules have to offer
 * @param modules those that the plugin may import from
 * @param hostModules names of all that there are, for errors. Default: those of `modules`
 * Errors: BackplaneError IMPORT_MISMATCH.
 */
export function checkImports(
  plugin: string,
  types: ModuleTypes,
  imports: readonly ImportType[],
  modules: readonly DefinedModule[],
  hostModules?: readonly string[],
): void {
  const offers = offersOf(modules);
  const known = hostModules ?? [...offers.keys()];
  const exports = new ExportIndex(types.exports);
  const faults: string[] = [];
  for (const wanted of imports) {
    const fault = importFault(wanted, offers, exports, known);
    if (fault !== undefined) faults.push(`import ${wanted.module}.${wanted.name}: ${fault}`);
  }
  refuse("IMPORT_MISMATCH", plugin, faults);
}

/** Errors: BackplaneError EXPORT_MISMATCH. */
export function checkExports(plugin: string, module: Module, description: Signatures): void {
  const exports = new ExportIndex(moduleTypes(module).exports);
  const faults: string[] = [];
  for (const [name, signature] of Object.entries(description)) {
    const fault = exportFault(name, signature, exports);
    if (fault !== undefined) faults.push(`export ${name}: ${fault}`);
  }
  refuse("EXPORT_MISMATCH", plugin, faults);
}

const hooks: Readonly<Record<string, FunctionType>> = {
  _initialize: { params: [], results: [] },
  backplane_start: { params: [], results: [] },
  backplane_stop: { params: [], results: [] },
  backplane_save: { params: [], results: ["i64"] },
  backplane_restore: { params: ["i32", "i32"], results: [] },
  backplane_alloc: { params: ["i32"], results: ["i32"] },
  backplane_free: { params: ["i32", "i32"], results: [] },
};

/** Whether what the plugin exports under the names of hooks are those. Errors: BackplaneError EXPORT_MISMATCH. */
export function checkHooks(plugin: string, module: Module): void {
  const faults: string[] = [];
  for (const exported of moduleTypes(module).exports) {
    const { name, type } = exported;
    if (!Object.hasOwn(hooks, name) || sameType(type, hooks[name])) continue;
    const expected = functionText(hooks[name]);
    faults.push(`export ${name}: expected ${expected}, the plugin has ${typeText(exported)}`);
  }
  refuse("EXPORT_MISMATCH", plugin, faults);
}

function refuse(code: BackplaneErrorCode, plugin: string, faults: readonly string[]): void {
  if (faults.length === 0) return;
  const more = faults.length > 1 ? `\n  and ${faults.length - 1} more:` : "";
  const rest = faults.slice(1).map((fault) => `\n  ${fault}`);
  throw new BackplaneError(code, `${plugin}: ${faults[0]}${more}${rest.join("")}`);
}

class ExportIndex {
  private readonly byName: ReadonlyMap<string, ExportType>;
  constructor(exports: readonly ExportType[]) {
    this.byName = new Map(exports.map((exported) => [exported.name, exported]));
  }

  get functionNames(): string[] {
    return [...this.byName.values()].filter(({ kind }) => kind === "function").map(({ name }) => name);
  }

  get(name: string): ExportType | undefined {
    return this.byName.get(name);
  }

  /** What is wrong with an export that the host needs, or undefined. */
  needs(name: "memory" | "backplane_alloc" | "backplane_free"): string | undefined {
    const found = this.get(name);
    const wanted = name === "memory" ? undefined : hooks[name];
    if (wanted === undefined ? found?.kind === "memory" : sameType(found?.type, wanted)) return undefined;
    const expected = wanted === undefined ? "a memory" : functionText(wanted);
    return `needs the plugin to export "${name}", ${expected}, ${found === undefined ? "which it doesn't" : `not ${typeText(found)}`}`;
  }
}

function importFault(
  wanted: ImportType,
  offers: Offers,
  exports: ExportIndex,
  hostModules: readonly string[],
): string | undefined {
  const functions = offers.get(wanted.module);
  if (functions === undefined) {
    return `there is no host module "${wanted.module}"${suggestion(wanted.module, hostModules, "there are")}`;
  }
  if (wanted.type === undefined) {
    return `expected a ${wanted.kind}, host modules offer functions only`;
  }
  const offer = functions.get(wanted.name);
  if (offer === undefined) {
    return `"${wanted.module}" has no such function${suggestion(wanted.name, functions.keys(), "it offers")}`;
  }
  const { declared, className } = offer;
  const place = `(${className}.${declared.method})`;
  const { signature } = declared;
  if (!sameType(wanted.type, coreSignature(signature))) {
    return `expected ${functionText(wanted.type)}, host offers ${offerText(signature)} ${place}`;
  }
  const allocates = resultTypes(signature).some(isReference) || signature.throws;
  const lies = signature.params.some(isReference) || allocates;
  const fault =
    (lies ? exports.needs("memory") : undefined) ??
    (allocates ? exports.needs("backplane_alloc") : undefined);
  return fault === undefined ? undefined : `${signatureText(signature)} ${place} ${fault}`;
}

function exportFault(name: string, signature: FunctionSignature, exports: ExportIndex): string | undefined {
  if (signature.throws) return "`throws` is for host functions; a plugin has no way to throw";
  const found = exports.get(name);
  if (found === undefined) {
    return `the plugin doesn't have it${suggestion(name, exports.functionNames, "it exports")}`;
  }
  if (!sameType(found.type, coreSignature(signature))) {
    return `expected ${offerText(signature)}, the plugin has ${typeText(found)}`;
  }
  const takes = resultTypes(signature).some(isReference);
  const gives = signature.params.some(isReference);
  const fault =
    (takes || gives ? exports.needs("memory") : undefined) ??
    (gives ? exports.needs("backplane_alloc") : undefined) ??
    (takes ? exports.needs("backplane_free") : undefined);
  return fault === undefined ? undefined : `${signatureText(signature)} ${fault}`;
}

function sameType(a: FunctionType | undefined, b: FunctionType): boolean {
  return a !== undefined && sameList(a.params, b.params) && sameList(a.results, b.results);
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((type, i) => type === b[i]);
}

function functionText(type: FunctionType): string {
  return formatCoreSignature(type as Parameters<typeof formatCoreSignature>[0]);
}

function typeText({ kind, type }: ExportType): string {
  return type === undefined ? `a ${kind}` : functionText(type);
}

/** "(i32, i32) -> i64 for (string) -> bytes?"; a signature of core types only is itself. */
function offerText(signature: FunctionSignature): string {
  const core = formatCoreSignature(coreSignature(signature));
  const declared = signatureText(signature);
  return core === declared ? core : `${core} for ${declared}`;
}

function valueTypeText(type: ValueType): string {
  if (typeof type === "string") return type;
  return type.optional ? "json(schema)?" : "json(schema)";
}

/** "(string) -> bytes?" */
export function signatureText(signature: FunctionSignature): string {
  const params = signature.params.map(valueTypeText).join(", ");
  const results = resultTypes(signature).map(valueTypeText);
  const result = results.length === 1 ? results[0] : `(${results.join(", ")})`;
  return `(${params}) -> ${result}${signature.throws ? " throws" : ""}`;
}
