/** Patterns of hosts. */
import test from "ava";
import { hostMatcher } from "../../abi/extism/host-patterns.js";

const cases: readonly (readonly [pattern: string, fits: readonly string[], others: readonly string[]])[] = [
  ["example.com", ["example.com"], ["www.example.com", "exampleXcom", "example.com.evil", ""]],
  ["EXAMPLE.com", ["example.com"], []],
  [
    "*.example.com",
    ["api.example.com", "a.b.example.com"],
    ["example.com", "example.com.evil", "xexample.com"],
  ],
  ["*", ["a", "127.0.0.1"], []],
  ["127.0.0.?", ["127.0.0.1"], ["127.0.0.10", "127.0.0."]],
  ["h[1-3].x", ["h1.x", "h3.x"], ["h4.x", "h12.x"]],
  ["h[!1-3].x", ["h4.x"], ["h1.x"]],
  ["{a,b}.x", ["a.x", "b.x"], ["c.x", "{a,b}.x".slice(1)]],
  ["[::1]", ["[::1]"], ["[::2]"]],
  ["a+b(c|d).$^", ["a+b(c|d).$^"], ["aab.$^"]],
  ["[z-a]", ["[z-a]"], ["z"]],
  ["a[", ["a["], ["a"]],
  ["", [""], ["a"]],
];

for (const [pattern, fits, others] of cases) {
  test(`pattern ${JSON.stringify(pattern)}`, (t) => {
    const allows = hostMatcher([pattern]);
    for (const host of fits) t.true(allows(host), host);
    for (const host of others) t.false(allows(host), host);
  });
}

test("no patterns, no hosts", (t) => {
  t.false(hostMatcher([])("example.com"));
});

test("a row of stars costs no more than one", (t) => {
  t.false(hostMatcher([`${"*".repeat(50)}x`])("a".repeat(5000)));
});
