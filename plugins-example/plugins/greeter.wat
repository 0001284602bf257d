;; Says hello through the application's log.
(module $greeter
  (import "app" "log" (func $log (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "Hello from WebAssembly")
  (func $greet (export "greet")
    (call $log (i32.const 16) (i32.const 22))))
