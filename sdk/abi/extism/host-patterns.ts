/**
 * Which hosts a plugin may ask: names, or patterns as shells have them for files. `*` is any text, `?` any character,
 * `[a-c]` one of those, `[!a-c]` one of the others, `{a,b}` one of the texts. Without a pattern that fits, none.
 */

const special = /[\\^$.*+?()[\]{}|/]/g;
const escaped = (text: string): string => text.replace(special, "\\$&");

/** A class of characters from its `[` on: what it is as a regular expression, and where it ends. */
function classAt(pattern: string, start: number): [expression: string, end: number] | undefined {
  const negated = pattern[start + 1] === "!" || pattern[start + 1] === "^";
  const first = start + (negated ? 2 : 1);
  const end = pattern.indexOf("]", first + 1);
  if (end < 0) return undefined;
  const members = pattern.slice(first, end).replace(/[\\\]^[]/g, "\\$&");
  return [`[${negated ? "^" : ""}${members}]`, end + 1];
}

function expressionOf(pattern: string): string {
  let expression = "";
  let depth = 0;
  for (let at = 0; at < pattern.length; ) {
    const character = pattern[at];
    const group = character === "[" ? classAt(pattern, at) : undefined;
    if (group !== undefined) {
      expression += group[0];
      at = group[1];
      continue;
    }
    at++;
    if (character === "*") {
      // Several in a row are one: nested repetition would cost time without end.
      while (pattern[at] === "*") at++;
      expression += ".*";
    } else if (character === "?") expression += ".";
    else if (character === "{" && pattern.includes("}", at)) {
      depth++;
      expression += "(?:";
    } else if (character === "}" && depth > 0) {
      depth--;
      expression += ")";
    } else if (character === "," && depth > 0) expression += "|";
    else expression += escaped(character);
  }
  return expression + ")".repeat(depth);
}

/**
 * @returns whether a host is among those of the patterns; hosts come as `URL.hostname` gives them, in lower case
 * @example
 * hostMatcher(["*.example.com"])("api.example.com") // true
 */
export function hostMatcher(patterns: readonly string[]): (host: string) => boolean {
  const names = new Set(patterns.map((pattern) => pattern.toLowerCase()));
  const expressions = [...names].flatMap((pattern) => {
    try {
      return [new RegExp(`^${expressionOf(pattern)}$`, "su")];
    } catch {
      return []; // Not a pattern: it can still be a host's very name.
    }
  });
  return (host) => names.has(host) || expressions.some((expression) => expression.test(host));
}
