/**
 * Encodes the engine's own small routines: the fault handler's, the clock's, the threads'. Enters: calls in the order of the
 * instructions, branches by the names of places. Leaves: bytes, after `resolve` has filled in the branches.
 */
import { EngineBug } from "../../ssa/engine-bug.js";
import { Encoder, inMemory } from "./encode.js";
import { putWord32 } from "./encode-layout.js";
import { Amd64 } from "./instructions.js";
import { rax } from "./registers.js";

/** The conditions of branches, as opcodes number them. */
export const cc = { b: 2, ae: 3, e: 4, ne: 5, a: 7, l: 12, ge: 13, le: 14, g: 15 } as const;

/** Branches are short unless asked otherwise: routines are a few dozen instructions. */
export class RoutineEncoder extends Encoder {
  private readonly places = new Map<string, number>();
  private readonly branches: { at: number; to: string; far: boolean }[] = [];

  constructor(private readonly name: string) {
    super();
  }

  place(name: string): void {
    this.places.set(name, this.size);
  }
  branch(condition: number | null, to: string): void {
    this.byte(condition === null ? 0xeb : 0x70 | condition);
    this.branches.push({ at: this.size, to, far: false });
    this.byte(0);
  }
  /** A branch that reaches anything. */
  farBranch(condition: number | null, to: string): void {
    if (condition === null) this.byte(0xe9);
    else {
      this.byte(0x0f);
      this.byte(0x80 | condition);
    }
    this.branches.push({ at: this.size, to, far: true });
    this.word32(0);
  }
  call(to: string): void {
    this.byte(0xe8);
    this.branches.push({ at: this.size, to, far: true });
    this.word32(0);
  }
  load(row: number, to: number, base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.emit(row, to, inMemory);
  }
  store(from: number, base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.emit(Amd64.mov64_mr, from, inMemory);
  }
  store32(from: number, base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.emit(Amd64.mov32_mr, from, inMemory);
  }
  storeImmediate32(value: number, base: number, displacement: number): void {
    this.setAddress(base, displacement);
    this.emit(Amd64.mov32_mi, 0, inMemory, value);
  }
  compareImmediate32(base: number, displacement: number, value: number): void {
    this.setAddress(base, displacement);
    this.emit(Amd64.cmp32_mi, 0, inMemory, value);
  }
  address(register: number, address: bigint): void {
    this.moveImmediate64(
      register,
      Number(BigInt.asIntN(32, address)),
      Number(BigInt.asIntN(32, address >> 32n)),
    );
  }
  /** Destroys rax, rcx and r11; the result, or a negative error number, is in rax. */
  systemCall(number: number): void {
    this.moveImmediate32(rax, number);
    this.byte(0x0f);
    this.byte(0x05);
  }
  resolve(): void {
    for (const { at, to, far } of this.branches) {
      const distance = this.places.get(to)! - (at + (far ? 4 : 1));
      if (far) {
        putWord32(this.bytes, at, distance);
        continue;
      }
      if (distance < -128 || distance > 127) throw new EngineBug(this.name, -1, "", `${to} is out of reach`);
      this.bytes[at] = distance;
    }
  }
}
