// Preloaded after the register module: ends the process if `globalThis.WebAssembly` is still Node's own, since a
// comparison of Node's engine with itself would prove nothing.

const scope = globalThis as { nodeWebAssembly?: object; WebAssembly?: { Module?: unknown } };
const before = scope.nodeWebAssembly as { Module?: unknown } | undefined;
if (before === undefined || scope.WebAssembly?.Module === before.Module) {
  process.stderr.write("register did not replace globalThis.WebAssembly\n");
  process.exit(97);
}
