/**
 * The code section: where each body lies and which locals it declares. Instructions are not looked at, and
 * nothing is copied; validation reads them where they are.
 */

import { readCount } from "./decode-sections.js";
import { bodySize, functionCodeMismatch, limitExceeded, unexpectedEnd } from "./errors.js";
import { LIMITS } from "./limits.js";
import type { ModuleBuilder } from "./module-builder.js";
import type { ByteReader } from "./reader.js";
import type { FunctionBody, LocalRun } from "./types.js";

const noLocals: readonly LocalRun[] = [];

export function decodeCodeSection(reader: ByteReader, module: ModuleBuilder): void {
  const at = reader.position;
  const count = readCount(reader, "function bodies", LIMITS.functions);
  const declared = module.functionTypes.length - module.importedFunctionCount;
  if (count !== declared) throw functionCodeMismatch(reader.place(at), declared, count);
  const sectionEnd = reader.end;
  for (let i = 0; i < count; i++) {
    reader.functionIndex = module.importedFunctionCount + i;
    module.bodies.push(readBody(reader, module));
    reader.end = sectionEnd;
  }
  reader.functionIndex = -1;
}

function readBody(reader: ByteReader, module: ModuleBuilder): FunctionBody {
  const at = reader.position;
  const size = reader.u32("a function body's size");
  const start = reader.position;
  const available = reader.end - start;
  if (size > LIMITS.bodyBytes) {
    throw limitExceeded(reader.place(at), "bytes in a function body", LIMITS.bodyBytes, size);
  }
  if (size > available) throw bodySize(reader.place(at), size, available);
  const end = start + size;
  reader.end = end;
  const type = module.types[module.functionTypes[reader.functionIndex]];
  const params = type === undefined ? 0 : type.params.length;
  const locals = readLocals(reader, params);
  let localCount = 0;
  for (const run of locals) localCount += run.count;
  const codeStart = reader.position;
  if (codeStart === end) throw unexpectedEnd(reader.place(), "the function's instructions");
  reader.position = end;
  return { functionIndex: reader.functionIndex, start, codeStart, end, locals, localCount };
}

function readLocals(reader: ByteReader, params: number): readonly LocalRun[] {
  const runs = readCount(reader, "local declarations", LIMITS.bodyBytes, 2);
  if (runs === 0) return noLocals;
  const locals: LocalRun[] = [];
  let total = params;
  for (let i = 0; i < runs; i++) {
    const at = reader.position;
    const count = reader.u32("a number of locals");
    total += count;
    if (total > LIMITS.locals) throw limitExceeded(reader.place(at), "locals", LIMITS.locals, total);
    locals.push({ count, type: reader.valType() });
  }
  return locals;
}
