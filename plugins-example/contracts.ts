/** What this application expects of plugins: checked when one is loaded, and what its handles have for types. */
import { describe, fn } from "backplane";

/** A step of the pipeline. */
export const Step = describe({ run: fn(["string"], "string") });

export const Statistics = describe({ measure: fn(["string"], "json") });
