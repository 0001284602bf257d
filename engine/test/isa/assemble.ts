/** Runs GNU as over lines of assembly text: the bytes of each line, in order; and the golden files that hold them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Assembly language of one instruction set. */
export class Assembler {
  private readonly goldenFile: URL;

  /**
   * @param golden the golden file's name
   * @param prefix of the names of as and objdump, as Debian has them
   * @param options of as
   * @param directives at the start of every file
   */
  constructor(
    golden: string,
    private readonly prefix: string,
    private readonly options: readonly string[],
    private readonly directives: string,
  ) {
    this.goldenFile = new URL(`../../../../engine/test/isa/${golden}.txt`, import.meta.url);
  }

  get isInstalled(): boolean {
    return ["as", "objdump"].every((tool) => spawnSync(this.prefix + tool, ["--version"]).status === 0);
  }

  /** @throws Error with the assembler's messages */
  assemble(lines: readonly string[]): string[] {
    const folder = mkdtempSync(join(tmpdir(), "backplane-as-"));
    try {
      const source = join(folder, "a.s");
      const object = join(folder, "a.o");
      writeFileSync(source, `${this.directives}\n.text\n${lines.join("\n")}\n`);
      const as = spawnSync(`${this.prefix}as`, [...this.options, "-o", object, source], { encoding: "utf8" });
      if (as.status !== 0) throw new Error(as.stderr);
      const bytes = this.disassemble(object);
      if (bytes.length !== lines.length)
        throw new Error(`${lines.length} lines gave ${bytes.length} instructions`);
      return bytes;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** The bytes of each instruction, in memory's order. */
  private disassemble(object: string): string[] {
    const dump = spawnSync(`${this.prefix}objdump`, ["-d", "-w", "-z", "--insn-width=16", object], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const bytes: string[] = [];
    for (const line of dump.stdout.split("\n")) {
      const match = /^\s+[0-9a-f]+:\t((?:[0-9a-f]{2} )+|[0-9a-f]{8} )/.exec(line);
      if (match) bytes.push(inOrder(match[1]!.trim()));
    }
    return bytes;
  }

  /** The golden file's lines: text, then bytes. */
  readGolden(): Map<string, string> {
    const golden = new Map<string, string>();
    for (const line of readFileSync(this.goldenFile, "utf8").split("\n")) {
      const [text, bytes] = line.split(" => ");
      if (bytes !== undefined) golden.set(text!, bytes);
    }
    return golden;
  }

  writeGolden(lines: readonly string[]): void {
    const bytes = this.assemble(lines);
    writeFileSync(this.goldenFile, lines.map((text, i) => `${text} => ${bytes[i]}\n`).join(""));
  }
}

/** objdump writes instructions of fixed length as one little-endian number. */
function inOrder(text: string): string {
  return text.includes(" ") || text.length === 2 ? text : text.match(/../g)!.reverse().join(" ");
}

export const amd64Assembler = new Assembler("amd64-encodings", "", ["--64"], ".intel_syntax noprefix");
const arm64 = (golden: string): Assembler =>
  new Assembler(golden, "aarch64-linux-gnu-", ["-march=armv8.2-a"], ".arch armv8.2-a");
export const arm64Assembler = arm64("arm64-encodings");
/** What tests of emission expect, line by line. */
export const arm64EmissionAssembler = arm64("arm64-emission");
