/**
 * Two accesses to neighbouring addresses at the end of memory, in both orders, with guard pages and with checks: what a trap
 * leaves behind is what came before it, whole, and nothing of what came after; and the trap is at the access that is out of
 * bounds. (Instruction sets have instructions for two such accesses.)
 */
import test from "ava";
import { createNamespace } from "../../index.js";
import { assemble } from "./assemble.js";

const pageSize = 65_536;

interface Width {
  readonly bytes: number;
  readonly load: string;
  readonly store: string;
  readonly value: string;
  /** An operand's value as an i64, its low half. */
  readonly low: (value: string) => string;
}

const widths: readonly Width[] = [
  {
    bytes: 4,
    load: "i32.load",
    store: "i32.store",
    value: "(i32.const 0x44332211)",
    low: (value) => `(i64.extend_i32_u ${value})`,
  },
  {
    bytes: 8,
    load: "i64.load",
    store: "i64.store",
    value: "(i64.const 0x8877665544332211)",
    low: (value) => value,
  },
  {
    bytes: 16,
    load: "v128.load",
    store: "v128.store",
    value: "(v128.const i64x2 0x8877665544332211 0x1122334455667788)",
    low: (value) => `(i64x2.extract_lane 0 ${value})`,
  },
];

/** Both offsets, in the order of the accesses. */
const orders = (bytes: number): (readonly [number, number])[] => [
  [0, bytes],
  [bytes, 0],
];

function moduleOf({ bytes, load, store, value, low }: Width): Uint8Array {
  const functions = orders(bytes).map(([first, second], k) => {
    const at = (offset: number): string => `offset=${offset} (local.get 0)`;
    const [one, other] = [low(`(${load} ${at(first)})`), low(`(${load} ${at(second)})`)];
    return `(func (export "store${k}") (param i32) (${store} ${at(first)} ${value}) (${store} ${at(second)} ${value}))
      (func (export "load${k}") (param i32) (result i64) (i64.xor ${one} ${other}))
      (func (export "known${k}") (param i32) (drop (${load} ${at(bytes)}))
        (${store} ${at(first)} ${value}) (${store} ${at(second)} ${value}))`;
  });
  return assemble(`(module (memory (export "memory") 1) ${functions.join("\n")})`);
}

type WasmFunction = (address: number) => unknown;
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly [name: string]: unknown;
}

/** Where in the module the trap was, or -1 if there was none. */
function trapOffset(action: () => unknown): number {
  try {
    action();
    return -1;
  } catch (error) {
    const offset = /wasm-function\[\d+\]:0x([0-9a-f]+)/.exec((error as Error).stack ?? "");
    if (offset === null) throw error;
    return Number.parseInt(offset[1]!, 16);
  }
}

/** How many accesses at these offsets from an address come before one that is out of bounds. */
function inBounds(offsets: readonly number[], address: number, bytes: number): number {
  const beyond = offsets.findIndex((offset) => address + offset + bytes > pageSize);
  return beyond < 0 ? offsets.length : beyond;
}

for (const bounds of ["guard", "explicit"] as const) {
  for (const effort of ["full", "quick"] as const) {
    for (const width of widths) {
      test(`${bounds}, ${effort}: accesses of ${width.bytes} bytes`, (t) => {
        const { bytes } = width;
        const engine = createNamespace({ bounds, effort });
        const exports = new engine.Instance(new engine.Module(moduleOf(width))).exports as unknown as Exports;
        const call = (name: string, address: number): number =>
          trapOffset(() => (exports[name] as WasmFunction)(address));
        const memory = new Uint8Array(exports.memory.buffer);

        for (const [k, offsets] of orders(bytes).entries()) {
          // The trap of each access alone: it differs from the other one's.
          const traps = new Map<number, Set<number>>();
          for (let address = pageSize - 3 * bytes; address <= pageSize; address++) {
            const done = inBounds(offsets, address, bytes);
            const expected = new Uint8Array(4 * bytes);
            const start = pageSize - expected.length;
            for (const offset of offsets.slice(0, done)) {
              for (let n = 0; n < bytes; n++) expected[address + offset + n - start] = 1;
            }
            for (const name of [`store${k}`, `known${k}`]) {
              memory.fill(0, start);
              const offset = call(name, address);
              t.is(offset < 0, done === 2, `${name} at ${address}`);
              const isUntouched = name === `known${k}` && done < 2;
              const written = Array.from(memory.subarray(start), (byte) => (byte === 0 ? 0 : 1));
              t.deepEqual(
                written,
                isUntouched ? Array.from(expected, () => 0) : [...expected],
                `${name} at ${address}`,
              );
            }
            const where = call(`load${k}`, address);
            t.is(where < 0, done === 2, `load${k} at ${address}`);
            traps.set(done, (traps.get(done) ?? new Set()).add(where));
          }
          const places = [...traps.values()].map((set) => [...set]);
          t.true(
            places.every((set) => set.length === 1),
            "accesses trap at one place each",
          );
          t.is(new Set(places.flat()).size, traps.size, "and at different ones");
        }
      });
    }
  }
}
