/**
 * What the modules of a plugin are linked with: checked once (`checkImports`), bound for each instance (`ModuleLinker`).
 *
 * A module that a manifest names goes before the application's functions, as one may stand for the other. Modules that
 * import from one another in a circle can share functions: one of the two has to be made first, and calls what the
 * other exports by looking it up. `extism:host/env` is nobody else's.
 */
import {
  type FunctionType,
  type ImportType,
  type Instance,
  parkable,
  Suspending,
  WebAssembly,
} from "../../../engine/index.js";
import { type CoreSignature, formatCoreSignature } from "../../declare/signature.js";
import { BackplaneError } from "../../errors.js";
import { type PluginWasi, wasiModules } from "../../wasi/plugin-wasi.js";
import type { AbiImports, ImportValue } from "../abi.js";
import { environmentImports, httpWaits } from "./environment.js";
import { environmentModule, environmentTypes } from "./environment-types.js";
import type { ExtismInstance } from "./extism-instance.js";
import type { ExtismSettings, HostImport, LinkedModule } from "./settings.js";
import { startModule } from "./start.js";

type Exports = Readonly<Record<string, unknown>>;
type AnyFunction = (...args: unknown[]) => unknown;

function sameType(a: FunctionType | undefined, b: FunctionType | undefined): boolean {
  return String([a?.params, "", a?.results]) === String([b?.params, "", b?.results]);
}

function shown(type: FunctionType | undefined): string {
  return type === undefined ? "no function" : formatCoreSignature(type as CoreSignature);
}

function allModules({ main, companions }: ExtismSettings): readonly LinkedModule[] {
  return [main, ...companions];
}

function moduleNamed(settings: ExtismSettings, name: string): LinkedModule | undefined {
  return allModules(settings).find((linked) => linked.name === name);
}

/** Whether a module of the plugin's exports what is wanted. */
function exportsIt(linked: LinkedModule | undefined, { name, kind, type }: ImportType): boolean {
  const found = linked?.types.exports.find((one) => one.name === name);
  return found !== undefined && found.kind === kind && (kind !== "function" || sameType(found.type, type));
}

/**
 * Checks that every import of every module can be served.
 *
 * @param mainImports those of the main module that are this ABI's to serve
 * @returns whether any of them may make the plugin wait
 * Errors: BackplaneError IMPORT_MISMATCH.
 */
export function checkImports(settings: ExtismSettings, mainImports: readonly ImportType[]): boolean {
  let waits = false;
  const check = (of: LinkedModule, imports: readonly ImportType[]): void => {
    for (const wanted of imports) {
      if (importWaits(settings, of, wanted)) waits = true;
    }
  };
  check(settings.main, mainImports);
  for (const companion of settings.companions) check(companion, companion.types.imports);
  return waits;
}

/** Errors: BackplaneError IMPORT_MISMATCH. */
function importWaits(settings: ExtismSettings, of: LinkedModule, wanted: ImportType): boolean {
  const { plugin, grant } = settings;
  const refuse = (text: string): never => {
    const from = of === settings.main ? "" : ` of its module "${of.name}"`;
    throw new BackplaneError(
      "IMPORT_MISMATCH",
      `${plugin}: import ${wanted.module}.${wanted.name}${from}: ${text}`,
    );
  };
  if (wanted.module === environmentModule) {
    const type = environmentTypes.get(wanted.name);
    if (type === undefined) return refuse(`${environmentModule} has no such function`);
    if (!sameType(type, wanted.type)) refuse(`expected ${shown(wanted.type)}, it is ${shown(type)}`);
    return wanted.name === "http_request" && httpWaits(grant.http);
  }
  const linked = moduleNamed(settings, wanted.module);
  if (exportsIt(linked, wanted)) return false;
  if (wasiModules.has(wanted.module)) {
    const { wasi } = settings;
    if (wasi === undefined) return refuse("WASI is not enabled: createPlugin takes { useWasi: true }");
    return wasi !== "host" && (wasi.get(of) as PluginWasi).waits;
  }
  const host = settings.hostImport(wanted);
  if (host === undefined) return refuse(missing(settings, linked, wanted));
  if (wanted.kind !== "function") refuse(`the application can give functions only, this is a ${wanted.kind}`);
  return host.waits;
}

