/**
 * What a plugin gets: the intersection of what it asks for and what the application grants. Without a grant of the
 * application's that is the host modules it registered, and no hosts, no paths and no other plugins.
 */
import type { PathAccess, PluginLimits, PluginRequests } from "./manifest.js";

/** What the application gives. What it leaves out isn't given, but for modules: those are all it registered. */
export interface PluginGrant {
  readonly modules?: readonly string[];
  /** Plugins whose exports it may import. */
  readonly plugins?: readonly string[];
  readonly hosts?: readonly string[];
  readonly paths?: Readonly<Record<string, PathAccess>>;
  readonly limits?: PluginLimits;
}

/** What holds. */
export interface Granted {
  readonly modules: readonly string[];
  readonly plugins: readonly string[];
  readonly hosts: readonly string[];
  readonly paths: Readonly<Record<string, PathAccess>>;
  readonly limits: PluginLimits;
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

function bothLimits(a: PluginLimits, b: PluginLimits): PluginLimits {
  return { memory: smaller(a.memory, b.memory), timeout: smaller(a.timeout, b.timeout) };
}

function bothPaths(
  requested: Readonly<Record<string, PathAccess>>,
  given: Readonly<Record<string, PathAccess>>,
): Readonly<Record<string, PathAccess>> {
  const paths: Record<string, PathAccess> = {};
  for (const [path, access] of Object.entries(requested)) {
    if (!Object.hasOwn(given, path)) continue;
    paths[path] = access === "write" && given[path] === "write" ? "write" : "read";
  }
  return paths;
}

/**
 * @param wanted the plugins that it depends on
 * @param imported the modules that it imports, which a plugin that names none asks for
 * @param registered the host's modules
 * @param limits the host's, for every plugin
 */
export function intersect(
  requested: PluginRequests,
  given: PluginGrant,
  wanted: readonly string[],
  imported: readonly string[],
  registered: readonly string[],
  limits: PluginLimits,
): Granted {
  const allowed = (given.modules ?? registered).filter((name) => registered.includes(name));
  return {
    modules: (requested.modules ?? imported).filter((name) => allowed.includes(name)),
    plugins: wanted.filter((name) => given.plugins?.includes(name) ?? false),
    hosts: (requested.hosts ?? []).filter((host) => given.hosts?.includes(host) ?? false),
    paths: bothPaths(requested.paths ?? {}, given.paths ?? {}),
    limits: bothLimits(bothLimits(requested.limits ?? {}, given.limits ?? {}), limits),
  };
}
