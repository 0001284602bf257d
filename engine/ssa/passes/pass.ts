/** What a pass is to the pass manager: one row of the list in `index.ts`. */
import type { SsaFunction } from "../function.js";

export interface Pass {
  /** Name for BACKPLANE_OFF, BACKPLANE_DUMP and errors; the file's name, `-late` added for a second run. */
  readonly name: string;
  readonly run: (func: SsaFunction) => void;
  /** Runs at every level and can't be switched off: what follows relies on it. */
  readonly required: boolean;
  readonly description: string;
  /** Passes that must stand earlier in the list. */
  readonly after?: readonly string[];
  /** Passes that must stand later in the list. */
  readonly before?: readonly string[];
}
