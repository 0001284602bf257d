/**
 * Makes the kernel refuse new executable mappings to this process: a seccomp filter on mmap's protection.
 *
 * Source: seccomp(2); Linux include/uapi/linux/filter.h and seccomp.h (struct seccomp_data: nr at 0, args from 16).
 */
import koffi from "koffi";

const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SYS_mmap = 9;
const PROT_EXEC = 4;
const EPERM = 1;

const loadWord = (offset: number): number[] => [0x20, 0, 0, offset];
const jumpIfEqual = (value: number, yes: number, no: number): number[] => [0x15, yes, no, value];
const jumpIfSet = (bits: number, yes: number, no: number): number[] => [0x45, yes, no, bits];
const answer = (value: number): number[] => [0x06, 0, 0, value];
const allow = answer(0x7fff0000);

const program = [
  loadWord(0),
  jumpIfEqual(SYS_mmap, 0, 3),
  loadWord(16 + 2 * 8),
  jumpIfSet(PROT_EXEC, 0, 1),
  answer(0x00050000 | EPERM),
  allow,
];

const filter = new ArrayBuffer(program.length * 8);
const words = new DataView(filter);
program.forEach(([code, yes, no, value], i) => {
  words.setUint16(i * 8, code, true);
  words.setUint8(i * 8 + 2, yes);
  words.setUint8(i * 8 + 3, no);
  words.setUint32(i * 8 + 4, value, true);
});
const head = new ArrayBuffer(16);
new DataView(head).setUint16(0, program.length, true);
new DataView(head).setBigUint64(8, koffi.address(filter), true);

const prctl = koffi.load(null).func("int prctl(int, uintptr_t, uintptr_t, uintptr_t, uintptr_t)") as (
  ...args: (number | bigint)[]
) => number;
if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error("PR_SET_NO_NEW_PRIVS failed");
if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, koffi.address(head), 0, 0) !== 0)
  throw new Error("PR_SET_SECCOMP failed");
