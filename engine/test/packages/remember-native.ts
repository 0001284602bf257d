// Preloaded before everything else (`--import`): keeps Node's own `WebAssembly`, so that a script can tell
// afterwards whether another engine stands in its place.

(globalThis as { nodeWebAssembly?: unknown }).nodeWebAssembly = (
  globalThis as { WebAssembly?: unknown }
).WebAssembly;
