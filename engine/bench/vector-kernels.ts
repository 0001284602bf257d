// Kernels on vectors, as image, audio, hashing and machine-learning code has them. Enters: a name. Leaves: a module in
// text form with an export `run(n)` that works n times through 16 KiB of memory (mandelbrot: n points at once) and
// returns a checksum.

/** Memory with pseudo-random bytes, and a loop of `i` from 0 to `end` by `step` inside a loop of n. */
function kernel(end: number, step: number, locals: string, body: string, result: string): string {
  return `(module
  (memory (export "memory") 2)
  (func $fill (local $at i32) (local $x i32)
    (local.set $x (i32.const 12345))
    (loop $next
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (i32.store8 (local.get $at) (i32.shr_u (local.get $x) (i32.const 24)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 65536)))))
  (start $fill)
  (func (export "run") (param $n i32) (result i32) (local $i i32) ${locals}
    (loop $again
      (local.set $i (i32.const 0))
      (loop $next
        ${body}
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const ${step}))) (i32.const ${end}))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    ${result}))`;
}

const lanes32 = (v: string): string => `(i32.add
      (i32.add (i32x4.extract_lane 0 ${v}) (i32x4.extract_lane 1 ${v}))
      (i32.add (i32x4.extract_lane 2 ${v}) (i32x4.extract_lane 3 ${v})))`;

/** Four bytes as small floats, so that sums stay finite. */
const floats = (offset: number): string => `(f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u
   (i16x8.extend_low_i8x16_u (v128.load32_zero offset=${offset} (local.get $i)))))`;

const dotF32 = kernel(
  16384,
  8,
  "(local $s v128) (local $t v128)",
  `(local.set $s (f32x4.add (local.get $s) (f32x4.mul ${floats(0)} ${floats(16384)})))
   (local.set $t (f32x4.add (local.get $t) (f32x4.mul ${floats(4)} ${floats(16388)})))`,
  "(i32x4.extract_lane 0 (f32x4.add (local.get $s) (local.get $t)))",
);

/** Multiplies and adds arrays of f32 as they are: y = a * x + y. */
const axpy = kernel(
  16384,
  32,
  "",
  `(v128.store offset=32768 (local.get $i) (f32x4.add (v128.load offset=32768 (local.get $i))
     (f32x4.mul (f32x4.splat (f32.const 0.75)) (v128.load (local.get $i)))))
   (v128.store offset=32784 (local.get $i) (f32x4.add (v128.load offset=32784 (local.get $i))
     (f32x4.mul (f32x4.splat (f32.const 0.75)) (v128.load offset=16 (local.get $i)))))`,
  "(i32.load (i32.const 32800))",
);

/** Products of signed bytes summed in 32 bits, as quantized neural networks do. */
const dotI8 = kernel(
  16384,
  16,
  "(local $s v128) (local $t v128) (local $a v128) (local $b v128)",
  `(local.set $a (v128.load (local.get $i)))
   (local.set $b (v128.load offset=16384 (local.get $i)))
   (local.set $s (i32x4.add (local.get $s) (i32x4.dot_i16x8_s
     (i16x8.extend_low_i8x16_s (local.get $a)) (i16x8.extend_low_i8x16_s (local.get $b)))))
   (local.set $t (i32x4.add (local.get $t) (i32x4.dot_i16x8_s
     (i16x8.extend_high_i8x16_s (local.get $a)) (i16x8.extend_high_i8x16_s (local.get $b)))))`,
  `(local.set $s (i32x4.add (local.get $s) (local.get $t))) ${lanes32("(local.get $s)")}`,
);

const half = (which: "low" | "high"): string => `(i16x8.shr_u (i16x8.add (i16x8.add
     (i16x8.mul (i16x8.extend_${which}_i8x16_u (local.get $a)) (i16x8.extend_${which}_i8x16_u (local.get $m)))
     (i16x8.mul (i16x8.extend_${which}_i8x16_u (local.get $b))
       (i16x8.sub (i16x8.splat (i32.const 255)) (i16x8.extend_${which}_i8x16_u (local.get $m)))))
     (i16x8.splat (i32.const 128))) (i32.const 8))`;

/** Four pixels at once over four others, by each one's alpha. */
const alphaBlend = kernel(
  16384,
  16,
  "(local $a v128) (local $b v128) (local $m v128)",
  `(local.set $a (v128.load (local.get $i)))
   (local.set $b (v128.load offset=16384 (local.get $i)))
   (local.set $m (i8x16.shuffle 3 3 3 3 7 7 7 7 11 11 11 11 15 15 15 15 (local.get $a) (local.get $a)))
   (v128.store offset=32768 (local.get $i) (i8x16.narrow_i16x8_u ${half("low")} ${half("high")}))`,
  "(i32.load (i32.const 32776))",
);

