/** Host functions as ABIs call them that exchange values in ways of their own. */
import { StopCall } from "../../engine/index.js";
import { bindsAsync } from "../binding/bind-import.js";
import { type CallingPlugin, HostCallContext } from "../binding/context.js";
import { type Offer, offersOf } from "../binding/link.js";
import { isThenable } from "../binding/references.js";
import { currentFrame } from "../call-frame.js";
import type { DefinedModule } from "../di.js";
import { BackplaneError, HostError, messageOf } from "../errors.js";
import type { AbiHostFunction, AbiPlugin, Guest } from "./abi.js";

type HostMethod = (...args: unknown[]) => unknown;

/** What finds the functions of some host modules. Errors: BackplaneError HOST_MODULE, when one is looked for. */
export function hostFunctionsOf(
  caller: CallingPlugin,
  modules: readonly DefinedModule[],
): AbiPlugin["hostFunction"] {
  const offers = offersOf(modules);
  return (module, name) => {
    const offer = offers.get(module)?.get(name);
    return offer && new HostFunction(caller, `${caller.name}: import ${module}.${name}`, offer);
  };
}

class HostFunction implements AbiHostFunction {
  readonly signature: AbiHostFunction["signature"];
  readonly waits: boolean;
  private readonly method: HostMethod;
  private readonly object: object;
  private readonly path: string;
  private readonly takesContext: boolean;

  constructor(
    private readonly caller: CallingPlugin,
    path: string,
    { declared, className, object }: Offer,
  ) {
    const method = (object as Record<string, HostMethod | undefined>)[declared.method];
    this.path = `${path} (${className}.${declared.method})`;
    if (typeof method !== "function") {
      throw new BackplaneError("HOST_MODULE", `${this.path}: the module has no such method`);
    }
    this.method = method;
    this.object = object;
    this.signature = declared.signature;
    this.waits = bindsAsync(method, declared.signature);
    this.takesContext = method.length > declared.signature.params.length;
  }

  call(guest: Guest, ...args: unknown[]): unknown {
    const { hostCalls } = this.caller;
    if (hostCalls?.isRated) hostCalls.called();
    if (this.waits) hostCalls?.requireRoom();
    let returned: unknown;
    try {
      const context = this.takesContext ? [new HostCallContext(this.caller, guest.memory)] : [];
      returned = this.method.apply(this.object, [...args, ...context]);
    } catch (cause) {
      throw this.failed(cause);
    }
    if (!isThenable(returned)) return returned;
    const promise = Promise.resolve(returned);
    if (this.waits) return this.settled(promise);
    promise.catch(() => {});
    const text = "it returned a promise: write the method as `async`, or declare it with { async: true }";
    throw new HostError(`${this.path}: ${text}`);
  }

  private settled(promise: Promise<unknown>): Promise<unknown> {
    const frame = currentFrame();
    const settled = (frame?.untilAborted(promise) ?? promise).catch((cause: unknown) => {
      throw frame?.isReason(cause) ? new StopCall("aborted", cause) : this.failed(cause);
    });
    // A caller that can't be parked fails at once and never looks at it.
    settled.catch(() => {});
    this.caller.hostCalls?.park(settled);
    return settled;
  }

  private failed(cause: unknown): HostError {
    return new HostError(`${this.path}: ${messageOf(cause)}`, { cause });
  }
}
