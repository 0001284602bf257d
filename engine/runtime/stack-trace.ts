/**
 * Walks the Wasm frames of a stopped fiber: for stack traces, and for the handles that frames still hold.
 *
 * Frames have no frame pointer. From an address in a function's code the arena finds the function and its
 * constant frame size; the return address above the frame leads to the caller, until an address is in no
 * function: the entry adapter.
 */
import { prologueSource } from "../machine/machine-code.js";
import { type TrapKind, trapNames } from "../ssa/ops.js";
import type { Engine } from "./engine.js";
import { InterruptError, type InterruptReason, RuntimeError, recordTrap, type WasmFrame } from "./errors.js";
import type { Fiber } from "./fiber.js";
import { Context, ExitStatus } from "./layout.js";
import { putFramesFirst } from "./lazy-stack.js";
import type { LinkGroup } from "./link-group.js";
import type { FunctionCode } from "./module-code.js";
import { word64 } from "./words.js";

/** What stack lines say of a module. */
export interface FrameNames {
  /** Traces leave its functions out. */
  readonly hidden: boolean;
  /** As in V8's: `wasm://wasm/NAME-HASH` or `wasm://wasm/HASH`. */
  readonly url: string;
  /** As V8 puts it: `module.function`, either alone, or undefined. */
  functionName(index: number): string | undefined;
  /** Byte offset of a function's first instruction. */
  functionStart(index: number): number;
}

/** Number of a site by its offset in a function, or -1. */
function findSite(offsets: Int32Array, offset: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low < offsets.length && offsets[low] === offset ? low : -1;
}

