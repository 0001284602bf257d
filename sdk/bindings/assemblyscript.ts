/**
 * An interface as AssemblyScript: a namespace for each host module, whose functions take and give strings and
 * Uint8Arrays, and exports that call functions of the author's.
 *
 * The file isn't the one to compile, since everything that an entry file exports becomes an export of the module: the
 * author's entry passes on what the host is to see, which the first lines say.
 *
 * Arguments of the host's functions are buffers in locals, which keep them from the garbage collector for the call.
 * What is owned across the border lies in `heap`, which the collector doesn't know.
 */
import { signatureText } from "../binding/check.js";
import {
  type BoundFunction,
  type BoundModule,
  type BoundShape,
  type BoundType,
  identifier,
  isData,
  type PluginInterface,
  shapeOf,
  unreserved,
} from "./interface.js";

const reserved = new Set(
  (
    "abstract as bool break case catch class const continue debugger declare default delete do else enum export " +
    "extends f32 f64 false final finally for from function get i8 i16 i32 i64 if implements import in instanceof " +
    "interface is keyof let module namespace new null of operator override package private protected public " +
    "readonly return set static string super switch this throw true try type typeof u8 u16 u32 u64 usize var void " +
    "while with yield"
  ).split(" "),
);

const prelude = `export function backplane_alloc(size: i32): usize {
  return heap.alloc(size);
}

export function backplane_free(pointer: usize, size: i32): void {
  heap.free(pointer);
}

/** What a host function that may fail said; null after one that succeeded. */
export let hostError: string | null = null;

const errorPlace = memory.data(8, 8);

function startCall(): void {
  store<u64>(errorPlace, 0);
}

function endCall(): bool {
  const pointer = load<u32>(errorPlace) as usize;
  hostError = pointer == 0 ? null : takeText(pointer, load<i32>(errorPlace, 4));
  return pointer == 0;
}

function dataPointer(packed: u64): usize {
  return packed as u32 as usize;
}

function dataLength(packed: u64): i32 {
  return (packed >> 32) as i32;
}

export function takeText(pointer: usize, length: i32): string {
  const text = String.UTF8.decodeUnsafe(pointer, length);
  heap.free(pointer);
  return text;
}

export function takeBytes(pointer: usize, length: i32): Uint8Array {
  const bytes = new Uint8Array(length);
  memory.copy(bytes.dataStart, pointer, length);
  heap.free(pointer);
  return bytes;
}

export function giveText(text: string): u64 {
  const length = String.UTF8.byteLength(text);
  const pointer = heap.alloc(length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, pointer);
  return (pointer as u64) | ((length as u64) << 32);
}

export function giveBytes(bytes: Uint8Array): u64 {
  const pointer = heap.alloc(bytes.length);
  memory.copy(pointer, bytes.dataStart, bytes.length);
  return (pointer as u64) | ((bytes.length as u64) << 32);
}
`;

/** @param implementation the author's module, relative to the file that this is written to, without its ending */
export function assemblyScriptBindings(face: PluginInterface, implementation: string): string {
  const parts = [header(face), prelude];
  for (const module of face.imports) parts.push(hostModule(module));
  if (face.exports !== undefined) parts.push(exported(face.exports, implementation));
  return parts.join("\n");
}

function header({ exports }: PluginInterface): string {
  const offered = exports?.functions.filter(isExpressible).map(({ name }) => name) ?? [];
  const names = ["backplane_alloc", "backplane_free", ...offered].join(", ");
  return (
    "// Written by `backplane bindings`. Changes here are lost the next time.\n" +
    `// The file to compile has this line:\n//   export { ${names} } from "./bindings";\n`
  );
}

function isExpressible(func: BoundFunction): boolean {
  return typeof shapeOf(func, true) === "object" && identifier(func.name) === func.name;
}

function typeText(type: BoundType): string {
  const text = type.kind === "text" ? "string" : type.kind === "bytes" ? "Uint8Array" : type.name;
  return type.optional ? `${text} | null` : text;
}

function coreText(type: BoundType): string {
  return type.kind === "bool" || type.kind === "narrow" ? "i32" : type.name;
}

function leftOut(name: string, what: string): string {
  return `// ${name} is left out: AssemblyScript has no form for ${what}.\n`;
}

function hostModule(module: BoundModule): string {
  const space = unreserved(module.name, reserved);
  const raw: string[] = [];
  const wrappers: string[] = [];
  for (const func of module.functions) {
    const shape = shapeOf(func, true);
    if (typeof shape === "string") {
      raw.push(leftOut(`${module.name}.${func.name}`, shape));
      continue;
    }
    const name = `import_${space}_${identifier(func.name)}`;
    raw.push(rawImport(module.name, func, shape, name));
    wrappers.push(importWrapper(func, shape, name));
  }
  return `${raw.join("\n")}\nexport namespace ${space} {\n${wrappers.join("\n")}}\n`;
}

function rawImport(module: string, func: BoundFunction, shape: BoundShape, name: string): string {
  const params = shape.params.flatMap((type, i) =>
    isData(type) ? [`p${i}: usize`, `n${i}: i32`] : [`a${i}: ${coreText(type)}`],
  );
  if (func.signature.throws) params.push("error: usize");
  const { result } = shape;
  const returns = result === undefined ? "void" : isData(result) ? "u64" : coreText(result);
  return (
    `@external(${JSON.stringify(module)}, ${JSON.stringify(func.name)})\n` +
    `declare function ${name}(${params.join(", ")}): ${returns};\n`
  );
}

