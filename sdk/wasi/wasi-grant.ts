/**
 * What a plugin gets of WASI: the intersection of what its manifest requests and what the application grants. Without
 * either there are no folders, no arguments, no environment, no input; output is thrown away, and the clock has
 * milliseconds. Randomness is the system's: nobody is safer with less of it.
 */
import type { Server, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type {
  Clocks,
  FileSystem,
  FixedClocksOptions,
  Preopen,
  RandomSource,
  StdinSource,
  StdoutTarget,
} from "../../engine/index.js";
import type { PathAccess, WasiRequests } from "../manifest/manifest.js";

/** A folder as the application gives it: of the host's, or of a file system. */
export type PathGrant = (
  | {
      /** A folder of the host's. */
      readonly path: string | URL;
    }
  | {
      /** In memory, or of the application's own. All instances of the plugin share it. */
      readonly fs: FileSystem;
    }
) & {
  /** Default: "read". */
  readonly access?: PathAccess;
};

/** Where output goes: `"log"` is the plugin's log, line by line. */
export type WasiOutput = "log" | StdoutTarget;

/** What the application gives beside folders (those are `paths`). What it leaves out isn't given. */
export interface WasiGrant {
  /** Arguments that follow the plugin's name. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: StdinSource;
  readonly stdout?: WasiOutput;
  readonly stderr?: WasiOutput;
  /**
   * "fine": as fine as the host's, if the plugin asks for that. "fixed", or options: the same times in each run,
   * whatever it asks for. A function makes the clocks of each instance.
   */
  readonly clocks?: "fine" | "fixed" | FixedClocksOptions | (() => Clocks);
  /** A seed: the same bytes in each run, not for secrets. A function makes the source of each instance. */
  readonly random?: { readonly seed: number | bigint } | (() => RandomSource);
  /**
   * Connections and listening servers. A connection ends with the instance that has it, a server stays open; instances
   * that serve at the same time need sockets of their own: a function gives those of each instance.
   */
  readonly sockets?: readonly (Socket | Server)[] | (() => readonly (Socket | Server)[]);
  /** Descriptors that it may have open. Default: 1024. */
  readonly maxDescriptors?: number;
}

/** What holds. */
export interface GrantedWasi extends WasiGrant {
  /** Folders by the plugin's name for them. */
  readonly preopens: Readonly<Record<string, Preopen>>;
}

type Paths = Readonly<Record<string, PathAccess | PathGrant>>;

function accessOf(given: PathAccess | PathGrant): PathAccess {
  return typeof given === "string" ? given : (given.access ?? "read");
}

/**
 * The paths that hold, with their access.
 *
 * @param requested undefined: whatever is given
 */
export function intersectPaths(
  requested: Readonly<Record<string, PathAccess>> | undefined,
  given: Paths,
): Readonly<Record<string, PathAccess>> {
  const paths: Record<string, PathAccess> = {};
  for (const path of Object.keys(requested ?? given)) {
    if (!Object.hasOwn(given, path)) continue;
    const wanted = requested?.[path] ?? "write";
    paths[path] = wanted === "write" && accessOf(given[path]) === "write" ? "write" : "read";
  }
  return paths;
}

/**
 * @param requested undefined: whatever is given
 * @param held the paths that hold
 */
export function intersectWasi(
  requested: WasiRequests | undefined,
  given: WasiGrant,
  paths: Paths,
  held: Readonly<Record<string, PathAccess>>,
): GrantedWasi {
  const all = requested === undefined;
  const { args, env = {}, stdin, stdout, stderr, clocks, random, sockets, maxDescriptors } = given;
  const wants = (what: "args" | "stdin" | "stdout" | "stderr" | "sockets"): boolean =>
    all || requested[what] === true;
  const names = all ? Object.keys(env) : (requested.env ?? []).filter((name) => Object.hasOwn(env, name));
  const fine = all || requested.clocks === "fine";
  return {
    ...(args !== undefined && wants("args") ? { args } : {}),
    env: Object.fromEntries(names.map((name) => [name, env[name]])),
    ...(stdin !== undefined && wants("stdin") ? { stdin } : {}),
    ...(stdout !== undefined && wants("stdout") ? { stdout } : {}),
    ...(stderr !== undefined && wants("stderr") ? { stderr } : {}),
    ...(clocks !== undefined && (clocks !== "fine" || fine) ? { clocks } : {}),
    ...(random === undefined ? {} : { random }),
    ...(sockets !== undefined && wants("sockets") ? { sockets } : {}),
    ...(maxDescriptors === undefined ? {} : { maxDescriptors }),
    preopens: preopensOf(paths, held),
  };
}

/** A path that is granted by its access alone is for host functions to look at, and no folder. */
function preopensOf(paths: Paths, held: Readonly<Record<string, PathAccess>>): Record<string, Preopen> {
  const preopens: Record<string, Preopen> = {};
  for (const [name, access] of Object.entries(held)) {
    const given = paths[name];
    if (typeof given === "string") continue;
    const write = access === "write";
    preopens[name] = "fs" in given ? { fs: given.fs, write } : { path: pathText(given.path), write };
  }
  return preopens;
}

function pathText(path: string | URL): string {
  return typeof path === "string" ? path : fileURLToPath(path);
}
