;; fragile: run(text) -> text, which never gets that far: it divides the text's length by zero.
(module $fragile
  (memory (export "memory") 1)
  (func (export "backplane_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func (export "backplane_free") (param $pointer i32) (param $size i32))
  (func $average (param $length i32) (param $lines i32) (result i32)
    (i32.div_u (local.get $length) (local.get $lines)))
  (func (export "run") (param $pointer i32) (param $length i32) (result i64)
    (i64.extend_i32_u (call $average (local.get $length) (i32.const 0)))))
