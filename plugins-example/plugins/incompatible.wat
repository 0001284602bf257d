;; incompatible: imports what this application doesn't offer, so it isn't loaded, and the others are all the same.
(module $incompatible
  (import "site" "publish" (func $publish))
  (func (export "run") (call $publish)))
