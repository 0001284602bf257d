/**
 * The one error that reading a module can end in, and one factory for each thing that can be wrong.
 *
 * A code is stable: tests and users match on it. Its family tells a malformed module (the bytes are no
 * module) from an invalid one (they are, but break a rule of validation), as the specification's scripts do;
 * "limit" is a size beyond what the JavaScript API allows, "unsupported" a feature that is switched off.
 */

export type ErrorFamily = "malformed" | "invalid" | "limit" | "unsupported";

const families = {
  "empty-input": "malformed",
  "text-input": "malformed",
  "component-input": "malformed",
  "bad-magic": "malformed",
  "unknown-version": "malformed",
  "unexpected-end": "malformed",
  "integer-too-long": "malformed",
  "integer-too-large": "malformed",
  "bad-utf8": "malformed",
  "bad-section-id": "malformed",
  "section-order": "malformed",
  "section-size": "malformed",
  "bad-flags": "malformed",
  "bad-value-type": "malformed",
  "bad-reference-type": "malformed",
  "bad-block-type": "malformed",
  "bad-type-form": "malformed",
  "bad-mutability": "malformed",
  "bad-external-kind": "malformed",
  "bad-element-kind": "malformed",
  "zero-byte-expected": "malformed",
  "bad-alignment": "malformed",
  "illegal-opcode": "malformed",
  "function-code-mismatch": "malformed",
  "data-count-mismatch": "malformed",
  "data-count-missing": "malformed",
  "end-expected": "malformed",
  "trailing-code": "malformed",
  "else-without-if": "malformed",
  "body-size": "malformed",
  "type-mismatch": "invalid",
  "missing-operand": "invalid",
  "extra-operands": "invalid",
  "missing-else": "invalid",
  "branch-arity": "invalid",
  "select-arity": "invalid",
  "select-needs-type": "invalid",
  "unknown-type": "invalid",
  "unknown-function": "invalid",
  "unknown-table": "invalid",
  "unknown-memory": "invalid",
  "unknown-global": "invalid",
  "unknown-local": "invalid",
  "unknown-label": "invalid",
  "unknown-data-segment": "invalid",
  "unknown-element-segment": "invalid",
  "alignment-too-large": "invalid",
  "lane-out-of-range": "invalid",
  "immutable-global": "invalid",
  "undeclared-reference": "invalid",
  "constant-expression": "invalid",
  "duplicate-export": "invalid",
  "start-signature": "invalid",
  "multiple-memories": "invalid",
  "memory-too-large": "invalid",
  "limits-order": "invalid",
  "limit-exceeded": "limit",
  "simd-disabled": "unsupported",
} as const satisfies Record<string, ErrorFamily>;

/** What is wrong with a module, as a stable code. */
export type FormatErrorCode = keyof typeof families;

/** Every code there is, so that a test can see to it that each is tried. */
export const formatErrorCodes = Object.keys(families) as readonly FormatErrorCode[];

/** Where an error stands: a byte offset into the module, and the function (-1 outside of a body). */
export interface ErrorPlace {
  readonly offset: number;
  readonly functionIndex: number;
}

/**
 * A module that can't be decoded or isn't valid.
 * The message ends in the byte offset: `function 3: i32.add: expected i32, found f32 @+0x1e`.
 */
export class WasmFormatError extends Error {
  override readonly name = "WasmFormatError";
  readonly family: ErrorFamily;

  constructor(
    readonly code: FormatErrorCode,
    readonly detail: string,
    readonly offset: number,
    readonly functionIndex = -1,
  ) {
    super(`${functionIndex >= 0 ? `function ${functionIndex}: ` : ""}${detail} @+0x${offset.toString(16)}`);
    this.family = families[code];
  }
}

function make(code: FormatErrorCode, place: ErrorPlace, detail: string): WasmFormatError {
  return new WasmFormatError(code, detail, place.offset, place.functionIndex);
}

const start: ErrorPlace = { offset: 0, functionIndex: -1 };

const hex = (byte: number) => `0x${byte.toString(16).padStart(2, "0")}`;

// The file as a whole

