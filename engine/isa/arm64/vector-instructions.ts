/**
 * The rows of instructions on whole vectors (NEON), by families. See instructions.ts for forms and operands.
 *
 * Names: mnemonic, `_`, arrangement: `add_4s` adds four lanes of 32 bits. Where operands differ, the arrangement is the
 * result's, with what is read after it: `sxtl_8h` widens the lower eight bytes. `2` at the mnemonic's end is the upper half.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), C4.1.97 (encodings of Advanced SIMD by classes), C7.2.
 */
import { immediates } from "./immediates.js";
import { type Extra, type Form, forms, row } from "./instruction-row.js";

const integers = ["16b", "8h", "4s", "2d"] as const;
const upTo32 = ["16b", "8h", "4s"] as const;
const upTo16 = ["16b", "8h"] as const;
const bytes = ["16b"] as const;
const floats = ["4s", "2d"] as const;
/** Of instructions that widen or narrow: the wider arrangement. */
const wide = ["8h", "4s", "2d"] as const;

type Lanes = (typeof integers)[number];
type Rows<N extends string, A extends string> = Record<`${N}_${A}`, number>;

/** log2 of a lane's bytes: the field "size". */
const sizeOf = (lanes: Lanes): number => integers.indexOf(lanes);
/** Lanes of half the width, in half a vector and in a whole one. */
const narrower = { "8h": ["8b", "16b"], "4s": ["4h", "8h"], "2d": ["2s", "4s"] } as const;

/** A row for each arrangement; `word` has its size field zero. */
function each<N extends string, A extends Lanes>(
  name: N,
  list: readonly A[],
  make: (lanes: A, rowName: string) => number,
): Rows<N, A> {
  return Object.fromEntries(
    list.map((lanes) => [`${name}_${lanes}`, make(lanes, `${name}_${lanes}`)]),
  ) as Rows<N, A>;
}

/** d = n op m, lane by lane. */
function binary<N extends string, A extends Lanes>(name: N, word: number, list: readonly A[]) {
  return each(name, list, (t, rowName) =>
    row(rowName, `${name} vd.${t}, vn.${t}, vm.${t}`, word | (sizeOf(t) << 22), forms.binary),
  );
}

/** The same of floats: bit 22 says 64 bits. */
function floatBinary<N extends string>(name: N, word: number) {
  return each(name, floats, (t, rowName) =>
    row(rowName, `${name} vd.${t}, vn.${t}, vm.${t}`, word | (t === "2d" ? 1 << 22 : 0), forms.binary),
  );
}

/** d = op n, lane by lane; `more` is text after the source. */
function unary<N extends string, A extends Lanes>(
  name: N,
  word: number,
  list: readonly A[],
  mnemonic: string = name,
  more = "",
) {
  return each(name, list, (t, rowName) =>
    row(rowName, `${mnemonic} vd.${t}, vn.${t}${more}`, word | (sizeOf(t) << 22), forms.unary),
  );
}
function floatUnary<N extends string>(name: N, word: number, mnemonic: string = name, more = "") {
  return each(name, floats, (t, rowName) =>
    row(rowName, `${mnemonic} vd.${t}, vn.${t}${more}`, word | (t === "2d" ? 1 << 22 : 0), forms.unary),
  );
}

/** Bitwise operations on all 128 bits. */
function bitwise<N extends string>(name: N, word: number, f: Form = forms.binary) {
  return each(name, bytes, (_, rowName) => row(rowName, `${name} vd.16b, vn.16b, vm.16b`, word, f));
}

/** Lanes of half the width, from the lower or (`2`) upper half of the sources, to lanes of the width. */
function widen<N extends string>(name: N, word: number, sources: 1 | 2) {
  const half = name.endsWith("2") ? 1 : 0;
  return each(name, wide, (t, rowName) => {
    const s = narrower[t][half];
    const text = sources === 2 ? `${name} vd.${t}, vn.${s}, vm.${s}` : `${name} vd.${t}, vn.${s}`;
    const size = sizeOf(t) - 1;
    // The sign- and zero-extensions are shifts by 0, whose size is the highest bit of immh.
    const encoding = sources === 2 ? word | (size << 22) : word | ((8 << size) << 16);
    return row(rowName, text, encoding | (half << 30), sources === 2 ? forms.binary : forms.unary);
  });
}

