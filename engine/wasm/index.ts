/** The binary format: decoding, validating, and what reads function bodies. */

export { constExprType } from "./decode-const-expr.js";
export { decodeModule, sectionName } from "./decoder.js";
export { type ErrorFamily, type FormatErrorCode, formatErrorCodes, WasmFormatError } from "./errors.js";
export { FunctionFacts, FunctionFlag } from "./function-facts.js";
export { BLOCK_EMPTY, blockValType, InstructionCursor } from "./instruction-cursor.js";
export { LIMITS, PAGE_SIZE } from "./limits.js";
export { NameSection, readNames } from "./name-section.js";
export {
  denseIndex,
  isMemoryAccess,
  OPCODE_ALIGN,
  OPCODE_DEFINED,
  OPCODE_IMMEDIATE,
  OPCODE_LANES,
  OPCODE_ROWS,
  OPCODE_SIGNATURE,
  opcodeName,
} from "./opcode-columns.js";
export { type Feature, Immediate, Op, type OpcodeRow, opcodeRows } from "./opcodes.js";
export { ByteReader } from "./reader.js";
export { TypePool } from "./type-pool.js";
export * from "./types.js";
export { FunctionValidator, validateDeclarations, validateModule } from "./validate-module.js";
export {
  createValidationContext,
  declaredFunctions,
  type ValidateOptions,
  type ValidationContext,
} from "./validation-context.js";
