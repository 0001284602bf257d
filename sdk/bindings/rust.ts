/**
 * An interface as Rust: a module of functions for each host module, with `&str`, `&[u8]`, `String` and `Vec<u8>`; and
 * a trait for what the plugin exports, with a macro that exports a type's implementation of it.
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

const reserved = new Set(
  (
    "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move " +
    "mut pub ref return self Self static struct super trait true type unsafe use where while abstract become box " +
    "do final macro override priv try typeof unsized virtual yield gen"
  ).split(" "),
);

const prelude = `#![allow(dead_code, non_snake_case, clippy::missing_safety_doc)]

/// Memory that may cross.
#[no_mangle]
pub extern "C" fn backplane_alloc(size: usize) -> *mut u8 {
    let mut bytes = Vec::with_capacity(size.max(1));
    let pointer = bytes.as_mut_ptr();
    std::mem::forget(bytes);
    pointer
}

#[no_mangle]
pub unsafe extern "C" fn backplane_free(pointer: *mut u8, size: usize) {
    drop(Vec::from_raw_parts(pointer, 0, size.max(1)));
}

pub unsafe fn take_bytes(pointer: usize, length: usize) -> Vec<u8> {
    let bytes = std::slice::from_raw_parts(pointer as *const u8, length).to_vec();
    backplane_free(pointer as *mut u8, length);
    bytes
}

/// What the host passes is valid UTF-8.
pub unsafe fn take_text(pointer: usize, length: usize) -> String {
    String::from_utf8_unchecked(take_bytes(pointer, length))
}

pub fn give(bytes: &[u8]) -> u64 {
    let pointer = backplane_alloc(bytes.len());
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), pointer, bytes.len()) };
    pointer as usize as u64 | (bytes.len() as u64) << 32
}
`;

export function rustBindings(face: PluginInterface): string {
  const parts = ["// Written by `backplane bindings`. Changes here are lost the next time.", prelude];
  for (const module of face.imports) parts.push(hostModule(module));
  if (face.exports !== undefined) parts.push(exported(face.exports));
  return parts.join("\n");
}

/** A raw identifier where Rust has the word for itself. */
function rustName(name: string): string {
  const text = identifier(name);
  if (!reserved.has(text)) return text;
  // These can't even be raw identifiers.
  return ["self", "Self", "super", "crate"].includes(text) ? `${text}_` : `r#${text}`;
}

function scalarText(type: BoundType): string {
  return type.kind === "bool" ? "bool" : type.name;
}

function borrowed(type: BoundType): string {
  const text = type.kind === "text" ? "&str" : type.kind === "bytes" ? "&[u8]" : scalarText(type);
  return type.optional ? `Option<${text}>` : text;
}

function owned(type: BoundType): string {
  const text = type.kind === "text" ? "String" : type.kind === "bytes" ? "Vec<u8>" : scalarText(type);
  return type.optional ? `Option<${text}>` : text;
}

function coreText(type: BoundType): string {
  return type.kind === "bool" || type.kind === "narrow" ? "i32" : type.name;
}

function coreParameters(shape: BoundShape): string[] {
  return shape.params.flatMap((type, i) =>
    isData(type) ? [`p${i}: usize`, `n${i}: usize`] : [`a${i}: ${coreText(type)}`],
  );
}

function coreResult({ result }: BoundShape): string {
  return result === undefined ? "" : ` -> ${isData(result) ? "u64" : coreText(result)}`;
}

function leftOut(name: string, what: string): string {
  return `// ${name} is left out: Rust has no form for ${what}.\n`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "    ");
}

function hostModule(module: BoundModule): string {
  const raw: string[] = [];
  const wrappers: string[] = [];
  for (const func of module.functions) {
    const shape = shapeOf(func, false);
    if (typeof shape === "string") {
      wrappers.push(leftOut(func.name, shape));
      continue;
    }
    const params = [...coreParameters(shape), ...(func.signature.throws ? ["error: *mut [u32; 2]"] : [])];
    const name = `import_${identifier(func.name)}`;
    raw.push(
      `#[link_name = ${JSON.stringify(func.name)}]\nfn ${name}(${params.join(", ")})${coreResult(shape)};\n`,
    );
    wrappers.push(wrapper(func, shape, name));
  }
  const from = JSON.stringify(module.name);
  const block = `#[link(wasm_import_module = ${from})]\nextern "C" {\n${indented(raw.join(""))}}\n`;
  return `/// The host module ${from}.\npub mod ${rustName(module.name)} {\n${indented(`use super::*;\n\n${block}\n${wrappers.join("\n")}`)}}\n`;
}

