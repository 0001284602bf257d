/** A formatter: the functions that it imports, its configuration, and its exports as calls. */
import { parseJson } from "../../binding/references.js";
import { currentFrame } from "../../call-frame.js";
import { HostError, MarshalError, messageOf } from "../../errors.js";
import type { CallOptions } from "../../plugin/options.js";
import type { AbiCall, AbiHostFunction, AbiImports, AbiInstance, AbiPlugin, Guest } from "../abi.js";
import { outputOf } from "../payload.js";
import { settle } from "../settle.js";

/** What guests may import from `dprint`. */
export const dprintImports = [
  "host_format",
  "host_get_formatted_text",
  "host_get_error_text",
  "host_write_buffer",
  "host_has_cancelled",
] as const;

/** What is to be formatted. */
interface FormatRequest {
  readonly filePath: string;
  readonly fileText: string;
  /** Bytes of the text, from and to. */
  readonly range?: readonly [start: number, end: number];
  /** Settings that differ for this file. */
  readonly overrideConfig?: Readonly<Record<string, unknown>>;
}

type Core = (...args: number[]) => unknown;

/** What `format` and `host_format` return. */
const unchanged = 0;
const changed = 1;
const failed = 2;

/** The only configuration that is registered. */
const configId = 1;

/** Exports that give a text of that length in the shared bytes, and what they take. */
const texts: Readonly<Record<string, readonly number[]>> = {
  get_plugin_info: [],
  get_license_text: [],
  get_config_file_matching: [configId],
  get_resolved_config: [configId],
  get_config_diagnostics: [configId],
};

export class DprintInstance implements AbiInstance {
  readonly imports: AbiImports;
  private guest!: Guest;
  private configured = false;
  /** What the guest gets from the host next, and what the host's formatting gave. */
  private buffer: Uint8Array = new Uint8Array(0);
  private formatted = "";
  private error = "";

  /** @param wrap makes the import of a function that may wait */
  constructor(
    private readonly plugin: AbiPlugin,
    private readonly hostFormat: AbiHostFunction | undefined,
    wrap: (call: Core) => object,
  ) {
    const functions: Record<(typeof dprintImports)[number], object> = {
      host_format: wrap((...args) => this.formatByHost(args)),
      host_get_formatted_text: () => this.offer(this.formatted),
      host_get_error_text: () => this.offer(this.error),
      host_write_buffer: (at: number) => this.guest.memory.write(at, this.buffer),
      host_has_cancelled: () => (currentFrame()?.aborted ? 1 : 0),
    };
    this.imports = { dprint: functions };
  }

  start(guest: Guest): void {
    this.guest = guest;
    const { _initialize } = guest.exports as Record<string, Core | undefined>;
    _initialize?.();
  }

  reset(): boolean {
    this.configured = false;
    return true;
  }

  /** Before the first call that needs it: that has more time than a start. */
  private configure(): void {
    if (this.configured) return;
    const { global = {}, ...plugin } = this.plugin.config;
    this.send(JSON.stringify({ global, plugin }));
    this.exported("register_config")(configId);
    this.configured = true;
  }

  call(name: string): AbiCall | undefined {
    const target = this.guest.function(name) as Core | undefined;
    if (target === undefined) return undefined;
    if (name === "format") return { run: (input, options) => this.format(input, options) };
    if (!Object.hasOwn(texts, name)) return undefined;
    const natural = name === "get_license_text" ? "string" : "json";
    const run = (_input: unknown, { result = natural }: CallOptions): unknown => {
      this.configure();
      return settle(
        target(...texts[name]),
        (length) => outputOf(this.receive(length), result, undefined, this.where(name)),
        this.guest,
      );
    };
    return { run };
  }

  private where(name: string): string {
    return `${this.plugin.name}: export ${name}`;
  }

  private format(input: unknown, { result = "string" }: CallOptions): unknown {
    const where = this.where("format");
    const { filePath, fileText, range, overrideConfig } = requestOf(input, `${where}: input`);
    const name = range === undefined ? "format" : "format_range";
    const target = this.guest.function(name) as Core | undefined;
    if (target === undefined) throw this.guest.failure(`${where}: the plugin can't format a range`);
    this.configure();
    if (overrideConfig !== undefined) {
      this.send(JSON.stringify(overrideConfig));
      this.exported("set_override_config")();
    }
    this.send(filePath);
    this.exported("set_file_path")();
    this.send(fileText);
    const finish = (code: unknown): unknown => {
      if (code === failed) {
        const error = Buffer.from(this.receive(this.exported("get_error_text")())).toString();
        throw this.guest.failure(`${where}: ${filePath}: ${error}`);
      }
      const text =
        code === changed ? this.receive(this.exported("get_formatted_text")()) : Buffer.from(fileText);
      return outputOf(text, result, undefined, `${where}: result`);
    };
    return settle(target(configId, ...(range ?? [])), finish, this.guest);
  }

  private exported(name: string): Core {
    const exported = this.guest.exports[name];
    if (typeof exported === "function") return exported as Core;
    throw this.guest.failure(`${this.where(name)}: the plugin doesn't have it`);
  }

  /** Puts a text into the shared bytes. */
  private send(text: string): void {
    const bytes = Buffer.from(text);
    this.guest.enter();
    const at = this.exported("clear_shared_bytes")(bytes.length) as number;
    this.guest.memory.write(at, bytes);
  }

  /** A copy of the shared bytes. */
  private receive(length: unknown): Uint8Array {
    const at = this.exported("get_shared_bytes_ptr")() as number;
    return this.guest.output(at, length as number);
  }

  private offer(text: string): number {
    this.buffer = Buffer.from(text);
    return this.buffer.length;
  }

  /** Text of another language in the guest's; left as it is if the application formats nothing. */
  private formatByHost(args: readonly number[]): number | Promise<number> {
    const { memory } = this.guest;
    const [pathAt, pathLength, start, end, configAt, configLength, textAt, textLength] = args;
    const fileText = Buffer.from(this.guest.output(textAt, textLength)).toString();
    const config = memory.text(configAt, configLength);
    const request: FormatRequest = {
      filePath: memory.text(pathAt, pathLength),
      fileText,
      ...(start === 0 && end === textLength ? {} : { range: [start, end] }),
      ...(config === ""
        ? {}
        : { overrideConfig: parseJson(config, this.where("host_format")) as Record<string, unknown> }),
    };
    const succeed = (given: unknown): number => {
      this.formatted = given === null || given === undefined ? fileText : String(given);
      return this.formatted === fileText ? unchanged : changed;
    };
    const fail = (error: unknown): number => {
      if (!(error instanceof HostError)) throw error;
      this.error = messageOf(error.cause ?? error);
      return failed;
    };
    try {
      const given = this.hostFormat?.call(this.guest, request);
      return given instanceof Promise ? given.then(succeed, fail) : succeed(given);
    } catch (error) {
      return fail(error);
    }
  }
}

/** Errors: MarshalError. */
function requestOf(input: unknown, where: string): FormatRequest {
  const isText = typeof input === "string" || input instanceof Uint8Array;
  const given = isText ? parseJson(String(Buffer.from(input)), where) : input;
  const { filePath, fileText, range } = (given ?? {}) as Partial<FormatRequest>;
  const isRange = range === undefined || (Array.isArray(range) && range.length === 2);
  if (typeof filePath === "string" && typeof fileText === "string" && isRange) return given as FormatRequest;
  throw new MarshalError(`${where}: expected { filePath, fileText, range?, overrideConfig? }`);
}
