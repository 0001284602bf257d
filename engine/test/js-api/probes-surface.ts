// Probes of what can be seen without running anything: property descriptors, names, lengths, tags, constructors.

import { attempt, describe, type Loose, ProbeGroup } from "./probe.js";
import { echoOf, emptyBytes, I32 } from "./probe-modules.js";

const group = new ProbeGroup("surface");
export const surfaceProbes = group.probes;

/** What functions and error classes own on V8 besides what a specification says. */
const accidents = ["arguments", "caller", "captureStackTrace", "stackTraceLimit"];

/** Names of proposals past WebAssembly 2.0, which engines have or not. */
const later = new Set([
  "Tag",
  "JSTag",
  "Exception",
  "Suspending",
  "promising",
  "SuspendError",
  "Suspender",
  "Function",
]);
const functions = ["compile", "validate", "instantiate", "compileStreaming", "instantiateStreaming"];
const classes = ["Module", "Instance", "Memory", "Table", "Global"];
const errors = ["CompileError", "LinkError", "RuntimeError"];
const members: Record<string, string[]> = {
  Module: [],
  Instance: ["exports"],
  Memory: ["grow", "buffer"],
  Table: ["length", "grow", "get", "set"],
  Global: ["value", "valueOf"],
};

function flags(descriptor: PropertyDescriptor | undefined): string {
  if (descriptor === undefined) return "absent";
  const marks = [
    descriptor.writable && "writable",
    descriptor.enumerable && "enumerable",
    descriptor.configurable && "configurable",
  ];
  return marks.filter(Boolean).join(" ") || "nothing";
}

/** A property's flags and what it holds. */
function property(namespace: Loose, object: object, key: PropertyKey): string {
  const descriptor = Object.getOwnPropertyDescriptor(object, key);
  if (descriptor === undefined) return "absent";
  if (descriptor.get !== undefined || descriptor.set !== undefined) {
    return `${flags(descriptor)} get ${describe(namespace, descriptor.get)} set ${describe(namespace, descriptor.set)}`;
  }
  const { value } = descriptor;
  return `${flags(descriptor)} ${typeof value === "object" ? "object" : describe(namespace, value)}`;
}

function construct(made: Loose, args: unknown[]): Loose {
  return Reflect.construct(made, args);
}

function names(object: object): string[] {
  return Reflect.ownKeys(object)
    .map(String)
    .filter((name) => !later.has(name))
    .sort();
}

