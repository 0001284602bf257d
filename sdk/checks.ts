/**
 * Checks of values that somebody wrote by hand: manifests, and what an application says in options. A value enters; what is
 * wrong with it leaves as texts, each with the path to its place, what was expected and what was given.
 */
import { inspect } from "node:util";
import { suggestion } from "./binding/nearest-name.js";
import { BackplaneError, type BackplaneErrorCode } from "./errors.js";

/** Reports the faults of a value, or nothing. The path is "" for the whole. */
export type Check = (value: unknown, path: string, problems: string[]) => void;

/** Errors: BackplaneError with all faults, behind the place. */
export function requireValid(
  check: Check,
  value: unknown,
  place: string,
  code: BackplaneErrorCode = "OPTIONS",
): void {
  const problems: string[] = [];
  check(value, "", problems);
  if (problems.length > 0) throw new BackplaneError(code, `${place}: ${problems.join("\n  ")}`);
}

/** A value as errors show it: short, and on one line. */
export function shown(value: unknown): string {
  const text =
    typeof value === "string"
      ? JSON.stringify(value)
      : inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 5 });
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a test accepts. */
export function like(expected: string, test: (value: unknown) => boolean): Check {
  return (value, path, problems) => {
    if (test(value)) return;
    problems.push(`${path === "" ? "" : `${path}: `}expected ${expected}, got ${shown(value)}`);
  };
}

export const anything: Check = () => {};
export const anyObject = like("an object", isRecord);
export const anyText = like("text", (value) => typeof value === "string");
export const anyFunction = like("a function", (value) => typeof value === "function");
export const boolean = like("true or false", (value) => typeof value === "boolean");
const anyList = like("a list", Array.isArray);

export function matching(pattern: RegExp, expected: string): Check {
  return like(expected, (value) => typeof value === "string" && pattern.test(value));
}

export function oneOf(...values: readonly string[]): Check {
  return like(values.map((text) => `"${text}"`).join(" or "), (value) => values.includes(value as string));
}

export const versionText = matching(
  /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/,
  "a version as 1.2.3",
);

export function integer(minimum: number): Check {
  return like(
    `an integer of at least ${minimum}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= minimum,
  );
}

/** An integer, or Infinity for no bound. */
export function count(minimum: number): Check {
  return like(
    `an integer of at least ${minimum}, or Infinity`,
    (value) =>
      (value as number) >= minimum && (Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY),
  );
}

/** Infinity included. */
export function number(minimum: number, expected = `a number of at least ${minimum}`): Check {
  return like(expected, (value) => typeof value === "number" && value >= minimum);
}

export function listOf(check: Check): Check {
  return (value, path, problems) => {
    anyList(value, path, problems);
    if (!Array.isArray(value)) return;
    for (const [i, item] of value.entries()) check(item, `${path}[${i}]`, problems);
  };
}

const list = listOf(anyText);
export const texts: Check = (value, path, problems) => {
  if (Array.isArray(value)) list(value, path, problems);
  else like("a list of texts", () => false)(value, path, problems);
};

export function recordOf(check: Check): Check {
  return (value, path, problems) => {
    anyObject(value, path, problems);
    if (!isRecord(value)) return;
    for (const [key, item] of Object.entries(value)) check(item, `${path}[${JSON.stringify(key)}]`, problems);
  };
}

/** An object with these fields and no others. What is undefined isn't given. */
export function fields(known: Readonly<Record<string, Check>>): Check {
  return (value, path, problems) => {
    anyObject(value, path, problems);
    if (!isRecord(value)) return;
    const prefix = path === "" ? "" : `${path}.`;
    for (const [key, item] of Object.entries(value)) {
      if (!Object.hasOwn(known, key)) {
        problems.push(`${prefix}${key}: unknown field${suggestion(key, Object.keys(known), "known")}`);
      } else if (item !== undefined) known[key](item, prefix + key, problems);
    }
  };
}

/** One check for values that the test accepts, another for the rest. */
export function either(test: (value: unknown) => boolean, then: Check, otherwise: Check): Check {
  return (value, path, problems) => (test(value) ? then : otherwise)(value, path, problems);
}
