/** Host modules: how they are made, what they are told, and when they are disposed. */
import test, { type ExecutionContext } from "ava";
import { assemble } from "../../engine/test/runtime/assemble.js";
import {
  defineHostModule,
  describe,
  fn,
  type HostModuleSource,
  type HostSide,
  hostFunction,
  hostModule,
  implementHostModule,
  inject,
  Plugin,
  type PluginEvent,
  PluginHost,
  type PluginHostOptions,
} from "../index.js";
import { quiet } from "./quiet-host.js";

class Clock {
  now(): number {
    return 5;
  }
}

class Store {
  constructor(readonly name = "constructed") {}
}

@hostModule("a", { inject: [Store, "limit"] })
class A {
  constructor(
    readonly store: Store,
    readonly limit: number,
  ) {}

  @hostFunction(fn([], "i32"))
  value(): number {
    return this.store.name.length + this.limit;
  }
}

const bytes = assemble(`(module (import "a" "value" (func $value (result i32)))
  (func (export "run") (result i32) (call $value)))`);

async function valueWith(t: ExecutionContext, options: PluginHostOptions): Promise<unknown> {
  const host = await PluginHost.start({ plugins: [{ name: "p", bytes }], ...options });
  t.teardown(() => host.close());
  return host.plugin("p").call("run");
}

function refused(t: ExecutionContext, options: PluginHostOptions, message: RegExp): Promise<unknown> {
  return t.throwsAsync(PluginHost.start(options), { code: "HOST_MODULE", message });
}

test("values that are provided go before what is constructed", async (t) => {
  t.is(await valueWith(t, { modules: [A], provide: [["limit", 1]] }), 12);
  const provide: PluginHostOptions["provide"] = [
    ["limit", 1],
    [Store, new Store("short")],
  ];
  t.is(await valueWith(t, { modules: [A], provide }), 6);
});

test("the application's container is asked for the class, then for tokens that nobody else has", async (t) => {
  const asked: unknown[] = [];
  const known = new Map<unknown, unknown>([
    ["limit", 100],
    [Store, new Store("four")],
  ]);
  const resolve = (token: unknown): unknown => {
    asked.push(token);
    return known.get(token);
  };
  t.is(await valueWith(t, { modules: [A], resolve, provide: [[Store, new Store("1")]] }), 101);
  t.deepEqual(asked, [A, "limit"]);
  known.set(A, new A(new Store(""), 7));
  t.is(await valueWith(t, { modules: [A], resolve }), 7);
});

test("instances serve as they are", async (t) => {
  t.is(await valueWith(t, { modules: [new A(new Store("xyz"), 1)] }), 4);
});

test("constructor parameters decorated by @inject", async (t) => {
  @hostModule("a")
  class B {
    constructor(
      @inject(Clock) readonly clock: Clock,
      @inject("limit") readonly limit: number,
    ) {}
    @hostFunction(fn([], "i32"))
    value(): number {
      return this.clock.now() * this.limit;
    }
  }
  t.is(await valueWith(t, { modules: [B], provide: [["limit", 3]] }), 15);
});

test("a subclass without a constructor injects what its base does", async (t) => {
  @hostModule("a")
  class Derived extends A {
    override value(): number {
      return -super.value();
    }
  }
  @hostModule("a", { inject: [] })
  class OwnConstructor extends A {
    constructor() {
      super(new Store("abc"), 1);
    }
  }
  t.is(await valueWith(t, { modules: [Derived], provide: [["limit", 1]] }), -12);
  t.is(await valueWith(t, { modules: [OwnConstructor] }), 4);
});

test("host modules that can't be made are told by name", async (t) => {
  @hostModule("nothing")
  class Uninjected {
    constructor(readonly clock: Clock) {}
  }
  @hostModule("throwing")
  class Throwing {
    constructor() {
      throw new RangeError("no room");
    }
  }
  class Plain {}
  class SubclassOfModule extends A {}
  await refused(
    t,
    { modules: [Uninjected] },
    /^host module "nothing": nothing says what its constructor takes: @hostModule\("nothing", \{ inject: \[TOKEN\] \}\)$/,
  );
  await refused(t, { modules: [Throwing] }, /^host module "throwing": no room$/);
  await refused(t, { modules: [A] }, /^host module "a": .*unregistered dependency token: "limit"/s);
  await refused(t, { modules: [Plain] }, /^Plain is not a host module: mark it with @hostModule\("name"\)$/);
  await refused(t, { modules: [new Plain()] }, /^Plain is not a host module/);
  await refused(
    t,
    { modules: [SubclassOfModule] },
    /^SubclassOfModule is not a host module although it has host functions \(value\)/,
  );
});

test("a plugin's own module that can't be made is that plugin's failure", async (t) => {
  @hostModule("a", { scope: "plugin", inject: [Plugin] })
  class Picky {
    constructor(plugin: Plugin) {
      if (plugin.name === "bad") throw new RangeError("not that one");
    }
    @hostFunction(fn([], "i32"))
    value(): number {
      return 1;
    }
  }
  const plugins = ["good", "bad"].map((name) => ({ name, bytes }));
  const host = await PluginHost.start({ plugins, modules: [Picky], logger: quiet });
  t.teardown(() => host.close());
  t.is(await host.plugin("good").call("run"), 1);
  t.regex(String(host.failures.get("bad")), /host module "a": not that one/);
});

