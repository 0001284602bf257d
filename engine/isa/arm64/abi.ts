/** Where the parameters and results of a signature go: the convention of machine/abi.ts with the registers of registers.ts. */
import { CallingConvention, type SignatureLayout } from "../../machine/abi.js";
import type { Signature } from "../../machine/target.js";
import { floatArguments, intArguments } from "./registers.js";

const convention = new CallingConvention(intArguments, floatArguments);

export const signatureLayout = (signature: Signature): SignatureLayout => convention.layout(signature);
