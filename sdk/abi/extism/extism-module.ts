/** An Extism plugin's module as the plugin host knows it: checked once, instances made of it. */
import type { ImportType } from "../../../engine/index.js";
import type { AbiModule } from "../abi.js";
import { ExtismInstance } from "./extism-instance.js";
import { checkImports } from "./linking.js";
import type { ExtismSettings } from "./settings.js";

export class ExtismModule implements AbiModule {
  readonly waits: boolean;

  /**
   * @param imports those of the main module that are the ABI's to serve
   * @param made told of each instance
   * Errors: BackplaneError IMPORT_MISMATCH.
   */
  constructor(
    private readonly settings: ExtismSettings,
    imports: readonly ImportType[],
    private readonly made?: (instance: ExtismInstance) => void,
  ) {
    this.waits = checkImports(settings, imports);
  }

  instance(): ExtismInstance {
    const instance = new ExtismInstance(this.settings, this.waits);
    this.made?.(instance);
    return instance;
  }
}
