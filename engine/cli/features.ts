/**
 * Which features beyond the first version of WebAssembly a module uses, found by looking at all of it: types,
 * declarations, segments, and every instruction. One pass, linear. Enters: a validated module.
 */
import {
  denseIndex,
  type ElementSegment,
  type Feature,
  Immediate,
  InstructionCursor,
  OPCODE_IMMEDIATE,
  OPCODE_ROWS,
  opcodeRows,
  ValType,
  type WasmModule,
} from "../wasm/index.js";

export type UsedFeature = Exclude<Feature, "mvp"> | "multi-value" | "mutable-globals";

const rowFeature: (Feature | undefined)[] = new Array<undefined>(OPCODE_ROWS).fill(undefined);
for (const { code, feature } of opcodeRows) rowFeature[denseIndex(code)] = feature;

/** The features used, in alphabetical order. */
export function usedFeatures(module: WasmModule): UsedFeature[] {
  const used = new Set<UsedFeature>();
  addTypes(module, used);
  addDeclarations(module, used);
  for (const segment of module.elements) addElements(segment, used);
  if (module.dataCount >= 0 || module.data.some(({ mode }) => mode === "passive")) used.add("bulk-memory");
  addInstructions(module, used);
  return [...used].sort();
}

function addType(type: ValType, used: Set<UsedFeature>): void {
  if (type === ValType.v128) used.add("simd");
  else if (type === ValType.externref || type === ValType.funcref) used.add("reference-types");
}

function addTypes(module: WasmModule, used: Set<UsedFeature>): void {
  for (const { params, results } of module.types) {
    if (results.length > 1) used.add("multi-value");
    for (const type of params) addType(type, used);
    for (const type of results) addType(type, used);
  }
  for (const { locals } of module.bodies) for (const { type } of locals) addType(type, used);
}

function addDeclarations(module: WasmModule, used: Set<UsedFeature>): void {
  for (const { type } of module.globals) addType(type, used);
  if (module.tables.length > 1 || module.tables.some(({ element }) => element === ValType.externref)) {
    used.add("reference-types");
  }
  const shared = module.exports
    .filter(({ kind }) => kind === "global")
    .map(({ index }) => module.globals[index]);
  for (let i = 0; i < module.importedGlobalCount; i++) shared.push(module.globals[i]);
  if (shared.some(({ mutable }) => mutable)) used.add("mutable-globals");
}

/** Passive segments came with bulk memory, declarative ones and other types than funcref with reference types. */
function addElements(segment: ElementSegment, used: Set<UsedFeature>): void {
  if (segment.mode === "passive") used.add("bulk-memory");
  if (segment.mode === "declarative" || segment.type !== ValType.funcref) used.add("reference-types");
}

function addInstructions(module: WasmModule, used: Set<UsedFeature>): void {
  const seen = new Uint8Array(OPCODE_ROWS);
  const blockTypes = new Uint8Array(module.types.length);
  const cursor = new InstructionCursor(module.bytes);
  for (const { codeStart, end } of module.bodies) {
    cursor.reset(codeStart, end);
    while (cursor.next()) {
      const row = denseIndex(cursor.opcode);
      seen[row] = 1;
      if (OPCODE_IMMEDIATE[row] === Immediate.blockType && cursor.blockType >= 0)
        blockTypes[cursor.blockType] = 1;
    }
  }
  for (let row = 0; row < OPCODE_ROWS; row++) {
    const feature = rowFeature[row];
    if (seen[row] !== 0 && feature !== undefined && feature !== "mvp") used.add(feature);
  }
  const takesMore = (i: number): boolean =>
    module.types[i].params.length > 0 || module.types[i].results.length > 1;
  if (blockTypes.some((mark, i) => mark !== 0 && takesMore(i))) used.add("multi-value");
}
