/**
 * The bytes of a Response, as the streaming forms want it.
 *
 * Source: WebAssembly Web API, "Streaming module compilation and instantiation"; error codes are Node's.
 */
import { describe } from "../runtime/values.js";

function responseError(code: string, message: string): TypeError {
  const error = new TypeError(message);
  Object.defineProperty(error, "code", { value: code, enumerable: true, writable: true, configurable: true });
  return error;
}

/** Errors (as rejections): TypeError for what isn't a good Response of type application/wasm. */
export async function bytesOfResponse(source: unknown, what: string): Promise<Uint8Array> {
  const response = await source;
  if (!(response instanceof Response)) {
    throw responseError(
      "ERR_INVALID_ARG_TYPE",
      `WebAssembly.${what}(): expected a Response or a promise of one, got ${describe(response)}`,
    );
  }
  const contentType = response.headers.get("Content-Type");
  if (contentType !== "application/wasm") {
    throw responseError(
      "ERR_WEBASSEMBLY_RESPONSE",
      `WebAssembly response has unsupported MIME type '${contentType}', expected 'application/wasm'`,
    );
  }
  if (!response.ok) {
    throw responseError(
      "ERR_WEBASSEMBLY_RESPONSE",
      `WebAssembly response has status code ${response.status}`,
    );
  }
  if (response.bodyUsed) {
    throw responseError("ERR_WEBASSEMBLY_RESPONSE", "WebAssembly response body has already been used");
  }
  return new Uint8Array(await response.arrayBuffer());
}
