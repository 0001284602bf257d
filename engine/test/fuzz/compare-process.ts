/**
 * The comparing end of the fuzzer, in a process of its own: a candidate that crashes or never comes back takes only
 * this process along. Forked by `CompareProcess`; each message is a job, each answer its outcome.
 */

import { namespaceByName, nodeNamespace } from "../support/namespace.js";
import { compareDamaged, openOracle } from "./compare-damaged.js";
import { compareEngines } from "./compare-engines.js";
import type { Job, JobOutcome, ProcessOptions } from "./run-compare-process.js";

const options = JSON.parse(process.argv[2] ?? "{}") as ProcessOptions;
const candidate = await namespaceByName(options.candidate, options.engine);
const oracle = await openOracle();

function run(job: Job): JobOutcome {
  if (job.damaged) {
    const outcome = compareDamaged(nodeNamespace, candidate, job.bytes, oracle, job.seed);
    if (outcome.kind === "wrong") return { kind: "different", what: outcome.what };
    return { kind: outcome.kind === "newer" ? "skipped" : "same" };
  }
  const { difference, exhausted } = compareEngines(nodeNamespace, candidate, job.bytes, { seed: job.seed });
  if (difference !== undefined) {
    return { kind: "different", what: `expected ${difference.expected}\n  got      ${difference.actual}` };
  }
  return { kind: exhausted ? "skipped" : "same" };
}

process.on("message", (job: Job) => {
  process.send?.(run(job));
});
process.send?.("ready");