/** Lanes of twice the width to the lower half of d, zeros above; `2`: to the upper half, the lower one stays. */
function narrow<N extends string>(name: N, word: number) {
  const upper = name.endsWith("2");
  return each(name, wide, (t, rowName) =>
    row(
      rowName,
      `${name} vd.${narrower[t][upper ? 1 : 0]}, vn.${t}`,
      word | ((sizeOf(t) - 1) << 22) | (upper ? 1 << 30 : 0),
      upper ? forms.tiedUnary : forms.unary,
    ),
  );
}

/** Sums of neighbours in lanes of twice the width, which the name has. */
function addPairs<N extends string>(name: N, word: number) {
  return each(name, ["8h", "4s", "2d"] as const, (t, rowName) =>
    row(rowName, `${name} vd.${t}, vn.${narrower[t][1]}`, word | ((sizeOf(t) - 1) << 22), forms.unary),
  );
}

/** One value of all lanes, in the low bits of d, zeros above. */
function across<N extends string>(name: N, word: number) {
  const letters = { "16b": "b", "8h": "h", "4s": "s" } as const;
  return each(name, upTo32, (t, rowName) =>
    row(rowName, `${name} ${letters[t]}d, vn.${t}`, word | (sizeOf(t) << 22), forms.unary),
  );
}

function shiftBy<N extends string>(name: N, word: number, kind: "left" | "right", f: Form = forms.unary) {
  return each(name, integers, (t, rowName) =>
    row(rowName, `${name} vd.${t}, vn.${t}, #i`, word, f, { immediate: immediates[kind][sizeOf(t)]! }),
  );
}

/** Between lanes and other registers. imm2 is the lane's number. */
function lanes() {
  const letterOf = { "16b": "b", "8h": "h", "4s": "s", "2d": "d" } as const;
  const lane = (t: Lanes): Extra => ({ immediate: immediates.lanes[sizeOf(t)]! });
  const general = (t: Lanes): string => (t === "2d" ? "x" : "w");
  const imm5 = (t: Lanes): number => 1 << (16 + sizeOf(t));
  return {
    /** All lanes = an integer register; = a lane of another vector. */
    ...each("dup", integers, (t, name) =>
      row(name, `dup vd.${t}, ${general(t)}n`, 0x4e000c00 | imm5(t), forms.unary),
    ),
    ...each("dup_lane", integers, (t, name) =>
      row(name, `dup vd.${t}, vn.${letterOf[t]}[#i]`, 0x4e000400, forms.unary, lane(t)),
    ),
    /** A float register = a lane, zeros above. */
    ...each("mov_lane", integers, (t, name) =>
      row(name, `mov ${letterOf[t]}d, vn.${letterOf[t]}[#i]`, 0x5e000400, forms.unary, lane(t)),
    ),
    /** An integer register = a lane, zero-extended. */
    ...each("umov", integers, (t, name) =>
      row(
        name,
        `umov ${general(t)}d, vn.${letterOf[t]}[#i]`,
        t === "2d" ? 0x4e003c00 : 0x0e003c00,
        forms.unary,
        lane(t),
      ),
    ),
    /** Sign-extended to 32 bits. */
    ...each("smov", upTo16, (t, name) =>
      row(name, `smov wd, vn.${letterOf[t]}[#i]`, 0x0e002c00, forms.unary, lane(t)),
    ),
    /** def reuse; use; a lane of it = an integer register; = another vector's lane (imm2 = lane | its lane << 8). */
    ...each("ins", integers, (t, name) =>
      row(name, `mov vd.${letterOf[t]}[#i], ${general(t)}n`, 0x4e001c00, forms.tiedUnary, lane(t)),
    ),
    ...insertLanes(),
  };
}

/** The immediate of these rows stands at two places of the text, which `#i` and `#j` are. */
function insertLanes() {
  const letterOf = { "16b": "b", "8h": "h", "4s": "s", "2d": "d" } as const;
  return each("ins_lane", integers, (t, name) =>
    row(name, `mov vd.${letterOf[t]}[#i], vn.${letterOf[t]}[#j]`, 0x6e000400, forms.tiedUnary, {
      immediate: immediates.twoLanes[sizeOf(t)]!,
    }),
  );
}

