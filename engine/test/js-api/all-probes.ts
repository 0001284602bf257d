// All probes, in order.

import type { Probe } from "./probe.js";
import { linkingProbes } from "./probes-linking.js";
import { moduleProbes } from "./probes-modules.js";
import { objectProbes } from "./probes-objects.js";
import { runningProbes } from "./probes-running.js";
import { surfaceProbes } from "./probes-surface.js";
import { valueProbes } from "./probes-values.js";

export const allProbes: readonly Probe[] = [
  ...surfaceProbes,
  ...valueProbes,
  ...objectProbes,
  ...moduleProbes,
  ...linkingProbes,
  ...runningProbes,
];
