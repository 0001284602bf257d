/**
 * The state of an instance as an image that it can be put back to: what `reset: "call"` needs.
 *
 * JavaScript reaches only what a module exports, so the module is compiled with its memory, mutable globals and
 * tables exported in addition. What can't be put back at all is told by leaving undefined: segments that the code can
 * drop (passive ones), and vector globals. Memories and tables don't shrink: an instance that grew one can't be put
 * back. The instance is made anew then.
 *
 * Source: WebAssembly Core Specification 2.0, "Binary Format": Modules.
 */
import { Global, Table, WebAssembly } from "../../engine/index.js";
import { ownState, sectionsOf, segmentsStay, unsignedAt, unsignedBytes } from "./module-sections.js";

/** Names of additional exports begin so. */
export const statePrefix = "backplane:";

/** Entries of tables; to look at more costs about what a new instance does. */
const mostTableEntries = 256;

const exportSection = 7;

/** Sections that come after the export section in a module's order, whatever their numbers. */
const afterExports = new Set([8, 9, 10, 11, 12]);

type Exports = Readonly<Record<string, unknown>>;

/**
 * A module that exports its state in addition; undefined if the state can't be put back.
 *
 * @param bytes of a module that compiled
 * @param exportNames what it exports
 */
export function exposingState(bytes: Uint8Array, exportNames: Iterable<string>): Uint8Array | undefined {
  for (const name of exportNames) if (name.startsWith(statePrefix)) return undefined;
  const state = ownState(bytes);
  if (state === undefined || !segmentsStay(bytes)) return undefined;
  const added: ExportEntry[] = [];
  const add = (kind: number, what: string, indices: readonly number[]): void => {
    for (const index of indices) added.push({ name: `${statePrefix}${what}${index}`, kind, index });
  };
  add(1, "table", state.tables);
  add(2, "memory", state.memories);
  add(3, "global", state.globals);
  return added.length === 0 ? bytes : withExports(bytes, added);
}

export class InstanceImage {
  private readonly memories: { readonly memory: { buffer: ArrayBuffer }; readonly bytes: Uint8Array }[] = [];
  private readonly globals: { readonly global: Global; readonly value: unknown }[] = [];
  private readonly tables: { readonly table: Table; readonly entries: readonly unknown[] }[] = [];

  private constructor(exports: Exports) {
    for (const [name, value] of Object.entries(exports)) {
      if (!name.startsWith(statePrefix)) continue;
      if (value instanceof Global) this.globals.push({ global: value, value: value.value });
      else if (value instanceof Table) this.tables.push({ table: value, entries: entriesOf(value) });
      else if (value instanceof WebAssembly.Memory) {
        const memory = value as { buffer: ArrayBuffer };
        this.memories.push({ memory, bytes: new Uint8Array(memory.buffer).slice() });
      }
    }
  }

  /** The state as it is now; undefined if its tables are too large. */
  static of(exports: Exports): InstanceImage | undefined {
    let entries = 0;
    for (const [name, value] of Object.entries(exports)) {
      if (name.startsWith(statePrefix) && value instanceof Table) entries += value.length;
    }
    return entries > mostTableEntries ? undefined : new InstanceImage(exports);
  }

  /** Puts the state back; false if that can't be done, and nothing is changed then. */
  restore(): boolean {
    for (const { memory, bytes } of this.memories) {
      if (memory.buffer.byteLength !== bytes.length) return false;
    }
    for (const { table, entries } of this.tables) if (table.length !== entries.length) return false;
    for (const { memory, bytes } of this.memories) new Uint8Array(memory.buffer).set(bytes);
    for (const { global, value } of this.globals) global.value = value;
    for (const { table, entries } of this.tables) {
      for (const [i, entry] of entries.entries()) if (table.get(i) !== entry) table.set(i, entry);
    }
    return true;
  }
}

function entriesOf(table: Table): unknown[] {
  return Array.from({ length: table.length }, (_, i) => table.get(i));
}

interface ExportEntry {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

function withExports(bytes: Uint8Array, added: readonly ExportEntry[]): Uint8Array {
  const entries = added.flatMap(({ name, kind, index }) => {
    const text = new TextEncoder().encode(name);
    return [...unsignedBytes(text.length), ...text, kind, ...unsignedBytes(index)];
  });
  for (const { id, head, start, end } of sectionsOf(bytes)) {
    if (id === exportSection) {
      const { value: count, next } = unsignedAt(bytes, start);
      const kept = bytes.subarray(next, end);
      return replaced(bytes, head, end, [...unsignedBytes(count + added.length), ...kept, ...entries]);
    }
    if (afterExports.has(id))
      return replaced(bytes, head, head, [...unsignedBytes(added.length), ...entries]);
  }
  return replaced(bytes, bytes.length, bytes.length, [...unsignedBytes(added.length), ...entries]);
}

/** The bytes with an export section in place of those from one offset to another. */
function replaced(bytes: Uint8Array, from: number, to: number, content: readonly number[]): Uint8Array {
  const section = Uint8Array.from([exportSection, ...unsignedBytes(content.length), ...content]);
  return Buffer.concat([bytes.subarray(0, from), section, bytes.subarray(to)]);
}