/** Four points of the set at once, up to 64 steps each. */
const mandelbrot = `(module
  (func (export "run") (param $n i32) (result i32)
    (local $cx v128) (local $cy v128) (local $x v128) (local $y v128) (local $xx v128) (local $yy v128)
    (local $inside v128) (local $count v128) (local $sum v128) (local $k i32)
    (loop $again
      (local.set $cx (f32x4.mul (f32x4.convert_i32x4_s (i32x4.add (i32x4.splat (i32.and (i32.mul
        (local.get $n) (i32.const 37)) (i32.const 1023))) (v128.const i32x4 0 1 2 3)))
        (f32x4.splat (f32.const 0.0025))))
      (local.set $cx (f32x4.sub (local.get $cx) (f32x4.splat (f32.const 2))))
      (local.set $cy (f32x4.mul (f32x4.splat (f32.convert_i32_s (i32.and (i32.shr_u (local.get $n)
        (i32.const 3)) (i32.const 511)))) (f32x4.splat (f32.const 0.002))))
      (local.set $x (local.get $cx))
      (local.set $y (local.get $cy))
      (local.set $count (v128.const i32x4 0 0 0 0))
      (local.set $k (i32.const 64))
      (block $out (loop $next
        (local.set $xx (f32x4.mul (local.get $x) (local.get $x)))
        (local.set $yy (f32x4.mul (local.get $y) (local.get $y)))
        (local.set $inside (f32x4.le (f32x4.add (local.get $xx) (local.get $yy)) (f32x4.splat (f32.const 4))))
        (br_if $out (i32.eqz (v128.any_true (local.get $inside))))
        (local.set $count (i32x4.sub (local.get $count) (local.get $inside)))
        (local.set $y (f32x4.add (f32x4.mul (f32x4.add (local.get $x) (local.get $x)) (local.get $y))
          (local.get $cy)))
        (local.set $x (f32x4.add (f32x4.sub (local.get $xx) (local.get $yy)) (local.get $cx)))
        (br_if $next (local.tee $k (i32.sub (local.get $k) (i32.const 1))))))
      (local.set $sum (i32x4.add (local.get $sum) (local.get $count)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    ${lanes32("(local.get $sum)")}))`;

/** Brightness of 16 pixels, rounded: (77 r + 150 g + 29 b + 128) >> 8 from three planes. */
const gray = kernel(
  16384,
  16,
  "",
  `(v128.store offset=65536 (local.get $i) (i8x16.narrow_i16x8_u ${grayHalf("low")} ${grayHalf("high")}))`,
  "(i32.load (i32.const 65544))",
);
function grayHalf(which: string): string {
  const plane = (offset: number, factor: number): string =>
    `(i16x8.mul (i16x8.extend_${which}_i8x16_u (v128.load offset=${offset} (local.get $i)))
       (i16x8.splat (i32.const ${factor})))`;
  return `(i16x8.shr_u (i16x8.add (i16x8.add ${plane(0, 77)} ${plane(16384, 150)})
    (i16x8.add ${plane(32768, 29)} (i16x8.splat (i32.const 128)))) (i32.const 8))`;
}

/** Counts bytes of a value: compare, mask, count. */
const countByte = kernel(
  16384,
  16,
  "(local $count i32)",
  `(local.set $count (i32.add (local.get $count) (i32.popcnt (i8x16.bitmask
     (i8x16.eq (v128.load (local.get $i)) (i8x16.splat (i32.const 42)))))))`,
  "(local.get $count)",
);

/** A hash with products of 32 bits and shuffles, as xxh3 has it. */
const mixHash = kernel(
  16384,
  16,
  "(local $s v128) (local $d v128) (local $k v128)",
  `(local.set $d (v128.load (local.get $i)))
   (local.set $k (v128.xor (local.get $d) (v128.load offset=16384 (local.get $i))))
   (local.set $s (i64x2.add (local.get $s) (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7
     (local.get $d) (local.get $d))))
   (local.set $s (i64x2.add (local.get $s) (i64x2.extmul_low_i32x4_u
     (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $k) (local.get $k))
     (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $k) (local.get $k)))))`,
  lanes32("(local.get $s)"),
);

/** The larger and smaller of neighbouring rows: a morphological gradient, with a threshold by selection. */
const gradient = kernel(
  16384,
  16,
  "(local $a v128) (local $b v128) (local $c v128) (local $g v128)",
  `(local.set $a (v128.load (local.get $i)))
   (local.set $b (v128.load offset=256 (local.get $i)))
   (local.set $c (v128.load offset=512 (local.get $i)))
   (local.set $g (i8x16.sub_sat_u
     (i8x16.max_u (local.get $a) (i8x16.max_u (local.get $b) (local.get $c)))
     (i8x16.min_u (local.get $a) (i8x16.min_u (local.get $b) (local.get $c)))))
   (v128.store offset=32768 (local.get $i) (v128.bitselect (local.get $g) (local.get $b)
     (i8x16.gt_u (local.get $g) (i8x16.splat (i32.const 100)))))`,
  "(i32.load (i32.const 32776))",
);

/** Text form and how often `run` goes around in a measurement. */
export const vectorKernels: ReadonlyMap<string, { readonly text: string; readonly steps: number }> = new Map([
  ["simd-dot-f32", { text: dotF32, steps: 20_000 }],
  ["simd-axpy-f32", { text: axpy, steps: 60_000 }],
  ["simd-dot-i8", { text: dotI8, steps: 40_000 }],
  ["simd-alpha-blend", { text: alphaBlend, steps: 20_000 }],
  ["simd-mandelbrot", { text: mandelbrot, steps: 400_000 }],
  ["simd-gray", { text: gray, steps: 20_000 }],
  ["simd-count-byte", { text: countByte, steps: 60_000 }],
  ["simd-mix-hash", { text: mixHash, steps: 40_000 }],
  ["simd-gradient", { text: gradient, steps: 40_000 }],
]);
