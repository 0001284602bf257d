/** Virtual code of amd64: its instructions may read constants from memory. */
export { PooledVCode as Amd64VCode } from "../../machine/pooled-vcode.js";
