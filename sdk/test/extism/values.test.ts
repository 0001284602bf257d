/** Settings and variables: the same of both ways of keeping them, and what the native one's memory does. */
import test from "ava";
import type { Memory } from "../../../engine/index.js";
import { Random } from "../../../engine/test/support/random.js";
import { Kernel } from "../../abi/extism/kernel.js";
import { MapValues } from "../../abi/extism/map-values.js";
import { NativeValues } from "../../abi/extism/native-values.js";
import type { Values, Variables } from "../../abi/extism/values.js";
import { HostError } from "../../index.js";

type Functions = Readonly<Record<"config_get" | "var_get" | "var_set", (...handles: bigint[]) => bigint>>;

class Bound {
  readonly kernel = new Kernel(() => true);
  readonly variables: Variables;
  readonly env: Functions;

  constructor(values: Values) {
    const { variables, functions } = values.bind(this.kernel);
    this.variables = variables;
    this.env = functions as Functions;
  }

  /** A block's text, undefined for the null handle. */
  text(handle: bigint): string | undefined {
    return handle === 0n ? undefined : Buffer.from(this.kernel.read(handle) as Buffer).toString();
  }

  getVariable(name: string): string | undefined {
    return this.text(this.env.var_get(this.kernel.store(name)));
  }

  setVariable(name: string, value: string | Uint8Array): void {
    this.env.var_set(this.kernel.store(name), this.kernel.store(value));
  }

  getConfig(name: string): string | undefined {
    return this.text(this.env.config_get(this.kernel.store(name)));
  }
}

const long = "x".repeat(1000);
const config = new Map([
  ["a", "value"],
  ["eight ch", "12345678"],
  ["longer than eight", long],
  ["", "of the empty name"],
  ["empty", ""],
  ["schlüssel", "wert"],
]);

