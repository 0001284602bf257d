/** Virtual code of arm64: its instructions may read constants from memory. */
export { PooledVCode as Arm64VCode } from "../../machine/pooled-vcode.js";
