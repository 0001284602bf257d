/** Small Extism plugins of the tests' own, in the text format. */
import { assemble } from "../../../engine/test/runtime/assemble.js";

const environment: Readonly<Record<string, string>> = {
  alloc: "(param i64) (result i64)",
  free: "(param i64)",
  length: "(param i64) (result i64)",
  load_u64: "(param i64) (result i64)",
  store_u64: "(param i64 i64)",
  store_u8: "(param i64 i32)",
  input_offset: "(result i64)",
  input_length: "(result i64)",
  input_set: "(param i64 i64)",
  output_set: "(param i64 i64)",
  error_set: "(param i64)",
  config_get: "(param i64) (result i64)",
  var_get: "(param i64) (result i64)",
  var_set: "(param i64 i64)",
  http_request: "(param i64 i64) (result i64)",
  http_status_code: "(result i32)",
  http_headers: "(result i64)",
  log_info: "(param i64)",
  log_error: "(param i64)",
  get_log_level: "(result i32)",
};

/** A module that imports these functions of `extism:host/env` by their names. */
export function extismModule(names: readonly string[], body: string): Uint8Array {
  const imports = names.map((name) => {
    const type = environment[name];
    if (type === undefined) throw new Error(`the tests have no type for ${name}`);
    return `(import "extism:host/env" "${name}" (func $${name} ${type}))`;
  });
  return assemble(`(module ${imports.join("\n")} ${body})`);
}

const give = "(func $give (param $h i64) (call $output_set (local.get $h) (call $length (local.get $h))))";

/** Each function passes the input's handle to one of the environment's, and gives what comes of it. */
export const services = extismModule(
  [
    "length",
    "input_offset",
    "input_length",
    "output_set",
    "error_set",
    "config_get",
    "var_get",
    "var_set",
    "http_request",
    "http_status_code",
    "http_headers",
    "log_info",
    "get_log_level",
    "alloc",
    "store_u64",
    "store_u8",
  ],
  `(memory (export "memory") 1)
   ${give}
   (func (export "echo") (call $output_set (call $input_offset) (call $input_length)))
   (func (export "config") (call $give (call $config_get (call $input_offset))))
   (func (export "get") (call $give (call $var_get (call $input_offset))))
   (func (export "set") (call $var_set (call $input_offset) (call $input_offset)))
   (func (export "delete") (call $var_set (call $input_offset) (i64.const 0)))
   (func (export "http") (result i32)
     (call $give (call $http_request (call $input_offset) (i64.const 0)))
     (i32.const 0))
   (func (export "headers") (drop (call $http_request (call $input_offset) (i64.const 0))) (call $give (call $http_headers)))
   (func (export "status") (result i32)
     (drop (call $http_request (call $input_offset) (i64.const 0))) (call $http_status_code))
   (func (export "log") (call $log_info (call $input_offset)))
   (func (export "level") (result i32) (call $get_log_level))
   (func (export "fail") (result i32) (call $error_set (call $input_offset)) (i32.const 0))
   (func (export "failAndTrap") (call $error_set (call $input_offset)) (unreachable))
   (func (export "code") (result i32) (i32.const 7))
   (func (export "wrong") (param i32))
   (func (export "badConfig") (drop (call $config_get (i64.const 12345))))
   (func (export "badLog") (call $log_info (i64.const -1)))
   (func (export "badVar") (call $var_set (call $input_offset) (i64.add (call $input_offset) (i64.const 1))))
   (func (export "badUtf8") (local $h i64)
     (local.set $h (call $alloc (i64.const 1)))
     (call $store_u8 (local.get $h) (i32.const 255))
     (drop (call $var_get (local.get $h))))
   (func (export "badHttp") (drop (call $http_request (i64.const 9999) (i64.const 0))))
   (func (export "badBody") (drop (call $http_request (call $input_offset) (i64.const 9999))))
   (func (export "spin") (loop $again (br $again)))`,
);
