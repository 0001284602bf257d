/**
 * Type-checks the instructions of one function body.
 *
 * Enters: a `BodyState` that `begin` prepared. Leaves: normally if the body is valid, its facts in the state;
 * else by a `WasmFormatError`. One pass, no recursion: nesting is the state's control stack.
 *
 * Most instructions are plain: their row's signature says it all, and only immediates have to be read. The
 * others go to their family's file (validate-control, validate-references). The loop stays small so that V8
 * optimizes it as a whole.
 */
import type { BodyState } from "./body-state.js";
import {
  alignmentTooLarge,
  badAlignment,
  dataCountMissing,
  endExpected,
  illegalOpcode,
  immutableGlobal,
  laneOutOfRange,
  simdDisabled,
  trailingCode,
  unknownIndex,
  zeroByteExpected,
} from "./errors.js";
import { FunctionFlag } from "./function-facts.js";
import {
  DENSE_FC,
  DENSE_FD,
  OPCODE_ALIGN,
  OPCODE_DEFINED,
  OPCODE_IMMEDIATE,
  OPCODE_LANES,
  OPCODE_ROWS,
  OPCODE_SIGNATURE,
  opcodeName,
} from "./opcode-columns.js";
import { Immediate, Op } from "./opcodes.js";
import { validateControl } from "./validate-control.js";
import { validateReference } from "./validate-references.js";

/** How the loop goes about an opcode: see `families`. */
const ILLEGAL = 0;
const PLAIN = 1;
const LOCAL = 2;
const MEMORY = 3;
const I32_CONST = 4;
const CONTROL = 5;
const GLOBAL = 6;
const PREFIXED = 7;
const IMMEDIATE = 8;
const REFERENCE = 9;

const families = buildFamilies();

function buildFamilies(): Uint8Array {
  const family = new Uint8Array(OPCODE_ROWS);
  for (let i = 0; i < OPCODE_ROWS; i++) {
    if (OPCODE_DEFINED[i] === 1) family[i] = familyOf(i);
  }
  family[0xfc] = PREFIXED;
  family[0xfd] = PREFIXED;
  return family;
}

function familyOf(index: number): number {
  const immediate = OPCODE_IMMEDIATE[index];
  if (index === Op.i32_const) return I32_CONST;
  if (immediate === Immediate.local) return LOCAL;
  if (immediate === Immediate.global) return GLOBAL;
  if (immediate === Immediate.memory) return MEMORY;
  if (index <= Op.select_t && index !== Op.nop) return CONTROL;
  if (OPCODE_SIGNATURE[index] < 0) return REFERENCE;
  return immediate === Immediate.none ? PLAIN : IMMEDIATE;
}

/** Checks the body that the state stands at, and returns how many instructions it has. */
export function validateInstructions(s: BodyState): number {
  let count = 0;
  const { bytes, end } = s;
  while (s.depth > 0) {
    const at = s.position;
    if (at >= end) throw endExpected(s.place(at), "the function");
    s.at = at;
    const opcode = bytes[at];
    s.position = at + 1;
    count++;
    switch (families[opcode]) {
      case PLAIN:
        applySignature(s, OPCODE_SIGNATURE[opcode]);
        break;
      case LOCAL:
        validateLocal(s, opcode);
        break;
      case MEMORY:
        readMemoryImmediate(s, opcode);
        applySignature(s, OPCODE_SIGNATURE[opcode]);
        break;
      case I32_CONST:
        s.i32();
        s.push(0x7f);
        break;
      case CONTROL:
        validateControl(s, opcode);
        break;
      case GLOBAL:
        validateGlobal(s, opcode);
        break;
      case PREFIXED:
        validatePrefixed(s, opcode);
        break;
      case IMMEDIATE:
        readImmediate(s, opcode, opcode);
        applySignature(s, OPCODE_SIGNATURE[opcode]);
        break;
      case REFERENCE:
        validateReference(s, opcode);
        break;
      default:
        throw illegalOpcode(s.place(at), opcode);
    }
  }
  if (s.position !== end) throw trailingCode(s.place(s.position), end - s.position);
  return count;
}

/** Pops and pushes by a packed signature (see `OPCODE_SIGNATURE`). */
function applySignature(s: BodyState, signature: number): void {
  for (let rest = signature >>> 8; rest !== 0; rest >>>= 8) s.pop(rest & 0xff);
  const result = signature & 0xff;
  if (result !== 0) s.push(result);
}

function validateLocal(s: BodyState, opcode: number): void {
  const index = s.u32("a local index");
  if (index >= s.localCount) throw unknownIndex(s.place(s.at), "local", index, s.localCount);
  const type = s.localType(index);
  if (opcode === Op.local_get) {
    s.push(type);
    return;
  }
  s.pop(type);
  if (opcode === Op.local_tee) s.push(type);
}