export function emptyInput(): WasmFormatError {
  return make(
    "empty-input",
    start,
    "the module is empty: expected the magic bytes 00 61 73 6d, found 0 bytes",
  );
}

export function textInput(): WasmFormatError {
  return make(
    "text-input",
    start,
    "this is text, not a binary module: assemble a .wat file first (for example with wat2wasm)",
  );
}

export function componentInput(): WasmFormatError {
  return make(
    "component-input",
    { offset: 4, functionIndex: -1 },
    "this is a WebAssembly component; components are not core modules, and only core modules can be loaded " +
      "(extract one with `wasm-tools component unbundle`, or build for a core target)",
  );
}

export function badMagic(found: Uint8Array): WasmFormatError {
  const shown = Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return make(
    "bad-magic",
    start,
    `not a WebAssembly module: expected the magic bytes 00 61 73 6d, found ${shown}`,
  );
}

export function unknownVersion(found: number): WasmFormatError {
  return make(
    "unknown-version",
    { offset: 4, functionIndex: -1 },
    `unknown binary version: expected 1, found ${hex(found)}`,
  );
}

// Malformed

export function unexpectedEnd(place: ErrorPlace, wanted: string): WasmFormatError {
  return make("unexpected-end", place, `unexpected end: expected ${wanted}`);
}

export function integerTooLong(place: ErrorPlace, bits: number, bytes: number): WasmFormatError {
  return make("integer-too-long", place, `a ${bits}-bit LEB128 integer has more than ${bytes} bytes`);
}

export function integerTooLarge(place: ErrorPlace, bits: number): WasmFormatError {
  return make("integer-too-large", place, `a LEB128 integer does not fit into ${bits} bits`);
}

export function badUtf8(place: ErrorPlace): WasmFormatError {
  return make("bad-utf8", place, "a name is not valid UTF-8");
}

export function badSectionId(place: ErrorPlace, id: number): WasmFormatError {
  const hint = id === 13 ? " (the tag section of the exception handling proposal)" : "";
  return make("bad-section-id", place, `expected a section id from 0 to 12, found ${id}${hint}`);
}

export function sectionOrder(place: ErrorPlace, name: string, previous: string): WasmFormatError {
  const what = name === previous ? "is there twice" : `can't follow the ${previous} section`;
  return make("section-order", place, `the ${name} section ${what}`);
}

export function sectionTooLong(place: ErrorPlace, size: number, available: number): WasmFormatError {
  return make("section-size", place, `a section of ${size} bytes, but only ${available} are left`);
}

export function sectionSize(
  place: ErrorPlace,
  name: string,
  declared: number,
  read: number,
): WasmFormatError {
  return make("section-size", place, `the ${name} section is ${declared} bytes long, its contents ${read}`);
}

export function badFlags(place: ErrorPlace, what: string, found: number, hint = ""): WasmFormatError {
  return make("bad-flags", place, `unknown ${what} flags ${hex(found)}${hint}`);
}

export function badValueType(place: ErrorPlace, found: number): WasmFormatError {
  return make("bad-value-type", place, `expected a value type, found ${hex(found)}`);
}

export function badReferenceType(place: ErrorPlace, found: number): WasmFormatError {
  return make(
    "bad-reference-type",
    place,
    `expected funcref (0x70) or externref (0x6f), found ${hex(found)}`,
  );
}

export function badBlockType(place: ErrorPlace, found: number): WasmFormatError {
  return make("bad-block-type", place, `expected a block type, found ${hex(found)}`);
}

export function badTypeForm(place: ErrorPlace, found: number): WasmFormatError {
  return make("bad-type-form", place, `expected a function type (0x60), found ${hex(found)}`);
}

export function badMutability(place: ErrorPlace, found: number): WasmFormatError {
  return make("bad-mutability", place, `expected mutability 0 or 1, found ${hex(found)}`);
}

export function badExternalKind(
  place: ErrorPlace,
  what: "import" | "export",
  found: number,
): WasmFormatError {
  const detail = `expected the kind of an ${what}: 0 function, 1 table, 2 memory, 3 global; found ${hex(found)}`;
  return make("bad-external-kind", place, detail);
}

