/**
 * An application with plugins: registers host functions, loads the plugins folder, calls what is in it, and shows
 * that a plugin which fails takes nothing with it.
 */
import { fileURLToPath } from "node:url";
import { PluginHost } from "../sdk/index.js";
import { AppHost, Console } from "./host-modules.js";

const host = await PluginHost.start({
  plugins: fileURLToPath(new URL("./plugins", import.meta.url)),
  modules: [AppHost],
  provide: [[Console, new Console()]],
});

console.log(`loaded: ${host.names.join(", ")}`);
for (const [name, error] of host.failures) console.log(`not loaded: ${name} (${(error as Error).message})`);

console.log("\ngreeter.greet():");
await host.plugin("greeter").call("greet");

console.log("\npricing.price(1999, 1):");
console.log(`  ${await host.plugin("pricing").call("price", [1999, 1])} cents on a Monday`);
console.log(`  ${await host.plugin("pricing").call("price", [1999, 3])} cents on a Wednesday`);

console.log("\nfaulty.divide(1, 0):");
try {
  await host.plugin("faulty").call("divide", [1, 0]);
} catch (error) {
  const wasm = (error as Error).stack?.split("\n").slice(0, 2).join("\n  ");
  console.log(`  ${wasm}`);
}
console.log(`\nstill here: pricing.price(500, 2) = ${await host.plugin("pricing").call("price", [500, 2])}`);
await host.close();
