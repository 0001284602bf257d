/** Where Extism's SDK for JavaScript is, which is no dependency: figures are put beside its own if it is there. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../engine/test/support/corpora.js";

/** How to have it, for those who lack it. */
export const missingExtism = "not here: set BACKPLANE_EXTISM to its dist/esm/mod.js";

/** The path of its module for Node; undefined without it. */
export function extismSdk(): string | undefined {
  const places = [
    process.env.BACKPLANE_EXTISM,
    join(projectRoot(), "node_modules/@extism/extism/dist/esm/mod.js"),
  ];
  return places.find((place) => place !== undefined && existsSync(place));
}
