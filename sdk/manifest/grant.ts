/**
 * What a plugin gets: the intersection of what it asks for and what the application grants. Without a grant of the
 * application's that is the host modules it registered, and no hosts, no paths, nothing through WASI, and no other
 * plugins. A plugin without a manifest asks for whatever it is given.
 */
import {
  type GrantedWasi,
  intersectPaths,
  intersectWasi,
  type PathGrant,
  type WasiGrant,
} from "../wasi/wasi-grant.js";
import type { PathAccess, PluginLimits, PluginRequests } from "./manifest.js";

/** What the application gives. What it leaves out isn't given, but for modules: those are all it registered. */
export interface PluginGrant {
  readonly modules?: readonly string[];
  /** Plugins whose exports it may import. */
  readonly plugins?: readonly string[];
  readonly hosts?: readonly string[];
  /**
   * Paths by the plugin's name for them. One with a folder or a file system is a preopened folder of WASI's; one with
   * an access alone is for host functions to look at.
   */
  readonly paths?: Readonly<Record<string, PathAccess | PathGrant>>;
  /** Arguments, environment, streams and so on. false: a plugin that imports WASI isn't loaded. */
  readonly wasi?: WasiGrant | false;
  readonly limits?: PluginLimits;
}

/** What holds. */
export interface Granted {
  readonly modules: readonly string[];
  readonly plugins: readonly string[];
  readonly hosts: readonly string[];
  readonly paths: Readonly<Record<string, PathAccess>>;
  /** Undefined if WASI is refused. */
  readonly wasi: GrantedWasi | undefined;
  readonly limits: PluginLimits;
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

const limitNames = [
  "memory",
  "tableEntries",
  "stackBytes",
  "instances",
  "outputBytes",
  "hostCallsPerSecond",
  "fuel",
  "parkedCalls",
  "timeout",
] as const satisfies readonly (keyof PluginLimits)[];

/** The smaller of each. */
export function bothLimits(a: PluginLimits, b: PluginLimits): PluginLimits {
  const both = limitNames.map((name) => [name, smaller(a[name], b[name])] as const);
  return Object.fromEntries(both.filter(([, value]) => value !== undefined));
}

/**
 * @param requested undefined for a plugin without a manifest
 * @param wanted the plugins that it depends on
 * @param imported the modules that a plugin which names none asks for: those that it imports
 * @param registered the host's modules
 * @param limits the host's, for every plugin
 */
export function intersect(
  requested: PluginRequests | undefined,
  given: PluginGrant,
  wanted: readonly string[],
  imported: readonly string[],
  registered: readonly string[],
  limits: PluginLimits,
): Granted {
  const { paths: givenPaths = {}, wasi = {}, hosts = [] } = given;
  const paths = intersectPaths(requested && (requested.paths ?? {}), givenPaths);
  const asked = requested && (requested.wasi ?? {});
  const allowed = (given.modules ?? registered).filter((name) => registered.includes(name));
  return {
    modules: (requested?.modules ?? imported).filter((name) => allowed.includes(name)),
    plugins: wanted.filter((name) => given.plugins?.includes(name) ?? false),
    hosts: requested === undefined ? hosts : (requested.hosts ?? []).filter((host) => hosts.includes(host)),
    paths,
    wasi: wasi === false ? undefined : intersectWasi(asked, wasi, givenPaths, paths),
    limits: bothLimits(bothLimits(requested?.limits ?? {}, given.limits ?? {}), limits),
  };
}
