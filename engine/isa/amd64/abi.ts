/** The calling convention (described in registers.ts) with the registers of amd64; see machine/abi.ts. */
import { CallingConvention, type SignatureLayout } from "../../machine/abi.js";
import type { Signature } from "../../machine/target.js";
import { floatArguments, intArguments } from "./registers.js";

const convention = new CallingConvention(intArguments, floatArguments);

export const signatureLayout = (signature: Signature): SignatureLayout => convention.layout(signature);