function missing(settings: ExtismSettings, linked: LinkedModule | undefined, wanted: ImportType): string {
  const found = linked?.types.exports.find((one) => one.name === wanted.name);
  if (found !== undefined) return `the module has a ${found.kind} of another type: ${shown(found.type)}`;
  if (linked !== undefined) return "the module has no such export";
  const names = settings.companions.map((one) => `"${one.name}"`).join(", ");
  return `neither the application nor a module of the plugin${names && ` (${names})`} offers it`;
}

/** Makes the imports of one instance, and the instances of the modules beside the main one. */
export class ModuleLinker {
  /** By name, without the main module. */
  readonly instances = new Map<string, Instance>();
  private readonly begun = new Set<LinkedModule>();
  private readonly environment: Readonly<Record<string, ImportValue>>;

  /** @param waits calls run on stacks that can be parked */
  constructor(
    private readonly side: ExtismInstance,
    private readonly settings: ExtismSettings,
    private readonly waits: boolean,
  ) {
    this.environment = {
      ...environmentImports(side, settings.grant, settings.hostCalls),
      ...side.kernel.functions,
    };
  }

  /** The main module's imports; the others are made and started before. Errors: what those throw. */
  link(): AbiImports {
    for (const companion of this.settings.companions) this.make(companion);
    return this.importsOf(this.settings.main);
  }

  private make(linked: LinkedModule): void {
    if (this.begun.has(linked)) return;
    this.begun.add(linked);
    const wasi = this.side.wasiFor(linked);
    const instance = new WebAssembly.Instance(
      linked.module,
      this.importsOf(linked) as Record<string, object>,
    );
    this.instances.set(linked.name, instance);
    this.side.attach(instance.exports, wasi);
    startModule(instance.exports, linked.types);
  }

  private importsOf(linked: LinkedModule): AbiImports {
    const imports = Object.create(null) as Record<string, Record<string, ImportValue>>;
    for (const wanted of linked.types.imports) {
      const value = this.valueOf(linked, wanted);
      if (value === undefined) continue;
      imports[wanted.module] ??= Object.create(null) as Record<string, ImportValue>;
      imports[wanted.module][wanted.name] = value;
    }
    return imports;
  }

  /** Undefined for what the plugin host serves. */
  private valueOf(of: LinkedModule, wanted: ImportType): ImportValue | undefined {
    if (wanted.module === environmentModule) return this.environment[wanted.name];
    const linked = moduleNamed(this.settings, wanted.module);
    if (linked !== undefined && exportsIt(linked, wanted)) return this.exportOf(linked, wanted);
    if (wasiModules.has(wanted.module)) return this.side.wasiFor(of)?.imports[wanted.module][wanted.name];
    return (this.settings.hostImport(wanted) as HostImport | undefined)?.bind(this.side);
  }

  private exportOf(linked: LinkedModule, wanted: ImportType): ImportValue {
    if (linked !== this.settings.main) this.make(linked);
    const made = this.instances.get(linked.name)?.exports as Exports | undefined;
    if (made !== undefined) return made[wanted.name] as ImportValue;
    if (wanted.kind === "function") return this.forwarder(linked, wanted.name);
    const text = `import ${wanted.module}.${wanted.name}: modules that import from one another in a circle can share functions only, this is a ${wanted.kind}`;
    throw new BackplaneError("IMPORT_MISMATCH", `${this.settings.plugin}: ${text}`);
  }

  /** Looks up a function whose module isn't made yet when it is called. */
  private forwarder(linked: LinkedModule, name: string): ImportValue {
    let callee: AnyFunction | undefined;
    const find = (): AnyFunction => {
      const exports = this.side.exportsOf(linked);
      if (exports !== undefined) return (callee = exports[name] as AnyFunction);
      const text = `import ${linked.name}.${name}: called before the module "${linked.name}" is made, as it imports from the one that calls`;
      throw new BackplaneError("IMPORT_MISMATCH", `${this.settings.plugin}: ${text}`);
    };
    if (!this.waits) return (...args: unknown[]) => (callee ?? find())(...args);
    return new Suspending((...args: unknown[]) => parkable(callee ?? find())(...args));
  }
}
