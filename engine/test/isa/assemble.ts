/** Runs GNU as over lines of Intel syntax; the bytes of each line, in order. Null where there is no assembler. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function hasAssembler(): boolean {
  return ["as", "objdump"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
}

/** @throws Error with the assembler's messages */
export function assemble(lines: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "backplane-as-"));
  try {
    const source = join(folder, "a.s");
    const object = join(folder, "a.o");
    writeFileSync(source, `.intel_syntax noprefix\n.text\n${lines.join("\n")}\n`);
    const as = spawnSync("as", ["--64", "-o", object, source], { encoding: "utf8" });
    if (as.status !== 0) throw new Error(as.stderr);
    const dump = spawnSync("objdump", ["-d", "-w", "--insn-width=16", object], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const bytes: string[] = [];
    for (const line of dump.stdout.split("\n")) {
      const match = /^\s+[0-9a-f]+:\t((?:[0-9a-f]{2} )+)/.exec(line);
      if (match) bytes.push(match[1]!.trim());
    }
    if (bytes.length !== lines.length)
      throw new Error(`${lines.length} lines gave ${bytes.length} instructions`);
    return bytes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const goldenFile = new URL("../../../../engine/test/isa/amd64-encodings.txt", import.meta.url);

/** The golden file's lines: text, then bytes. */
export function readGolden(): Map<string, string> {
  const golden = new Map<string, string>();
  for (const line of readFileSync(goldenFile, "utf8").split("\n")) {
    const [text, bytes] = line.split(" => ");
    if (bytes !== undefined) golden.set(text!, bytes);
  }
  return golden;
}

export function writeGolden(lines: readonly string[]): void {
  const bytes = assemble(lines);
  writeFileSync(goldenFile, lines.map((text, i) => `${text} => ${bytes[i]}\n`).join(""));
}