/** Constants in registers. */
function constants() {
  return {
    /** The same byte everywhere; bytes 0 or 255 each by a bit of imm2, in both halves. */
    movi_16b: row("movi_16b", "movi vd.16b, #i", 0x4f00e400, forms.def, { immediate: immediates.byte }),
    movi_2d: row("movi_2d", "movi vd.2d, #i", 0x6f00e400, forms.def, { immediate: immediates.byteMask }),
    /** imm2 = 8 bits | shift << 8, or the inversion of that. */
    movi_8h: row("movi_8h", "movi vd.8h, #i", 0x4f008400, forms.def, { immediate: immediates.shiftedByte16 }),
    movi_4s: row("movi_4s", "movi vd.4s, #i", 0x4f000400, forms.def, { immediate: immediates.shiftedByte32 }),
    mvni_8h: row("mvni_8h", "mvni vd.8h, #i", 0x6f008400, forms.def, { immediate: immediates.shiftedByte16 }),
    mvni_4s: row("mvni_4s", "mvni vd.4s, #i", 0x6f000400, forms.def, { immediate: immediates.shiftedByte32 }),
    fmov_4s: row("fmov_4s", "fmov vd.4s, #i", 0x4f00f400, forms.def, { immediate: immediates.vectorFloat }),
    fmov_2d: row("fmov_2d", "fmov vd.2d, #i", 0x6f00f400, forms.def, { immediate: immediates.vectorFloat }),
  };
}

/** Bytes chosen. */
function shuffles() {
  return {
    ...binary("zip1", 0x4e003800, integers),
    ...binary("zip2", 0x4e007800, integers),
    ...binary("uzp1", 0x4e001800, integers),
    ...binary("uzp2", 0x4e005800, integers),
    ...binary("trn1", 0x4e002800, integers),
    ...binary("trn2", 0x4e006800, integers),
    ...unary("rev64", 0x4e200800, upTo32),
    ...unary("rev32", 0x6e200800, upTo16),
    ...unary("rev16", 0x4e201800, bytes),
    /** The bytes of n from imm2 on, then those of m. */
    ext_16b: row("ext_16b", "ext vd.16b, vn.16b, vm.16b, #i", 0x6e000000, forms.binary, {
      immediate: immediates.bytes,
    }),
    /** Bytes of n by the numbers in m; beyond 15 zero (tbl), or what was there (tbx: def reuse; use old; n; m). */
    tbl_16b: row("tbl_16b", "tbl vd.16b, {vn.16b}, vm.16b", 0x4e000000, forms.binary),
    tbx_16b: row("tbx_16b", "tbx vd.16b, {vn.16b}, vm.16b", 0x4e001000, forms.tiedBinary),
  };
}

/** What scalar ops need: the count of bits in bytes and the bytes' sum; a sign bit moved over another; copies. */
function scalarUses() {
  return {
    cnt_8b: row("cnt_8b", "cnt vd.8b, vn.8b", 0x0e205800, forms.unary),
    addv_8b: row("addv_8b", "addv bd, vn.8b", 0x0e31b800, forms.unary),
    ushr_2s: row("ushr_2s", "ushr vd.2s, vn.2s, #i", 0x2f000400, forms.unary, {
      immediate: immediates.right[2],
    }),
    /** def reuse; use, of which the bits below imm2 are kept; use, shifted left by imm2. */
    sli_2s: row("sli_2s", "sli vd.2s, vn.2s, #i", 0x2f005400, forms.tiedUnary, {
      immediate: immediates.left[2],
    }),
    /** Copies that clear what is above. */
    fmov_s: row("fmov_s", "fmov sd, sn", 0x1e204000, forms.unary),
    fmov_d: row("fmov_d", "fmov dd, dn", 0x1e604000, forms.unary),
  };
}

