/** The runtime routines that SSA calls, for tests. */
import { type BuiltinName, builtins } from "../../runtime/layout.js";
import { TrapKind } from "../../ssa/ops.js";
import { InterpretedTrap, type Word } from "./arithmetic.js";
import type { InterpretedInstance } from "./interpret-module.js";
import { memorySpacing } from "./world.js";

type Routine = (owner: InterpretedInstance, args: readonly Word[]) => Word[];

function unsigned(w: Word | undefined): number {
  return (w as number) >>> 0;
}

/** The bytes of a memory from an address on. */
function bytesAt(owner: InterpretedInstance, address: Word | undefined, count: Word | undefined): Uint8Array {
  const { bytes } = owner.world.memories[Math.floor((address as number) / memorySpacing) - 1]!;
  const at = (address as number) % memorySpacing;
  if (at + Number(count) > bytes.length) throw new Error("a bulk access was not checked");
  return bytes.subarray(at, at + Number(count));
}

const routines: Readonly<Record<BuiltinName, Routine>> = {
  memoryGrow: (owner, [delta]) => [owner.world.growMemory(owner.memory(), unsigned(delta))],
  memorySize: (owner) => [owner.memory().bytes.length >>> 16],
  memoryInit(owner, [segment, destination, source, count]) {
    owner.initMemory(unsigned(segment), unsigned(destination), unsigned(source), unsigned(count));
    return [];
  },
  dataDrop(owner, [segment]) {
    owner.droppedData[unsigned(segment)] = true;
    return [];
  },
  tableInit(owner, [table, segment, destination, source, count]) {
    owner.initTable(
      unsigned(table),
      unsigned(segment),
      unsigned(destination),
      unsigned(source),
      unsigned(count),
    );
    return [];
  },
  elemDrop(owner, [segment]) {
    owner.droppedElements[unsigned(segment)] = true;
    return [];
  },
  tableCopy(owner, [toTable, fromTable, to, from, count]) {
    const { world } = owner;
    const destination = owner.table(unsigned(toTable));
    const source = owner.table(unsigned(fromTable));
    if (
      unsigned(to) + unsigned(count) > world.tableLength(destination) ||
      unsigned(from) + unsigned(count) > world.tableLength(source)
    ) {
      throw new InterpretedTrap(TrapKind.tableOutOfBounds);
    }
    const items = Array.from({ length: unsigned(count) }, (_, i) =>
      world.element(source, unsigned(from) + i),
    );
    for (let i = 0; i < items.length; i++) world.setElement(destination, unsigned(to) + i, items[i]!);
    return [];
  },
  tableGrow: (owner, [table, initial, delta]) => [
    owner.world.growTable(owner.table(unsigned(table)), unsigned(delta), Number(initial)),
  ],
  tableFill(owner, [tableIndex, start, value, count]) {
    const table = owner.table(unsigned(tableIndex));
    const end = unsigned(start) + unsigned(count);
    if (end > owner.world.tableLength(table)) throw new InterpretedTrap(TrapKind.tableOutOfBounds);
    for (let i = unsigned(start); i < end; i++) owner.world.setElement(table, i, Number(value));
    return [];
  },
  memoryMove(owner, [to, from, count]) {
    bytesAt(owner, to, count).set(bytesAt(owner, from, count).slice());
    return [];
  },
  memorySet(owner, [to, byte, count]) {
    bytesAt(owner, to, count).fill(Number(byte) & 0xff);
    return [];
  },
};

export function runBuiltin(owner: InterpretedInstance, number: number, args: readonly Word[]): Word[] {
  return routines[builtins[number]!.name](owner, args);
}
