/**
 * Compares two engines on one module.
 *
 * In: the module's bytes, a reference engine and the one under test. Out: nothing if they agree, or the first
 * line in which their traces differ. A stack that is full on either side ends the comparison there.
 */

import type { Namespace } from "../support/namespace.js";
import { EXHAUSTED, type TraceOptions, traceModule } from "./trace-module.js";

export interface Difference {
  readonly expected: string;
  readonly actual: string;
}

export interface Comparison {
  readonly difference?: Difference;
  /** how many lines were compared */
  readonly lines: number;
  /** calls that trapped, of the calls made */
  readonly traps: number;
  readonly calls: number;
  readonly exhausted: boolean;
}

function compareTraces(expected: readonly string[], actual: readonly string[]): Comparison {
  const ends = [expected.indexOf(EXHAUSTED), actual.indexOf(EXHAUSTED)].filter((end) => end >= 0);
  const length = Math.min(Math.max(expected.length, actual.length), ...ends);
  let difference: Difference | undefined;
  for (let index = 0; index < length && difference === undefined; index++) {
    const [left = "(nothing)", right = "(nothing)"] = [expected[index], actual[index]];
    if (left !== right) difference = { expected: left, actual: right };
  }
  const traps = expected.filter((line) => line.includes("): trap")).length;
  const calls = expected.filter((line) => /^[a-z0-9]+\(.*\)(:| =) /.test(line)).length;
  return { ...(difference ? { difference } : {}), lines: length, traps, calls, exhausted: ends.length > 0 };
}

function traceOrFailure(namespace: Namespace, bytes: Uint8Array, options: TraceOptions): string[] {
  try {
    return traceModule(namespace, bytes, options);
  } catch (error) {
    return [
      `failed: ${error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error)}`,
    ];
  }
}

/** Runs a valid module on both engines. */
export function compareEngines(
  reference: Namespace,
  candidate: Namespace,
  bytes: Uint8Array,
  options: TraceOptions,
): Comparison {
  return compareTraces(traceModule(reference, bytes, options), traceOrFailure(candidate, bytes, options));
}