for (const [title, make] of [
  ["native", (maxBytes?: number) => new NativeValues(config, maxBytes)],
  ["in TypeScript", (maxBytes?: number) => new MapValues(config, maxBytes)],
] as const) {
  test(`${title}: settings by name; missing or empty reads 0`, (t) => {
    const bound = new Bound(make());
    for (const [name, value] of config) t.is(bound.getConfig(name), value === "" ? undefined : value, name);
    for (const name of ["b", "eight c", "eight chr", "longer than eighty"])
      t.is(bound.getConfig(name), undefined);
    t.is(bound.getVariable("a"), undefined, "a setting is no variable");
    bound.setVariable("a", "variable");
    t.deepEqual([bound.getVariable("a"), bound.getConfig("a")], ["variable", "value"]);
  });

  test(`${title}: plugins and the application see the same variables`, (t) => {
    const bound = new Bound(make());
    bound.setVariable("v", "of the plugin");
    t.is(Buffer.from(bound.variables.get("v") as Uint8Array).toString(), "of the plugin");
    bound.variables.set("v", Buffer.from("of the application, longer"));
    t.is(bound.getVariable("v"), "of the application, longer");
    bound.variables.set("empty", new Uint8Array(0));
    t.is(bound.getVariable("empty"), undefined);
    t.is(bound.variables.get("empty")?.length, 0);
    bound.variables.delete("v");
    t.is(bound.getVariable("v"), undefined);
    bound.env.var_set(bound.kernel.store("empty"), 0n);
    t.is(bound.variables.get("empty"), undefined);
    bound.variables.delete("none");
    bound.setVariable("", "of the empty name");
    t.is(bound.getVariable(""), "of the empty name");
    bound.variables.clear();
    t.is(bound.getVariable(""), undefined);
    t.is(bound.getConfig("a"), "value");
  });

  test(`${title}: nothing of an older value comes with a shorter one`, (t) => {
    const bound = new Bound(make());
    const { kernel, env, variables } = bound;
    const word = kernel.functions.load_u64 as unknown as (at: bigint) => bigint;
    const tail = (): bigint => word(env.var_get(kernel.store("v")));
    bound.setVariable("v", "12345678");
    variables.set("v", Buffer.from("a"));
    t.is(tail(), 0x61n);
    variables.clear();
    variables.set("w", Buffer.from("87654321"));
    variables.clear();
    variables.set("v", Buffer.from("b"));
    t.is(tail(), 0x62n);
  });

  test(`${title}: instances have them in common; fresh ones have the settings only`, (t) => {
    const values = make();
    const first = new Bound(values);
    first.setVariable("v", "kept");
    const second = new Bound(values);
    t.is(second.getVariable("v"), "kept");
    second.setVariable("v", "changed");
    t.is(first.getVariable("v"), "changed");
    const fresh = new Bound(values.fresh());
    t.deepEqual([fresh.getVariable("v"), fresh.getConfig("a")], [undefined, "value"]);
  });

  test(`${title}: variables are bounded, names and 48 bytes each included`, (t) => {
    const bound = new Bound(make(200));
    const full = { instanceOf: HostError, message: /Variable store is full/ };
    t.throws(() => bound.setVariable("name", new Uint8Array(149)), full);
    bound.setVariable("name", new Uint8Array(148));
    t.throws(() => bound.setVariable("b", "x"), full);
    t.throws(() => bound.variables.set("b", Uint8Array.of(1)), full);
    t.throws(() => bound.setVariable("name", new Uint8Array(149)), full);
    t.is(bound.variables.get("name")?.length, 148, "what was there stays");
    bound.setVariable("name", new Uint8Array(20));
    bound.setVariable("b", new Uint8Array(79));
    t.throws(() => bound.setVariable("c", "x"), full);
    bound.env.var_set(bound.kernel.store("b"), 0n);
    bound.setVariable("c", "x");
    t.is(bound.getVariable("c"), "x");
  });

  test(`${title}: a bound of 0 allows none`, (t) => {
    const bound = new Bound(make(0));
    const disabled = { instanceOf: HostError, message: /Vars are disabled/ };
    t.throws(() => bound.setVariable("a", "x"), disabled);
    t.throws(() => bound.env.var_set(bound.kernel.store("a"), 0n), disabled);
    t.throws(() => bound.variables.set("a", Uint8Array.of(1)), disabled);
    t.is(bound.getVariable("a"), undefined);
    t.is(bound.getConfig("a"), "value");
  });

  test(`${title}: escape by handle: what is none, or no text, ends the call`, (t) => {
    const bound = new Bound(make());
    const { kernel, env } = bound;
    const block = kernel.store("some name");
    const value = kernel.store("value");
    const invalid = { instanceOf: HostError, message: /invalid handle offset for/ };
    for (const handle of [1n, 8n, block + 1n, block + 160n, 2n ** 32n + block, -1n, -16n, 2n ** 63n]) {
      t.throws(() => env.config_get(handle), invalid, String(handle));
      t.throws(() => env.var_get(handle), invalid);
      t.throws(() => env.var_set(handle, value), invalid);
      t.throws(() => env.var_set(block, handle), invalid);
    }
    const bytes = kernel.store(Uint8Array.of(0x61, 0xff));
    for (const name of ["config_get", "var_get"] as const)
      t.throws(() => env[name](bytes), { message: /isn't UTF-8/ });
    t.throws(() => env.var_set(bytes, value), { message: /isn't UTF-8/ });
    t.is(bound.variables.get("some name"), undefined);
  });

  test(`${title}: a long random life`, (t) => {
    const bound = new Bound(make(100_000));
    const random = new Random(7);
    const model = new Map<string, Uint8Array>();
    for (let step = 0; step < 6000; step++) {
      if (step % 100 === 0) bound.kernel.reset();
      const name = `${"n".repeat(random.below(20))}${random.below(30)}`;
      const byPlugin = random.below(2) === 0;
      if (random.below(4) === 0) {
        if (byPlugin) bound.env.var_set(bound.kernel.store(name), 0n);
        else bound.variables.delete(name);
        model.delete(name);
        continue;
      }
      const value = new Uint8Array(1 + random.below(random.below(10) === 0 ? 3000 : 60)).fill(step);
      try {
        if (byPlugin) bound.setVariable(name, value);
        else bound.variables.set(name, value);
        model.set(name, value);
      } catch (error) {
        t.regex(String(error), /Variable store is full/);
      }
      const chosen = [...model.keys()][random.below(model.size)] ?? name;
      t.deepEqual(bound.variables.get(chosen), model.get(chosen));
    }
    for (const [name, value] of model) t.deepEqual(bound.variables.get(name), value);
    for (const [name, value] of config) t.is(bound.getConfig(name) ?? "", value);
  });
}

test("native: its memory stays within twice what lives, however often values are replaced", (t) => {
  const values = new NativeValues(new Map(), 200_000);
  const { memory } = values as unknown as { memory: Memory };
  const bound = new Bound(values);
  for (let size = 1; size < 90_000; size += 97) {
    bound.variables.set("a", new Uint8Array(size));
    bound.variables.set("b", new Uint8Array((size * 7) % 90_000));
  }
  t.true(memory.buffer.byteLength <= 2 * 200_000 + 3 * 65_536, `${memory.buffer.byteLength} bytes`);
});
