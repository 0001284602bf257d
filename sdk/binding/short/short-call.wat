;; One call of a plugin's export from end to end, for input and output of at most 64 bytes each, which cross in words:
;; so the host enters compiled code once, instead of for the allocator, the export and the release in turn.
;;
;; What docs/abi.md says holds as if the host made the three calls itself. Where something is out of the ordinary the
;; host is told, and goes on as it does without this module. A plugin can break nothing here: every access is in bounds,
;; or traps as an access of its own would.
(module
  (import "plugin" "memory" (memory 0))
  (import "plugin" "alloc" (func $alloc (param i32) (result i32)))
  (import "plugin" "free" (func $free (param i32 i32)))
  (import "plugin" "export" (func $export (param i32 i32) (result i64)))

  ;; Whether `size` bytes at `p` are in the memory.
  (func $holds (param $p i32) (param $size i32) (result i32)
    (i64.le_u
      (i64.add (i64.extend_i32_u (local.get $p)) (i64.extend_i32_u (local.get $size)))
      (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))))

  ;; Stores the lowest `size` bytes of a word, fewer than 8.
  (func $store_part (param $p i32) (param $w i64) (param $size i32)
    (if (i32.and (local.get $size) (i32.const 4)) (then
      (i64.store32 (local.get $p) (local.get $w))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (local.set $w (i64.shr_u (local.get $w) (i64.const 32)))))
    (if (i32.and (local.get $size) (i32.const 2)) (then
      (i64.store16 (local.get $p) (local.get $w))
      (local.set $p (i32.add (local.get $p) (i32.const 2)))
      (local.set $w (i64.shr_u (local.get $w) (i64.const 16)))))
    (if (i32.and (local.get $size) (i32.const 1)) (then
      (i64.store8 (local.get $p) (local.get $w)))))

  ;; `how` is 0: the result is in the words, its memory given back; `packed` is the export's.
  ;;          1: the result isn't; `packed` is the export's.
  ;;          2: `packed` is what the allocator gave, which is no memory.
  (func (export "run") (param $size i32)
    (param $w0 i64) (param $w1 i64) (param $w2 i64) (param $w3 i64) (param $w4 i64) (param $w5 i64) (param $w6 i64) (param $w7 i64)
    (result (; how ;) i32 (; packed ;) i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local $p i32) (local $packed i64)
    (local.set $p (call $alloc (select (local.get $size) (i32.const 1) (local.get $size))))
    (if (i32.or (i32.eqz (local.get $p))
          (i32.eqz (call $holds (local.get $p) (select (local.get $size) (i32.const 1) (local.get $size)))))
      (then (i32.const 2) (i64.extend_i32_u (local.get $p)) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (return)))
    (block $stored
      (if (i32.lt_u (local.get $size) (i32.const 8)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 0)) (local.get $w0) (i32.sub (local.get $size) (i32.const 0)))
        (br $stored)))
      (i64.store offset=0 (local.get $p) (local.get $w0))
      (if (i32.lt_u (local.get $size) (i32.const 16)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 8)) (local.get $w1) (i32.sub (local.get $size) (i32.const 8)))
        (br $stored)))
      (i64.store offset=8 (local.get $p) (local.get $w1))
      (if (i32.lt_u (local.get $size) (i32.const 24)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 16)) (local.get $w2) (i32.sub (local.get $size) (i32.const 16)))
        (br $stored)))
      (i64.store offset=16 (local.get $p) (local.get $w2))
      (if (i32.lt_u (local.get $size) (i32.const 32)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 24)) (local.get $w3) (i32.sub (local.get $size) (i32.const 24)))
        (br $stored)))
      (i64.store offset=24 (local.get $p) (local.get $w3))
      (if (i32.lt_u (local.get $size) (i32.const 40)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 32)) (local.get $w4) (i32.sub (local.get $size) (i32.const 32)))
        (br $stored)))
      (i64.store offset=32 (local.get $p) (local.get $w4))
      (if (i32.lt_u (local.get $size) (i32.const 48)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 40)) (local.get $w5) (i32.sub (local.get $size) (i32.const 40)))
        (br $stored)))
      (i64.store offset=40 (local.get $p) (local.get $w5))
      (if (i32.lt_u (local.get $size) (i32.const 56)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 48)) (local.get $w6) (i32.sub (local.get $size) (i32.const 48)))
        (br $stored)))
      (i64.store offset=48 (local.get $p) (local.get $w6))
      (if (i32.lt_u (local.get $size) (i32.const 64)) (then
        (call $store_part (i32.add (local.get $p) (i32.const 56)) (local.get $w7) (i32.sub (local.get $size) (i32.const 56)))
        (br $stored)))
      (i64.store offset=56 (local.get $p) (local.get $w7))
    )
    (local.set $packed (call $export (local.get $p) (local.get $size)))
    (local.set $p (i32.wrap_i64 (local.get $packed)))
    ;; Null, longer, or so near to the memory's end that not all words can be read.
    (if (i32.or (i32.eqz (local.get $p))
          (i32.or (i64.ge_u (local.get $packed) (i64.const 0x4100000000))
            (i32.eqz (call $holds (local.get $p) (i32.const 64)))))
      (then (i32.const 1) (local.get $packed) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (return)))
    (i32.const 0)
    (local.get $packed)
    (i64.load offset=0 (local.get $p))
    (i64.load offset=8 (local.get $p))
    (i64.load offset=16 (local.get $p))
    (i64.load offset=24 (local.get $p))
    (i64.load offset=32 (local.get $p))
    (i64.load offset=40 (local.get $p))
    (i64.load offset=48 (local.get $p))
    (i64.load offset=56 (local.get $p))
    (call $free (local.get $p) (i32.wrap_i64 (i64.shr_u (local.get $packed) (i64.const 32))))))
