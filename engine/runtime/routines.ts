/**
 * The routines that compiled code leaves for (Builtin in layout.ts): arguments and result are in the fiber's slots.
 *
 * Those that do as much as a program says do a piece of it, a fraction of a millisecond. Bounds are checked before the first
 * one, so an instruction that traps has done nothing. Afterwards the slots say what is left, and `fiber.unfinished` that there
 * is something: the routine is to be asked again before the fiber is entered, and until then the call can be stopped, or
 * parked, with its frames as they are at that instruction. Other calls of the instance may run meanwhile: tables and memories
 * only grow, and a segment that they drop can still be read.
 *
 * Source: core specification 2.0, "Execution / Instructions" (table.copy, table.init, table.fill, memory.init).
 */
import type { Engine } from "./engine.js";
import type { Fiber } from "./fiber.js";
import type { Instance } from "./instance.js";
import { builtinNumber, Context } from "./layout.js";
import { bytePiece, entryPiece } from "./pieces.js";
import { routineTrap } from "./stack-trace.js";

type Four = [number, number, number, number];
type Five = [number, number, number, number, number];
type Routine = (engine: Engine, fiber: Fiber, instance: Instance) => void;

const unsigned = (fiber: Fiber, slot: number): number => fiber.i32[slot * 2]! >>> 0;
const wordOfSlot = (fiber: Fiber, slot: number): number =>
  (fiber.i32[slot * 2]! >>> 0) + (fiber.i32[slot * 2 + 1]! >>> 0) * 2 ** 32;

/** Takes what is done from the count in a slot, and moves the beginnings in others behind it. */
function leaveRest(fiber: Fiber, done: number, count: number, ...beginnings: number[]): void {
  const { i32 } = fiber;
  i32[count * 2] = i32[count * 2]! - done;
  for (const slot of beginnings) i32[slot * 2] = i32[slot * 2]! + done;
  fiber.unfinished = i32[count * 2] !== 0;
}

/** By number. */
const routines: Routine[] = [];

routines[builtinNumber.memoryGrow] = (_engine, fiber, instance) => {
  fiber.i32[0] = instance.memory!.tryGrow(unsigned(fiber, 0));
};

routines[builtinNumber.memorySize] = (_engine, fiber, instance) => {
  fiber.i32[0] = instance.memory!.pages;
};

routines[builtinNumber.memoryInit] = (engine, fiber, instance) => {
  const [segment, to, from, count] = [0, 1, 2, 3].map((slot) => unsigned(fiber, slot)) as Four;
  if (!fiber.unfinished && !instance.memoryInitFits(segment, to, from, count)) {
    throw routineTrap(engine, fiber, "memoryOutOfBounds");
  }
  const piece = Math.min(count, bytePiece);
  instance.memoryInit(segment, to, from, piece);
  leaveRest(fiber, piece, 3, 1, 2);
};

routines[builtinNumber.dataDrop] = (_engine, fiber, instance) => instance.dropData(unsigned(fiber, 0));

routines[builtinNumber.tableInit] = (engine, fiber, instance) => {
  const [table, segment, to, from, count] = [0, 1, 2, 3, 4].map((slot) => unsigned(fiber, slot)) as Five;
  if (!fiber.unfinished && !instance.tableInitFits(table, segment, to, from, count)) {
    throw routineTrap(engine, fiber, "elementSegmentOutOfBounds");
  }
  const piece = Math.min(count, entryPiece);
  instance.tableInit(table, segment, to, from, piece);
  leaveRest(fiber, piece, 4, 2, 3);
};

routines[builtinNumber.elemDrop] = (_engine, fiber, instance) => instance.dropElements(unsigned(fiber, 0));

routines[builtinNumber.tableCopy] = (engine, fiber, instance) => {
  const [target, source, to, from, count] = [0, 1, 2, 3, 4].map((slot) => unsigned(fiber, slot)) as Five;
  const { tables } = instance;
  const [into, outOf] = [tables[target]!, tables[source]!];
  if (!fiber.unfinished && !(into.has(to, count) && outOf.has(from, count))) {
    throw routineTrap(engine, fiber, "tableOutOfBounds");
  }
  const piece = Math.min(count, entryPiece);
  // The end first where the target lies behind: so no piece overwrites what a later one reads.
  const ahead = to > from ? count - piece : 0;
  into.copyFrom(outOf, to + ahead, from + ahead, piece);
  if (to > from) leaveRest(fiber, piece, 4);
  else leaveRest(fiber, piece, 4, 2, 3);
};

routines[builtinNumber.tableGrow] = (_engine, fiber, instance) => {
  const table = instance.tables[unsigned(fiber, 0)]!;
  fiber.i32[0] = table.grow(unsigned(fiber, 2), wordOfSlot(fiber, 1));
};

routines[builtinNumber.tableFill] = (engine, fiber, instance) => {
  const [index, start, , count] = [0, 1, 2, 3].map((slot) => unsigned(fiber, slot)) as Four;
  const table = instance.tables[index]!;
  if (!fiber.unfinished && !table.has(start, count)) throw routineTrap(engine, fiber, "tableOutOfBounds");
  const piece = Math.min(count, entryPiece);
  table.fillWords(start, start + piece, wordOfSlot(fiber, 2));
  leaveRest(fiber, piece, 3, 1);
};

/** Serves the routine that a fiber has left for, or the next piece of it. Errors: a trap. */
export function serveRoutine(engine: Engine, fiber: Fiber): void {
  const { words } = fiber;
  const instance = fiber.group!.environments[words[Context.envIndex >> 2]!] as Instance;
  routines[words[Context.callIndex >> 2]!]!(engine, fiber, instance);
}
