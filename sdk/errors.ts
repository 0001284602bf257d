/** The errors of the SDK: each has a stable `code`, and a message that reads as a path to the fault. */
export type BackplaneErrorCode =
  | "PLUGIN_NOT_FOUND"
  | "PLUGIN_LOAD"
  | "HOST_MODULE"
  | "IMPORT_MISMATCH"
  | "MARSHAL";

export class BackplaneError extends Error {
  override readonly name: string = "BackplaneError";
  constructor(
    readonly code: BackplaneErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
