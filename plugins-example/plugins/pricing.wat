;; price(cents, weekday): cents less the discount that the application gives on that day.
(module $pricing
  (import "app" "discount" (func $discount (param i32) (result i32)))
  (func $price (export "price") (param $cents i32) (param $weekday i32) (result i32)
    (i32.sub
      (local.get $cents)
      (i32.div_u
        (i32.mul (local.get $cents) (call $discount (local.get $weekday)))
        (i32.const 100)))))
