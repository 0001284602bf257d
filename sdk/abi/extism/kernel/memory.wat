;; The bytes that a plugin shares with its host, and where in them its input, its output and its error are.
;;
;; Addresses are 64-bit numbers of the plugin's choice: each is checked here, a read out of bounds gives 0, a write is
;; ignored. Bounds are those of the memory without its first 64 bytes, which hold the slots below. What blocks there
;; are is kept elsewhere (blocks.wat), in a memory that no plugin can write to.
;;
;; The host reads the slots as they lie in memory, which saves it calls. All are little-endian i64:
;;   8 input offset   16 input length   24 output offset   32 output length   40 error   48 output was set (0 or 1)
;;
;; Source: the function table of Extism's runtime kernel (extism:host/env).
(module
  ;; Whether the memory may grow by so many pages: the application's limits hold for all memories of a plugin together.
  (import "host" "may_grow" (func $may_grow (param i32) (result i32)))
  ;; One page less than 4 GiB, so that an end of a block is still a 32-bit number.
  (memory (export "memory") 1 65535)

  (func $size (result i64)
    (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))

  ;; Whether `length` bytes from `p` on are in bounds.
  (func $holds (param $p i64) (param $length i64) (result i32)
    (if (result i32)
      (i64.gt_u (i64.sub (local.get $p) (i64.const 64)) (i64.sub (call $size) (i64.const 64)))
      (then (i32.const 0))
      (else (i64.le_u (local.get $length) (i64.sub (call $size) (local.get $p))))))

  (func (export "load_u8") (param $p i64) (result i32)
    (if (i64.gt_u (i64.sub (local.get $p) (i64.const 64)) (i64.sub (call $size) (i64.const 65)))
      (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (local.get $p))))

  (func (export "load_u64") (param $p i64) (result i64)
    (if (i64.gt_u (i64.sub (local.get $p) (i64.const 64)) (i64.sub (call $size) (i64.const 72)))
      (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (local.get $p))))

  (func (export "store_u8") (param $p i64) (param $value i32)
    (if (i64.gt_u (i64.sub (local.get $p) (i64.const 64)) (i64.sub (call $size) (i64.const 65)))
      (then (return)))
    (i32.store8 (i32.wrap_i64 (local.get $p)) (local.get $value)))

  (func (export "store_u64") (param $p i64) (param $value i64)
    (if (i64.gt_u (i64.sub (local.get $p) (i64.const 64)) (i64.sub (call $size) (i64.const 72)))
      (then (return)))
    (i64.store (i32.wrap_i64 (local.get $p)) (local.get $value)))

  ;; The input's range was in bounds when it was set, and memories don't shrink.
  (func (export "input_load_u8") (param $at i64) (result i32)
    (if (i64.ge_u (local.get $at) (i64.load (i32.const 16)))
      (then (return (i32.const 0))))
    (i32.load8_u (i32.wrap_i64 (i64.add (i64.load (i32.const 8)) (local.get $at)))))

  (func (export "input_load_u64") (param $at i64) (result i64)
    (local $length i64)
    (local.set $length (i64.load (i32.const 16)))
    (if (i32.or
          (i64.lt_u (local.get $length) (i64.const 8))
          (i64.gt_u (local.get $at) (i64.sub (local.get $length) (i64.const 8))))
      (then (return (i64.const 0))))
    (i64.load (i32.wrap_i64 (i64.add (i64.load (i32.const 8)) (local.get $at)))))

  (func $input_set (export "input_set") (param $p i64) (param $length i64)
    (if (call $holds (local.get $p) (local.get $length))
      (then
        (i64.store (i32.const 8) (local.get $p))
        (i64.store (i32.const 16) (local.get $length)))))
  (func (export "input_offset") (result i64) (i64.load (i32.const 8)))
  (func (export "input_length") (result i64) (i64.load (i32.const 16)))

  (func (export "output_set") (param $p i64) (param $length i64)
    (if (call $holds (local.get $p) (local.get $length))
      (then
        (i64.store (i32.const 24) (local.get $p))
        (i64.store (i32.const 32) (local.get $length))
        (i64.store (i32.const 48) (i64.const 1)))
      ;; How a PDK says that the output is empty.
      (else (if (i64.eqz (i64.or (local.get $p) (local.get $length)))
        (then (i64.store (i32.const 48) (i64.const 1)))))))
  (func (export "output_offset") (result i64) (i64.load (i32.const 24)))
  (func (export "output_length") (result i64) (i64.load (i32.const 32)))

  (func (export "error_set") (param $p i64)
    (if (i32.or (i64.eqz (local.get $p)) (call $holds (local.get $p) (i64.const 1)))
      (then (i64.store (i32.const 40) (local.get $p)))))
  (func (export "error_get") (result i64) (i64.load (i32.const 40)))

  ;; The bytes that blocks can be in.
  (func (export "memory_bytes") (result i64) (i64.sub (call $size) (i64.const 64)))

  ;; For blocks.wat.

  ;; Makes the memory reach up to `end`; 0 if it can't.
  (func (export "reach") (param $end i64) (result i32)
    (local $pages i32)
    (if (i64.le_u (local.get $end) (call $size)) (then (return (i32.const 1))))
    (local.set $pages
      (i32.sub
        (i32.wrap_i64 (i64.shr_u (i64.add (local.get $end) (i64.const 65535)) (i64.const 16)))
        (memory.size)))
    (if (i32.eqz (call $may_grow (local.get $pages))) (then (return (i32.const 0))))
    (i32.ne (memory.grow (local.get $pages)) (i32.const -1)))

  ;; A block was freed: if it was the input, there is none any more.
  (func (export "freed") (param $p i64)
    (if (i64.eq (local.get $p) (i64.load (i32.const 8)))
      (then (i64.store (i32.const 16) (i64.const 0)))))

  ;; Zeros from `start` up to `end`, if that is any byte. From 0 on the slots are cleared too.
  (func (export "clear") (param $start i32) (param $end i32)
    (if (i32.gt_u (local.get $end) (local.get $start))
      (then
        (memory.fill
          (local.get $start)
          (i32.const 0)
          (i32.sub (local.get $end) (local.get $start)))))))
