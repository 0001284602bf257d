/** Hosts of plugins for tests: they log nothing, and end with the test. */
import type { ExecutionContext } from "ava";
import { PluginHost, type PluginHostOptions } from "../index.js";

/** A logger that drops everything. */
export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export async function hostOf(t: ExecutionContext, options: PluginHostOptions): Promise<PluginHost> {
  const host = await PluginHost.start({ logger: quiet, ...options });
  t.teardown(() => host.close());
  return host;
}
