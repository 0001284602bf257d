;; Imports something that the application doesn't offer: it is reported and the others load all the same.
(module $incompatible
  (import "app" "launch" (func $launch))
  (func (export "go") (call $launch)))