group.add("own keys of the namespace", (W) => names(W));
group.add("tag of the namespace", (W) => [String(W), property(W, W, Symbol.toStringTag)]);
group.add("prototype of the namespace", (W) => Object.getPrototypeOf(W) === Object.prototype);
group.add("namespace is extensible and not callable", (W) => [Object.isExtensible(W), typeof W]);
group.add("enumerable keys of the namespace", (W) => Object.keys(W).filter((name) => !later.has(name)));
for (const name of [...functions, ...classes, ...errors]) {
  group.add(`WebAssembly.${name}`, (W) => property(W, W, name));
  group.add(`name and length of ${name}`, (W) => [
    property(W, W[name], "name"),
    property(W, W[name], "length"),
  ]);
}
for (const name of functions) {
  group.add(`${name} is no constructor`, (W) => attempt(W, () => Reflect.construct(Object, [], W[name])));
  group.add(`${name} has no prototype`, (W) => "prototype" in W[name]);
}
for (const name of [...classes, ...errors]) {
  group.add(`prototype property of ${name}`, (W) => property(W, W[name], "prototype"));
  group.add(`own keys of ${name}`, (W) => names(W[name]).filter((key) => !accidents.includes(key)));
  group.add(`own keys of ${name}.prototype`, (W) =>
    names(W[name].prototype).filter((key) => !["type", "fill"].includes(key)),
  );
  group.add(`${name}.prototype.constructor`, (W) => [
    property(W, W[name].prototype, "constructor"),
    W[name].prototype.constructor === W[name],
  ]);
  group.add(`tag of ${name}.prototype`, (W) => [
    property(W, W[name].prototype, Symbol.toStringTag),
    Object.prototype.toString.call(W[name].prototype),
  ]);
  group.add(`enumerable keys of ${name}.prototype`, (W) => Object.keys(W[name].prototype).sort());
}
for (const name of classes) {
  group.add(`${name} without new`, (W) => attempt(W, () => W[name](emptyBytes)));
  group.add(`new ${name} without arguments`, (W) => attempt(W, () => new W[name]()));
  for (const bad of [undefined, null, 5, "text", 1n, true, Symbol.iterator, {}, [], () => {}]) {
    group.add(`new ${name}(${String(typeof bad === "object" ? JSON.stringify(bad) : String(bad))})`, (W) =>
      attempt(W, () => new W[name](bad)),
    );
  }
  group.add(`prototype chain of ${name}`, (W) => [
    Object.getPrototypeOf(W[name]) === Function.prototype,
    Object.getPrototypeOf(W[name].prototype) === Object.prototype,
  ]);
  for (const member of members[name] as string[]) {
    group.add(`${name}.prototype.${member}`, (W) => property(W, W[name].prototype, member));
    for (const receiver of [undefined, null, {}, 5, emptyBytes]) {
      group.add(
        `${name}.prototype.${member} on ${receiver === emptyBytes ? "bytes" : JSON.stringify(receiver)}`,
        (W) => {
          const descriptor = Object.getOwnPropertyDescriptor(W[name].prototype, member) as PropertyDescriptor;
          const method = descriptor.get ?? (descriptor.value as () => unknown);
          return attempt(W, () => Reflect.apply(method, receiver, [0]));
        },
      );
    }
    group.add(`${name}.prototype.${member} is no constructor`, (W) => {
      const descriptor = Object.getOwnPropertyDescriptor(W[name].prototype, member) as PropertyDescriptor;
      return attempt(W, () => Reflect.construct(Object, [], (descriptor.get ?? descriptor.value) as never));
    });
  }
}
for (const name of ["exports", "imports", "customSections"]) {
  group.add(`Module.${name}`, (W) => [
    property(W, W.Module, name),
    property(W, W.Module[name], "name"),
    property(W, W.Module[name], "length"),
  ]);
}
group.add("setter of Global.value", (W) => {
  const descriptor = Object.getOwnPropertyDescriptor(W.Global.prototype, "value") as PropertyDescriptor;
  return [attempt(W, () => Reflect.apply(descriptor.set as never, {}, [1])), describe(W, descriptor.set)];
});
for (const name of errors) {
  group.add(`${name} is an error class`, (W) => [
    Object.getPrototypeOf(W[name]) === Error,
    Object.getPrototypeOf(W[name].prototype) === Error.prototype,
    new W[name]("text") instanceof Error,
  ]);
  group.add(`${name} without new`, (W) => [W[name]("text") instanceof W[name], W[name]("text").message]);
  group.add(`own properties of a ${name}`, (W) => {
    const error = new W[name]("text");
    return ["message", "name", "stack", "cause"].map((key) =>
      flags(Object.getOwnPropertyDescriptor(error, key)),
    );
  });
  group.add(`name and message of ${name}.prototype`, (W) => [
    property(W, W[name].prototype, "name"),
    property(W, W[name].prototype, "message"),
  ]);
  group.add(`text of a ${name}`, (W) => [
    String(new W[name]("text")),
    String(new W[name]()),
    Object.prototype.toString.call(new W[name]()),
  ]);
  group.add(`cause of a ${name}`, (W) => new W[name]("text", { cause: 7 }).cause);
  group.add(`subclass of ${name}`, (W) => {
    class Special extends (W[name] as Loose) {}
    return [construct(Special, ["x"]) instanceof W[name], construct(Special, ["x"]) instanceof Special];
  });
}
for (const [name, args] of [
  ["Module", [emptyBytes]],
  ["Memory", [{ initial: 1 }]],
  ["Table", [{ initial: 1, element: "anyfunc" }]],
  ["Global", [{ value: "i32" }, 3]],
] as [string, unknown[]][]) {
  group.add(`instance of ${name}`, (W) => {
    const object = new W[name](...args);
    return [
      String(object),
      Object.getPrototypeOf(object) === W[name].prototype,
      names(object),
      Object.isExtensible(object),
    ];
  });
  group.add(`subclass of ${name}`, (W) => {
    class Special extends (W[name] as Loose) {
      mark = 5;
    }
    const object: Loose = construct(Special, args);
    return [
      object instanceof Special,
      object instanceof W[name],
      object.mark,
      Object.getPrototypeOf(object) === Special.prototype,
    ];
  });
  group.add(`${name} with a foreign new.target`, (W) => {
    const object = Reflect.construct(W[name], args, Date);
    return [Object.getPrototypeOf(object) === Date.prototype, object instanceof W[name]];
  });
}
group.add("instance of Instance", (W) => {
  const object = new W.Instance(new W.Module(emptyBytes));
  return [String(object), names(object), Object.isExtensible(object), property(W, object, "exports")];
});
group.add("exported function's properties", (W) => {
  const f = echoOf(W, I32);
  return names(f)
    .filter((key) => !accidents.includes(key))
    .map((key) => `${key} ${property(W, f, key)}`);
});
group.add("exported function's nature", (W) => {
  const f = echoOf(W, I32);
  return [
    typeof f,
    f instanceof Function,
    "prototype" in f,
    Object.isExtensible(f),
    Object.getPrototypeOf(f) === Function.prototype,
  ];
});
group.addInformational("exported function's source, which only V8 can make native", (W) =>
  String(echoOf(W, I32)),
);
group.add("exported function is no constructor", (W) => attempt(W, () => new (echoOf(W, I32))(1)));
group.add("exported function takes properties", (W) => {
  const f = echoOf(W, I32);
  f.extra = 5;
  return [f.extra, Object.keys(f)];
});
for (const name of ["Tag", "JSTag", "Exception", "Suspending", "promising", "SuspendError"]) {
  group.addInformational(`WebAssembly.${name}, which is past 2.0`, (W) => typeof W[name]);
}
group.addInformational("members past 2.0", (W) =>
  classes.map((name) => names(W[name].prototype).filter((key) => ["type", "fill"].includes(key))),
);
