/**
 * Classes with decorators. They type-check in both modes; the tests compile this file in each mode, with TypeScript
 * and with esbuild, and run what comes out.
 */
import {
  type CallContext,
  fn,
  hostFunction,
  hostModule,
  onPluginEvent,
  Plugin,
  type PluginEvent,
} from "../../index.js";

export class Store {
  readonly values = new Map<number, number>();
  readonly log: string[] = [];
}

export abstract class Base {
  @hostFunction(fn([], "i32"))
  version(): number {
    return 1;
  }

  @hostFunction(fn(["i32"], "i32"), { name: "base-double" })
  double(n: number): number {
    return 2 * n;
  }

  @onPluginEvent("stopped")
  onStop(event: PluginEvent): void {
    this.note(`stopped ${event.name}`);
  }

  protected abstract note(text: string): void;
}

@hostModule("kv", { inject: [Store], version: "1.2.0" })
export class KvHost extends Base {
  constructor(protected readonly store: Store) {
    super();
  }

  @hostFunction(fn(["i32"], "i32"))
  get(key: number): number {
    return this.store.values.get(key) ?? -1;
  }

  @hostFunction(fn(["i32", "i32"]), { name: "set-value" })
  set(key: number, value: number, _context?: CallContext): void {
    this.store.values.set(key, value);
  }

  @hostFunction(fn(["i32"], "i32"))
  async later(n: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return n + 1;
  }

  /** Declared by the base. */
  override version(): number {
    return 2;
  }

  @onPluginEvent("loaded")
  @onPluginEvent("reloaded")
  onLoad(event: PluginEvent & { readonly generation: number }): void {
    this.note(`${event.name} generation ${event.generation}`);
  }

  protected override note(text: string): void {
    this.store.log.push(text);
  }

  dispose(): void {
    this.note("disposed");
  }
}

@hostModule("kv2")
export class DerivedHost extends KvHost {
  @hostFunction(fn(["i32"], "i32"), { name: "triple" })
  override double(n: number): number {
    return 3 * n;
  }
}

@hostModule("session", { scope: "plugin", inject: [Plugin, Store] })
export class Session {
  private calls = 0;
  constructor(
    private readonly plugin: Plugin,
    private readonly store: Store,
  ) {}

  @hostFunction(fn([], "i32"))
  count(): number {
    return ++this.calls;
  }

  @onPluginEvent("stopped")
  end({ name }: PluginEvent): void {
    this.store.log.push(`session of ${this.plugin.name}: ${name} stopped after ${this.calls}`);
  }

  dispose(): void {
    this.store.log.push(`session of ${this.plugin.name} disposed`);
  }
}

export class Unmarked {
  @hostFunction(fn([], "i32"))
  one(): number {
    return 1;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a decorator of any method, in both modes
const replacing = (target: any, _key: unknown, descriptor?: PropertyDescriptor): any => {
  if (descriptor === undefined) return () => target() + 1;
  const { value } = descriptor;
  descriptor.value = () => value() + 1;
  return descriptor;
};

/** Each makes a class that is wrong. */
export const faulty = {
  duplicate(): unknown {
    @hostModule("kv")
    class Twice {
      @hostFunction(fn([], "i32"))
      one(): number {
        return 1;
      }
      @hostFunction(fn([], "i32"), { name: "one" })
      two(): number {
        return 2;
      }
    }
    return Twice;
  },
  static(): unknown {
    class Static {
      // @ts-expect-error: it is static
      @hostFunction(fn([], "i32"))
      static one(): number {
        return 1;
      }
      two(): number {
        return 2;
      }
    }
    return Static;
  },
  symbol(): unknown {
    const key: string = Symbol("one") as unknown as string;
    class Named {
      @hostFunction(fn([], "i32"))
      [key](): number {
        return 1;
      }
    }
    return Named;
  },
  /** Legacy decorators find it by its name, standard ones can't. */
  replaced(): new () => object {
    @hostModule("kv")
    class Replaced {
      @replacing
      @hostFunction(fn([], "i32"))
      one(): number {
        return 1;
      }
    }
    return Replaced;
  },
};

/** The right order for a decorator that replaces the method. */
@hostModule("wrapped")
export class Wrapped {
  @hostFunction(fn([], "i32"))
  @replacing
  one(): number {
    return 1;
  }
}