/** Number of the last site up to an offset: the nearest known place in the source; -1 if there is none. */
function lastSite(offsets: Int32Array, offset: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether an offset is in a function's prologue, or in the part of it that stands out of line. */
function isBeforeFrame(engine: Engine, { code }: FunctionCode, offset: number): boolean {
  if (offset < code.bodyOffset) return true;
  const { limitCallSize, limitJumpSize } = engine.target.stubFrames;
  const site = code.siteSource.indexOf(prologueSource);
  if (site < 0) return false;
  const from = offset - code.siteOffset[site]!;
  return from >= -limitCallSize && from < limitJumpSize;
}

/** Whether a function is about to return, its frame given up. */
function isReturn(engine: Engine, pc: number): boolean {
  return engine.target.stubFrames.isReturn(engine.arena.read(pc, 4));
}

/** Where a fiber stopped: the address within the innermost function, and the stack pointer there. */
function start(engine: Engine, fiber: Fiber): { pc: number; sp: number } | undefined {
  const sp = word64(fiber.words, Context.wasmSp);
  const { stubFrames } = engine.target;
  switch (fiber.words[Context.status >> 2]) {
    case ExitStatus.trap:
      return { pc: word64(fiber.words, Context.trapPc), sp };
    case ExitStatus.interrupt:
      return returnTo(fiber, sp + stubFrames.interruptSaved, stubFrames.savedReturnSize);
    case ExitStatus.signal:
      return returnTo(fiber, sp + stubFrames.signalSaved, stubFrames.savedReturnSize);
    case ExitStatus.compile:
      return returnTo(fiber, sp + stubFrames.compileSaved, stubFrames.savedReturnSize);
    case ExitStatus.hostCall:
    case ExitStatus.builtin:
      return returnTo(fiber, sp, stubFrames.savedReturnSize);
    default:
      return undefined;
  }
}

function returnTo(fiber: Fiber, at: number, size: number): { pc: number; sp: number } | undefined {
  const pc = fiber.stackWord(at);
  return pc === undefined ? undefined : { pc, sp: at + size };
}

/** The return address of a function whose stack pointer is `sp`. Without a frame it may still be in the link register. */
function returnAddress(
  engine: Engine,
  fiber: Fiber,
  { code }: FunctionCode,
  frameless: boolean,
  sp: number,
): number | undefined {
  const hasLink = engine.target.stubFrames.callPushes === 0;
  if (hasLink && (frameless || code.returnOffset < 0)) return word64(fiber.words, Context.link);
  return fiber.stackWord(frameless ? sp : sp + code.returnOffset);
}

/**
 * Calls `visit` for each frame, innermost first, with the number of the site it stopped at and the stack pointer in its body,
 * until it returns false. A fiber that a signal stopped has the nearest site before; if that happened within the two
 * instructions that copy a word through the stack, its callers aren't found.
 */
function walk(
  engine: Engine,
  fiber: Fiber,
  visit: (code: FunctionCode, site: number, sp: number) => boolean,
): void {
  const at = start(engine, fiber);
  if (at === undefined) return;
  let { pc, sp } = at;
  for (let depth = 0; ; depth++) {
    // A return address may be one past the function's last instruction.
    let code = engine.arena.find(pc - 1);
    if (code === undefined || (depth === 0 && findSite(code.code.siteOffset, pc - code.address) < 0)) {
      code = engine.arena.find(pc);
    }
    if (code === undefined) return;
    const anywhere = depth === 0 && fiber.words[Context.status >> 2] === ExitStatus.signal;
    const site = (anywhere ? lastSite : findSite)(code.code.siteOffset, pc - code.address);
    if (!visit(code, site, sp)) return;
    const frameless = anywhere
      ? isBeforeFrame(engine, code, pc - code.address) || isReturn(engine, pc)
      : site >= 0 && code.code.siteSource[site] === prologueSource;
    const next = returnAddress(engine, fiber, code, frameless, sp);
    if (next === undefined) return;
    pc = next;
    sp += (frameless ? 0 : code.code.frameSize) + engine.target.stubFrames.callPushes;
  }
}

/** Tells a sweep which handles the frames of a stopped fiber hold. */
export function markStack(fiber: Fiber, group: LinkGroup): void {
  const { stubFrames } = fiber.engine.target;
  walk(fiber.engine, fiber, ({ code }, site, sp) => {
    const registersBelow = sp - stubFrames.savedReturnSize - stubFrames.interruptSaved;
    const map = site < 0 ? -1 : code.siteMap[site]!;
    if (map < 0) return true;
    for (let i = code.mapStart[map]!; i < code.mapStart[map + 1]!; i++) {
      const word = code.mapWord[i]!;
      // Only an interrupt check has references in registers; its stub put them below the frame.
      const at = word >= 0 ? sp + word : registersBelow + stubFrames.interruptSlot(-1 - word);
      group.mark(fiber.stackWord(at)!);
    }
    return true;
  });
}

const messages: Record<keyof typeof TrapKind, string> = {
  unreachable: "unreachable",
  memoryOutOfBounds: "memory access out of bounds",
  tableOutOfBounds: "table index is out of bounds",
  indirectCallToNull: "null function or function signature mismatch",
  signatureMismatch: "null function or function signature mismatch",
  integerDivideByZero: "divide by zero",
  integerOverflow: "divide result unrepresentable",
  conversionOverflow: "float unrepresentable in integer range",
  invalidConversion: "float unrepresentable in integer range",
  undefinedElement: "table index is out of bounds",
  stackOverflow: "Maximum call stack size exceeded",
  interrupt: "interrupted",
  outOfFuel: "out of fuel",
  elementSegmentOutOfBounds: "table index is out of bounds",
};

/** The error for a fiber that stopped with a trap, with the Wasm frames in its stack. */
export function trapError(engine: Engine, fiber: Fiber): Error {
  let kind: keyof typeof TrapKind | undefined;
  const frames: WasmFrame[] = [];
  const limit = Error.stackTraceLimit ?? 10;
  walk(engine, fiber, (code, site, _sp) => {
    if (kind === undefined && site >= 0) kind = trapNames[code.code.siteTrap[site]!];
    if (!code.module.names.hidden) frames.push(frameOf(code, site));
    return frames.length < limit;
  });
  if (kind === undefined) {
    throw new Error(`a trap at 0x${word64(fiber.words, Context.trapPc).toString(16)} is at no recorded site`);
  }
  return makeTrap(fiber, kind, frames);
}

/** The error for a trap that a routine served by TypeScript raises (an out-of-bounds table.init, say). */
export function routineTrap(engine: Engine, fiber: Fiber, kind: keyof typeof TrapKind): Error {
  return makeTrap(fiber, kind, framesOf(engine, fiber));
}

/** What a stopped fiber is doing: as many frames as errors' stacks have lines. */
export function framesOf(engine: Engine, fiber: Fiber): WasmFrame[] {
  const frames: WasmFrame[] = [];
  const limit = Error.stackTraceLimit ?? 10;
  walk(engine, fiber, (code, site) => {
    if (!code.module.names.hidden) frames.push(frameOf(code, site));
    return frames.length < limit;
  });
  return frames;
}

/** Whether a fiber was interrupted where no stack map says which registers and slots hold references. */
export function lacksStackMap(engine: Engine, fiber: Fiber): boolean {
  if (fiber.words[Context.status >> 2] !== ExitStatus.interrupt) return true;
  let inPrologue = false;
  walk(engine, fiber, ({ code }, site) => {
    inPrologue = site >= 0 && code.siteSource[site] === prologueSource;
    return false;
  });
  return inPrologue;
}

function frameOf(code: FunctionCode, site: number): WasmFrame {
  const names = code.module.names;
  const source = site < 0 ? -1 : code.code.siteSource[site]!;
  return {
    url: names.url,
    functionName: names.functionName(code.index),
    functionIndex: code.index,
    byteOffset: source === prologueSource || site < 0 ? names.functionStart(code.index) : source,
  };
}

function makeTrap(fiber: Fiber, kind: keyof typeof TrapKind, frames: WasmFrame[]): Error {
  if (kind === "outOfFuel") return interruptError(fiber, "outOfFuel", frames);
  const error = kind === "stackOverflow" ? new RangeError(messages[kind]) : new RuntimeError(messages[kind]);
  putFramesFirst(error, frames, fiber.entry, Error.stackTraceLimit ?? 10);
  recordTrap(error, { kind, frames });
  return error;
}

/** The error for a fiber that is stopped for good by a limit, with its Wasm frames. */
export function interruptError(
  fiber: Fiber,
  reason: InterruptReason,
  frames: WasmFrame[],
  cause?: unknown,
  waiting = false,
): InterruptError {
  const error = new InterruptError(reason, frames, cause, waiting);
  putFramesFirst(error, frames, fiber.entry, Error.stackTraceLimit ?? 10);
  return error;
}
