/** One thing that can be wrong with a module, and the error that it gives. */
import type { FormatErrorCode } from "../../wasm/index.js";

export interface ErrorCase {
  readonly code: FormatErrorCode;
  readonly title: string;
  readonly bytes: Uint8Array;
  /** The error's byte offset. */
  readonly at: number;
  readonly message: RegExp;
  readonly inFunction?: number;
  /** false: the module is only wrong when vectors are switched off. */
  readonly simd?: boolean;
}

/** In a `functionModule` without parameters, locals and further sections: where its first instruction is. */
export const CODE = 8 + 6 + 4 + 5;
