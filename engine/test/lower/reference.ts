/**
 * What Node's own WebAssembly computes: numeric instructions by name, operands and results as bits in a memory, so
 * that NaNs pass unchanged.
 */
import { opcodes, type OpcodeRow } from "../../wasm/opcodes.js";
import { nodeWebAssembly } from "../../platform/index.js";
import { ByteWriter, encodeModule, I32, KIND_FUNCTION, KIND_MEMORY } from "../support/wasm-bytes.js";
import { Type } from "../../ssa/ops.js";
