/**
 * Backplane's own ABI, "backplane-1": typed host functions, text and bytes in memory that the plugin allocates.
 * `docs/abi.md` is its specification. It serves every module that no other ABI claims.
 */
import { Suspending } from "../../../engine/index.js";
import { checkExports, checkHooks, checkImports } from "../../binding/check.js";
import { importLinker, type Linkage } from "../../binding/link.js";
import type { Signatures } from "../../declare/signature.js";
import type { Abi, AbiModule, AbiPlugin } from "../abi.js";
import { BackplaneInstance, restoreHook, saveHook } from "./backplane-instance.js";

/** The name that manifests have for it. */
export const backplaneAbiName = "backplane-1";

export const backplaneAbi: Abi = {
  name: backplaneAbiName,
  prepare: (plugin) => new BackplaneModule(plugin),
};

class BackplaneModule implements AbiModule {
  readonly waits: boolean;
  readonly saves: boolean;
  readonly restores: boolean;
  private readonly link: () => Linkage;

  constructor(private readonly plugin: AbiPlugin) {
    const { name, module, types, imports, modules, hostModules } = plugin;
    checkImports(name, types, imports, modules, hostModules);
    checkHooks(name, module);
    this.link = importLinker(plugin, module, modules);
    this.waits = Object.values(this.link().imports).some((functions) =>
      Object.values(functions).some((value) => value instanceof Suspending),
    );
    this.saves = types.exports.some((exported) => exported.name === saveHook);
    this.restores = types.exports.some((exported) => exported.name === restoreHook);
  }

  checkHandle(signatures: Signatures): void {
    checkExports(this.plugin.name, this.plugin.module, signatures);
  }

  instance(): BackplaneInstance {
    return new BackplaneInstance(this.link());
  }
}
