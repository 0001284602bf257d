/**
 * How Wasm code is entered and left on Windows, instruction by instruction, against the bytes that GNU as makes of the text
 * (in windows-entry.txt; `BACKPLANE_GOLDEN=write` writes that anew).
 */
import test from "ava";
import { amd64Windows } from "../../isa/amd64/index.js";
import { Context, ExitStatus } from "../../runtime/layout.js";
import { Assembler } from "./assemble.js";

const assembler = new Assembler("windows-entry", "", ["--64"], ".intel_syntax noprefix");

const integers = ["rbx", "rbp", "rdi", "rsi", "r12", "r13", "r14", "r15"];
const bounds = ["gs:0x8", "gs:0x10", "gs:0x1478"];
const floats = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map((n, k) => [`xmm${n}`, `[rsp+${16 * k}]`]);

const enter = [
  ...integers.map((r) => `push ${r}`),
  ...bounds.map((word) => `push qword ptr ${word}`),
  "sub rsp, 160",
  ...floats.map(([r, at]) => `movups xmmword ptr ${at}, ${r}`),
  "movabs rax, 0x123456789abc",
  "mov r15, qword ptr [rax]",
  `mov dword ptr [r15], ${ExitStatus.running}`,
  `mov qword ptr [r15+${Context.hostSp}], rsp`,
  `mov rax, qword ptr [r15+${Context.stackTop}]`,
  "mov qword ptr gs:0x8, rax",
  `mov rax, qword ptr [r15+${Context.stackBottom}]`,
  "mov qword ptr gs:0x10, rax",
  `mov rax, qword ptr [r15+${Context.stackBottom}]`,
  "mov qword ptr gs:0x1478, rax",
  `mov rsp, qword ptr [r15+${Context.wasmSp}]`,
  `jmp qword ptr [r15+${Context.resumePc}]`,
];
const leave = [
  `mov dword ptr [r15], ${ExitStatus.trap}`,
  `mov qword ptr [r15+${Context.wasmSp}], rsp`,
  `mov rsp, qword ptr [r15+${Context.hostSp}]`,
  ...floats.map(([r, at]) => `movups ${r}, xmmword ptr ${at}`),
  "add rsp, 160",
  ...[...bounds].reverse().map((word) => `pop qword ptr ${word}`),
  ...[...integers].reverse().map((r) => `pop ${r}`),
  "ret",
];
/** memset of at most a piece: length in rcx, byte in rdx, destination in rax; then the look at the interrupt word. */
const fill = [
  "cmp rcx, 0x100000",
  "{load} mov r8, rcx",
  "{load} mov rcx, rax",
  "sub rsp, 40",
  `call qword ptr [r15+${Context.memset}]`,
  "add rsp, 40",
  `cmp rsp, qword ptr [r15+${Context.interrupt}]`,
];

const all = [...new Set([...enter, ...leave, ...fill])];
if (process.env.BACKPLANE_GOLDEN === "write") assembler.writeGolden(all);
const golden = assembler.readGolden();

const assembled = (texts: readonly string[]): string => texts.map((text) => golden.get(text)).join(" ");
const { bytes, enter: entered, faultExit, builtins } = amd64Windows.fixedStubs(0x123456789abcn);
const emitted = (at: number, length: number): string =>
  Buffer.from(bytes.subarray(at, at + length)).toString("hex");
const matches = (at: number, expected: string): boolean => {
  const wanted = expected.replaceAll(" ", "");
  return emitted(at, wanted.length / 2) === wanted;
};

test("entering", (t) => t.true(matches(entered, assembled(enter)), emitted(entered, 300)));
test("leaving", (t) => t.true(matches(faultExit, assembled(leave)), emitted(faultExit, 200)));
test("calling the C library", (t) => {
  const at = builtins[builtins.length - 1]!;
  const [compare, ...rest] = fill;
  const jump = "77 ..";
  const pattern = `^${assembled([compare!])} ${jump} ${assembled(rest)} `.replaceAll(" ", "");
  t.regex(emitted(at, 60), new RegExp(pattern));
});

(assembler.isInstalled ? test : test.skip)("the golden bytes are the assembler's", (t) => {
  t.deepEqual(
    assembler.assemble(all),
    all.map((text) => golden.get(text)!),
  );
});
