/** The rows of instructions on whole vectors (NEON), by families. See instructions.ts for names, forms and operands. */
import { immediates } from "./immediates.js";
import { forms, row } from "./instruction-row.js";

/** What scalar ops need: the count of bits in bytes and the bytes' sum; a sign bit moved over another. */
function scalarUses() {
  const right = (size: 2 | 3) => ({ immediate: immediates.right[size] });
  const left = (size: 2 | 3) => ({ immediate: immediates.left[size] });
  return {
    cnt_8b: row("cnt_8b", "cnt vd.8b, vn.8b", 0x0e205800, forms.unary),
    addv_8b: row("addv_8b", "addv bd, vn.8b", 0x0e31b800, forms.unary),
    ushr_2s: row("ushr_2s", "ushr vd.2s, vn.2s, #i", 0x2f000400, forms.unary, right(2)),
    ushr_2d: row("ushr_2d", "ushr vd.2d, vn.2d, #i", 0x6f000400, forms.unary, right(3)),
    /** def reuse; use, of which the bits below imm2 are kept; use, shifted left by imm2. */
    sli_2s: row("sli_2s", "sli vd.2s, vn.2s, #i", 0x2f005400, forms.tiedUnary, left(2)),
    sli_2d: row("sli_2d", "sli vd.2d, vn.2d, #i", 0x6f005400, forms.tiedUnary, left(3)),
  };
}

/** All rows by name. To be called once, where the rows get their numbers. */
export function vectorRows() {
  return { ...scalarUses() };
}
