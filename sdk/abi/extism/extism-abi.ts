/**
 * Extism's convention, "extism", for plugins of a plugin host: what a plugin may use is what its grant says, its
 * functions of the application are host modules, `extism:host/user` or any other.
 *
 * Strings, bytes and JSON of a host function's signature are handles, i64, of blocks of the plugin's kernel; 0 is an
 * empty text, or null where the type may be that.
 */
import { type FunctionType, type ImportType, Suspending } from "../../../engine/index.js";
import { type Scalar, type ScalarType, scalars } from "../../binding/scalars.js";
import {
  type CoreSignature,
  coreSignature,
  type FunctionSignature,
  formatCoreSignature,
  isReference,
  resultTypes,
  type ValueType,
} from "../../declare/signature.js";
import { BackplaneError } from "../../errors.js";
import type { Abi, AbiHostFunction, AbiPlugin } from "../abi.js";
import { decodeValue, encodeValue, isOptional, outputOf } from "../payload.js";
import { settle } from "../settle.js";
import type { ExtismGrant } from "./environment.js";
import { environmentModule, userModule } from "./environment-types.js";
import type { ExtismInstance } from "./extism-instance.js";
import { ExtismModule } from "./extism-module.js";
import { bytesAt, ownBytes } from "./handles.js";
import { defaultMaxResponseBytes } from "./http.js";
import { levelNumbers } from "./log-levels.js";
import { MapValues } from "./map-values.js";
import { NativeValues } from "./native-values.js";
import type { HostImport } from "./settings.js";

const pageSize = 65_536;
const nothing = new Uint8Array(0);

export const extismAbi: Abi = {
  name: "extism",
  detects: ({ imports }) =>
    imports.some(({ module }) => module === environmentModule || module === userModule),
  prepare(plugin) {
    const { name, module, types, granted, resets, hostCalls, outputBytes } = plugin;
    const { memory } = granted.limits;
    const settings = {
      plugin: name,
      grant: grantOf(plugin),
      main: { name: "main", module, types },
      companions: [],
      hostImport: (wanted: ImportType) => typedImport(plugin, wanted),
      wasi: "host" as const,
      maxGrowth: memory === undefined ? Number.POSITIVE_INFINITY : Math.floor(memory / pageSize),
      resets,
      hostCalls,
      outputBytes,
      outputAs: (bytes: Buffer<ArrayBuffer> | undefined, input: unknown, { result }: { result?: "core" }) =>
        outputOf(bytes === undefined ? nothing : ownBytes(bytes), result, input, `${name}: output`),
    };
    return new ExtismModule(settings, plugin.imports);
  },
};

function grantOf(plugin: AbiPlugin): ExtismGrant {
  const texts = Object.entries(plugin.config).map(
    ([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const,
  );
  const config = new Map(texts);
  return {
    values: plugin.instances > 1 ? new MapValues(config) : new NativeValues(config),
    logLevel: levelNumbers.debug,
    log: (level, text) => plugin.log(level === "trace" ? "debug" : level, text),
    http: {
      hosts: plugin.granted.hosts,
      maxResponseBytes: defaultMaxResponseBytes,
      headers: true,
      fetch,
    },
  };
}

function coreType(type: ValueType): string {
  if (isReference(type)) return "i64";
  const [core] = coreSignature({
    params: [type],
    result: undefined,
    throws: false,
    views: false,
    async: false,
  }).params;
  return core;
}

/** A host module's function as Extism's plugins import it. */
function typeOf(signature: FunctionSignature): FunctionType {
  return { params: signature.params.map(coreType), results: resultTypes(signature).map(coreType) };
}

/** Errors: BackplaneError IMPORT_MISMATCH. */
function typedImport(plugin: AbiPlugin, { module, name, type }: ImportType): HostImport | undefined {
  const host = plugin.hostFunction(module, name);
  if (host === undefined) return undefined;
  const refuse = (text: string): never => {
    throw new BackplaneError("IMPORT_MISMATCH", `${plugin.name}: import ${module}.${name}: ${text}`);
  };
  const { signature } = host;
  if (signature.throws)
    refuse("Extism has no way to hand an error to the plugin: declare it without { throws: true }");
  if (resultTypes(signature).length > 1) refuse("an Extism plugin gets one result at most");
  const expected = typeOf(signature);
  if (String([type?.params, "", type?.results]) !== String([expected.params, "", expected.results])) {
    const [wanted, has] = [type, expected].map((one) => formatCoreSignature(one as CoreSignature));
    refuse(`expected ${wanted}, the host's is ${has}`);
  }
  const path = `${plugin.name}: import ${module}.${name}`;
  return {
    waits: host.waits,
    bind: (instance) => {
      const call = typedCall(host, instance, path);
      return host.waits ? new Suspending(call) : call;
    },
  };
}

type CoreFunction = (...core: unknown[]) => unknown;

function typedCall(host: AbiHostFunction, instance: ExtismInstance, path: string): CoreFunction {
  const { kernel } = instance;
  const { signature } = host;
  const readers = signature.params.map((type, i) => reader(type, instance, `${path}: argument ${i + 1}`));
  const [result] = resultTypes(signature);
  const finish = (value: unknown): unknown => {
    if (result === undefined) return undefined;
    const where = `${path}: result`;
    if (!isReference(result)) return scalarOf(result).toGuest(value, where);
    return kernel.store(encodeValue(value, result, where));
  };
  return (...core) => {
    const args = readers.map((read, i) => read(core[i]));
    return settle(host.call(instance.guest, ...args), finish, instance.guest);
  };
}

function scalarOf(type: ValueType): Scalar {
  return scalars[type as ScalarType];
}

function reader(type: ValueType, { kernel }: ExtismInstance, where: string): (core: unknown) => unknown {
  if (!isReference(type)) return (core) => scalarOf(type).fromGuest(core);
  return (core) => {
    const handle = core as bigint;
    if (handle === 0n && isOptional(type)) return null;
    return decodeValue(bytesAt(kernel, handle, where), type, where);
  };
}
