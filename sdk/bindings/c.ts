/**
 * An interface as a C header: a function for each import, whose texts and bytes are `backplane_data`, and exports
 * that call functions of the author's. One C file of the plugin defines `BACKPLANE_EXPORTS` before it includes the
 * header, and thereby has the exports; `BACKPLANE_ARENA` gives an allocator to plugins without a C library.
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
} from "./interface.js";

const prelude = `#ifndef BACKPLANE_BINDINGS
#define BACKPLANE_BINDINGS

typedef __INT8_TYPE__ bp_i8;
typedef __UINT8_TYPE__ bp_u8;
typedef __INT16_TYPE__ bp_i16;
typedef __UINT16_TYPE__ bp_u16;
typedef __INT32_TYPE__ bp_i32;
typedef __UINT32_TYPE__ bp_u32;
typedef __INT64_TYPE__ bp_i64;
typedef __UINT64_TYPE__ bp_u64;

/* Text as UTF-8, JSON as text, or bytes. bytes == 0 is null; what is empty has bytes != 0. */
typedef struct {
  char *bytes;
  bp_u32 size;
} backplane_data;

/* Memory that may cross; 0 if there is no more. What you receive is yours: give it back. */
bp_u32 backplane_alloc(bp_u32 size);
void backplane_free(bp_u32 pointer, bp_u32 size);

/* A literal as an argument: it stays yours. Not as a result, which the host frees. */
#define BACKPLANE_TEXT(literal) ((backplane_data){(char *)(literal), sizeof(literal) - 1})
#define BACKPLANE_NULL ((backplane_data){0, 0})

static inline backplane_data backplane_new(bp_u32 size) {
  backplane_data data = {(char *)(__UINTPTR_TYPE__)backplane_alloc(size), size};
  if (data.bytes == 0) __builtin_trap();
  return data;
}

static inline void backplane_drop(backplane_data data) {
  if (data.bytes != 0) backplane_free((bp_u32)(__UINTPTR_TYPE__)data.bytes, data.size);
}

static inline backplane_data backplane_unpack(bp_u64 packed) {
  backplane_data data = {(char *)(__UINTPTR_TYPE__)(bp_u32)packed, (bp_u32)(packed >> 32)};
  return data;
}

static inline bp_u64 backplane_pack(backplane_data data) {
  return (bp_u64)(bp_u32)(__UINTPTR_TYPE__)data.bytes | (bp_u64)data.size << 32;
}
`;

const allocator = `#ifdef BACKPLANE_EXPORTS

#ifdef BACKPLANE_ARENA
/* Memory from the bottom up; all of it is free again when nothing is in use. */
extern unsigned char __heap_base;
static bp_u32 backplane_top, backplane_used;

__attribute__((export_name("backplane_alloc"))) bp_u32 backplane_alloc(bp_u32 size) {
  if (backplane_used == 0) backplane_top = (bp_u32)(__UINTPTR_TYPE__)&__heap_base;
  bp_u64 end = (bp_u64)backplane_top + size, has = (bp_u64)__builtin_wasm_memory_size(0) << 16;
  if (end > has && __builtin_wasm_memory_grow(0, (bp_u32)((end - has + 65535) >> 16)) == (__SIZE_TYPE__)-1) return 0;
  bp_u32 pointer = backplane_top;
  backplane_top = (bp_u32)end;
  backplane_used++;
  return pointer;
}

__attribute__((export_name("backplane_free"))) void backplane_free(bp_u32 pointer, bp_u32 size) {
  (void)pointer;
  (void)size;
  backplane_used--;
}
#else
#include <stdlib.h>

__attribute__((export_name("backplane_alloc"))) bp_u32 backplane_alloc(bp_u32 size) {
  return (bp_u32)(__UINTPTR_TYPE__)malloc(size == 0 ? 1 : size);
}

