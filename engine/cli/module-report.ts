/** What `backplane inspect` says of a module: as data for `--json`, and as text. */
import {
  formatFuncType,
  formatLimits,
  formatTableType,
  readNames,
  sectionName,
  type WasmModule,
} from "../wasm/index.js";
import { exportType, importType } from "./extern-types.js";
import { type UsedFeature, usedFeatures } from "./features.js";
import { columns, count, printable, showName } from "./text.js";

interface SectionReport {
  readonly section: string;
  /** Of a custom section. */
  readonly name?: string;
  /** Of the payload, in the file. */
  readonly offset: number;
  /** Of the payload in bytes. */
  readonly size: number;
  /** What the section holds so many of; not for custom ones and the start section. */
  readonly entries?: number;
}

export interface ModuleReport {
  readonly file: string;
  readonly size: number;
  /** From the name section, or null. */
  readonly name: string | null;
  readonly features: readonly UsedFeature[];
  readonly imports: readonly { module: string; name: string; kind: string; type: string }[];
  readonly exports: readonly { name: string; kind: string; index: number; type: string }[];
  readonly sections: readonly SectionReport[];
  readonly functions: { readonly imported: number; readonly defined: number; readonly codeSize: number };
  readonly tables: readonly string[];
  readonly memories: readonly string[];
  readonly globals: { readonly imported: number; readonly defined: number };
  /** The start function's index and type, or null. */
  readonly start: { index: number; type: string } | null;
}

/** Enters: a validated module. */
export function reportModule(file: string, module: WasmModule): ModuleReport {
  const { bodies, importedFunctionCount, importedGlobalCount, start } = module;
  return {
    file,
    size: module.bytes.length,
    name: readNames(module).moduleName ?? null,
    features: usedFeatures(module),
    imports: module.imports.map((i) => ({
      module: i.module,
      name: i.name,
      kind: i.kind,
      type: importType(module, i),
    })),
    exports: module.exports.map((e) => ({
      name: e.name,
      kind: e.kind,
      index: e.index,
      type: exportType(module, e),
    })),
    sections: reportSections(module),
    functions: {
      imported: importedFunctionCount,
      defined: bodies.length,
      codeSize: bodies.reduce((sum, body) => sum + (body.end - body.start), 0),
    },
    tables: module.tables.map(formatTableType),
    memories: module.memories.map(formatLimits),
    globals: { imported: importedGlobalCount, defined: module.globals.length - importedGlobalCount },
    start:
      start < 0 ? null : { index: start, type: formatFuncType(module.types[module.functionTypes[start]]) },
  };
}

/** How many entries a section of an id has. */
function entriesOf(module: WasmModule, id: number): number | undefined {
  const counts: readonly (number | undefined)[] = [
    undefined,
    module.types.length,
    module.imports.length,
    module.bodies.length,
    module.tables.length - module.importedTableCount,
    module.memories.length - module.importedMemoryCount,
    module.globals.length - module.importedGlobalCount,
    module.exports.length,
    undefined,
    module.elements.length,
    module.bodies.length,
    module.data.length,
    undefined,
  ];
  return counts[id];
}

function reportSections(module: WasmModule): SectionReport[] {
  let custom = 0;
  return module.sections.map(({ id, start, end }) => {
    const common = { section: sectionName(id), offset: start, size: end - start };
    if (id === 0) return { ...common, name: module.customSections[custom++].name };
    const entries = entriesOf(module, id);
    return entries === undefined ? common : { ...common, entries };
  });
}

export function moduleText(report: ModuleReport): string {
  const { functions, globals, start } = report;
  const name = report.name === null ? "" : `, named ${showName(report.name)}`;
  const lines = [
    `${printable(report.file)}: WebAssembly module, ${count(report.size, "byte")}${name}`,
    `features: ${report.features.length === 0 ? "none beyond WebAssembly 1.0" : report.features.join(", ")}`,
    `functions: ${functions.imported} imported, ${functions.defined} defined (${count(functions.codeSize, "byte")})`,
    `tables: ${report.tables.join(", ") || "none"}`,
    `memory: ${report.memories.join(", ") || "none"}`,
    `globals: ${globals.imported} imported, ${globals.defined} defined`,
    `start function: ${start === null ? "none" : start.index}`,
    `imports: ${report.imports.length}`,
    ...columns(report.imports.map((i) => [i.kind, `${showName(i.module)}.${showName(i.name)}`, i.type])),
    `exports: ${report.exports.length}`,
    ...columns(report.exports.map((e) => [e.kind, showName(e.name), `#${e.index}`, e.type])),
    `sections: ${report.sections.length}`,
    ...columns(report.sections.map(sectionRow)),
  ];
  return `${lines.join("\n")}\n`;
}

function sectionRow({ section, name, offset, size, entries }: SectionReport): string[] {
  const what = name === undefined ? section : `${section} ${showName(name)}`;
  const many =
    entries === undefined ? "" : entries === 1 ? "1 entry" : `${entries.toLocaleString("en-US")} entries`;
  return [what, `0x${offset.toString(16)}`, count(size, "byte"), many];
}
