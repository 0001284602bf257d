// By hand: asks the probes and prints the answers. Usage:
//   node dist/engine/test/js-api/run-probes.js node|backplane [FILTER]   the answers with messages
//   node dist/engine/test/js-api/run-probes.js compare [FILTER]          only where the two engines differ

import { allProbes } from "./all-probes.js";
import { agrees, ask, type Loose } from "./probe.js";

const [mode = "compare", filter = ""] = process.argv.slice(2);
const node = (globalThis as Loose).WebAssembly;

async function backplane(): Promise<Loose> {
  const path = "../../index.js";
  return ((await import(path)) as Loose).WebAssembly;
}

const chosen = allProbes.filter((probe) => probe.name.includes(filter));
const ours = mode === "node" ? undefined : await backplane();
let different = 0;
for (const probe of chosen) {
  const first = await ask(mode === "backplane" ? ours : node, probe);
  if (mode !== "compare") {
    console.log(
      `${probe.name}\n    ${first.text}${first.message === undefined ? "" : `\n    "${first.message}"`}`,
    );
    continue;
  }
  const second = await ask(ours, probe);
  if (agrees(probe, first.text, second.text)) continue;
  if (!probe.informational) different++;
  console.log(
    `${probe.informational ? "(informational) " : ""}${probe.name}\n    node      ${first.text}\n    backplane ${second.text} ${second.message ?? ""}`,
  );
}
console.log(mode === "compare" ? `${chosen.length} probes, ${different} differ` : `${chosen.length} probes`);
