/** The functions of `extism:host/env` with their types. Source: Extism's documentation of its runtime's functions. */
import type { FunctionType } from "../../../engine/index.js";

export const environmentModule = "extism:host/env";
/** Where functions of the application are that name no other module. */
export const userModule = "extism:host/user";

const type = (params: readonly string[], ...results: string[]): FunctionType => ({ params, results });

const logFunction = type(["i64"]);

export const environmentTypes: ReadonlyMap<string, FunctionType> = new Map([
  ["alloc", type(["i64"], "i64")],
  ["free", type(["i64"])],
  ["length", type(["i64"], "i64")],
  ["length_unsafe", type(["i64"], "i64")],
  ["load_u8", type(["i64"], "i32")],
  ["load_u64", type(["i64"], "i64")],
  ["store_u8", type(["i64", "i32"])],
  ["store_u64", type(["i64", "i64"])],
  ["input_set", type(["i64", "i64"])],
  ["input_offset", type([], "i64")],
  ["input_length", type([], "i64")],
  ["input_load_u8", type(["i64"], "i32")],
  ["input_load_u64", type(["i64"], "i64")],
  ["output_set", type(["i64", "i64"])],
  ["output_offset", type([], "i64")],
  ["output_length", type([], "i64")],
  ["error_set", type(["i64"])],
  ["error_get", type([], "i64")],
  ["reset", type([])],
  ["memory_bytes", type([], "i64")],
  ["config_get", type(["i64"], "i64")],
  ["var_get", type(["i64"], "i64")],
  ["var_set", type(["i64", "i64"])],
  ["http_request", type(["i64", "i64"], "i64")],
  ["http_status_code", type([], "i32")],
  ["http_headers", type([], "i64")],
  ["log_trace", logFunction],
  ["log_debug", logFunction],
  ["log_info", logFunction],
  ["log_warn", logFunction],
  ["log_error", logFunction],
  ["get_log_level", type([], "i32")],
]);