test("two modules of a name complete each other, an import is one module's", async (t) => {
  const one = defineHostModule("a", { value: [fn([], "i32"), () => 1] });
  const other = defineHostModule("a", { other: [fn([], "i32"), () => 2] });
  t.is(await valueWith(t, { modules: [one, other] }), 1);
  await refused(t, { modules: [one, A] }, /^host module "a": a\.value and A\.value both offer "value"$/);
});

test("an implementation by an object keeps its `this`, one by a class is made for its scope", async (t) => {
  const Value = describe({ value: fn([], "i32") });
  const object = {
    n: 3,
    value(): number {
      return ++this.n;
    },
  };
  const byObject = implementHostModule("a", Value, object);
  t.is(await valueWith(t, { modules: [byObject] }), 4);
  t.is(object.n, 4);
  class Counter implements HostSide<typeof Value> {
    private n = 0;
    constructor(readonly plugin: Plugin) {}
    value(): number {
      return ++this.n;
    }
  }
  const stopped: string[] = [];
  const byClass = implementHostModule("a", Value, Counter, {
    inject: [Plugin],
    scope: "plugin",
    on: { stopped: ({ name }) => stopped.push(name) },
  });
  const plugins = ["p", "q"].map((name) => ({ name, bytes }));
  const host = await PluginHost.start({ plugins, modules: [byClass] });
  t.teardown(() => host.close());
  t.deepEqual([await host.plugin("p").call("run"), await host.plugin("p").call("run")], [1, 2]);
  t.is(await host.plugin("q").call("run"), 1);
  await host.plugin("q").close();
  t.deepEqual(stopped, ["q"]);
});

test("what isn't a function with a signature is refused", (t) => {
  const define = defineHostModule as (name: string, functions: object) => unknown;
  const implement = implementHostModule as (name: string, description: object, object: object) => unknown;
  const Value = describe({ value: fn([], "i32") });
  const fault = (make: () => unknown, message: RegExp): void => {
    t.throws(make, { code: "HOST_MODULE", message });
  };
  fault(
    () => define("a", { value: () => 1 }),
    /^host module "a": value has to be \[fn\(\.\.\.\), function\]$/,
  );
  fault(() => define("a", { value: [() => 1, fn([])] }), /^host module "a": value has no signature: fn\(/);
  fault(() => define("a", { value: [fn([])] }), /^host module "a": there is no function for value$/);
  fault(() => implement("a", Value, {}), /^host module "a": there is no function for value$/);
  fault(() => implement("a", Value, class {}), /^host module "a": there is no function for value$/);
  class Good {
    value(): number {
      return 1;
    }
  }
  fault(
    () => implementHostModule("a", Value, new Good(), { scope: "plugin" }),
    /^host module "a": inject and scope are for a class/,
  );
  fault(
    () => implementHostModule("a", Value, Good, { dispose() {} }),
    /^host module "a": dispose is for an object, a class has a method dispose\(\)$/,
  );
});

interface Watched {
  readonly log: string[];
  readonly module: HostModuleSource;
}

function watched(): Watched {
  const log: string[] = [];
  const note = (event: string) => (payload: PluginEvent) => void log.push(`${event} ${payload.name}`);
  const module = defineHostModule(
    "a",
    { value: [fn([], "i32"), () => 1] },
    {
      on: {
        loading: note("loading"),
        ready: () => {
          throw new RangeError("hook");
        },
        stopped: async (event) => {
          await new Promise((resolve) => setTimeout(resolve, 10));
          note("stopped")(event);
          throw new RangeError("late hook");
        },
      },
      dispose() {
        log.push("disposed");
        throw new RangeError("disposal");
      },
    },
  );
  return { log, module };
}

test("hooks of a defined module; what throws is logged and breaks nothing", async (t) => {
  const { log, module } = watched();
  const errors: string[] = [];
  const logger = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (_fields: object, message: string) => void errors.push(message),
  };
  const host = await PluginHost.start({ plugins: [{ name: "p", bytes }], modules: [module], logger });
  t.is(await host.plugin("p").call("run"), 1);
  t.deepEqual(errors, [`a.on failed upon "ready": hook`]);
  await host.close();
  t.deepEqual(log, ["loading p", "stopped p", "disposed"]);
  t.deepEqual(errors.slice(1), [
    `a.on failed upon "stopped": late hook`,
    `a host module's dispose failed upon "dispose": disposal`,
  ]);
});

test("a listener of `stopped` may load another plugin of the name", async (t) => {
  const host = await PluginHost.start({
    plugins: [{ name: "p", bytes }],
    modules: [new A(new Store(""), 1)],
  });
  t.teardown(() => host.close());
  const again = new Promise<Plugin>((resolve, reject) => {
    host.once("stopped", () => void host.load({ name: "p", bytes }).then(resolve, reject));
  });
  await host.plugin("p").close();
  t.is(await (await again).call("run"), 1);
  t.is(host.plugin("p"), await again);
});
