/** Writes what this processor can do, for who compiles code for it elsewhere. */
import { threadEngine } from "../../runtime/engine.js";

console.log(JSON.stringify([...threadEngine().features]));