__attribute__((export_name("backplane_free"))) void backplane_free(bp_u32 pointer, bp_u32 size) {
  (void)size;
  free((void *)(__UINTPTR_TYPE__)pointer);
}
#endif
`;

export function cBindings(face: PluginInterface): string {
  const { exports } = face;
  const parts = ["/* Written by `backplane bindings`. Changes here are lost the next time. */\n", prelude];
  for (const module of face.imports) parts.push(hostModule(module));
  if (exports !== undefined) parts.push(authorsFunctions(exports));
  parts.push(allocator);
  if (exports !== undefined) parts.push(exported(exports));
  parts.push("#endif /* BACKPLANE_EXPORTS */\n\n#endif /* BACKPLANE_BINDINGS */\n");
  return parts.join("\n");
}

function typeText(type: BoundType): string {
  if (isData(type)) return "backplane_data";
  if (type.kind === "bool") return "_Bool";
  switch (type.name) {
    case "f32":
      return "float";
    case "f64":
      return "double";
    default:
      return `bp_${type.name}`;
  }
}

function coreText(type: BoundType): string {
  return type.kind === "core" ? typeText(type) : "bp_i32";
}

function leftOut(name: string, what: string): string {
  return `/* ${name} is left out: C has no form for ${what}. */\n`;
}

function parameters(list: readonly string[]): string {
  return list.length === 0 ? "void" : list.join(", ");
}

function coreParameters(shape: BoundShape): string[] {
  return shape.params.flatMap((type, i) =>
    isData(type) ? [`bp_u32 p${i}`, `bp_u32 n${i}`] : [`${coreText(type)} a${i}`],
  );
}

function coreResult({ result }: BoundShape): string {
  return result === undefined ? "void" : isData(result) ? "bp_u64" : coreText(result);
}

function hostModule(module: BoundModule): string {
  return module.functions
    .map((func) => {
      const shape = shapeOf(func, false);
      if (typeof shape === "string") return leftOut(`${module.name}.${func.name}`, shape);
      return hostFunction(module, func, shape);
    })
    .join("\n");
}

function hostFunction(module: BoundModule, func: BoundFunction, shape: BoundShape): string {
  const { throws } = func.signature;
  const { params, result } = shape;
  const name = identifier(`${module.name}_${func.name}`);
  const core = [...coreParameters(shape), ...(throws ? ["bp_u32 error"] : [])];
  const from = `import_module(${JSON.stringify(module.name)}), import_name(${JSON.stringify(func.name)})`;
  const list = params.map((type, i) => `${typeText(type)} a${i}`);
  if (throws) list.push("backplane_data *error");
  const args = params.flatMap((type, i) =>
    isData(type) ? [`(bp_u32)(__UINTPTR_TYPE__)a${i}.bytes`, `a${i}.size`] : [`a${i}`],
  );
  // The host writes 8 bytes here: pointer and length of what went wrong, or zeros.
  if (throws) args.push("(bp_u32)(__UINTPTR_TYPE__)&failure");
  const call = `import_${name}(${args.join(", ")})`;
  const lines = throws ? ["bp_u32 failure[2] = {0, 0};"] : [];
  lines.push(result === undefined ? `${call};` : `${coreResult(shape)} result = ${call};`);
  if (throws) lines.push("*error = (backplane_data){(char *)(__UINTPTR_TYPE__)failure[0], failure[1]};");
  if (result !== undefined) lines.push(`return ${fromHost(result)};`);
  return (
    `__attribute__((${from}))\n${coreResult(shape)} import_${name}(${parameters(core)});\n\n` +
    `/* ${signatureText(func.signature)}${throws ? "; error->bytes is 0 if it didn't fail" : ""} */\n` +
    `static inline ${result === undefined ? "void" : typeText(result)} ${name}(${parameters(list)}) {\n` +
    `${lines.map((line) => `  ${line}\n`).join("")}}\n`
  );
}

function fromHost(type: BoundType): string {
  if (isData(type)) return "backplane_unpack(result)";
  if (type.kind === "bool") return "result != 0";
  return type.kind === "narrow" ? `(${typeText(type)})result` : "result";
}

/** Their names have the description's, so that none is a keyword. */
function authorsName(description: BoundModule, func: BoundFunction): string {
  return identifier(`${description.name}_${func.name}`);
}

function authorsFunctions(description: BoundModule): string {
  const lines = description.functions.map((func) => {
    const shape = shapeOf(func, false);
    if (typeof shape === "string") return leftOut(func.name, shape).trimEnd();
    const list = shape.params.map((type, i) => `${typeText(type)} a${i}`);
    const returns = shape.result === undefined ? "void" : typeText(shape.result);
    return `/* ${signatureText(func.signature)} */\n${returns} ${authorsName(description, func)}(${parameters(list)});`;
  });
  return `/* Yours to write: arguments are yours to drop, results are the host's. */\n${lines.join("\n")}\n`;
}

function exported(description: BoundModule): string {
  return description.functions
    .map((func) => {
      const shape = shapeOf(func, false);
      return typeof shape === "string" ? "" : exportedFunction(description, func, shape);
    })
    .join("\n");
}

function exportedFunction(description: BoundModule, func: BoundFunction, shape: BoundShape): string {
  const { params, result } = shape;
  const args = params.map((type, i) => {
    if (isData(type)) return `(backplane_data){(char *)(__UINTPTR_TYPE__)p${i}, n${i}}`;
    if (type.kind === "bool") return `a${i} != 0`;
    return type.kind === "narrow" ? `(${typeText(type)})a${i}` : `a${i}`;
  });
  const name = authorsName(description, func);
  const call = `${name}(${args.join(", ")})`;
  const body = result === undefined ? call : `return ${isData(result) ? `backplane_pack(${call})` : call}`;
  const list = parameters(coreParameters(shape));
  return (
    `__attribute__((export_name(${JSON.stringify(func.name)})))\n` +
    `${coreResult(shape)} export_${name}(${list}) {\n  ${body};\n}\n`
  );
}