/** Arithmetic and comparisons of integers. */
function integerRows() {
  return {
    ...binary("add", 0x4e208400, integers),
    ...binary("sub", 0x6e208400, integers),
    ...binary("mul", 0x4e209c00, upTo32),
    ...binary("sqadd", 0x4e200c00, upTo16),
    ...binary("uqadd", 0x6e200c00, upTo16),
    ...binary("sqsub", 0x4e202c00, upTo16),
    ...binary("uqsub", 0x6e202c00, upTo16),
    ...binary("smin", 0x4e206c00, upTo32),
    ...binary("umin", 0x6e206c00, upTo32),
    ...binary("smax", 0x4e206400, upTo32),
    ...binary("umax", 0x6e206400, upTo32),
    ...binary("urhadd", 0x6e201400, upTo16),
    ...binary("sqrdmulh", 0x6e20b400, ["8h", "4s"] as const),
    ...binary("cmeq", 0x6e208c00, integers),
    ...binary("cmgt", 0x4e203400, integers),
    ...binary("cmge", 0x4e203c00, integers),
    ...binary("cmhi", 0x6e203400, integers),
    ...binary("cmhs", 0x6e203c00, integers),
    ...binary("sshl", 0x4e204400, integers),
    ...binary("ushl", 0x6e204400, integers),
    ...binary("addp", 0x4e20bc00, integers),
    ...binary("umaxp", 0x6e20a400, upTo32),
    ...unary("abs", 0x4e20b800, integers),
    ...unary("neg", 0x6e20b800, integers),
    ...unary("cnt", 0x4e205800, bytes),
    ...unary("not", 0x6e205800, bytes),
    ...unary("cmeqz", 0x4e209800, integers, "cmeq", ", #0"),
    ...unary("cmgtz", 0x4e208800, integers, "cmgt", ", #0"),
    ...unary("cmgez", 0x6e208800, integers, "cmge", ", #0"),
    ...across("addv", 0x4e31b800),
    ...across("uminv", 0x6e31a800),
    ...shiftBy("shl", 0x4f005400, "left"),
    ...shiftBy("sshr", 0x4f000400, "right"),
    ...shiftBy("ushr", 0x6f000400, "right"),
    ...shiftBy("sli", 0x6f005400, "left", forms.tiedUnary),
    ...widen("sxtl", 0x0f00a400, 1),
    ...widen("sxtl2", 0x0f00a400, 1),
    ...widen("uxtl", 0x2f00a400, 1),
    ...widen("uxtl2", 0x2f00a400, 1),
    ...widen("smull", 0x0e20c000, 2),
    ...widen("smull2", 0x0e20c000, 2),
    ...widen("umull", 0x2e20c000, 2),
    ...widen("umull2", 0x2e20c000, 2),
    /** def reuse; use sum; use; use: products of lanes of 32 bits added to lanes of 64. */
    umlal_2d: row("umlal_2d", "umlal vd.2d, vn.2s, vm.2s", 0x2ea08000, forms.tiedBinary),
    ...narrow("xtn", 0x0e212800),
    ...narrow("sqxtn", 0x0e214800),
    ...narrow("sqxtn2", 0x0e214800),
    ...narrow("uqxtn", 0x2e214800),
    ...narrow("sqxtun", 0x2e212800),
    ...narrow("sqxtun2", 0x2e212800),
    ...addPairs("saddlp", 0x4e202800),
    ...addPairs("uaddlp", 0x6e202800),
  };
}

/** Arithmetic, comparisons and conversions of floats. */
function floatRows() {
  return {
    ...floatBinary("fadd", 0x4e20d400),
    ...floatBinary("fsub", 0x4ea0d400),
    ...floatBinary("fmul", 0x6e20dc00),
    ...floatBinary("fdiv", 0x6e20fc00),
    ...floatBinary("fmax", 0x4e20f400),
    ...floatBinary("fmin", 0x4ea0f400),
    ...floatBinary("fcmeq", 0x4e20e400),
    ...floatBinary("fcmge", 0x6e20e400),
    ...floatBinary("fcmgt", 0x6ea0e400),
    ...floatUnary("fabs", 0x4ea0f800),
    ...floatUnary("fneg", 0x6ea0f800),
    ...floatUnary("fsqrt", 0x6ea1f800),
    ...floatUnary("frintn", 0x4e218800),
    ...floatUnary("frintm", 0x4e219800),
    ...floatUnary("frintp", 0x4ea18800),
    ...floatUnary("frintz", 0x4ea19800),
    ...floatUnary("scvtf", 0x4e21d800),
    ...floatUnary("ucvtf", 0x6e21d800),
    ...floatUnary("fcvtzs", 0x4ea1b800),
    ...floatUnary("fcvtzu", 0x6ea1b800),
    /** f64x2 to the lower half, zeros above; the lower half to f64x2. */
    fcvtn_2s: row("fcvtn_2s", "fcvtn vd.2s, vn.2d", 0x0e616800, forms.unary),
    fcvtl_2d: row("fcvtl_2d", "fcvtl vd.2d, vn.2s", 0x0e617800, forms.unary),
  };
}

/** All rows by name. To be called once, where the rows get their numbers. */
export function vectorRows() {
  return {
    ...bitwise("and", 0x4e201c00),
    ...bitwise("bic", 0x4e601c00),
    ...bitwise("orr", 0x4ea01c00),
    ...bitwise("orn", 0x4ee01c00),
    ...bitwise("eor", 0x6e201c00),
    /** def reuse; use mask; use n; use m: bits of n where the mask has ones, else of m. */
    ...bitwise("bsl", 0x6e601c00, forms.tiedBinary),
    ...integerRows(),
    ...floatRows(),
    ...lanes(),
    ...constants(),
    ...shuffles(),
    ...scalarUses(),
  };
}
