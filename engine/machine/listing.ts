/** Keeps what machine code was made from while dumps of it are wanted: they show the instructions beside the bytes. */
import { debugOptions } from "../debug.js";
import type { MachineCode } from "./machine-code.js";
import type { Target } from "./target.js";
import type { Allocation, VCode } from "./vcode.js";

export interface ListedEncoder {
  encode(code: VCode, allocation: Allocation): MachineCode;
  printListing(code: VCode, allocation: Allocation, base: number): string;
  printMachineCode(machine: MachineCode, base: number): string;
}

/** An instruction set's encoder and printers as a Target has them. */
export function withListings(encoder: ListedEncoder): Pick<Target, "encode" | "printMachineCode"> {
  const origins = new WeakMap<MachineCode, { code: VCode; allocation: Allocation }>();
  const keepsOrigins = debugOptions.dumps.has("asm") || debugOptions.dumps.has("all");
  return {
    encode(code, allocation) {
      const machine = encoder.encode(code, allocation);
      if (keepsOrigins) origins.set(machine, { code, allocation });
      return machine;
    },
    printMachineCode(machine, base = 0) {
      const origin = origins.get(machine);
      const listing = origin === undefined ? "" : encoder.printListing(origin.code, origin.allocation, base);
      return listing + encoder.printMachineCode(machine, base);
    },
  };
}
