/**
 * A program that says whether this machine sees it when code is written again at the address where other code ran, through
 * the second mapping that W^X asks for: prints `new` or `stale`. Processors do, by their instruction set's rules
 * (isa/arm64/instruction-cache.ts); an emulator that keeps translations of code may not.
 */
import { nativeTarget } from "../../isa/index.js";
import { createPlatform } from "../../platform/index.js";

const target = nativeTarget();
const platform = createPlatform(target);
const mapping = platform.mapCode(platform.pageSize, platform.pageSize);
const word = new BigUint64Array(new ArrayBuffer(8));

/** `void f()` that stores a number to `word`, in arm64's code: mov x0, number; ldr x1, the address; str; ret. */
function storing(number: number): Uint8Array {
  const code = new DataView(new ArrayBuffer(24));
  code.setUint32(0, 0xd2800000 | (number << 5), true);
  code.setUint32(4, 0x58000061, true);
  code.setUint32(8, 0xf9000020, true);
  code.setUint32(12, 0xd65f03c0, true);
  code.setBigUint64(16, BigInt(platform.addressOf(word.buffer)), true);
  return new Uint8Array(code.buffer);
}

function run(number: number): boolean {
  mapping.write(0, storing(number));
  platform.routine(mapping.address)();
  return word[0] === BigInt(number);
}

if (target.name !== "arm64") throw new Error("rewritten-code: its code is arm64's");
if (!run(1)) throw new Error("rewritten-code: not even the first code ran");
process.stdout.write(run(2) ? "new\n" : "stale\n");