/** The buffer that an argument's bytes are in, and how it is passed. */
function argument(type: BoundType, i: number): { readonly before: string[]; readonly core: string[] } {
  const { kind, optional } = type;
  if (!isData(type)) return { before: [], core: [kind === "core" ? `a${i}` : `a${i} as i32`] };
  if (kind === "bytes") {
    const core = optional
      ? [`a${i} === null ? 0 : a${i}.dataStart`, `a${i} === null ? 0 : a${i}.length`]
      : [`a${i}.dataStart`, `a${i}.length`];
    return { before: [], core };
  }
  const encoded = `String.UTF8.encode(a${i})`;
  if (!optional) {
    return {
      before: [`const b${i} = ${encoded};`],
      core: [`changetype<usize>(b${i})`, `b${i}.byteLength`],
    };
  }
  return {
    before: [`let b${i}: ArrayBuffer | null = null;`, `if (a${i} !== null) b${i} = ${encoded};`],
    core: [`b${i} === null ? 0 : changetype<usize>(b${i})`, `b${i} === null ? 0 : b${i}.byteLength`],
  };
}

/** What the guest gets where the call failed. */
function nothing(type: BoundType): string {
  if (type.optional) return "null";
  if (type.kind === "text") return '""';
  if (type.kind === "bytes") return "new Uint8Array(0)";
  return type.kind === "bool" ? "false" : "0";
}

function importWrapper(func: BoundFunction, shape: BoundShape, name: string): string {
  const { throws } = func.signature;
  const { params, result } = shape;
  const args = params.map(argument);
  const core = args.flatMap((arg) => arg.core);
  if (throws) core.push("errorPlace");
  const call = `${name}(${core.join(", ")})`;
  const lines = args.flatMap((arg) => arg.before);
  if (throws) lines.push("startCall();");
  if (result === undefined) lines.push(`${call};`, ...(throws ? ["endCall();"] : []));
  else {
    lines.push(`const result = ${call};`);
    if (throws) lines.push(`if (!endCall()) return ${nothing(result)};`);
    lines.push(`return ${fromHost(result)};`);
  }
  const list = params.map((type, i) => `a${i}: ${typeText(type)}`).join(", ");
  const returns = result === undefined ? "void" : typeText(result);
  return (
    `  /** ${signatureText(func.signature)} */\n` +
    `  export function ${unreserved(func.name, reserved)}(${list}): ${returns} {\n` +
    `${lines.map((line) => `    ${line}\n`).join("")}  }\n`
  );
}

function fromHost(type: BoundType): string {
  if (type.kind === "bool") return "result != 0";
  if (type.kind === "narrow") return `result as ${type.name}`;
  if (!isData(type)) return "result";
  const take = type.kind === "text" ? "takeText" : "takeBytes";
  const taken = `${take}(dataPointer(result), dataLength(result))`;
  return type.optional ? `dataPointer(result) == 0 ? null : ${taken}` : taken;
}

function exported({ functions }: BoundModule, implementation: string): string {
  const wrappers = functions.map((func) => {
    const shape = shapeOf(func, true);
    if (typeof shape === "string") return leftOut(func.name, shape);
    return isExpressible(func) ? exportWrapper(func, shape) : leftOut(func.name, "that name");
  });
  const source = JSON.stringify(implementation);
  return `// The author's functions, with strings and Uint8Arrays.\nimport * as plugin from ${source};\n\n${wrappers.join("\n")}`;
}

function exportWrapper(func: BoundFunction, { params, result }: BoundShape): string {
  const list = params.flatMap((type, i) =>
    isData(type) ? [`p${i}: usize`, `n${i}: i32`] : [`a${i}: ${coreText(type)}`],
  );
  const args = params.map((type, i) => {
    if (type.kind === "bool") return `a${i} != 0`;
    if (type.kind === "narrow") return `a${i} as ${type.name}`;
    if (!isData(type)) return `a${i}`;
    const taken = `${type.kind === "text" ? "takeText" : "takeBytes"}(p${i}, n${i})`;
    return type.optional ? `p${i} == 0 ? null : ${taken}` : taken;
  });
  const name = unreserved(func.name, reserved);
  const call = `plugin.${name}(${args.join(", ")})`;
  const returns = result === undefined ? "void" : isData(result) ? "u64" : coreText(result);
  const lines = result === undefined ? [`${call};`] : toHost(result, call);
  const body = lines.map((line) => `  ${line}\n`).join("");
  if (name === func.name) {
    return `/** ${signatureText(func.signature)} */\nexport function ${name}(${list.join(", ")}): ${returns} {\n${body}}\n`;
  }
  const alias = `export { ${name} as ${func.name} };\n`;
  return `/** ${signatureText(func.signature)} */\nfunction ${name}(${list.join(", ")}): ${returns} {\n${body}}\n${alias}`;
}

function toHost(type: BoundType, call: string): string[] {
  if (!isData(type)) return [`return ${call}${type.kind === "core" ? "" : " as i32"};`];
  const give = type.kind === "text" ? "giveText" : "giveBytes";
  if (!type.optional) return [`return ${give}(${call});`];
  return [`const result = ${call};`, `return result === null ? 0 : ${give}(result);`];
}
