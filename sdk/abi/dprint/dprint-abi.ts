/**
 * The plugin interface of dprint, schema 4, "dprint-4": formatters of code. What is exchanged lies in a buffer of the
 * guest's, the shared bytes, which each side reads before the other uses it again.
 *
 * Calls go by the names of the exports:
 *
 * | name | input | result |
 * |---|---|---|
 * | `format` | `{ filePath, fileText, range?, overrideConfig? }` | the formatted text |
 * | `get_plugin_info`, `get_config_file_matching`, `get_resolved_config`, `get_config_diagnostics` | | JSON |
 * | `get_license_text` | | text |
 *
 * The plugin's settings are its configuration; those under `global` are dprint's for all plugins. To format text of
 * another language inside of its own, a plugin calls the function `format` of the application's host module `dprint`.
 *
 * Source: dprint, docs/wasm-plugin-development.md, "Schema Version 4".
 */
import { Suspending } from "../../../engine/index.js";
import { BackplaneError } from "../../errors.js";
import type { Abi, AbiHostFunction, AbiInstance, AbiModule, AbiPlugin } from "../abi.js";
import { requireServed } from "../served-imports.js";
import { DprintInstance, dprintImports } from "./dprint-instance.js";

export const dprintAbi: Abi = {
  name: "dprint-4",
  detects: ({ exports }) => exports.some(({ name }) => name === "dprint_plugin_version_4"),
  prepare: (plugin) => {
    requireServed(plugin, "dprint", { dprint: dprintImports });
    requireExports(plugin);
    return new DprintModule(plugin);
  },
};

const neededExports = [
  "memory",
  "get_shared_bytes_ptr",
  "clear_shared_bytes",
  "register_config",
  "set_file_path",
  "format",
  "get_formatted_text",
  "get_error_text",
];

function requireExports({ name, types }: AbiPlugin): void {
  const missing = neededExports.filter((one) => !types.exports.some((exported) => exported.name === one));
  if (missing.length === 0) return;
  throw new BackplaneError("EXPORT_MISMATCH", `${name}: a plugin of dprint exports ${missing.join(", ")}`);
}

class DprintModule implements AbiModule {
  readonly waits: boolean;
  private readonly format: AbiHostFunction | undefined;

  constructor(private readonly plugin: AbiPlugin) {
    this.format = plugin.hostFunction("dprint", "format");
    this.waits = this.format?.waits ?? false;
  }

  instance(): AbiInstance {
    return new DprintInstance(this.plugin, this.format, (call) => (this.waits ? new Suspending(call) : call));
  }
}