export function badElementKind(place: ErrorPlace, found: number): WasmFormatError {
  return make("bad-element-kind", place, `expected element kind 0 (functions), found ${hex(found)}`);
}

export function zeroByteExpected(place: ErrorPlace, instruction: string, found: number): WasmFormatError {
  return make("zero-byte-expected", place, `${instruction}: expected a zero byte, found ${hex(found)}`);
}

export function badAlignment(place: ErrorPlace, where: string, found: number): WasmFormatError {
  return make("bad-alignment", place, `${where}: expected an alignment below 32, found ${found}`);
}

/** What later versions of WebAssembly mean by opcodes that 2.0 has not: worth telling, since tools emit them. */
const laterOpcodes: readonly (readonly [first: number, last: number, proposal: string])[] = [
  [0x06, 0x0a, "exception handling"],
  [0x12, 0x13, "tail calls"],
  [0x14, 0x15, "typed function references"],
  [0x18, 0x19, "exception handling"],
  [0x1f, 0x1f, "exception handling"],
  [0xd3, 0xd6, "typed function references or garbage collection"],
  [0xfb, 0xfb, "garbage collection"],
  [0xfe, 0xfe, "threads"],
  [0xfd_0100, 0xfd_0113, "relaxed vector instructions"],
];

/** A code with a prefix has that in the bits from 8 on, or from 16 on if the number behind it is above 0xff. */
export function illegalOpcode(place: ErrorPlace, code: number): WasmFormatError {
  const shift = code > 0xffff ? 16 : 8;
  const prefix = code >>> shift;
  const shown = prefix === 0 ? hex(code) : `${hex(prefix)} ${hex(code & ((1 << shift) - 1))}`;
  const later = laterOpcodes.find(([first, last]) => code >= first && code <= last);
  const hint = later === undefined ? "" : ` (${later[2]}: not in WebAssembly 2.0)`;
  return make("illegal-opcode", place, `illegal opcode ${shown}${hint}`);
}

export function functionCodeMismatch(place: ErrorPlace, functions: number, bodies: number): WasmFormatError {
  const detail = `the function section declares ${functions} functions, the code section has ${bodies} bodies`;
  return make("function-code-mismatch", place, detail);
}

export function dataCountMismatch(place: ErrorPlace, declared: number, segments: number): WasmFormatError {
  const detail = `the data count section says ${declared} segments, the data section has ${segments}`;
  return make("data-count-mismatch", place, detail);
}

export function dataCountMissing(place: ErrorPlace, instruction: string): WasmFormatError {
  return make("data-count-missing", place, `${instruction} needs a data count section, the module has none`);
}

export function endExpected(place: ErrorPlace, what: string): WasmFormatError {
  return make("end-expected", place, `${what} must end with \`end\``);
}

export function trailingCode(place: ErrorPlace, bytes: number): WasmFormatError {
  return make("trailing-code", place, `${bytes} bytes follow the function's last \`end\``);
}

export function elseWithoutIf(place: ErrorPlace): WasmFormatError {
  return make("else-without-if", place, "`else` without an open `if`");
}

export function bodySize(place: ErrorPlace, size: number, available: number): WasmFormatError {
  return make(
    "body-size",
    place,
    `a function body of ${size} bytes, but the code section has ${available} left`,
  );
}

// Invalid: types and operands

export function typeMismatch(
  place: ErrorPlace,
  where: string,
  expected: string,
  found: string,
): WasmFormatError {
  return make("type-mismatch", place, `${where}: expected ${expected}, found ${found}`);
}

export function missingOperand(place: ErrorPlace, where: string, expected: string): WasmFormatError {
  return make("missing-operand", place, `${where}: expected ${expected}, found no operand on the stack`);
}

export function extraOperands(
  place: ErrorPlace,
  where: string,
  expected: number,
  found: number,
): WasmFormatError {
  return make(
    "extra-operands",
    place,
    `${where}: expected ${expected} operands on the stack, found ${found}`,
  );
}

export function missingElse(place: ErrorPlace, params: string, results: string): WasmFormatError {
  const detail = `an \`if\` without \`else\` must leave what it takes: expected ${params}, found ${results}`;
  return make("missing-else", place, detail);
}

