// The JS API compared with Node's own, probe by probe: values, descriptors, identities, orders of effects and the
// classes of errors must be equal; wordings of messages need not be.
//
// Where Node departs from the specification (https://webassembly.github.io/spec/js-api/) either answer is right:
// - a Global of type externref made without a value holds null; by the specification undefined
// - indices and limits of -0.5 are refused; by the specification they are 0
// - a DataView is refused as the source of a module; by the specification it is as good as any view
// - Module.customSections(module, undefined) throws; by the specification it looks for sections named "undefined"
// - all imports are read before the first is checked; by the specification each is checked as it is read
// - (Node 22 and later) a table of functions isn't grown with undefined given for the value; by Web IDL an optional
//   argument that is undefined is missing, so new elements are null
// - the streaming functions compare the MIME type by its exact letters; by the specification without regard to case

import test from "ava";
import { WebAssembly as backplane } from "../../index.js";
import { allProbes } from "./all-probes.js";
import { agrees, ask, type Loose } from "./probe.js";

const node = (globalThis as Loose).WebAssembly;

test("there are enough probes and their names differ", (t) => {
  t.true(allProbes.length >= 300);
  t.is(new Set(allProbes.map((probe) => probe.name)).size, allProbes.length);
  t.not(backplane as Loose, node);
});

for (const prefix of ["surface", "values", "objects", "modules", "linking", "running"]) {
  test(`probes of ${prefix} answer as on Node's own engine`, async (t) => {
    const different: string[] = [];
    for (const probe of allProbes.filter(({ name }) => name.startsWith(`${prefix}:`))) {
      const expected = await ask(node, probe);
      const actual = await ask(backplane, probe);
      if (agrees(probe, expected.text, actual.text)) continue;
      const line = `${probe.name}: node ${expected.text}, backplane ${actual.text} (${actual.message ?? "no message"})`;
      if (probe.informational) t.log(`informational: ${line}`);
      else different.push(line);
    }
    t.deepEqual(different, []);
  });
}

test("a probe that answers otherwise is told apart", async (t) => {
  const other = { ...node, Memory: class {} };
  const probe = allProbes.find(({ name }) => name === "objects: buffer keeps its identity");
  t.truthy(probe);
  if (probe === undefined) return;
  const [first, second] = [
    await ask(node, probe),
    await ask(
      {
        ...other,
        Memory: class {
          get buffer() {
            return {};
          }
        },
      },
      probe,
    ),
  ];
  t.not(first.text, second.text);
});
