/** The passes in the order in which they run. Their ordering constraints are checked when this module loads. */

import { combineAddresses } from "./addresses.js";
import { foldBranches } from "./branches.js";
import { eliminateDeadCode } from "./dce.js";
import { fold } from "./fold.js";
import { numberValues } from "./gvn.js";
import { hoistInvariants } from "./licm.js";
import { forwardMemory } from "./memory.js";
import type { Pass } from "./pass.js";
import { removeRedundantParams } from "./redundant-params.js";
import { schedule } from "./schedule.js";
import { splitCriticalEdges } from "./split-critical-edges.js";
import { removeUnreachable } from "./unreachable.js";

export const passes: readonly Pass[] = [
  {
    name: "unreachable",
    run: removeUnreachable,
    required: true,
    description: "remove blocks that can't be reached",
  },
  {
    name: "redundant-params",
    run: removeRedundantParams,
    required: false,
    description: "remove block parameters that only ever have one value",
    after: ["unreachable"],
  },
  {
    name: "fold",
    run: fold,
    required: false,
    description: "evaluate constants, simplify algebra and conditions",
    after: ["unreachable", "redundant-params"],
  },
  {
    name: "branches",
    run: foldBranches,
    required: false,
    description: "fold branches, thread jumps, merge blocks",
    after: ["fold"],
  },
  {
    name: "gvn",
    run: numberValues,
    required: false,
    description: "reuse values, checks and reads that were computed before",
    after: ["fold", "branches"],
  },
  {
    name: "memory",
    run: forwardMemory,
    required: false,
    description: "forward stores to reads within a block",
    after: ["gvn"],
  },
  {
    name: "redundant-params-late",
    run: removeRedundantParams,
    required: false,
    description: "the same again: equal values are one value now",
    after: ["gvn", "memory"],
  },
  {
    name: "fold-late",
    run: fold,
    required: false,
    description: "the same again: reads and parameters may be constants now",
    after: ["redundant-params-late"],
  },
  {
    name: "addresses",
    run: combineAddresses,
    required: false,
    description: "move constant parts of addresses into displacements",
    after: ["fold-late"],
  },
  {
    name: "licm",
    run: hoistInvariants,
    required: false,
    description: "compute what a loop doesn't change before it",
    after: ["gvn", "addresses"],
  },
  {
    name: "dce",
    run: eliminateDeadCode,
    required: false,
    description: "remove what nothing needs",
    after: ["fold-late", "gvn", "addresses", "licm"],
  },
  {
    name: "branches-late",
    run: foldBranches,
    required: false,
    description: "the same again: blocks may be empty now",
    after: ["dce"],
  },
  {
    name: "split-critical-edges",
    run: splitCriticalEdges,
    required: true,
    description: "give moves for block parameters a place",
    after: ["unreachable", "redundant-params-late", "branches-late", "licm"],
  },
  {
    name: "schedule",
    run: schedule,
    required: false,
    description: "mix independent computations of long blocks",
    after: ["split-critical-edges"],
  },
];

/**
 * Checks names and ordering constraints of a list of passes.
 * @throws Error naming the first that doesn't hold
 */
export function checkOrder(list: readonly Pass[]): void {
  const place = new Map<string, number>();
  for (const [i, pass] of list.entries()) {
    if (place.has(pass.name)) throw new Error(`pass "${pass.name}" is listed twice`);
    place.set(pass.name, i);
  }
  for (const [i, pass] of list.entries()) {
    for (const [names, isRight, word] of [
      [pass.after, (other: number) => other < i, "after"],
      [pass.before, (other: number) => other > i, "before"],
    ] as const) {
      for (const name of names ?? []) {
        const other = place.get(name);
        if (other === undefined)
          throw new Error(`pass "${pass.name}" must run ${word} "${name}", which isn't listed`);
        if (!isRight(other)) throw new Error(`pass "${pass.name}" must run ${word} "${name}"`);
      }
    }
  }
}

checkOrder(passes);
