/** WAT to bytes, for tests. */
import wabt from "wabt";

const assembler = await wabt();

export function assemble(text: string): Uint8Array {
  const module = assembler.parseWat("test.wat", text);
  try {
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
}