function validateGlobal(s: BodyState, opcode: number): void {
  const { globalTypes, globalMutable } = s.context;
  const index = s.u32("a global index");
  if (index >= globalTypes.length) {
    throw unknownIndex(s.place(s.at), "global", index, globalTypes.length);
  }
  if (opcode === Op.global_get) {
    s.push(globalTypes[index]);
    return;
  }
  if (globalMutable[index] === 0) throw immutableGlobal(s.place(s.at), "global.set", index);
  s.pop(globalTypes[index]);
}

/** Alignment and offset of a memory access; `index` is the opcode's dense index. */
function readMemoryImmediate(s: BodyState, index: number): void {
  const align = s.u32("an alignment");
  s.u32("a memory offset");
  if (!s.context.hasMemory) throw unknownIndex(s.place(s.at), "memory", 0, 0);
  if (align > OPCODE_ALIGN[index]) throw alignmentError(s, OPCODE_ALIGN[index], align);
  s.flags |= FunctionFlag.memory;
}

/** From 32 on the bytes mean something else (later versions keep flags there): that is malformed. */
function alignmentError(s: BodyState, natural: number, found: number): Error {
  if (found >= 32) return badAlignment(s.place(s.at), s.where(), found);
  return alignmentTooLarge(s.place(s.at), s.where(), natural, found);
}

function validatePrefixed(s: BodyState, prefix: number): void {
  const number = s.u32("an opcode");
  if (number > 0xff) throw illegalOpcode(s.place(s.at), prefix * 0x10000 + (number & 0xffff));
  const code = (prefix << 8) | number;
  const index = number + (prefix === 0xfc ? DENSE_FC : DENSE_FD);
  if (families[index] === ILLEGAL) throw illegalOpcode(s.place(s.at), code);
  if (prefix === 0xfd) {
    if (!s.context.simd) throw simdDisabled(s.place(s.at), opcodeName(code));
    s.flags |= FunctionFlag.simd;
  }
  if (families[index] === REFERENCE) {
    validateReference(s, code);
    return;
  }
  readImmediate(s, index, code);
  applySignature(s, OPCODE_SIGNATURE[index]);
}

/** Reads and checks the immediates of an instruction whose operands its row tells. */
function readImmediate(s: BodyState, index: number, code: number): void {
  switch (OPCODE_IMMEDIATE[index]) {
    case Immediate.none:
      return;
    case Immediate.i64:
      s.i64();
      return;
    case Immediate.f32:
      s.bits32();
      return;
    case Immediate.f64:
      s.skip(8, "8 bytes");
      return;
    case Immediate.v128:
      s.skip(16, "16 bytes");
      return;
    case Immediate.memory:
      readMemoryImmediate(s, index);
      return;
    case Immediate.memoryLane:
      readMemoryImmediate(s, index);
      readLane(s, OPCODE_LANES[index]);
      return;
    case Immediate.lane:
      readLane(s, OPCODE_LANES[index]);
      return;
    case Immediate.shuffle:
      for (let i = 0; i < 16; i++) readLane(s, 32);
      return;
    default:
      readBulkImmediate(s, OPCODE_IMMEDIATE[index], code);
  }
}

function readLane(s: BodyState, lanes: number): void {
  const lane = s.u8("a lane");
  if (lane >= lanes) throw laneOutOfRange(s.place(s.at), s.where(), lanes, lane);
}

function readBulkImmediate(s: BodyState, immediate: number, code: number): void {
  switch (immediate) {
    case Immediate.memoryIndex:
      readMemoryIndex(s, code);
      return;
    case Immediate.memoryCopy:
      readMemoryIndex(s, code);
      readMemoryIndex(s, code);
      return;
    case Immediate.memoryInit:
      readDataIndex(s, code);
      readMemoryIndex(s, code);
      return;
    case Immediate.data:
      readDataIndex(s, code);
      return;
    default:
      // Elements and tables: their index spaces are the other family's.
      validateReference(s, code);
  }
}

function readMemoryIndex(s: BodyState, code: number): void {
  const byte = s.u8("a memory index");
  if (byte !== 0) throw zeroByteExpected(s.place(s.at), opcodeName(code), byte);
  if (!s.context.hasMemory) throw unknownIndex(s.place(s.at), "memory", 0, 0);
  s.flags |=
    code === Op.memory_size ? FunctionFlag.memory : FunctionFlag.memory | FunctionFlag.memoryManagement;
}

function readDataIndex(s: BodyState, code: number): void {
  const { dataCount } = s.context.module;
  const index = s.u32("a data segment index");
  if (dataCount < 0) throw dataCountMissing(s.place(s.at), opcodeName(code));
  if (index >= dataCount) throw unknownIndex(s.place(s.at), "data-segment", index, dataCount);
}
