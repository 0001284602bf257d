/**
 * Keeps the dumps in `docs/architecture.md` honest: its WAT is compiled for the processor features that the page
 * names, and every `text dump=STAGE` block must be what that stage gives today.
 *
 * `BACKPLANE_GOLDEN=write` rewrites the blocks; the diff is the review (the prose around them may need a change).
 */
import { writeFileSync } from "node:fs";
import test from "ava";
import wabtModule from "wabt";
import { amd64 } from "../../isa/amd64/index.js";
import { printListing } from "../../isa/amd64/print.js";
import { allocate, checkAllocation } from "../../machine/regalloc/index.js";
import type { Signature } from "../../machine/target.js";
import { type CompileUnit, compileFunction } from "../../pipeline.js";
import { InstanceLayout } from "../../runtime/layout.js";
import { ssaType } from "../../runtime/signatures.js";
import { buildFunction } from "../../ssa/build/build-function.js";
import { layoutBlocks } from "../../ssa/layout.js";
import { optimize } from "../../ssa/optimize.js";
import { printFunction } from "../../ssa/print.js";
import { declaredFunctions, decodeModule, validateModule, type WasmModule } from "../../wasm/index.js";
import { readPage } from "./pages.js";

const pageName = "docs/architecture.md";

async function assemble(wat: string): Promise<WasmModule> {
  const wabt = await wabtModule();
  const parsed = wabt.parseWat("architecture.wat", wat);
  const module = decodeModule(parsed.toBinary({}).buffer);
  validateModule(module);
  return module;
}

function compileUnit(module: WasmModule): CompileUnit {
  const marks = declaredFunctions(module);
  const signatures = module.types.map(
    ({ params, results }): Signature => ({ params: params.map(ssaType), results: results.map(ssaType) }),
  );
  const layout = new InstanceLayout({
    importedFunctionCount: module.importedFunctionCount,
    functionCount: module.functionTypes.length,
    tableCount: module.tables.length,
    importedGlobalCount: module.importedGlobalCount,
    globalCount: module.globals.length,
    referencedFunctions: Array.from(marks.keys()).filter((i) => marks[i] !== 0),
  });
  return { module, layout, signatures };
}

/** The body's bytes, 16 a line, with their offsets in the module. */
function bodyText(module: WasmModule): string {
  const { start, end } = module.bodies[0]!;
  const lines: string[] = [];
  for (let at = start; at < end; at += 16) {
    const bytes = Array.from(module.bytes.subarray(at, Math.min(at + 16, end)), (b) =>
      b.toString(16).padStart(2, "0"),
    );
    lines.push(`${at.toString(16).padStart(4, "0")}  ${bytes.join(" ")}\n`);
  }
  return lines.join("");
}

/** What each stage gives for a module's first function, by the stage's name in the page. */
function dumps(module: WasmModule, features: ReadonlySet<string>): Map<string, string> {
  const unit = compileUnit(module);
  const { layout, signatures } = unit;
  const bounds = "guard";
  const lowering = {
    features,
    guardPages: true,
    keepConstants: true,
    signatureOf: (typeIndex: number) => signatures[typeIndex]!,
    signature: signatures[module.functionTypes[0]!]!,
  };
  const func = buildFunction(module, 0, layout, { bounds, interrupts: false });
  const built = printFunction(func);
  optimize(func, "full");
  const optimized = printFunction(func);
  const virtual = amd64.lower(func, layoutBlocks(func).order, lowering);
  const lowered = amd64.printVCode(virtual);
  const allocation = allocate(virtual, amd64.registers, "full");
  checkAllocation(virtual, allocation, amd64.registers);
  const listing = printListing(virtual, allocation);
  const code = compileFunction(unit, 0, {
    target: amd64,
    features,
    bounds,
    interrupts: false,
    canonicalNaNs: false,
    effort: "full",
  });
  return new Map([
    ["bytes", bodyText(module)],
    ["ssa", built],
    ["optimized", optimized],
    ["lower", lowered],
    ["regalloc", amd64.printVCode(virtual, allocation)],
    ["asm", trimmed(listing)],
    ["sites", trimmed(amd64.printMachineCode(code))],
  ]);
}

const trimmed = (text: string): string => text.replace(/[ \t]+$/gm, "");

test("the dumps in docs/architecture.md are what the compiler gives", async (t) => {
  const page = readPage(pageName);
  const source = page.blocks.find((block) => block.language === "wat");
  if (source === undefined) return t.fail(`${pageName} has no wat block`);
  const features = new Set(source.attributes.get("features")?.split(","));
  const expected = dumps(await assemble(source.text), features);
  const shown = page.blocks.filter((block) => block.attributes.has("dump"));
  t.deepEqual(
    shown.map((block) => block.attributes.get("dump")),
    [...expected.keys()],
    "each stage once, in the pipeline's order",
  );
  if (process.env.BACKPLANE_GOLDEN === "write") {
    let text = page.text;
    for (const block of shown.toReversed()) {
      const fresh = expected.get(block.attributes.get("dump")!)!;
      text = text.slice(0, block.start) + fresh + text.slice(block.start + block.text.length);
    }
    writeFileSync(page.path, text);
    return;
  }
  for (const block of shown) {
    const stage = block.attributes.get("dump")!;
    t.is(
      block.text,
      expected.get(stage)!,
      `${stage}: if the compiler is right, rewrite with BACKPLANE_GOLDEN=write`,
    );
  }
});

test("the machine code shown is that of the listing shown", (t) => {
  const page = readPage(pageName);
  const text = (stage: string): string =>
    page.blocks.find((b) => b.attributes.get("dump") === stage)?.text ?? "";
  const bytesOf = (dump: string, line: RegExp): string =>
    [...dump.matchAll(line)]
      .map((m) => m[1]!.trim())
      .filter((hex) => hex !== "")
      .join(" ");
  const listed = bytesOf(text("asm"), /^[0-9a-f]{8} ((?: [0-9a-f]{2})*)/gm);
  t.true(listed.length > 0);
  t.is(bytesOf(text("sites"), /^[0-9a-f]{8} ((?: [0-9a-f]{2})+)$/gm), listed);
});
