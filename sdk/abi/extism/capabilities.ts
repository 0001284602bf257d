/** What Extism's JavaScript SDK says of the platform that it runs on, for applications that ask. */

/** What of Extism's SDK works on a platform. */
export interface Capabilities {
  supportsJSPromiseInterface: boolean;
  allowSharedBufferCodec: boolean;
  manifestSupportsPaths: boolean;
  crossOriginChecksEnforced: boolean;
  fsAccess: boolean;
  hasWorkerCapability: boolean;
  supportsWasiPreview1: boolean;
  supportsTimeouts: boolean;
  extismStdoutEnvVarSet: boolean;
}

/** What works here. */
export const CAPABILITIES: Capabilities = {
  supportsJSPromiseInterface: true,
  allowSharedBufferCodec: true,
  manifestSupportsPaths: true,
  crossOriginChecksEnforced: false,
  fsAccess: true,
  // `runInWorker` is accepted.
  hasWorkerCapability: true,
  supportsWasiPreview1: true,
  supportsTimeouts: true,
  extismStdoutEnvVarSet: process.env.EXTISM_ENABLE_WASI_OUTPUT !== undefined,
};
