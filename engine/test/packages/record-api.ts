// Preloaded by hand (`node --import ./record-api.js scenario-x.js`) to see which members of the WebAssembly namespace
// a package reads and with which it constructs. Prints the sorted list to stderr when the process ends.

const scope = globalThis as unknown as { WebAssembly: Record<string, unknown> };
const used = new Set<string>();

function watch<T extends object>(target: T, path: string): T {
  return new Proxy(target, {
    get(object, key, receiver) {
      const value = Reflect.get(object, key, receiver);
      if (typeof key === "string") used.add(`${path}.${key}`);
      const member = typeof value === "function" && /^[A-Z]/.test(String(key));
      return member ? watch(value as object, `${path}.${String(key)}`) : value;
    },
    construct(object, args, newTarget) {
      used.add(`new ${path}`);
      return Reflect.construct(object as never, args, newTarget) as object;
    },
  });
}

scope.WebAssembly = watch(scope.WebAssembly, "WebAssembly");
process.on("exit", () => {
  const names = [...used]
    .map((name) => name.replaceAll("WebAssembly.", ""))
    .filter((name) => !/prototype|Symbol/.test(name));
  process.stderr.write(`${names.sort().join(", ")}\n`);
});