export function branchArity(
  place: ErrorPlace,
  label: number,
  expected: number,
  found: number,
): WasmFormatError {
  const detail = `br_table: label ${label} takes ${found} operands, the default label ${expected}`;
  return make("branch-arity", place, detail);
}

export function selectArity(place: ErrorPlace, found: number): WasmFormatError {
  return make("select-arity", place, `select: expected 1 result type, found ${found}`);
}

export function selectNeedsType(place: ErrorPlace, found: string): WasmFormatError {
  return make(
    "select-needs-type",
    place,
    `select without a type: expected number or vector operands, found ${found}`,
  );
}

// Invalid: indices

export type IndexSpace =
  | "type"
  | "function"
  | "table"
  | "memory"
  | "global"
  | "local"
  | "label"
  | "data-segment"
  | "element-segment";

export function unknownIndex(
  place: ErrorPlace,
  space: IndexSpace,
  index: number,
  count: number,
): WasmFormatError {
  const noun = space.replace("-", " ");
  const plural = space === "memory" ? "memories" : `${noun}s`;
  return make(`unknown-${space}`, place, `unknown ${noun} ${index}: there are ${count} ${plural}`);
}

export function unknownConstGlobal(place: ErrorPlace, index: number, imported: number): WasmFormatError {
  const detail = `unknown global ${index}: a constant expression may read the ${imported} imported globals only`;
  return make("unknown-global", place, detail);
}

// Invalid: the rest

export function alignmentTooLarge(
  place: ErrorPlace,
  where: string,
  natural: number,
  found: number,
): WasmFormatError {
  return make("alignment-too-large", place, `${where}: alignment 2**${found} is larger than 2**${natural}`);
}

export function laneOutOfRange(
  place: ErrorPlace,
  where: string,
  lanes: number,
  found: number,
): WasmFormatError {
  return make("lane-out-of-range", place, `${where}: expected a lane below ${lanes}, found ${found}`);
}

export function immutableGlobal(place: ErrorPlace, where: string, index: number): WasmFormatError {
  return make("immutable-global", place, `${where}: global ${index} is immutable`);
}

export function mutableConstGlobal(place: ErrorPlace, index: number): WasmFormatError {
  const detail = `a constant expression may read immutable globals only, global ${index} is mutable`;
  return make("constant-expression", place, detail);
}

export function undeclaredReference(place: ErrorPlace, index: number): WasmFormatError {
  const detail = `ref.func: function ${index} is named by no element segment, export or global`;
  return make("undeclared-reference", place, detail);
}

export function notConstant(place: ErrorPlace, instruction: string): WasmFormatError {
  return make("constant-expression", place, `${instruction} is not allowed in a constant expression`);
}

export function duplicateExport(place: ErrorPlace, name: string): WasmFormatError {
  return make("duplicate-export", place, `the export name ${JSON.stringify(name)} is used twice`);
}

export function startSignature(place: ErrorPlace, index: number, found: string): WasmFormatError {
  return make("start-signature", place, `start function ${index}: expected () -> (), found ${found}`);
}

export function multipleMemories(place: ErrorPlace, found: number): WasmFormatError {
  return make("multiple-memories", place, `expected at most 1 memory, found ${found}`);
}

export function memoryTooLarge(place: ErrorPlace, pages: number): WasmFormatError {
  return make("memory-too-large", place, `a memory has at most 65536 pages (4 GiB), found ${pages}`);
}

export function limitsOrder(place: ErrorPlace, minimum: number, maximum: number): WasmFormatError {
  return make("limits-order", place, `the minimum ${minimum} is larger than the maximum ${maximum}`);
}

// Limits and features

export function limitExceeded(
  place: ErrorPlace,
  what: string,
  limit: number,
  found: number,
): WasmFormatError {
  return make("limit-exceeded", place, `too many ${what}: at most ${limit} are possible, found ${found}`);
}

export function simdDisabled(place: ErrorPlace, what: string): WasmFormatError {
  return make("simd-disabled", place, `${what}: vector instructions and the v128 type are switched off`);
}