function wrapper(func: BoundFunction, shape: BoundShape, name: string): string {
  const { throws } = func.signature;
  const { params, result } = shape;
  const list = params.map((type, i) => `a${i}: ${borrowed(type)}`).join(", ");
  const args = params.flatMap((type, i) => {
    if (!isData(type)) return [type.kind === "core" ? `a${i}` : `a${i} as i32`];
    if (!type.optional) return [`a${i}.as_ptr() as usize`, `a${i}.len()`];
    return [`a${i}.map_or(0, |a| a.as_ptr() as usize)`, `a${i}.map_or(0, |a| a.len())`];
  });
  if (throws) args.push("&mut error");
  const plain = result === undefined ? "()" : owned(result);
  const value = result === undefined ? "()" : fromHost(result);
  const returns = throws ? ` -> Result<${plain}, String>` : result === undefined ? "" : ` -> ${plain}`;
  const call = `unsafe { ${name}(${args.join(", ")}) };`;
  const lines = [
    ...(throws ? ["let mut error = [0u32; 2];"] : []),
    result === undefined ? call : `let result = ${call}`,
    ...(throws
      ? [
          "if error[0] != 0 {",
          "    return Err(unsafe { take_text(error[0] as usize, error[1] as usize) });",
          "}",
          `Ok(${value})`,
        ]
      : result === undefined
        ? []
        : [value]),
  ];
  return `/// ${signatureText(func.signature)}\npub fn ${rustName(func.name)}(${list})${returns} {\n${indented(lines.join("\n"))}\n}\n`;
}

function fromHost(type: BoundType): string {
  if (type.kind === "bool") return "result != 0";
  if (type.kind === "narrow") return `result as ${type.name}`;
  if (!isData(type)) return "result";
  const take = type.kind === "text" ? "take_text" : "take_bytes";
  const taken = `unsafe { ${take}(result as u32 as usize, (result >> 32) as usize) }`;
  return type.optional ? `if result as u32 == 0 { None } else { Some(${taken}) }` : taken;
}

function exported(description: BoundModule): string {
  const trait = identifier(description.name);
  const methods: string[] = [];
  const functions: string[] = [];
  for (const func of description.functions) {
    const shape = shapeOf(func, false);
    if (typeof shape === "string") {
      methods.push(leftOut(func.name, shape));
      continue;
    }
    const list = shape.params.map((type, i) => `a${i}: ${owned(type)}`).join(", ");
    const returns = shape.result === undefined ? "" : ` -> ${owned(shape.result)}`;
    methods.push(`/// ${signatureText(func.signature)}\nfn ${rustName(func.name)}(${list})${returns};\n`);
    functions.push(exportedFunction(func, shape));
  }
  const macro = `export_${trait.toLowerCase()}`;
  return (
    `/// What the plugin offers: implement it for a type of yours, then write \`${macro}!(ThatType);\`.\n` +
    `pub trait ${trait} {\n${indented(methods.join(""))}}\n\n` +
    `#[macro_export]\nmacro_rules! ${macro} {\n    ($plugin:ty) => {\n` +
    `${indented(indented(functions.join("\n")))}    };\n}\n`
  ).replaceAll("$trait", trait);
}

function exportedFunction(func: BoundFunction, shape: BoundShape): string {
  const { params, result } = shape;
  const args = params.map((type, i) => {
    if (type.kind === "bool") return `a${i} != 0`;
    if (type.kind === "narrow") return `a${i} as ${type.name}`;
    if (!isData(type)) return `a${i}`;
    const taken = `take_${type.kind === "text" ? "text" : "bytes"}(p${i}, n${i})`;
    return type.optional ? `if p${i} == 0 { None } else { Some(${taken}) }` : taken;
  });
  const call = `<$plugin as $trait>::${rustName(func.name)}(${args.join(", ")})`;
  return (
    `#[allow(non_snake_case)]\n#[export_name = ${JSON.stringify(func.name)}]\n` +
    `pub unsafe extern "C" fn export_${identifier(func.name)}(${coreParameters(shape).join(", ")})${coreResult(shape)} {\n` +
    `    ${toHost(result, call)}\n}\n`
  );
}

function toHost(type: BoundType | undefined, call: string): string {
  if (type === undefined) return `${call};`;
  if (!isData(type)) return type.kind === "core" ? call : `${call} as i32`;
  const give = (value: string): string =>
    type.kind === "text" ? `give(${value}.as_bytes())` : `give(&${value})`;
  return type.optional ? `${call}.map_or(0, |value| ${give("value")})` : give(call);
}
