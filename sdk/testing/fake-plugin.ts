/**
 * A plugin whose exports are functions of TypeScript. To the host it is a plugin like any other: a module made on the
 * spot passes each call on to a host module that has the functions, so values are marshalled, calls queue and time
 * out, and handles are checked as they are with a real one.
 */
import { anyFunction, fields, requireValid } from "../checks.js";
import type { HostFunctionDeclaration } from "../declare/decorators.js";
import type { DefinedModule } from "../declare/define.js";
import { type Description, type HostSide, requireDescription } from "../declare/describe.js";
import type { Signatures } from "../declare/signature.js";
import type { PluginSourceDetails } from "../plugin/source.js";
import { forwardingModule } from "./forwarding-module.js";

/** A call that a fake got. */
export interface FakeCall {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** What `fakePlugin` gives. */
export interface FakePlugin {
  /** What it was called with, in order. */
  readonly calls: readonly FakeCall[];
  /** Makes it a plugin of a name, for `PluginHost.start({ plugins: [...] })` or `host.load`. */
  source(name: string): PluginSourceDetails & { readonly name: string };
  /** Has to be one of the host's `modules`. */
  readonly module: DefinedModule;
}

let made = 0;

/**
 * A plugin that answers with functions of yours. They take and give what the description says, may be `async`, and
 * may take a `CallContext` as one parameter more; what they throw is the cause of a HostError. A function that isn't
 * given throws when it is called. Errors: BackplaneError OPTIONS for a function that the description doesn't have.
 *
 * `testHost` takes it as it is; another host takes its `source(name)` and its `module`.
 *
 * @example
 * const greeter = fakePlugin(Greeter, { greet: async (name) => `Hello, ${name}` });
 * const host = await testHost({ plugins: { greeter } });
 * await (await host.plugin("greeter", Greeter)).greet("Ada");
 * greeter.calls; // [{ name: "greet", args: ["Ada"] }]
 */
export function fakePlugin<T extends Signatures>(
  description: Description<T>,
  functions: Partial<HostSide<T>>,
): FakePlugin {
  requireDescription("fakePlugin", description);
  const known = Object.keys(description.signatures).map((name) => [name, anyFunction] as const);
  requireValid(fields(Object.fromEntries(known)), functions, "fakePlugin");
  const calls: FakeCall[] = [];
  const module = `fake:${++made}`;
  const { signatures } = description;
  const names = Object.keys(signatures);
  const bytes = forwardingModule(
    names.map((name) => ({ export: name, module, import: name, signature: signatures[name] })),
  );
  const given = functions as Readonly<Record<string, ((...args: unknown[]) => unknown) | undefined>>;
  const object = Object.fromEntries(
    names.map((name) => [name, recorder(name, given[name], signatures[name].params.length, calls)]),
  );
  // Declared as async, whatever it is: so functions that a test library made may return promises too.
  const declared = names.map((name): HostFunctionDeclaration => {
    return { name, method: name, signature: { ...signatures[name], async: true } };
  });
  return {
    calls,
    module: { declaration: { name: module, className: "fakePlugin", functions: declared }, object },
    source: (name) => ({ name, bytes, required: true }),
  };
}

function recorder(
  name: string,
  implementation: ((...args: unknown[]) => unknown) | undefined,
  count: number,
  calls: FakeCall[],
): (...args: unknown[]) => unknown {
  const call = (...args: unknown[]): unknown => {
    calls.push({ name, args: args.slice(0, count) });
    if (implementation === undefined) throw new Error(`the fake has no function "${name}"`);
    return implementation(...args);
  };
  // A host function gets a context if it has a parameter more than its signature.
  Object.defineProperty(call, "length", { value: implementation?.length ?? 0 });
  return call;
}
