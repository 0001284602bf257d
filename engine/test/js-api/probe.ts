// A probe asks one question of a WebAssembly namespace and gets an answer as text. Enters: a namespace (Node's own or
// this engine's) and a probe. Leaves: an outcome whose text is equal on two engines exactly if they behave alike.
// Texts of messages are kept apart: classes of errors are compared, wordings are only shown.

// biome-ignore lint/suspicious/noExplicitAny: a probe hands an engine what its types forbid
export type Loose = any;

/** One question. `informational` ones are reported when they differ and never fail. */
export interface Probe {
  readonly name: string;
  readonly run: (namespace: Loose) => unknown;
  readonly informational: boolean;
  /** Where Node departs from the specification: the specification's answer, made from Node's; either is right. */
  readonly specified?: (answerOfNode: string) => string;
}

/** True if an answer is Node's own, or the specification's where Node departs from it. */
export function agrees(probe: Probe, answerOfNode: string, answer: string): boolean {
  return answer === answerOfNode || answer === probe.specified?.(answerOfNode);
}

/** An answer: `text` is compared; `message` is an error's wording. */
export interface Outcome {
  readonly text: string;
  readonly message?: string;
}

/** A list that probes are added to, under a common prefix. */
export class ProbeGroup {
  readonly probes: Probe[] = [];

  constructor(private readonly prefix: string) {}

  add(name: string, run: (namespace: Loose) => unknown, specified?: (answerOfNode: string) => string): void {
    this.probes.push({ name: `${this.prefix}: ${name}`, run, informational: false, specified });
  }

  /** A question whose answer may differ, with the reason in its name. */
  addInformational(name: string, run: (namespace: Loose) => unknown): void {
    this.probes.push({ name: `${this.prefix}: ${name}`, run, informational: true });
  }
}

const classNames = ["Module", "Instance", "Memory", "Table", "Global"] as const;
const errorNames = ["CompileError", "LinkError", "RuntimeError"] as const;

/** The class of something thrown, told apart by identity: another engine's error class does not count. */
export function errorClass(namespace: Loose, error: unknown): string {
  if (typeof error !== "object" || error === null) return `thrown ${describe(namespace, error)}`;
  const prototype: unknown = Object.getPrototypeOf(error);
  for (const name of errorNames) if (prototype === namespace[name].prototype) return `WebAssembly.${name}`;
  if (error instanceof RangeError) return "RangeError";
  if (error instanceof TypeError) return "TypeError";
  if (error instanceof Error) return `${(prototype as Loose)?.constructor?.name} (${error.name})`;
  return `thrown ${describe(namespace, error)}`;
}

function describeFunction(value: Loose): string {
  const length = Object.getOwnPropertyDescriptor(value, "length")?.value as unknown;
  return `function ${JSON.stringify(value.name)}/${String(length)}`;
}

function describeObject(namespace: Loose, value: Loose, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  for (const name of classNames) if (prototype === namespace[name].prototype) return name;
  if (value instanceof Error) return errorClass(namespace, value);
  if (Array.isArray(value))
    return `[${value.map((item) => describe(namespace, item, depth + 1)).join(", ")}]`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer(${value.byteLength})`;
  if (value instanceof SharedArrayBuffer) return `SharedArrayBuffer(${value.byteLength})`;
  if (ArrayBuffer.isView(value))
    return `${prototype === Uint8Array.prototype ? "Uint8Array" : "view"}(${value.byteLength})`;
  if (depth > 4) return "...";
  const keys = Reflect.ownKeys(value).map(
    (key) => `${String(key)}: ${describe(namespace, value[key], depth + 1)}`,
  );
  const kind = prototype === null ? "null-prototype " : prototype === Object.prototype ? "" : "other ";
  return `${kind}{${keys.join(", ")}}`;
}

/** A value as text: type and value, never an address or a wording. */
export function describe(namespace: Loose, value: unknown, depth = 0): string {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "string":
      return JSON.stringify(value);
    case "function":
      return describeFunction(value);
    case "object":
      return value === null ? "null" : describeObject(namespace, value, depth);
    default:
      return String(value);
  }
}

/** What `action` returns or the class of what it throws, for probes that ask several things at once. */
export function attempt(namespace: Loose, action: () => unknown): string {
  try {
    return describe(namespace, action());
  } catch (error) {
    return `throws ${errorClass(namespace, error)}`;
  }
}

/** The same, awaiting a promise: a synchronous throw and a rejection are told apart. */
export async function attemptLater(namespace: Loose, action: () => unknown): Promise<string> {
  let returned: unknown;
  try {
    returned = action();
  } catch (error) {
    return `throws ${errorClass(namespace, error)}`;
  }
  if (!(returned instanceof Promise)) return `returns ${describe(namespace, returned)}`;
  try {
    return `resolves to ${describe(namespace, await returned)}`;
  } catch (error) {
    return `rejects with ${errorClass(namespace, error)}`;
  }
}

function wording(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Asks a probe. A promise is awaited; that it was one is part of the answer. */
export async function ask(namespace: Loose, probe: Probe): Promise<Outcome> {
  let returned: unknown;
  try {
    returned = probe.run(namespace);
  } catch (error) {
    return { text: `throws ${errorClass(namespace, error)}`, message: wording(error) };
  }
  if (!(returned instanceof Promise)) return { text: describe(namespace, returned) };
  try {
    return { text: `resolves to ${describe(namespace, await returned)}` };
  } catch (error) {
    return { text: `rejects with ${errorClass(namespace, error)}`, message: wording(error) };
  }
}

/** An object whose property reads are written to `log`, for orders of effects. */
export function logged(log: string[], label: string, target: object): Loose {
  return new Proxy(target, {
    get(object, key) {
      log.push(`get ${label}.${String(key)}`);
      return Reflect.get(object, key);
    },
    has(object, key) {
      log.push(`has ${label}.${String(key)}`);
      return Reflect.has(object, key);
    },
    ownKeys(object) {
      log.push(`keys ${label}`);
      return Reflect.ownKeys(object);
    },
    getOwnPropertyDescriptor(object, key) {
      log.push(`descriptor ${label}.${String(key)}`);
      return Reflect.getOwnPropertyDescriptor(object, key);
    },
  });
}

/** An object whose conversion to a primitive is written to `log`. */
export function convertible(log: string[], label: string, value: unknown): object {
  return {
    valueOf() {
      log.push(`valueOf ${label}`);
      return value;
    },
    toString() {
      log.push(`toString ${label}`);
      return String(value);
    },
  };
}

/** True if reading twice gives the same object. */
export function sameTwice(read: () => unknown): boolean {
  const first = read();
  return first === read();
}
