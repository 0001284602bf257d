/**
 * Settings that must not show: host functions get their values, everything that is written down gets "[redacted]".
 *
 * A `Secret` is what the application hands in; what it holds can't be reached but by `reveal`. Settings as host
 * functions see them have the values themselves, as properties that JSON, inspection and spreading leave out or
 * redact.
 */
import { inspect } from "node:util";

export const redacted = "[redacted]";

/** A value that isn't printed. */
export class Secret<T = unknown> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The secret itself. */
  reveal(): T {
    return this.#value;
  }

  /** "[redacted]" */
  toString(): string {
    return redacted;
  }

  /** "[redacted]" */
  toJSON(): string {
    return redacted;
  }

  /** "[redacted]" */
  [inspect.custom](): string {
    return redacted;
  }
}

/**
 * Marks a setting as one that must not show in logs, inspection, JSON and figures. Host functions get its value.
 *
 * @example
 * host.load("mailer.wasm", { config: { user: "ada", password: secret(process.env.MAIL_PASSWORD) } });
 */
export function secret<T>(value: T): Secret<T> {
  return new Secret(value);
}

type Settings = Readonly<Record<string, unknown>>;

/** Settings with all values in `secrets` marked as such. */
export function withSecrets(
  config: Settings | undefined,
  secrets: Settings | undefined,
): Settings | undefined {
  if (secrets === undefined) return config;
  const marked = Object.entries(secrets).map(([name, value]) => [name, secret(value)]);
  return { ...config, ...(Object.fromEntries(marked) as Settings) };
}

/** Settings as host functions see them. */
export function revealed<T>(settings: T): T {
  return hasSecret(settings) ? (reveal(settings) as T) : settings;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function hasSecret(value: unknown): boolean {
  if (value instanceof Secret) return true;
  if (Array.isArray(value)) return value.some(hasSecret);
  return isPlain(value) && Object.values(value).some(hasSecret);
}

function reveal(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (!hasSecret(value)) return value;
  const shown: unknown = Array.isArray(value) ? value.map(redact) : redact(value);
  const copy: object = Array.isArray(value) ? [] : {};
  for (const [name, item] of Object.entries(value as object)) {
    Object.defineProperty(copy, name, { value: reveal(item), enumerable: !(item instanceof Secret) });
  }
  Object.defineProperty(copy, "toJSON", { value: () => shown });
  Object.defineProperty(copy, inspect.custom, { value: () => shown });
  return copy;
}

function redact(value: unknown): unknown {
  if (value instanceof Secret) return redacted;
  if (Array.isArray(value)) return value.map(redact);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redact(item)]));
}

/** Shorter ones would take ordinary words and numbers out of texts. */
const shortestRedacted = 4;

/** What takes the texts of the secrets in settings out of a text. */
export function redactorOf(settings: unknown): (text: string) => string {
  const texts: string[] = [];
  const collect = (value: unknown): void => {
    if (value instanceof Secret) {
      const inside: unknown = value.reveal();
      if (typeof inside === "string") texts.push(inside);
      else collect(inside);
    } else if (Array.isArray(value)) value.forEach(collect);
    else if (isPlain(value)) Object.values(value).forEach(collect);
  };
  collect(settings);
  const long = texts.filter((text) => text.length >= shortestRedacted).sort((a, b) => b.length - a.length);
  if (long.length === 0) return (text) => text;
  return (text) => long.reduce((rest, one) => rest.replaceAll(one, redacted), text);
}
