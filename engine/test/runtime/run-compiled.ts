/**
 * Runs a module with code that was compiled elsewhere: `node run-compiled.js MODULE.wasm CODE FUNCTION ARGUMENT...`; writes
 * the result. The function is an export of i32 parameters; the module has no imports.
 */
import { readFileSync } from "node:fs";
import { threadEngine } from "../../runtime/engine.js";
import { runCompiled } from "./compile-elsewhere.js";

const [file, code, name, ...args] = process.argv.slice(2) as [string, string, string, ...string[]];
console.log(runCompiled(threadEngine(), readFileSync(file), readFileSync(code), name, args.map(Number)));
